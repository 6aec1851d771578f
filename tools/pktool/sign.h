/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_SIGN_H
#define PKTOOL_SIGN_H

#include <openssl/x509.h>

#include "pktool/module.h"

/* What is signed by a key of the token: certificates and requests. False, NULL: failed, and said why. */

#define HASH_CHOICES "md5|sha1|sha224|sha256|sha384|sha512"

struct hash {
	const char *name;
	const char *libcrypto_name;
	CK_MECHANISM_TYPE mechanism;
	int digest, signature; /* the identifiers of libcrypto */
};

/* NULL: the default one. */
const struct hash *hash_find(const char *name);

struct signer {
	struct session *session;
	CK_OBJECT_HANDLE key;
	EVP_PKEY *public_key;
	const struct hash *hash;
	const char *pinfile; /* for keys that want the PIN each time */
};

/* Whether a key of so many bits can sign such a digest. */
bool hash_fits(const struct hash *hash, unsigned long bits);

struct certificate_terms {
	X509_NAME *issuer, *subject;
	ASN1_INTEGER *serial;
	X509_VAL *validity;
	EVP_PKEY *key;
	STACK_OF(X509_EXTENSION) *extensions;
};

/* Both have been read again from their encoding, and their signature been verified by libcrypto. */
X509 *certificate_sign(const struct signer *signer, const struct certificate_terms *terms);
X509_REQ *request_sign(
	const struct signer *signer, const X509_NAME *subject, const STACK_OF(X509_EXTENSION) *extensions);

#endif
