/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_MATERIAL_H
#define PKTOOL_MATERIAL_H

#include <openssl/x509.h>

#include "pktool/created.h"
#include "util/buf.h"

/* What a file brings for the token: keys and certificates in PEM, DER, PKCS#8 or PKCS#12. */
struct material {
	EVP_PKEY *key; /* with its private half, or NULL */
	EVP_PKEY *public_key; /* a public half alone, or NULL */
	STACK_OF(X509) *certificates;
};

/* Asks for the passphrase where one is wanted. False: said why; material_free() in any case. */
bool material_read(struct material *material, const char *path, struct buf *content);
void material_drop_keys(struct material *material);
void material_drop_certificates(struct material *material);
bool material_is_empty(const struct material *material);
void material_free(struct material *material);

/*
 * Puts all of it into the token; a certificate that is there already stays as it is. Without a label in "as"
 * the certificate's common name is taken, without an id (an empty one) that of what the token has of the key,
 * or the digest of its modulus. False: said why, and what was created so far is for created_undo().
 */
bool material_store(const struct material *material, struct created *created, const struct created_key *as);

#endif
