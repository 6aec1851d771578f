/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/mechanisms.h"

#include <openssl/rsa.h>

#include "unit.h"
#include "util/crypto.h"

#define SIGNS (CKF_SIGN | CKF_SIGN_RECOVER | CKF_VERIFY | CKF_VERIFY_RECOVER)
#define CIPHERS (CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP)

/* PKCS#11 v2.40 current mechanisms, table 1 "Mechanisms vs. Functions" of each chapter. */
static const struct standard {
	CK_MECHANISM_TYPE type;
	CK_FLAGS flags;
	bool rsa; /* sizes in bits, done by the chip */
	const char *digest;
} standards[] = {
	{ CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, true, NULL },
	{ CKM_RSA_PKCS, SIGNS | CIPHERS, true, NULL },
	{ CKM_RSA_X_509, SIGNS | CIPHERS, true, NULL },
	{ CKM_MD5_RSA_PKCS, CKF_SIGN | CKF_VERIFY, true, "MD5" },
	{ CKM_SHA1_RSA_PKCS, CKF_SIGN | CKF_VERIFY, true, "SHA1" },
	{ CKM_SHA224_RSA_PKCS, CKF_SIGN | CKF_VERIFY, true, "SHA224" },
	{ CKM_SHA256_RSA_PKCS, CKF_SIGN | CKF_VERIFY, true, "SHA256" },
	{ CKM_SHA384_RSA_PKCS, CKF_SIGN | CKF_VERIFY, true, "SHA384" },
	{ CKM_SHA512_RSA_PKCS, CKF_SIGN | CKF_VERIFY, true, "SHA512" },
	{ CKM_GENERIC_SECRET_KEY_GEN, CKF_GENERATE, false, NULL },
	{ CKM_MD5, CKF_DIGEST, false, "MD5" },
	{ CKM_SHA_1, CKF_DIGEST, false, "SHA1" },
	{ CKM_SHA224, CKF_DIGEST, false, "SHA224" },
	{ CKM_SHA256, CKF_DIGEST, false, "SHA256" },
	{ CKM_SHA384, CKF_DIGEST, false, "SHA384" },
	{ CKM_SHA512, CKF_DIGEST, false, "SHA512" },
	{ CKM_MD5_HMAC, CKF_SIGN | CKF_VERIFY, false, "MD5" },
	{ CKM_MD5_HMAC_GENERAL, CKF_SIGN | CKF_VERIFY, false, "MD5" },
	{ CKM_SHA_1_HMAC, CKF_SIGN | CKF_VERIFY, false, "SHA1" },
	{ CKM_SHA_1_HMAC_GENERAL, CKF_SIGN | CKF_VERIFY, false, "SHA1" },
	{ CKM_SHA224_HMAC, CKF_SIGN | CKF_VERIFY, false, "SHA224" },
	{ CKM_SHA224_HMAC_GENERAL, CKF_SIGN | CKF_VERIFY, false, "SHA224" },
	{ CKM_SHA256_HMAC, CKF_SIGN | CKF_VERIFY, false, "SHA256" },
	{ CKM_SHA256_HMAC_GENERAL, CKF_SIGN | CKF_VERIFY, false, "SHA256" },
	{ CKM_SHA384_HMAC, CKF_SIGN | CKF_VERIFY, false, "SHA384" },
	{ CKM_SHA384_HMAC_GENERAL, CKF_SIGN | CKF_VERIFY, false, "SHA384" },
	{ CKM_SHA512_HMAC, CKF_SIGN | CKF_VERIFY, false, "SHA512" },
	{ CKM_SHA512_HMAC_GENERAL, CKF_SIGN | CKF_VERIFY, false, "SHA512" },
};

static const struct standard *standard_find(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < COUNT(standards); i++)
		if (standards[i].type == type)
			return &standards[i];
	return NULL;
}

static void listed_once(void)
{
	for (size_t i = 0; i < MECHANISMS_COUNT; i++) {
		tap_about("mechanism 0x%lx", mechanisms[i].type);
		CHECK(mechanism_find(mechanisms[i].type) == &mechanisms[i]);
		CHECK(mechanisms[i].info.flags != 0);
	}
	tap_about(NULL);
	CHECK(mechanism_find(CKM_AES_GCM) == NULL && mechanism_find(CK_UNAVAILABLE_INFORMATION) == NULL);
}

static void as_the_standard(void)
{
	for (size_t i = 0; i < MECHANISMS_COUNT; i++) {
		const struct mechanism *m = &mechanisms[i];
		const struct standard *standard = standard_find(m->type);

		tap_about("mechanism 0x%lx", m->type);
		if (standard == NULL) {
			TAP_CHECK(false, "the standard's row is not known here");
			continue;
		}
		CHECK((m->info.flags & ~standard->flags & ~CKF_HW) == 0);
		CHECK(((m->info.flags & CKF_HW) != 0) == standard->rsa);
		CHECK(m->info.ulMinKeySize <= m->info.ulMaxKeySize);
		if (standard->rsa)
			CHECK(m->info.ulMinKeySize == 512 && m->info.ulMaxKeySize == 2048);
		CHECK((m->digest == NULL) == (standard->digest == NULL));
		if (m->digest != NULL && standard->digest != NULL) {
			CHECK(strcmp(m->digest, standard->digest) == 0);
			CHECK((int)m->digest_len == EVP_MD_get_size(EVP_get_digestbyname(m->digest)));
		}
	}
}

/* What the chip cannot do is not listed: clients trust the list, and take RSA_X_509 for a way to PSS. */
static void not_listed(void)
{
	static const CK_MECHANISM_TYPE absent[] = { CKM_RSA_PKCS_OAEP, CKM_RSA_PKCS_PSS,
		CKM_SHA1_RSA_PKCS_PSS,
		CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS_PSS, CKM_RSA_9796,
		CKM_RSA_X9_31_KEY_PAIR_GEN };
	static const CK_MECHANISM_TYPE present[] = { CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS,
		CKM_MD5_RSA_PKCS,
		CKM_SHA1_RSA_PKCS, CKM_SHA224_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS,
			CKM_SHA512_RSA_PKCS,
		CKM_MD5, CKM_SHA_1, CKM_SHA224, CKM_SHA256, CKM_SHA384, CKM_SHA512, CKM_MD5_HMAC,
		CKM_MD5_HMAC_GENERAL, CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL, CKM_SHA224_HMAC,
			CKM_SHA224_HMAC_GENERAL,
		CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL, CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL,
			CKM_SHA512_HMAC,
		CKM_SHA512_HMAC_GENERAL };

	for (size_t i = 0; i < COUNT(absent); i++)
		TAP_CHECK(mechanism_find(absent[i]) == NULL, "0x%lx is there", absent[i]);
	for (size_t i = 0; i < COUNT(present); i++)
		TAP_CHECK(mechanism_find(present[i]) != NULL && mechanism_find(present[i])->listed,
			"0x%lx is not listed", present[i]);
	CHECK(mechanism_find(CKM_RSA_X_509) == NULL || !mechanism_find(CKM_RSA_X_509)->listed);
}

static void checks(void)
{
	CK_MECHANISM good = { CKM_SHA256, NULL, 0 }, unknown = { CKM_AES_GCM, NULL, 0 };
	CK_BYTE byte = 0;
	CK_MECHANISM parameter = { CKM_SHA256, &byte, 1 };
	const struct mechanism *m;

	RV_EQUAL(mechanism_check(&good, CKF_DIGEST, &m, NULL), CKR_OK);
	CHECK(m == mechanism_find(CKM_SHA256));
	RV_EQUAL(mechanism_check(NULL, CKF_DIGEST, &m, NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(mechanism_check(&unknown, CKF_DIGEST, &m, NULL), CKR_MECHANISM_INVALID);
	RV_EQUAL(mechanism_check(&good, CKF_SIGN, &m, NULL), CKR_MECHANISM_INVALID);
	RV_EQUAL(mechanism_check(&parameter, CKF_DIGEST, &m, NULL), CKR_MECHANISM_PARAM_INVALID);
	for (size_t i = 0; i < MECHANISMS_COUNT; i++)
		for (CK_FLAGS use = CKF_ENCRYPT; use <= CKF_DERIVE; use <<= 1) {
			CK_ULONG one = 1;
			bool general = mechanisms[i].has_length;
			CK_MECHANISM wanted = { mechanisms[i].type, general ? &one : NULL, general
				? sizeof one : 0 };

			tap_about("mechanism 0x%lx for 0x%lx", wanted.mechanism, use);
			RV_EQUAL(mechanism_check(&wanted, use, &m, NULL),
				(mechanisms[i].info.flags & use) != 0 ? CKR_OK : CKR_MECHANISM_INVALID);
		}
}

/* Current mechanisms, 2.21.3: CK_MAC_GENERAL_PARAMS is the length of the MAC. */
static void mac_lengths(void)
{
	uint8_t unaligned[sizeof (CK_ULONG) + 1];
	CK_ULONG len;
	CK_MECHANISM plain = { CKM_SHA256_HMAC, NULL, 0 };
	CK_MECHANISM general = { CKM_SHA256_HMAC_GENERAL, &len, sizeof len };
	const struct mechanism *m;
	size_t mac_len = 0;

	RV_EQUAL(mechanism_check(&plain, CKF_SIGN, &m, &mac_len), CKR_OK);
	NUMBER_EQUAL(mac_len, 32);
	for (len = 1; len <= 32; len++) {
		RV_EQUAL(mechanism_check(&general, CKF_VERIFY, &m, &mac_len), CKR_OK);
		NUMBER_EQUAL(mac_len, len);
	}
	RV_EQUAL(mechanism_check(&general, CKF_VERIFY, &m, &mac_len), CKR_MECHANISM_PARAM_INVALID);
	len = CK_UNAVAILABLE_INFORMATION;
	RV_EQUAL(mechanism_check(&general, CKF_VERIFY, &m, &mac_len), CKR_MECHANISM_PARAM_INVALID);
	general.ulParameterLen = 4;
	len = 4;
	RV_EQUAL(mechanism_check(&general, CKF_SIGN, &m, &mac_len), CKR_MECHANISM_PARAM_INVALID);
	memcpy(unaligned + 1, &len, sizeof len);
	general.pParameter = unaligned + 1;
	general.ulParameterLen = sizeof len;
	RV_EQUAL(mechanism_check(&general, CKF_SIGN, &m, &mac_len), CKR_OK);
	NUMBER_EQUAL(mac_len, 4);
	general.pParameter = NULL;
	RV_EQUAL(mechanism_check(&general, CKF_SIGN, &m, &mac_len), CKR_MECHANISM_PARAM_INVALID);
	RV_EQUAL(mechanism_check(&(CK_MECHANISM){ CKM_SHA256_HMAC, &len, sizeof len }, CKF_SIGN, &m,
		&mac_len),
		CKR_MECHANISM_PARAM_INVALID);
}

/* RFC 8017, 9.2: 00 01, at least eight FF, 00, the text. */
static void type1_blocks(void)
{
	uint8_t block[64];
	const uint8_t *text;
	size_t len;

	for (size_t n = 1; n <= sizeof block - PKCS1_OVERHEAD; n++) {
		tap_about("%zu bytes of text", n);
		memset(block, 0xff, sizeof block);
		block[0] = 0;
		block[1] = 1;
		block[sizeof block - n - 1] = 0;
		CHECK(pkcs1_type1_text(block, sizeof block, &text, &len));
		CHECK(text == block + sizeof block - n && len == n);
		for (size_t at = 0; at < sizeof block - n; at++) {
			block[at] ^= 0x40;
			CHECK(!pkcs1_type1_text(block, sizeof block, &text, &len));
			block[at] ^= 0x40;
		}
	}
	tap_about("seven FF");
	memset(block, 0xff, sizeof block);
	block[0] = 0;
	block[1] = 1;
	block[9] = 0;
	CHECK(!pkcs1_type1_text(block, sizeof block, &text, &len));
	tap_about("no text, or no end");
	block[9] = 0xff;
	CHECK(!pkcs1_type1_text(block, sizeof block, &text, &len));
	block[sizeof block - 1] = 0;
	CHECK(!pkcs1_type1_text(block, sizeof block, &text, &len));
	for (size_t k = 0; k < PKCS1_OVERHEAD; k++)
		CHECK(!pkcs1_type1_text(block, k, &text, &len));
}

/* What libcrypto pads when it signs with the digest. */
static size_t digest_info_of_libcrypto(EVP_PKEY *key, const char *digest, uint8_t *out)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t signature[256];
	size_t signature_len = sizeof signature, len = 256;

	MUST(EVP_DigestSignInit_ex(md, NULL, digest, NULL, NULL, key, NULL) == 1);
	MUST(EVP_DigestSign(md, signature, &signature_len, (const uint8_t *)"abc", 3) == 1);
	MUST(EVP_PKEY_verify_recover_init(ctx) == 1);
	MUST(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1);
	MUST(EVP_PKEY_verify_recover(ctx, out, &len, signature, signature_len) == 1);
	EVP_PKEY_CTX_free(ctx);
	EVP_MD_CTX_free(md);
	return len;
}

static void digest_infos(void)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);
	unsigned int seen = 0;

	MUST(key != NULL);
	for (size_t i = 0; i < MECHANISMS_COUNT; i++) {
		const struct mechanism *m = &mechanisms[i];
		uint8_t digest[64], expected[256];
		struct buf info = BUF_INIT;
		size_t len;

		if (m->prefix == NULL)
			continue;
		tap_about("%s", m->digest);
		MUST(crypto_digest(m->digest, "abc", 3, digest, m->digest_len));
		len = digest_info_of_libcrypto(key, m->digest, expected);
		mechanism_digest_info(m, digest, &info);
		BYTES_EQUAL(info.data, info.len, expected, len);
		buf_free(&info);
		seen++;
	}
	CHECK(seen >= 5);
	EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "each mechanism is listed once", listed_once },
		{ "flags, sizes and digests are the standard's", as_the_standard },
		{ "what is listed and what is not", not_listed },
		{ "mechanisms as callers name them", checks },
		{ "lengths of MACs", mac_lengths },
		{ "blocks of PKCS#1 type 1", type1_blocks },
		{ "DigestInfos are libcrypto's", digest_infos },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "mechanisms", cases);
}
