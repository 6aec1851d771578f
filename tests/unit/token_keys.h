/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_TOKEN_KEYS_H
#define TESTS_UNIT_TOKEN_KEYS_H

#include <openssl/rsa.h>

#include "policy/attrs.h"
#include "token.h"
#include "util/crypto.h"

/* Keys that are objects, put to use. */

/* The private half signs, and libcrypto finds it good with the modulus that public has; they may be one. */
static inline bool object_signs(struct token *token, struct object *private, const struct object *public)
{
	static const uint8_t text[] = "the very bytes";
	struct tspi_key *key = NULL;
	uint8_t signature[256];
	const uint8_t *modulus;
	EVP_PKEY *verifier = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	size_t len;
	bool ok = false;

	if (objects_key(token, private, &key) == CKR_OK
		&& attrs_get(&public->attrs, CKA_MODULUS, &modulus, &len)
		&& (verifier = crypto_rsa_public(modulus, len, tspi_exponent, sizeof tspi_exponent)) != NULL
		&& (ctx = EVP_PKEY_CTX_new(verifier, NULL)) != NULL)
		ok = tspi_key_sign(key, text, sizeof text, signature, sizeof signature) == CKR_OK
			&& EVP_PKEY_verify_init(ctx) == 1
			&& EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1
			&& EVP_PKEY_verify(ctx, signature, len, text, sizeof text) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(verifier);
	tspi_key_free(&key);
	return ok;
}

/* The same of two handles, of keys of 1024 bits. */
static inline bool pair_signs(struct token *token, CK_OBJECT_HANDLE public, CK_OBJECT_HANDLE private)
{
	struct object *halves[2] = { NULL, NULL };
	const uint8_t *modulus;
	size_t len;
	bool ok;

	RV_MUST(objects_get(token, public, &halves[0]), CKR_OK);
	RV_MUST(objects_get(token, private, &halves[1]), CKR_OK);
	MUST(attrs_get(&halves[0]->attrs, CKA_MODULUS, &modulus, &len) && len == 128);
	ok = object_signs(token, halves[1], halves[0]);
	object_free(&halves[0]);
	object_free(&halves[1]);
	return ok;
}

/* The one key of that class on the token. */
static inline CK_OBJECT_HANDLE only_key(struct token *token, CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, class) };
	CK_OBJECT_HANDLE *handles, handle;
	size_t count;

	RV_MUST(objects_find(token, template, 1, &handles, &count), CKR_OK);
	TAP_CHECK(count == 1, "%zu keys of class %lu", count, class);
	handle = count == 1 ? handles[0] : 0;
	free(handles);
	return handle;
}

#endif
