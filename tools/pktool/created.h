/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_CREATED_H
#define PKTOOL_CREATED_H

#include <openssl/x509.h>

#include "pktool/module.h"

/* Objects of the token that are made together: all of them or none. What fails has said so. */

#define CREATED_MAX 64

struct created {
	struct session *session;
	const char *pinfile; /* for a token that wants a login after all */
	CK_OBJECT_HANDLE objects[CREATED_MAX];
	size_t count;
};

/* What a key from a file becomes. */
struct created_key {
	const char *label; /* or NULL */
	const struct buf *id;
	bool sensitive, extractable;
};

/* Counts an object in that was made elsewhere. */
void created_take(struct created *created, CK_OBJECT_HANDLE object);

bool created_certificate(
	struct created *created, const X509 *certificate, const char *label, const struct buf *id);
/* RSA keys. */
bool created_private_key(struct created *created, const EVP_PKEY *key, const struct created_key *as);
bool created_public_key(struct created *created, const EVP_PKEY *key, const struct created_key *as);
bool created_secret_key(
	struct created *created, CK_KEY_TYPE type, const struct buf *value, const struct created_key *as);

/* Destroys them again, and says so if there were any. */
void created_undo(struct created *created);

#endif
