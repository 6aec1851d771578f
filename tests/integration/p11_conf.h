/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_P11_CONF_H
#define TESTS_INTEGRATION_P11_CONF_H

/* What the conformance programs (conf_*) share beyond p11.h. */
#include "p11.h"

#ifndef CKA_UNIQUE_ID
#define CKA_UNIQUE_ID 0x00000004UL /* of version 3.0; the value is free in 2.40 */
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))
#define NO_KEY 0xfffffffUL /* a handle that was never given out */

/* p11_digests' neighbours: the same rows in the same order. */
struct p11_hmac {
	const struct p11_digest *digest;
	CK_MECHANISM_TYPE whole;
	CK_MECHANISM_TYPE general;
};
extern const struct p11_hmac p11_hmacs[P11_DIGESTS];

struct p11_bool {
	CK_ATTRIBUTE_TYPE type;
	CK_BBOOL value;
};
void p11_check_bools(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, const struct p11_bool *rows,
	size_t count);
#define CHECK_BOOLS(session, object, rows) p11_check_bools((session), (object), (rows), COUNT_OF(rows))

/* The attribute is there with these bytes. */
void p11_check_bytes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
	const void *bytes, size_t length);
void p11_check_text(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
	const char *text);
CK_RV p11_get_rv(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
CK_RV p11_set_bool(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool value);
CK_RV p11_set_label(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, const char *label);

/* Objects that the case cannot go on without. */
CK_OBJECT_HANDLE p11_create(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count);
/* C_CreateObject of a generic secret key; the given attributes come on top. */
CK_RV p11_secret_rv(CK_SESSION_HANDLE session, const void *value, size_t length,
	const CK_ATTRIBUTE *more, CK_ULONG count, CK_OBJECT_HANDLE *key);
CK_OBJECT_HANDLE p11_secret(CK_SESSION_HANDLE session, const void *value, size_t length);
CK_OBJECT_HANDLE p11_soft_private(CK_SESSION_HANDLE session, unsigned int bits, const CK_ATTRIBUTE *more,
	CK_ULONG count);
CK_OBJECT_HANDLE p11_soft_public(CK_SESSION_HANDLE session, unsigned int bits, const CK_ATTRIBUTE *more,
	CK_ULONG count);

/* libcrypto's side */
size_t p11_soft_certificate(EVP_PKEY *key, unsigned char *der, size_t size); /* self-signed */
size_t p11_soft_key_info(EVP_PKEY *key, unsigned char *der, size_t size);    /* SubjectPublicKeyInfo */
/* What makes an object of that certificate; der is an array for it. */
#define A_CERTIFICATE(key, der) \
	A_ULONG(CKA_CLASS, CKO_CERTIFICATE), A_ULONG(CKA_CERTIFICATE_TYPE, CKC_X_509), \
		A_TEXT(CKA_SUBJECT, "0"), \
		A_BYTES(CKA_VALUE, der, p11_soft_certificate((key), (der), sizeof(der)))
/* RSA without padding: a block as long as the modulus. */
void p11_soft_raw_private(EVP_PKEY *key, const unsigned char *block, unsigned char *out);
void p11_soft_raw_public(EVP_PKEY *key, const unsigned char *block, unsigned char *out);

#endif
