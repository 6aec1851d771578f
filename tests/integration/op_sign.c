/* SPDX-License-Identifier: BSD-2-Clause */
/* C_Sign and C_Verify: each mechanism at each key size, and the rules of the calls. */
#define _GNU_SOURCE
#include "p11.h"

#include <string.h>

static const CK_ULONG sizes[] = { 512, 1024, 2048 };

static CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
static CK_MECHANISM sha256 = { CKM_SHA256_RSA_PKCS, NULL, 0 };
static unsigned char text[] =
	"The text that is signed. It is longer than a block of SHA-512, so that the parts "
	"into which it is cut do not fall on the borders of one.";

/* Parts of 1, 2, 4, ... bytes. */
static CK_RV update_in_parts(CK_RV (*update)(CK_SESSION_HANDLE, unsigned char *, CK_ULONG),
			     CK_SESSION_HANDLE session, unsigned char *data, size_t length)
{
	size_t part, done;
	CK_RV rv = CKR_OK;

	for (part = 1, done = 0; rv == CKR_OK && done < length; done += part, part *= 2) {
		if (part > length - done)
			part = length - done;
		rv = update(session, data + done, part);
	}
	return rv;
}

static void check_mechanism(CK_SESSION_HANDLE session, struct p11_pair pair, EVP_PKEY *key,
			    const struct p11_digest *digest)
{
	CK_MECHANISM m = { digest->sign, NULL, 0 };
	unsigned char whole[P11_MAX_BYTES], parts[P11_MAX_BYTES];
	CK_ULONG size = (CK_ULONG)EVP_PKEY_get_size(key), length = size, parts_length = size;

	RV_EQUAL(p11_sign(session, digest->sign, pair.private, text, sizeof(text), whole, &length),
		 CKR_OK);
	ULONG_EQUAL(length, size);
	CHECK(p11_soft_verify(key, digest->md(), text, sizeof(text), whole, length));

	RV_EQUAL(p11->C_SignInit(session, &m, pair.private), CKR_OK);
	RV_EQUAL(update_in_parts(p11->C_SignUpdate, session, text, sizeof(text)), CKR_OK);
	RV_EQUAL(p11->C_SignFinal(session, parts, &parts_length), CKR_OK);
	ULONG_EQUAL(parts_length, size);
	CHECK(memcmp(whole, parts, size) == 0);

	RV_EQUAL(p11->C_VerifyInit(session, &m, pair.public), CKR_OK);
	RV_EQUAL(p11->C_Verify(session, text, sizeof(text), whole, length), CKR_OK);
	RV_EQUAL(p11->C_VerifyInit(session, &m, pair.public), CKR_OK);
	RV_EQUAL(update_in_parts(p11->C_VerifyUpdate, session, text, sizeof(text)), CKR_OK);
	RV_EQUAL(p11->C_VerifyFinal(session, whole, length), CKR_OK);
}

/* A digest that does not fit the key: refused at C_SignInit, or at the latest by C_Sign. */
static void check_misfit(CK_SESSION_HANDLE session, struct p11_pair pair,
			 const struct p11_digest *digest)
{
	CK_MECHANISM m = { digest->sign, NULL, 0 };
	unsigned char signature[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);

	if (RV_ONE_OF(p11->C_SignInit(session, &m, pair.private), CKR_KEY_SIZE_RANGE, CKR_OK) ==
	    CKR_OK)
		RV_ONE_OF(p11->C_Sign(session, text, sizeof(text), signature, &length),
			  CKR_KEY_SIZE_RANGE, CKR_DATA_LEN_RANGE);
	RV_EQUAL(p11->C_Sign(session, text, sizeof(text), signature, &length),
		 CKR_OPERATION_NOT_INITIALIZED);
}

static void digest_mechanisms(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	size_t i, j;

	for (i = 0; i < 3; i++) {
		struct p11_pair pair = p11_shared_pair(session, sizes[i]);
		EVP_PKEY *key = p11_read_public(session, pair.public);

		for (j = 0; j < P11_DIGESTS; j++) {
			tap_about("%s, %lu bits", p11_digests[j].name, sizes[i]);
			if (p11_digests[j].info_size + 11 <= sizes[i] / 8)
				check_mechanism(session, pair, key, &p11_digests[j]);
			else
				check_misfit(session, pair, &p11_digests[j]);
		}
		EVP_PKEY_free(key);
	}
}

static void raw_data(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	unsigned char data[P11_MAX_BYTES], whole[P11_MAX_BYTES], parts[P11_MAX_BYTES];
	size_t i, j;

	memset(data, 0xd5, sizeof(data));
	for (i = 0; i < 3; i++) {
		struct p11_pair pair = p11_shared_pair(session, sizes[i]);
		EVP_PKEY *key = p11_read_public(session, pair.public);
		const CK_ULONG k = sizes[i] / 8, lengths[] = { 1, 20, 35, 51, k - 12, k - 11 };

		for (j = 0; j < sizeof(lengths) / sizeof(*lengths); j++) {
			CK_ULONG length = k, parts_length = k;

			tap_about("%lu bytes, %lu bits", lengths[j], sizes[i]);
			RV_EQUAL(p11_sign(session, CKM_RSA_PKCS, pair.private, data, lengths[j],
					  whole, &length),
				 CKR_OK);
			ULONG_EQUAL(length, k);
			CHECK(p11_soft_verify(key, NULL, data, lengths[j], whole, length));
			RV_EQUAL(p11->C_VerifyInit(session, &rsa, pair.public), CKR_OK);
			RV_EQUAL(p11->C_Verify(session, data, lengths[j], whole, length), CKR_OK);

			RV_EQUAL(p11->C_SignInit(session, &rsa, pair.private), CKR_OK);
			RV_EQUAL(update_in_parts(p11->C_SignUpdate, session, data, lengths[j]),
				 CKR_OK);
			RV_EQUAL(p11->C_SignFinal(session, parts, &parts_length), CKR_OK);
			CHECK(parts_length == k && memcmp(whole, parts, k) == 0);
		}
		EVP_PKEY_free(key);
	}
}

static void too_much_data(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char data[P11_MAX_BYTES] = { 1 }, signature[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);
	CK_RV rv;

	RV_EQUAL(p11_sign(session, CKM_RSA_PKCS, pair.private, data, 118, signature, &length),
		 CKR_DATA_LEN_RANGE);
	RV_EQUAL(p11->C_Sign(session, data, 1, signature, &length), CKR_OPERATION_NOT_INITIALIZED);

	RV_EQUAL(p11->C_SignInit(session, &rsa, pair.private), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, data, 100), CKR_OK);
	rv = RV_ONE_OF(p11->C_SignUpdate(session, data, 18), CKR_DATA_LEN_RANGE, CKR_OK);
	if (rv == CKR_OK)
		RV_EQUAL(p11->C_SignFinal(session, signature, &length), CKR_DATA_LEN_RANGE);
	RV_EQUAL(p11->C_SignFinal(session, signature, &length), CKR_OPERATION_NOT_INITIALIZED);
}

/* Lengths */

static void length_queries(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	EVP_PKEY *key = p11_read_public(session, pair.public);
	unsigned char signature[P11_MAX_BYTES];
	CK_ULONG length = (CK_ULONG)-1;

	RV_EQUAL(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_Sign(session, text, sizeof(text), NULL, &length), CKR_OK);
	ULONG_EQUAL(length, 128);
	length = 0;
	RV_EQUAL(p11->C_Sign(session, text, sizeof(text), NULL, &length), CKR_OK);
	ULONG_EQUAL(length, 128);
	length = 127;
	RV_EQUAL(p11->C_Sign(session, text, sizeof(text), signature, &length),
		 CKR_BUFFER_TOO_SMALL);
	ULONG_EQUAL(length, 128);
	RV_EQUAL(p11->C_Sign(session, text, sizeof(text), signature, &length), CKR_OK);
	CHECK(p11_soft_verify(key, EVP_sha256(), text, sizeof(text), signature, length));

	RV_EQUAL(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, text, sizeof(text)), CKR_OK);
	length = 3;
	RV_EQUAL(p11->C_SignFinal(session, NULL, &length), CKR_OK);
	ULONG_EQUAL(length, 128);
	length = 0;
	RV_EQUAL(p11->C_SignFinal(session, signature, &length), CKR_BUFFER_TOO_SMALL);
	ULONG_EQUAL(length, 128);
	length = sizeof(signature);
	RV_EQUAL(p11->C_SignFinal(session, signature, &length), CKR_OK);
	ULONG_EQUAL(length, 128);
	CHECK(p11_soft_verify(key, EVP_sha256(), text, sizeof(text), signature, length));
	EVP_PKEY_free(key);
}

static void same_buffer(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	EVP_PKEY *key = p11_read_public(session, pair.public);
	unsigned char buffer[P11_MAX_BYTES] = "in and out";
	CK_ULONG length = sizeof(buffer);

	RV_EQUAL(p11_sign(session, CKM_RSA_PKCS, pair.private, buffer, 10, buffer, &length),
		 CKR_OK);
	CHECK(p11_soft_verify(key, NULL, (const unsigned char *)"in and out", 10, buffer, length));
	EVP_PKEY_free(key);
}

static void null_length(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char signature[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);

	RV_EQUAL(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_Sign(session, text, sizeof(text), signature, NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_Sign(session, text, sizeof(text), signature, &length),
		 CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, text, sizeof(text)), CKR_OK);
	RV_EQUAL(p11->C_SignFinal(session, signature, NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_SignFinal(session, signature, &length), CKR_OPERATION_NOT_INITIALIZED);
}

/* The order of the calls */

static void one_shot_or_parts(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char signature[P11_MAX_BYTES] = { 0 };
	CK_ULONG length = sizeof(signature);

	RV_EQUAL(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, text, 10), CKR_OK);
	RV_EQUAL(p11->C_Sign(session, text, 10, signature, &length), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_SignFinal(session, signature, &length), CKR_OPERATION_NOT_INITIALIZED);

	RV_EQUAL(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_Sign(session, text, 10, NULL, &length), CKR_OK);
	RV_EQUAL(p11->C_SignFinal(session, signature, &length), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_SignFinal(session, signature, &length), CKR_OPERATION_NOT_INITIALIZED);

	RV_EQUAL(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_Sign(session, text, 10, NULL, &length), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, text, 10), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_Sign(session, text, 10, signature, &length), CKR_OPERATION_NOT_INITIALIZED);

	RV_EQUAL(p11->C_VerifyInit(session, &sha256, pair.public), CKR_OK);
	RV_EQUAL(p11->C_VerifyUpdate(session, text, 10), CKR_OK);
	RV_EQUAL(p11->C_Verify(session, text, 10, signature, 128), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_VerifyFinal(session, signature, 128), CKR_OPERATION_NOT_INITIALIZED);
}

static void not_initialised(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	unsigned char signature[P11_MAX_BYTES] = { 0 };
	CK_ULONG length = sizeof(signature);

	RV_EQUAL(p11->C_Sign(session, text, 10, signature, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_SignUpdate(session, text, 10), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_SignFinal(session, signature, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_Verify(session, text, 10, signature, length),
		 CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_VerifyUpdate(session, text, 10), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_VerifyFinal(session, signature, length), CKR_OPERATION_NOT_INITIALIZED);
}

static void second_init(void)
{
	CK_SESSION_HANDLE session = p11_shared_token(), other = p11_open();
	struct p11_pair pair = p11_shared_pair(session, 1024);

	RV_EQUAL(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_SignInit(session, &sha256, pair.private), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_SignInit(other, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_VerifyInit(session, &sha256, pair.public), CKR_OK);
	RV_EQUAL(p11->C_VerifyInit(session, &sha256, pair.public), CKR_OPERATION_ACTIVE);
}

/* An operation of each kind may be active in a session. */
static void kinds_side_by_side(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	CK_MECHANISM digest = { CKM_SHA256, NULL, 0 };
	unsigned char signature[P11_MAX_BYTES], hash[32];
	CK_ULONG length = sizeof(signature), hash_length = sizeof(hash);

	RV_EQUAL(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_VerifyInit(session, &sha256, pair.public), CKR_OK);
	RV_EQUAL(p11->C_DigestInit(session, &digest), CKR_OK);
	RV_EQUAL(p11->C_FindObjectsInit(session, NO_TEMPLATE), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, text, 50), CKR_OK);
	RV_EQUAL(p11->C_DigestUpdate(session, text, 50), CKR_OK);
	RV_EQUAL(p11->C_VerifyUpdate(session, text, 50), CKR_OK);
	RV_EQUAL(p11->C_SignFinal(session, signature, &length), CKR_OK);
	RV_EQUAL(p11->C_DigestFinal(session, hash, &hash_length), CKR_OK);
	RV_EQUAL(p11->C_VerifyFinal(session, signature, length), CKR_OK);
	RV_EQUAL(p11->C_FindObjectsFinal(session), CKR_OK);
}

static void init_refused(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	CK_OBJECT_HANDLE data = p11_data(session, "no key", false, false);
	CK_MECHANISM unknown = { 0x7fffffff, NULL, 0 }, digest = { CKM_SHA256, NULL, 0 };
	unsigned char signature[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);

	RV_EQUAL(p11->C_SignInit(session, NULL, pair.private), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_SignInit(session, &unknown, pair.private), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_SignInit(session, &digest, pair.private), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_SignInit(session, &sha256, CK_INVALID_HANDLE), CKR_KEY_HANDLE_INVALID);
	RV_EQUAL(p11->C_SignInit(session, &sha256, 0xfffffff), CKR_KEY_HANDLE_INVALID);
	RV_ONE_OF(p11->C_SignInit(session, &sha256, pair.public), CKR_KEY_TYPE_INCONSISTENT,
		  CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_ONE_OF(p11->C_SignInit(session, &sha256, data), CKR_KEY_HANDLE_INVALID,
		  CKR_KEY_TYPE_INCONSISTENT);
	RV_EQUAL(p11->C_VerifyInit(session, &unknown, pair.public), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_VerifyInit(session, &sha256, 0xfffffff), CKR_KEY_HANDLE_INVALID);
	RV_ONE_OF(p11->C_VerifyInit(session, &sha256, pair.private), CKR_KEY_TYPE_INCONSISTENT,
		  CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_EQUAL(p11->C_Sign(session, text, 10, signature, &length), CKR_OPERATION_NOT_INITIALIZED);
}

/* Logins */

static void logout_cancels(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char signature[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);

	RV_EQUAL(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11->C_Sign(session, text, 10, signature, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	RV_EQUAL(p11->C_Sign(session, text, 10, signature, &length), CKR_OPERATION_NOT_INITIALIZED);
	CHECK(p11_label_signs(session, "shared 1024"));
}

static void any_session_signs(void)
{
	CK_SESSION_HANDLE login, before, after, read_only;
	struct p11_pair pair;

	p11_shared_token();
	RV_MUST(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	before = p11_open();
	login = p11_open_user();
	after = p11_open();
	read_only = p11_open_ro();
	pair = p11_shared_pair(login, 1024);
	CHECK(p11_signs(before, pair));
	CHECK(p11_signs(after, pair));
	CHECK(p11_signs(read_only, pair));
	RV_EQUAL(p11->C_CloseSession(login), CKR_OK);
	CHECK(p11_signs(before, pair));
	CHECK(p11_signs(read_only, pair));
}

static void after_set_pin(void)
{
	CK_SESSION_HANDLE session = p11_new_token();
	struct p11_pair pair, later;

	RV_MUST(p11_generate(session, 1024, "before", true, true, &pair), CKR_OK);
	CHECK(p11_signs(session, pair));
	RV_EQUAL(p11_set_pin(session, USER_PIN, "a new pin"), CKR_OK);
	CHECK(p11_signs(session, pair));
	RV_MUST(p11_generate(session, 1024, "after", true, true, &later), CKR_OK);
	CHECK(p11_signs(session, later));
	p11_stop();
	p11_start();
	session = p11_open();
	RV_MUST(p11_login(session, CKU_USER, "a new pin"), CKR_OK);
	CHECK(p11_label_signs(session, "before"));
	CHECK(p11_label_signs(session, "after"));
}

/* Verification, with signatures that libcrypto made, and without a login */

static CK_OBJECT_HANDLE start_verifying(CK_SESSION_HANDLE *session, unsigned int bits)
{
	CK_OBJECT_HANDLE key;

	*session = p11_shared_token();
	RV_MUST(p11->C_Logout(*session), CKR_OK);
	RV_MUST(p11_import(*session, p11_soft_key(bits), CKO_PUBLIC_KEY, NO_TEMPLATE, &key),
		CKR_OK);
	return key;
}

static CK_RV verify(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE key,
		    unsigned char *signature, size_t length, bool in_parts)
{
	RV_MUST(p11->C_VerifyInit(session, m, key), CKR_OK);
	if (!in_parts)
		return p11->C_Verify(session, text, sizeof(text), signature, length);
	RV_EQUAL(update_in_parts(p11->C_VerifyUpdate, session, text, sizeof(text)), CKR_OK);
	return p11->C_VerifyFinal(session, signature, length);
}

static void foreign_signatures(void)
{
	unsigned char signature[P11_MAX_BYTES + 1] = { 0 };
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	size_t i, j;
	int in_parts;

	for (i = 0; i < 3; i++) {
		key = start_verifying(&session, (unsigned int)sizes[i]);
		for (j = 0; j < P11_DIGESTS; j++) {
			const struct p11_digest *digest = &p11_digests[j];
			CK_MECHANISM m = { digest->sign, NULL, 0 };
			size_t k = sizes[i] / 8;

			if (digest->info_size + 11 > k)
				continue;
			tap_about("%s, %lu bits", digest->name, sizes[i]);
			p11_soft_sign(p11_soft_key((unsigned int)sizes[i]), digest->md(), text,
				      sizeof(text), signature);
			for (in_parts = 0; in_parts < 2; in_parts++) {
				RV_EQUAL(verify(session, &m, key, signature, k, in_parts), CKR_OK);
				signature[k / 2] ^= 1;
				RV_EQUAL(verify(session, &m, key, signature, k, in_parts),
					 CKR_SIGNATURE_INVALID);
				signature[k / 2] ^= 1;
				RV_EQUAL(verify(session, &m, key, signature, k - 1, in_parts),
					 CKR_SIGNATURE_LEN_RANGE);
				RV_EQUAL(verify(session, &m, key, signature, k + 1, in_parts),
					 CKR_SIGNATURE_LEN_RANGE);
			}
		}
	}
}

static void bad_signatures(void)
{
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key = start_verifying(&session, 1024);
	unsigned char signature[P11_MAX_BYTES], zeros[P11_MAX_BYTES] = { 0 }, ones[P11_MAX_BYTES];
	CK_MECHANISM sha1 = { CKM_SHA1_RSA_PKCS, NULL, 0 };

	memset(ones, 0xff, sizeof(ones));
	p11_soft_sign(p11_soft_key(1024), EVP_sha256(), text, sizeof(text), signature);
	RV_EQUAL(verify(session, &sha1, key, signature, 128, false), CKR_SIGNATURE_INVALID);
	RV_EQUAL(verify(session, &sha256, key, zeros, 128, false), CKR_SIGNATURE_INVALID);
	RV_EQUAL(verify(session, &sha256, key, ones, 128, false), CKR_SIGNATURE_INVALID);
	RV_MUST(p11->C_VerifyInit(session, &sha256, key), CKR_OK);
	RV_EQUAL(p11->C_Verify(session, text, sizeof(text) - 1, signature, 128),
		 CKR_SIGNATURE_INVALID);
	RV_EQUAL(p11->C_Verify(session, text, sizeof(text), signature, 128),
		 CKR_OPERATION_NOT_INITIALIZED);
	RV_MUST(p11->C_VerifyInit(session, &sha256, key), CKR_OK);
	RV_EQUAL(p11->C_Verify(session, text, sizeof(text), NULL, 128), CKR_ARGUMENTS_BAD);
	RV_EQUAL(verify(session, &sha256, key, signature, 128, false), CKR_OK);
}

static const struct tap_case cases[] = {
	{ "every digest mechanism at every key size", digest_mechanisms },
	{ "RSA_PKCS signs what it is given, whole and in parts", raw_data },
	{ "RSA_PKCS with too much data", too_much_data },
	{ "length queries and small buffers keep the operation", length_queries },
	{ "input and output in the same buffer", same_buffer },
	{ "no length pointer ends the operation", null_length },
	{ "one-shot and parts never mix", one_shot_or_parts },
	{ "no operation", not_initialised },
	{ "a second operation of the same kind", second_init },
	{ "operations of several kinds side by side", kinds_side_by_side },
	{ "C_SignInit and C_VerifyInit refused", init_refused },
	{ "a logout cancels a private operation", logout_cancels },
	{ "any session of the application signs", any_session_signs },
	{ "the session signs after C_SetPIN", after_set_pin },
	{ "signatures by libcrypto, good and bad", foreign_signatures },
	{ "bad signatures", bad_signatures },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "signatures", cases);
}
