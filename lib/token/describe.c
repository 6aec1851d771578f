/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/describe.h"

#include <string.h>

#include <openssl/x509.h>

#include "policy/attrs.h"
#include "util/crypto.h"

#define CHECK_VALUE_LEN 3

/* What the caller gave must be what it is; an empty value stands for none given. */
static CK_RV put_computed(struct buf *attrs, CK_ATTRIBUTE_TYPE type, const uint8_t *p, size_t n)
{
	const uint8_t *given;
	size_t given_len;

	if (attrs_get(attrs, type, &given, &given_len) && given_len != 0
		&& (given_len != n || memcmp(given, p, n) != 0))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	attrs_put(attrs, type, p, n);
	return buf_failed(attrs) ? CKR_HOST_MEMORY : CKR_OK;
}

/* Takes the key. Without one nothing is said of it. */
static CK_RV put_public_key_info(struct buf *attrs, EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int len = key != NULL ? i2d_PUBKEY(key, &der) : 0;
	CK_RV rv = key != NULL ? CKR_HOST_MEMORY : CKR_OK;

	if (len > 0)
		rv = put_computed(attrs, CKA_PUBLIC_KEY_INFO, der, (size_t)len);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	return rv;
}

/* The first bytes of the value's SHA-1; a caller who gives an empty one wants none. */
static CK_RV put_check_value(struct buf *attrs)
{
	uint8_t digest[CRYPTO_SHA1_LEN];
	const uint8_t *value;
	size_t len;

	if (attrs_get(attrs, CKA_CHECK_VALUE, &value, &len) && len == 0)
		return CKR_OK;
	if (!attrs_get(attrs, CKA_VALUE, &value, &len)
		|| !crypto_digest("SHA1", value, len, digest, sizeof digest))
		return CKR_HOST_MEMORY;
	return put_computed(attrs, CKA_CHECK_VALUE, digest, CHECK_VALUE_LEN);
}

CK_RV describe_rsa(struct buf *attrs)
{
	const uint8_t *modulus, *exponent;
	size_t modulus_len, exponent_len;
	EVP_PKEY *key;

	if (buf_failed(attrs))
		return CKR_HOST_MEMORY;
	if (!attrs_get(attrs, CKA_MODULUS, &modulus, &modulus_len)
		|| !attrs_get(attrs, CKA_PUBLIC_EXPONENT, &exponent, &exponent_len))
		return CKR_TEMPLATE_INCOMPLETE;
	key = crypto_rsa_public(modulus, modulus_len, exponent, exponent_len);
	return key != NULL ? put_public_key_info(attrs, key) : CKR_HOST_MEMORY;
}

CK_RV describe_certificate(struct buf *attrs)
{
	const uint8_t *value;
	size_t len;
	X509 *certificate;
	CK_RV rv;

	if (!attrs_get(attrs, CKA_VALUE, &value, &len))
		return CKR_TEMPLATE_INCOMPLETE;
	certificate = d2i_X509(NULL, &value, (long)len);
	rv = put_public_key_info(attrs, certificate != NULL ? X509_get_pubkey(certificate) : NULL);
	X509_free(certificate);
	if (rv == CKR_OK && attrs_ulong(attrs, CKA_NAME_HASH_ALGORITHM, 0) == 0)
		attrs_put_ulong(attrs, CKA_NAME_HASH_ALGORITHM, CKM_SHA_1);
	return rv == CKR_OK ? put_check_value(attrs) : rv;
}

CK_RV describe_secret(struct buf *attrs)
{
	const uint8_t *value;
	size_t len;

	if (buf_failed(attrs))
		return CKR_HOST_MEMORY;
	if (!attrs_get(attrs, CKA_VALUE, &value, &len) || len == 0)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	attrs_put_ulong(attrs, CKA_VALUE_LEN, (CK_ULONG)len);
	return put_check_value(attrs);
}
