/* SPDX-License-Identifier: BSD-2-Clause */
/* RSA_X_509, which works within limits and is not listed; PSS and OAEP, which do not. */
#include "p11_conf.h"

#include <string.h>

static const unsigned int sizes[] = { 512, 1024, 2048 };
static CK_MECHANISM raw = { CKM_RSA_X_509, NULL, 0 };

/* 00 01 FF ... 00 T */
static void pad(unsigned char *block, size_t k, size_t data_length)
{
	memset(block, 0xff, k);
	block[0] = 0;
	block[1] = 1;
	block[k - data_length - 1] = 0;
	memset(block + k - data_length, 0x6b, data_length);
}

static void check_sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned char *block, CK_ULONG length,
	CK_RV rv)
{
	unsigned char out[P11_MAX_BYTES];
	CK_ULONG out_length = sizeof(out);

	RV_EQUAL(p11_sign(session, CKM_RSA_X_509, key, block, length, out, &out_length), rv);
	RV_EQUAL(p11->C_Sign(session, block, length, out, &out_length), CKR_OPERATION_NOT_INITIALIZED);
}

static void signs_padded_blocks(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	unsigned char block[P11_MAX_BYTES], ours[P11_MAX_BYTES], theirs[P11_MAX_BYTES];
	size_t i, j;

	for (i = 0; i < COUNT_OF(sizes); i++) {
		CK_OBJECT_HANDLE key = p11_soft_private(session, sizes[i], NO_TEMPLATE);
		const size_t k = sizes[i] / 8, lengths[] = { 1, 20, 35, 51, k - 12, k - 11 };

		for (j = 0; j < COUNT_OF(lengths); j++) {
			CK_ULONG length = sizeof(ours);

			tap_about("%zu bytes, %u bits", lengths[j], sizes[i]);
			pad(block, k, lengths[j]);
			p11_soft_raw_private(p11_soft_key(sizes[i]), block, theirs);
			RV_EQUAL(p11_sign(session, CKM_RSA_X_509, key, block, k, ours, &length), CKR_OK);
			ULONG_EQUAL(length, k);
			CHECK(memcmp(ours, theirs, k) == 0);
		}
	}
}

static void signs_in_the_chip(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char block[128], ours[P11_MAX_BYTES], again[128];
	CK_ULONG length = 0;
	EVP_PKEY *key = p11_read_public(session, pair.public);

	pad(block, 128, 35);
	RV_MUST(p11->C_SignInit(session, &raw, pair.private), CKR_OK);
	RV_EQUAL(p11->C_Sign(session, block, 128, NULL, &length), CKR_OK);
	ULONG_EQUAL(length, 128);
	length = 127;
	RV_EQUAL(p11->C_Sign(session, block, 128, ours, &length), CKR_BUFFER_TOO_SMALL);
	RV_EQUAL(p11->C_Sign(session, block, 128, ours, &length), CKR_OK);
	p11_soft_raw_public(key, ours, again);
	CHECK(memcmp(again, block, 128) == 0);
	EVP_PKEY_free(key);
}

/* Whatever is not such a block, the chip cannot sign. */
static void other_blocks(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = p11_soft_private(session, 1024, NO_TEMPLATE);
	static const struct {
		const char *name;
		size_t at;
		unsigned char byte;
	} changes[] = {
		{ "starts with 1", 0, 1 },
		{ "type 2", 1, 2 },
		{ "type 0", 1, 0 },
		{ "a hole in the padding", 20, 0xfe },
		{ "seven bytes of padding", 9, 0 },
		{ "no padding", 2, 0 },
		{ "no end of the padding", 128 - 21, 0xff },
	};
	unsigned char block[P11_MAX_BYTES];
	size_t i;

	for (i = 0; i < COUNT_OF(changes); i++) {
		tap_about("%s", changes[i].name);
		pad(block, 128, 20);
		block[changes[i].at] = changes[i].byte;
		check_sign(session, key, block, 128, CKR_DATA_INVALID);
	}
	tap_about("random, zeros, short, long");
	memset(block, 0x42, sizeof(block));
	check_sign(session, key, block, 128, CKR_DATA_INVALID);
	check_sign(session, key, block, 20, CKR_DATA_INVALID);
	memset(block, 0, sizeof(block));
	check_sign(session, key, block, 128, CKR_DATA_INVALID);
	pad(block, 129, 20);
	check_sign(session, key, block, 129, CKR_DATA_LEN_RANGE);
	/* The data of a padded block may be empty in PKCS#1, not in the chip. */
	pad(block, 128, 0);
	check_sign(session, key, block, 128, CKR_DATA_INVALID);
}

static void verifies(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	unsigned char block[P11_MAX_BYTES], signature[P11_MAX_BYTES + 1];
	size_t i;

	RV_MUST(p11->C_Logout(session), CKR_OK);
	for (i = 0; i < COUNT_OF(sizes); i++) {
		CK_OBJECT_HANDLE key = p11_soft_public(session, sizes[i], NO_TEMPLATE);
		const CK_ULONG k = sizes[i] / 8;

		tap_about("%u bits", sizes[i]);
		memset(block, 0x42, k);
		memset(block, 0, 5);
		p11_soft_raw_private(p11_soft_key(sizes[i]), block, signature);
		RV_MUST(p11->C_VerifyInit(session, &raw, key), CKR_OK);
		RV_EQUAL(p11->C_Verify(session, block, k, signature, k), CKR_OK);
		/* Blocks are numbers: zeros in front count for nothing. */
		RV_MUST(p11->C_VerifyInit(session, &raw, key), CKR_OK);
		RV_EQUAL(p11->C_Verify(session, block + 5, k - 5, signature, k), CKR_OK);
		RV_MUST(p11->C_VerifyInit(session, &raw, key), CKR_OK);
		RV_EQUAL(p11->C_Verify(session, block, k - 1, signature, k), CKR_SIGNATURE_INVALID);
		RV_MUST(p11->C_VerifyInit(session, &raw, key), CKR_OK);
		RV_EQUAL(p11->C_Verify(session, block, k, signature, k - 1), CKR_SIGNATURE_LEN_RANGE);
		RV_MUST(p11->C_VerifyInit(session, &raw, key), CKR_OK);
		RV_EQUAL(p11->C_Verify(session, block, k, signature, k + 1), CKR_SIGNATURE_LEN_RANGE);
		signature[k / 2] ^= 1;
		RV_MUST(p11->C_VerifyInit(session, &raw, key), CKR_OK);
		RV_EQUAL(p11->C_Verify(session, block, k, signature, k), CKR_SIGNATURE_INVALID);
	}
}

static void encrypts(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = p11_soft_public(session, 1024, NO_TEMPLATE);
	static const size_t lengths[] = { 1, 64, 127, 128 };
	unsigned char data[P11_MAX_BYTES], block[128], ours[P11_MAX_BYTES], theirs[128];
	CK_ULONG length = 0;
	size_t i;

	memset(data, 0x42, sizeof(data));
	for (i = 0; i < COUNT_OF(lengths); i++) {
		tap_about("%zu bytes", lengths[i]);
		memset(block, 0, sizeof(block));
		memcpy(block + 128 - lengths[i], data, lengths[i]);
		p11_soft_raw_public(p11_soft_key(1024), block, theirs);
		RV_MUST(p11->C_EncryptInit(session, &raw, key), CKR_OK);
		RV_EQUAL(p11->C_Encrypt(session, data, lengths[i], NULL, &length), CKR_OK);
		ULONG_EQUAL(length, 128);
		RV_EQUAL(p11->C_Encrypt(session, data, lengths[i], ours, &length), CKR_OK);
		CHECK(memcmp(ours, theirs, 128) == 0);
	}
	tap_about("too much");
	RV_MUST(p11->C_EncryptInit(session, &raw, key), CKR_OK);
	RV_EQUAL(p11->C_Encrypt(session, data, 129, ours, &length), CKR_DATA_LEN_RANGE);
	/* A number above the modulus. */
	memset(data, 0xff, sizeof(data));
	RV_MUST(p11->C_EncryptInit(session, &raw, key), CKR_OK);
	RV_ONE_OF(p11->C_Encrypt(session, data, 128, ours, &length), CKR_DATA_LEN_RANGE, CKR_DATA_INVALID);
}

/* What a TPM 1.2 cannot do. */
static void not_here(void)
{
	CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
	CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 };
	CK_MECHANISM mechanisms[] = {
		{ CKM_RSA_PKCS_PSS, &pss, sizeof(pss) },
		{ CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof(pss) },
		{ CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep) },
		{ CKM_RSA_9796, NULL, 0 },
		{ CKM_AES_CBC, NULL, 0 },
	};
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET) };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	CK_OBJECT_HANDLE secret = p11_secret(session, "s", 1), key;
	unsigned char out[P11_MAX_BYTES] = { 0 };
	size_t i;

	for (i = 0; i < COUNT_OF(mechanisms); i++) {
		CK_MECHANISM *m = &mechanisms[i];
		CK_MECHANISM_INFO info;
		CK_ULONG length = sizeof(out);

		tap_about("mechanism 0x%lx", m->mechanism);
		RV_EQUAL(p11->C_GetMechanismInfo(p11_slot, m->mechanism, &info), CKR_MECHANISM_INVALID);
		RV_EQUAL(p11->C_SignInit(session, m, pair.private), CKR_MECHANISM_INVALID);
		RV_EQUAL(p11->C_VerifyInit(session, m, pair.public), CKR_MECHANISM_INVALID);
		RV_EQUAL(p11->C_SignRecoverInit(session, m, pair.private), CKR_MECHANISM_INVALID);
		RV_EQUAL(p11->C_VerifyRecoverInit(session, m, pair.public), CKR_MECHANISM_INVALID);
		RV_EQUAL(p11->C_EncryptInit(session, m, pair.public), CKR_MECHANISM_INVALID);
		RV_EQUAL(p11->C_DecryptInit(session, m, pair.private), CKR_MECHANISM_INVALID);
		RV_EQUAL(
			p11->C_WrapKey(session, m, pair.public, secret, out, &length), CKR_MECHANISM_INVALID);
		RV_EQUAL(p11->C_UnwrapKey(session, m, pair.private, out, 128, TEMPLATE(t), &key),
			CKR_MECHANISM_INVALID);
		RV_EQUAL(p11->C_DigestInit(session, m), CKR_MECHANISM_INVALID);
	}
	tap_about("RSA_X_509");
	RV_EQUAL(p11->C_DecryptInit(session, &raw, pair.private), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_UnwrapKey(session, &raw, pair.private, out, 128, TEMPLATE(t), &key),
		CKR_MECHANISM_INVALID);
}

static const struct tap_case cases[] = {
	{ "RSA_X_509 signs padded blocks as libcrypto does", signs_padded_blocks },
	{ "RSA_X_509 signs with a generated key", signs_in_the_chip },
	{ "RSA_X_509 signs no other block", other_blocks },
	{ "RSA_X_509 verifies anything", verifies },
	{ "RSA_X_509 encrypts anything", encrypts },
	{ "PSS, OAEP and others are refused everywhere", not_here },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "raw RSA", cases);
}
