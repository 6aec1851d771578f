/* SPDX-License-Identifier: BSD-2-Clause */
#include "p11_conf.h"

#include <string.h>

#include <openssl/rsa.h>
#include <openssl/x509.h>

const struct p11_hmac p11_hmacs[P11_DIGESTS] = {
	{ &p11_digests[0], CKM_MD5_HMAC, CKM_MD5_HMAC_GENERAL },
	{ &p11_digests[1], CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL },
	{ &p11_digests[2], CKM_SHA224_HMAC, CKM_SHA224_HMAC_GENERAL },
	{ &p11_digests[3], CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL },
	{ &p11_digests[4], CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL },
	{ &p11_digests[5], CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL },
};

void p11_check_bools(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, const struct p11_bool *rows,
	size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		CK_BBOOL value = p11_get_bool(session, object, rows[i].type);

		TAP_CHECK(value == rows[i].value, "attribute 0x%lx is %u, not %u", rows[i].type, value,
			rows[i].value);
	}
}

void p11_check_bytes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
	const void *bytes, size_t length)
{
	unsigned char room[4000];
	size_t got = p11_get_bytes(session, object, type, room, sizeof(room));

	TAP_CHECK(got == length && memcmp(room, bytes, length) == 0,
		"attribute 0x%lx has %zu bytes, not the %zu expected", type, got, length);
}

void p11_check_text(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
	const char *text)
{
	p11_check_bytes(session, object, type, text, strlen(text));
}

CK_RV p11_get_rv(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
	unsigned char room[4000];
	CK_ATTRIBUTE a = A_ROOM(type, room);

	return p11->C_GetAttributeValue(session, object, &a, 1);
}

CK_RV p11_set_bool(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool value)
{
	CK_ATTRIBUTE a = A_BOOL(type, value);

	return p11->C_SetAttributeValue(session, object, &a, 1);
}

CK_RV p11_set_label(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, const char *label)
{
	CK_ATTRIBUTE a = A_BYTES(CKA_LABEL, p11_text(label), strlen(label));

	return p11->C_SetAttributeValue(session, object, &a, 1);
}

/* Objects */

CK_OBJECT_HANDLE p11_create(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count)
{
	CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;

	RV_MUST(p11->C_CreateObject(session, template, count, &object), CKR_OK);
	MUST(object != CK_INVALID_HANDLE);
	return object;
}

CK_RV p11_secret_rv(CK_SESSION_HANDLE session, const void *value, size_t length,
	const CK_ATTRIBUTE *more, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
	unsigned char copy[1024];
	CK_ATTRIBUTE t[32] = {
		A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
		A_BYTES(CKA_VALUE, copy, length),
	};

	MUST(count <= 29 && length <= sizeof(copy));
	memcpy(copy, value, length);
	if (count > 0)
		memcpy(t + 3, more, count * sizeof(*t));
	return p11->C_CreateObject(session, t, 3 + count, key);
}

CK_OBJECT_HANDLE p11_secret(CK_SESSION_HANDLE session, const void *value, size_t length)
{
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	RV_MUST(p11_secret_rv(session, value, length, NO_TEMPLATE, &key), CKR_OK);
	return key;
}

CK_OBJECT_HANDLE p11_soft_private(CK_SESSION_HANDLE session, unsigned int bits, const CK_ATTRIBUTE *more,
	CK_ULONG count)
{
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	RV_MUST(p11_import(session, p11_soft_key(bits), CKO_PRIVATE_KEY, more, count, &key), CKR_OK);
	return key;
}

CK_OBJECT_HANDLE p11_soft_public(CK_SESSION_HANDLE session, unsigned int bits, const CK_ATTRIBUTE *more,
	CK_ULONG count)
{
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	RV_MUST(p11_import(session, p11_soft_key(bits), CKO_PUBLIC_KEY, more, count, &key), CKR_OK);
	return key;
}

/* libcrypto's side */

size_t p11_soft_certificate(EVP_PKEY *key, unsigned char *der, size_t size)
{
	X509 *x509 = X509_new();
	X509_NAME *name = X509_get_subject_name(x509);
	int length;

	ASN1_INTEGER_set(X509_get_serialNumber(x509), 4711);
	X509_gmtime_adj(X509_getm_notBefore(x509), 0);
	X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
	X509_set_pubkey(x509, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"somebody", -1, -1, 0);
	X509_set_issuer_name(x509, name);
	MUST(X509_sign(x509, key, EVP_sha256()) > 0);
	length = i2d_X509(x509, NULL);
	MUST(length > 0 && (size_t)length <= size);
	i2d_X509(x509, &der);
	X509_free(x509);
	return (size_t)length;
}

size_t p11_soft_key_info(EVP_PKEY *key, unsigned char *der, size_t size)
{
	int length = i2d_PUBKEY(key, NULL);

	MUST(length > 0 && (size_t)length <= size);
	i2d_PUBKEY(key, &der);
	return (size_t)length;
}

void p11_soft_raw_private(EVP_PKEY *key, const unsigned char *block, unsigned char *out)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	size_t k = (size_t)EVP_PKEY_get_size(key), length = k;
	bool good = EVP_PKEY_sign_init(context) == 1
		&& EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1
		&& EVP_PKEY_sign(context, out, &length, block, k) == 1;

	EVP_PKEY_CTX_free(context);
	MUST(good && length == k);
}

void p11_soft_raw_public(EVP_PKEY *key, const unsigned char *block, unsigned char *out)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	size_t k = (size_t)EVP_PKEY_get_size(key), length = k;
	bool good = EVP_PKEY_encrypt_init(context) == 1
		&& EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1
		&& EVP_PKEY_encrypt(context, out, &length, block, k) == 1;

	EVP_PKEY_CTX_free(context);
	MUST(good && length == k);
}
