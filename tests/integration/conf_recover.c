/* SPDX-License-Identifier: BSD-2-Clause */
/* C_SignRecover and C_VerifyRecover with RSA_PKCS: the signature carries the data. */
#include "p11_conf.h"

#include <string.h>

static const CK_ULONG sizes[] = { 512, 1024, 2048 };
static CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };

static CK_RV sign_recover(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned char *data,
	CK_ULONG length, unsigned char *signature, CK_ULONG *signature_length)
{
	RV_MUST(p11->C_SignRecoverInit(session, &rsa, key), CKR_OK);
	return p11->C_SignRecover(session, data, length, signature, signature_length);
}

static CK_RV verify_recover(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned char *signature,
	CK_ULONG signature_length, unsigned char *data, CK_ULONG *length)
{
	RV_MUST(p11->C_VerifyRecoverInit(session, &rsa, key), CKR_OK);
	return p11->C_VerifyRecover(session, signature, signature_length, data, length);
}

static void there_and_back(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	unsigned char data[P11_MAX_BYTES], signature[P11_MAX_BYTES];
	unsigned char plain[P11_MAX_BYTES], back[P11_MAX_BYTES];
	size_t i, j;

	memset(data, 0x3c, sizeof(data));
	for (i = 0; i < COUNT_OF(sizes); i++) {
		struct p11_pair pair = p11_shared_pair(session, sizes[i]);
		const CK_ULONG k = sizes[i] / 8, lengths[] = { 1, 20, 35, k - 11 };

		for (j = 0; j < COUNT_OF(lengths); j++) {
			CK_ULONG length = k, plain_length = k, back_length = sizeof(back);

			tap_about("%lu bytes, %lu bits", lengths[j], sizes[i]);
			RV_EQUAL(sign_recover(session, pair.private, data, lengths[j], signature, &length),
				CKR_OK);
			ULONG_EQUAL(length, k);
			RV_EQUAL(p11_sign(session, CKM_RSA_PKCS, pair.private, data, lengths[j], plain,
					 &plain_length),
				CKR_OK);
			CHECK(memcmp(signature, plain, k) == 0);
			RV_EQUAL(verify_recover(session, pair.public, signature, k, back, &back_length),
				CKR_OK);
			ULONG_EQUAL(back_length, lengths[j]);
			CHECK(back_length == lengths[j] && memcmp(back, data, lengths[j]) == 0);
		}
	}
}

/* What libcrypto signed is recovered without a login. */
static void foreign(void)
{
	unsigned char signature[P11_MAX_BYTES], back[P11_MAX_BYTES];
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ULONG length = sizeof(back);
	CK_OBJECT_HANDLE key;

	RV_MUST(p11->C_Logout(session), CKR_OK);
	key = p11_soft_public(session, 2048, NO_TEMPLATE);
	p11_soft_sign(p11_soft_key(2048), NULL, (const unsigned char *)"by libcrypto", 12, signature);
	RV_EQUAL(verify_recover(session, key, signature, 256, back, &length), CKR_OK);
	CHECK(length == 12 && memcmp(back, "by libcrypto", 12) == 0);
}

static void lengths(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char data[] = "recovered", signature[P11_MAX_BYTES], back[P11_MAX_BYTES];
	CK_ULONG length = (CK_ULONG)-1;

	RV_MUST(p11->C_SignRecoverInit(session, &rsa, pair.private), CKR_OK);
	RV_EQUAL(p11->C_SignRecover(session, data, 9, NULL, &length), CKR_OK);
	ULONG_EQUAL(length, 128);
	length = 127;
	RV_EQUAL(p11->C_SignRecover(session, data, 9, signature, &length), CKR_BUFFER_TOO_SMALL);
	ULONG_EQUAL(length, 128);
	RV_EQUAL(p11->C_SignRecover(session, data, 9, signature, &length), CKR_OK);
	RV_EQUAL(p11->C_SignRecover(session, data, 9, signature, &length), CKR_OPERATION_NOT_INITIALIZED);

	RV_MUST(p11->C_VerifyRecoverInit(session, &rsa, pair.public), CKR_OK);
	length = 0;
	RV_EQUAL(p11->C_VerifyRecover(session, signature, 128, NULL, &length), CKR_OK);
	CHECK(length >= 9 && length <= 128);
	length = 8;
	RV_EQUAL(p11->C_VerifyRecover(session, signature, 128, back, &length), CKR_BUFFER_TOO_SMALL);
	CHECK(length >= 9 && length <= 128);
	RV_EQUAL(p11->C_VerifyRecover(session, signature, 128, back, &length), CKR_OK);
	CHECK(length == 9 && memcmp(back, data, 9) == 0);
	RV_EQUAL(p11->C_VerifyRecover(session, signature, 128, back, &length), CKR_OPERATION_NOT_INITIALIZED);

	/* In and out in one buffer. */
	length = 128;
	RV_EQUAL(verify_recover(session, pair.public, signature, 128, signature, &length), CKR_OK);
	CHECK(length == 9 && memcmp(signature, data, 9) == 0);
	length = sizeof(signature);
	RV_EQUAL(sign_recover(session, pair.private, signature, 9, signature, &length), CKR_OK);
	length = sizeof(back);
	RV_EQUAL(verify_recover(session, pair.public, signature, 128, back, &length), CKR_OK);
	CHECK(length == 9 && memcmp(back, data, 9) == 0);
}

static void null_lengths(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char data[P11_MAX_BYTES] = { 1 }, out[P11_MAX_BYTES];
	CK_ULONG length = sizeof(out);

	RV_EQUAL(sign_recover(session, pair.private, data, 9, out, NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_SignRecover(session, data, 9, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(sign_recover(session, pair.private, NULL, 9, out, &length), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_SignRecover(session, data, 9, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(verify_recover(session, pair.public, data, 128, out, NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_VerifyRecover(session, data, 128, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(sign_recover(session, pair.private, data, 118, out, &length), CKR_DATA_LEN_RANGE);
	RV_EQUAL(p11->C_SignRecover(session, data, 9, out, &length), CKR_OPERATION_NOT_INITIALIZED);
}

static void check_bad(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned char *signature,
	CK_ULONG signature_length, CK_RV rv)
{
	unsigned char out[P11_MAX_BYTES];
	CK_ULONG length = sizeof(out);

	RV_EQUAL(verify_recover(session, key, signature, signature_length, out, &length), rv);
	RV_EQUAL(p11->C_VerifyRecover(session, signature, signature_length, out, &length),
		CKR_OPERATION_NOT_INITIALIZED);
}

static void bad_signatures(void)
{
	unsigned char signature[P11_MAX_BYTES + 1] = { 0 }, block[128];
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = p11_soft_public(session, 1024, NO_TEMPLATE);

	p11_soft_sign(p11_soft_key(1024), NULL, (const unsigned char *)"data", 4, signature);
	check_bad(session, key, signature, 127, CKR_SIGNATURE_LEN_RANGE);
	check_bad(session, key, signature, 129, CKR_SIGNATURE_LEN_RANGE);
	check_bad(session, key, signature, 0, CKR_SIGNATURE_LEN_RANGE);
	signature[60] ^= 1;
	check_bad(session, key, signature, 128, CKR_SIGNATURE_INVALID);
	memset(signature, 0xff, 128);
	check_bad(session, key, signature, 128, CKR_SIGNATURE_INVALID);
	/* Padding of type 2, and seven bytes of padding instead of eight. */
	memset(block, 0xff, sizeof(block));
	memcpy(block, "\0\2", 2);
	block[100] = 0;
	p11_soft_raw_private(p11_soft_key(1024), block, signature);
	check_bad(session, key, signature, 128, CKR_SIGNATURE_INVALID);
	memcpy(block, "\0\1", 2);
	block[9] = 0;
	p11_soft_raw_private(p11_soft_key(1024), block, signature);
	check_bad(session, key, signature, 128, CKR_SIGNATURE_INVALID);
	block[9] = 0xff;
	block[10] = 0;
	p11_soft_raw_private(p11_soft_key(1024), block, signature);
	check_bad(session, key, signature, 128, CKR_OK);
}

static void init_refused(void)
{
	CK_ATTRIBUTE no_sign[] = { A_BOOL(CKA_SIGN_RECOVER, false) };
	CK_ATTRIBUTE no_verify[] = { A_BOOL(CKA_VERIFY_RECOVER, false) };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	CK_MECHANISM digest = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_MECHANISM parameter = { CKM_RSA_PKCS, &(CK_ULONG){ 1 }, sizeof(CK_ULONG) };
	CK_OBJECT_HANDLE key = p11_soft_private(session, 1024, TEMPLATE(no_sign));

	RV_EQUAL(p11->C_SignRecoverInit(session, NULL, pair.private), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_VerifyRecoverInit(session, NULL, pair.public), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_SignRecoverInit(session, &digest, pair.private), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_VerifyRecoverInit(session, &digest, pair.public), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_SignRecoverInit(session, &parameter, pair.private), CKR_MECHANISM_PARAM_INVALID);
	RV_EQUAL(p11->C_SignRecoverInit(session, &rsa, NO_KEY), CKR_KEY_HANDLE_INVALID);
	RV_EQUAL(p11->C_VerifyRecoverInit(session, &rsa, NO_KEY), CKR_KEY_HANDLE_INVALID);
	RV_ONE_OF(p11->C_SignRecoverInit(session, &rsa, pair.public), CKR_KEY_TYPE_INCONSISTENT,
		CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_ONE_OF(p11->C_VerifyRecoverInit(session, &rsa, pair.private), CKR_KEY_TYPE_INCONSISTENT,
		CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_EQUAL(p11->C_SignRecoverInit(session, &rsa, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_EQUAL(p11->C_SignInit(session, &rsa, key), CKR_OK);
	key = p11_soft_public(session, 1024, TEMPLATE(no_verify));
	RV_EQUAL(p11->C_VerifyRecoverInit(session, &rsa, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_EQUAL(p11->C_VerifyInit(session, &rsa, key), CKR_OK);
	RV_EQUAL(p11->C_SignRecoverInit(session, &rsa, pair.private), CKR_OK);
	RV_EQUAL(p11->C_SignRecoverInit(session, &rsa, pair.private), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_VerifyRecoverInit(session, &rsa, pair.public), CKR_OK);
	RV_EQUAL(p11->C_VerifyRecoverInit(session, &rsa, pair.public), CKR_OPERATION_ACTIVE);
}

/* One of each kind at once in a session. */
static void kinds_side_by_side(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	CK_MECHANISM digest = { CKM_SHA256, NULL, 0 };
	unsigned char data[] = "data", out[5][P11_MAX_BYTES];
	CK_ULONG length[5] = { 256, 256, 256, 256, 256 };

	RV_EQUAL(p11->C_FindObjectsInit(session, NO_TEMPLATE), CKR_OK);
	RV_EQUAL(p11->C_DigestInit(session, &digest), CKR_OK);
	RV_EQUAL(p11->C_SignInit(session, &rsa, pair.private), CKR_OK);
	RV_EQUAL(p11->C_VerifyInit(session, &rsa, pair.public), CKR_OK);
	RV_EQUAL(p11->C_SignRecoverInit(session, &rsa, pair.private), CKR_OK);
	RV_EQUAL(p11->C_VerifyRecoverInit(session, &rsa, pair.public), CKR_OK);
	RV_EQUAL(p11->C_EncryptInit(session, &rsa, pair.public), CKR_OK);
	RV_EQUAL(p11->C_DecryptInit(session, &rsa, pair.private), CKR_OK);

	RV_EQUAL(p11->C_SignRecover(session, data, 4, out[0], &length[0]), CKR_OK);
	RV_EQUAL(p11->C_Encrypt(session, data, 4, out[1], &length[1]), CKR_OK);
	RV_EQUAL(p11->C_Sign(session, data, 4, out[2], &length[2]), CKR_OK);
	CHECK(memcmp(out[0], out[2], 128) == 0);
	RV_EQUAL(p11->C_Digest(session, data, 4, out[3], &length[3]), CKR_OK);
	RV_EQUAL(p11->C_Verify(session, data, 4, out[2], 128), CKR_OK);
	RV_EQUAL(p11->C_VerifyRecover(session, out[0], 128, out[4], &length[4]), CKR_OK);
	CHECK(length[4] == 4 && memcmp(out[4], data, 4) == 0);
	length[4] = sizeof(out[4]);
	RV_EQUAL(p11->C_Decrypt(session, out[1], 128, out[4], &length[4]), CKR_OK);
	CHECK(length[4] == 4 && memcmp(out[4], data, 4) == 0);
	RV_EQUAL(p11->C_FindObjectsFinal(session), CKR_OK);
}

static void logout_cancels(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char data[P11_MAX_BYTES] = { 1 }, out[P11_MAX_BYTES];
	CK_ULONG length = sizeof(out);

	RV_EQUAL(p11->C_SignRecoverInit(session, &rsa, pair.private), CKR_OK);
	RV_EQUAL(p11->C_DecryptInit(session, &rsa, pair.private), CKR_OK);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11->C_SignRecover(session, data, 4, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_Decrypt(session, data, 128, out, &length), CKR_OPERATION_NOT_INITIALIZED);
}

static const struct tap_case cases[] = {
	{ "signed and recovered at every key size", there_and_back },
	{ "a signature by libcrypto, without login", foreign },
	{ "queries and small buffers keep the operation", lengths },
	{ "NULL lengths and too much data end it", null_lengths },
	{ "bad signatures and bad padding", bad_signatures },
	{ "C_SignRecoverInit and C_VerifyRecoverInit refused", init_refused },
	{ "operations of all eight kinds side by side", kinds_side_by_side },
	{ "a logout cancels recovery and decryption", logout_cancels },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "recovery", cases);
}
