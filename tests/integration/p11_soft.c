/* SPDX-License-Identifier: BSD-2-Clause */
#include "p11.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

const struct p11_digest p11_digests[P11_DIGESTS] = {
	{ "MD5", CKM_MD5, CKM_MD5_RSA_PKCS, EVP_md5, 16, 34 },
	{ "SHA-1", CKM_SHA_1, CKM_SHA1_RSA_PKCS, EVP_sha1, 20, 35 },
	{ "SHA-224", CKM_SHA224, CKM_SHA224_RSA_PKCS, EVP_sha224, 28, 47 },
	{ "SHA-256", CKM_SHA256, CKM_SHA256_RSA_PKCS, EVP_sha256, 32, 51 },
	{ "SHA-384", CKM_SHA384, CKM_SHA384_RSA_PKCS, EVP_sha384, 48, 67 },
	{ "SHA-512", CKM_SHA512, CKM_SHA512_RSA_PKCS, EVP_sha512, 64, 83 },
};

EVP_PKEY *p11_soft_key(unsigned int bits)
{
	static struct {
		unsigned int bits;
		EVP_PKEY *key;
	} keys[8];
	size_t i;

	for (i = 0; keys[i].key != NULL && i + 1 < sizeof(keys) / sizeof(*keys); i++)
		if (keys[i].bits == bits)
			return keys[i].key;
	EVP_PKEY_free(keys[i].key);
	keys[i].bits = bits;
	keys[i].key = EVP_RSA_gen(bits);
	MUST(keys[i].key != NULL);
	return keys[i].key;
}

static EVP_PKEY *public_key(const BIGNUM *modulus, const BIGNUM *exponent)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	OSSL_PARAM *parameters = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	if (OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
		parameters = OSSL_PARAM_BLD_to_param(builder);
	if (parameters != NULL && EVP_PKEY_fromdata_init(context) == 1)
		EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(context);
	return key;
}

EVP_PKEY *p11_read_public(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	unsigned char modulus[P11_MAX_BYTES], exponent[16];
	size_t modulus_length =
		p11_get_bytes(session, object, CKA_MODULUS, modulus, sizeof(modulus));
	size_t exponent_length =
		p11_get_bytes(session, object, CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent));
	BIGNUM *n = BN_bin2bn(modulus, (int)modulus_length, NULL);
	BIGNUM *e = BN_bin2bn(exponent, (int)exponent_length, NULL);
	EVP_PKEY *key = public_key(n, e);

	BN_free(n);
	BN_free(e);
	MUST(key != NULL);
	return key;
}

/* The digest of the data, or the data themselves if md is NULL. */
static size_t to_be_signed(const EVP_MD *md, const unsigned char *data, size_t length,
			   unsigned char out[P11_MAX_BYTES])
{
	unsigned int digest_length = 0;

	if (md == NULL) {
		MUST(length <= P11_MAX_BYTES);
		memcpy(out, data, length);
		return length;
	}
	MUST(EVP_Digest(data, length, out, &digest_length, md, NULL) == 1);
	return digest_length;
}

static bool set_padding(EVP_PKEY_CTX *context, const EVP_MD *md)
{
	return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	       (md == NULL || EVP_PKEY_CTX_set_signature_md(context, md) == 1);
}

bool p11_soft_verify(EVP_PKEY *key, const EVP_MD *md, const unsigned char *data, size_t length,
		     const unsigned char *signature, size_t signature_length)
{
	unsigned char tbs[P11_MAX_BYTES];
	size_t tbs_length = to_be_signed(md, data, length, tbs);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool good;

	good = EVP_PKEY_verify_init(context) == 1 && set_padding(context, md) &&
	       EVP_PKEY_verify(context, signature, signature_length, tbs, tbs_length) == 1;
	EVP_PKEY_CTX_free(context);
	return good;
}

size_t p11_soft_sign(EVP_PKEY *key, const EVP_MD *md, const unsigned char *data, size_t length,
		     unsigned char signature[P11_MAX_BYTES])
{
	unsigned char tbs[P11_MAX_BYTES];
	size_t tbs_length = to_be_signed(md, data, length, tbs), out = P11_MAX_BYTES;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool good;

	good = EVP_PKEY_sign_init(context) == 1 && set_padding(context, md) &&
	       EVP_PKEY_sign(context, signature, &out, tbs, tbs_length) == 1;
	EVP_PKEY_CTX_free(context);
	MUST(good);
	return out;
}

size_t p11_soft_encrypt(EVP_PKEY *key, const unsigned char *data, size_t length,
			unsigned char encrypted[P11_MAX_BYTES])
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	size_t out = P11_MAX_BYTES;
	bool good;

	good = EVP_PKEY_encrypt_init(context) == 1 &&
	       EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	       EVP_PKEY_encrypt(context, encrypted, &out, data, length) == 1;
	EVP_PKEY_CTX_free(context);
	MUST(good);
	return out;
}

void p11_rsa_numbers(EVP_PKEY *key, struct p11_rsa *numbers, unsigned int count)
{
	static const struct {
		const char *name;
		CK_ATTRIBUTE_TYPE type;
	} parts[P11_RSA_PRIVATE] = {
		{ OSSL_PKEY_PARAM_RSA_N, CKA_MODULUS },
		{ OSSL_PKEY_PARAM_RSA_E, CKA_PUBLIC_EXPONENT },
		{ OSSL_PKEY_PARAM_RSA_D, CKA_PRIVATE_EXPONENT },
		{ OSSL_PKEY_PARAM_RSA_FACTOR1, CKA_PRIME_1 },
		{ OSSL_PKEY_PARAM_RSA_FACTOR2, CKA_PRIME_2 },
		{ OSSL_PKEY_PARAM_RSA_EXPONENT1, CKA_EXPONENT_1 },
		{ OSSL_PKEY_PARAM_RSA_EXPONENT2, CKA_EXPONENT_2 },
		{ OSSL_PKEY_PARAM_RSA_COEFFICIENT1, CKA_COEFFICIENT },
	};
	unsigned int i;

	for (i = 0; i < count; i++) {
		BIGNUM *number = NULL;

		MUST(EVP_PKEY_get_bn_param(key, parts[i].name, &number) == 1);
		MUST(BN_num_bytes(number) <= P11_MAX_BYTES);
		numbers->attributes[i].type = parts[i].type;
		numbers->attributes[i].pValue = numbers->bytes[i];
		numbers->attributes[i].ulValueLen = (CK_ULONG)BN_bn2bin(number, numbers->bytes[i]);
		BN_clear_free(number);
	}
}

CK_RV p11_import(CK_SESSION_HANDLE session, EVP_PKEY *key, CK_OBJECT_CLASS class,
		 const CK_ATTRIBUTE *more, CK_ULONG count, CK_OBJECT_HANDLE *object)
{
	unsigned int numbers = class == CKO_PRIVATE_KEY ? P11_RSA_PRIVATE : P11_RSA_PUBLIC;
	CK_ATTRIBUTE t[32] = {
		A_ULONG(CKA_CLASS, class),
		A_ULONG(CKA_KEY_TYPE, CKK_RSA),
	};
	struct p11_rsa rsa;

	MUST(count <= 20);
	p11_rsa_numbers(key, &rsa, numbers);
	memcpy(t + 2, rsa.attributes, numbers * sizeof(*t));
	if (count > 0)
		memcpy(t + 2 + numbers, more, count * sizeof(*t));
	return p11->C_CreateObject(session, t, 2 + numbers + count, object);
}
