/* SPDX-License-Identifier: BSD-2-Clause */
#include "threads_work.h"

#include <stdio.h>
#include <string.h>

#include <openssl/x509.h>

static bool soft_verify(EVP_PKEY *key, const unsigned char *data, size_t length,
	const unsigned char *signature, size_t signature_length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context != NULL && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1
		&& EVP_DigestVerify(context, signature, signature_length, data, length) == 1;

	EVP_MD_CTX_free(context);
	return good;
}

EVP_PKEY *threads_public(const unsigned char *der, size_t length)
{
	return d2i_PUBKEY(NULL, &der, (long)length);
}

/* At times in two parts, between which others come. */
static CK_RV sign(struct worker *w, CK_OBJECT_HANDLE key, unsigned char *data, CK_ULONG length,
	unsigned char *signature, CK_ULONG *signature_length)
{
	CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_RV rv;

	if (threads_random(w, 2) == 0)
		return p11_sign(w->session, mechanism.mechanism, key, data, length, signature,
			signature_length);
	rv = p11->C_SignInit(w->session, &mechanism, key);
	if (rv == CKR_OK)
		rv = p11->C_SignUpdate(w->session, data, length / 2);
	if (rv == CKR_OK)
		rv = p11->C_SignUpdate(w->session, data + length / 2, length - length / 2);
	if (rv == CKR_OK)
		rv = p11->C_SignFinal(w->session, signature, signature_length);
	return rv;
}

static bool sign_and_verify(struct worker *w, CK_OBJECT_HANDLE key, EVP_PKEY *public, bool needs_login)
{
	unsigned char data[40] = { 0 }, signature[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);

	snprintf((char *)data, sizeof(data), "%u.%u", w->number, threads_random(w, 1000000));
	if (!threads_went(w, sign(w, key, data, sizeof(data), signature, &length), needs_login, "signing"))
		return false;
	if (!soft_verify(public, data, sizeof(data), signature, length))
		threads_complain("thread %u: a wrong signature", w->number);
	return true;
}

bool threads_sign(struct worker *w)
{
	return w->logged_in && sign_and_verify(w, w->key, w->public, true);
}

bool threads_decrypt(struct worker *w)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	unsigned char sealed[P11_MAX_BYTES], opened[P11_MAX_BYTES];
	CK_ULONG length = sizeof(opened);
	CK_RV rv;

	if (!w->logged_in)
		return false;
	memcpy(sealed, threads.sealed, threads.sealed_length);
	rv = p11->C_DecryptInit(w->session, &mechanism, w->key);
	if (rv == CKR_OK)
		rv = p11->C_Decrypt(w->session, sealed, threads.sealed_length, opened, &length);
	if (!threads_went(w, rv, true, "decrypting"))
		return false;
	if (length != sizeof(THREADS_TEXT) || memcmp(opened, THREADS_TEXT, length) != 0)
		threads_complain("thread %u: a wrong decryption", w->number);
	return true;
}

static CK_RV generate(struct worker *w, bool token, struct p11_pair *pair)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = {
		A_ULONG(CKA_MODULUS_BITS, token ? 1024 : 512),
		A_BOOL(CKA_TOKEN, token),
		A_TEXT(CKA_LABEL, THREADS_PAIR),
	};
	CK_ATTRIBUTE private[] = {
		A_BOOL(CKA_TOKEN, token),
		A_BOOL(CKA_PRIVATE, token),
		A_TEXT(CKA_LABEL, THREADS_PAIR),
	};
	CK_RV rv = p11->C_GenerateKeyPair(w->session, &mechanism, TEMPLATE(public), TEMPLATE(private),
		&pair->public, &pair->private);

	if (rv == CKR_OK && token) {
		threads.private_keys++;
		threads.public_keys++;
	}
	return rv;
}

static bool destroy_key(struct worker *w, CK_OBJECT_HANDLE key, bool token, atomic_int *count)
{
	if (!threads_went(w, p11->C_DestroyObject(w->session, key), token && count == &threads.private_keys,
			"destroying a key"))
		return false;
	if (token)
		--*count;
	return true;
}

static bool use_pair(struct worker *w, struct p11_pair pair, bool token)
{
	unsigned char der[THREADS_MAX_DER];
	CK_ATTRIBUTE info = A_ROOM(CKA_PUBLIC_KEY_INFO, der);
	EVP_PKEY *public;
	bool done;

	if (!threads_went(w, p11->C_GetAttributeValue(w->session, pair.public, &info, 1), false,
			"reading a key"))
		return false;
	public = threads_public(der, info.ulValueLen);
	if (public == NULL)
		threads_complain("thread %u: a new key of which libcrypto makes nothing", w->number);
	done = public != NULL && sign_and_verify(w, pair.private, public, token);
	EVP_PKEY_free(public);
	return done;
}

/* The pair of a session is for everybody, that of the token for who has logged in. */
static bool work_with_pair(struct worker *w, bool token)
{
	struct p11_pair pair;

	if (token && !w->logged_in)
		return false;
	return threads_went(w, generate(w, token, &pair), token, "generating a pair")
		&& use_pair(w, pair, token)
		&& destroy_key(w, pair.private, token, &threads.private_keys)
		&& destroy_key(w, pair.public, token, &threads.public_keys);
}

bool threads_session_pair(struct worker *w)
{
	return work_with_pair(w, false);
}

bool threads_token_pair(struct worker *w)
{
	return work_with_pair(w, true);
}
