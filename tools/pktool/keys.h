/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_KEYS_H
#define PKTOOL_KEYS_H

#include <openssl/evp.h>

#include "pktool/module.h"

/* RSA keys of the token, as libcrypto takes them; the caller frees. NULL, false: said why. */

/* The numbers of a private key: the standard's names and libcrypto's. The first two are the public half. */
struct keys_number {
	CK_ATTRIBUTE_TYPE type;
	const char *name;
};
#define KEYS_NUMBERS 8
#define KEYS_PUBLIC_NUMBERS 2
extern const struct keys_number keys_numbers[KEYS_NUMBERS];

/* The public half of a private or public key. */
EVP_PKEY *keys_public(struct session *session, CK_OBJECT_HANDLE key);

/* Whether private or secret parts may be read. */
bool keys_may_leave(struct session *session, CK_OBJECT_HANDLE key);

/* A private key that may leave the token. */
EVP_PKEY *keys_private(struct session *session, CK_OBJECT_HANDLE key);

/* How many keys of that class and label there are. label NULL: any. */
bool keys_count(struct session *session, CK_OBJECT_CLASS class, const char *label, size_t *count);

/* The one of that class and label. */
bool keys_find(struct session *session, CK_OBJECT_CLASS class, const char *label, CK_OBJECT_HANDLE *key);

/* That no private key has the label yet. */
bool keys_label_is_free(struct session *session, const char *label);

/* That the token has no such private key yet. */
bool keys_private_is_new(struct session *session, const EVP_PKEY *key);

/* The id of what the token has of this key, be it the public half alone; else the one that keypair.h would
   give, the SHA-1 digest of the modulus. */
bool keys_id(struct session *session, const EVP_PKEY *key, struct buf *id);

#endif
