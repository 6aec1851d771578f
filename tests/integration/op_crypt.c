/* SPDX-License-Identifier: BSD-2-Clause */
/* C_Encrypt and C_Decrypt, C_Digest, C_GenerateRandom, compared with libcrypto. */
#define _GNU_SOURCE
#include "p11.h"

#include <string.h>

static const CK_ULONG sizes[] = { 512, 1024, 2048 };
static CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned char *encrypted,
		     size_t length, unsigned char *out, CK_ULONG *out_length)
{
	RV_MUST(p11->C_DecryptInit(session, &rsa, key), CKR_OK);
	return p11->C_Decrypt(session, encrypted, length, out, out_length);
}

static CK_RV encrypt(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned char *data,
		     size_t length, unsigned char *out, CK_ULONG *out_length)
{
	RV_MUST(p11->C_EncryptInit(session, &rsa, key), CKR_OK);
	return p11->C_Encrypt(session, data, length, out, out_length);
}

static void decrypts_openssl(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	unsigned char data[P11_MAX_BYTES], encrypted[P11_MAX_BYTES], back[P11_MAX_BYTES];
	size_t i, j;

	memset(data, 0x5d, sizeof(data));
	for (i = 0; i < 3; i++) {
		struct p11_pair pair = p11_shared_pair(session, sizes[i]);
		EVP_PKEY *key = p11_read_public(session, pair.public);
		const size_t k = sizes[i] / 8, lengths[] = { 1, 16, 48, k - 11 };

		for (j = 0; j < sizeof(lengths) / sizeof(*lengths); j++) {
			CK_ULONG length = sizeof(back);

			tap_about("%zu bytes, %lu bits", lengths[j], sizes[i]);
			ULONG_EQUAL(p11_soft_encrypt(key, data, lengths[j], encrypted), k);
			RV_EQUAL(decrypt(session, pair.private, encrypted, k, back, &length),
				 CKR_OK);
			ULONG_EQUAL(length, lengths[j]);
			CHECK(length == lengths[j] && memcmp(back, data, length) == 0);
		}
		EVP_PKEY_free(key);
	}
}

static void encrypt_then_decrypt(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	unsigned char data[] = "there and back", encrypted[2][P11_MAX_BYTES], back[P11_MAX_BYTES];
	size_t i;

	for (i = 0; i < 3; i++) {
		struct p11_pair pair = p11_shared_pair(session, sizes[i]);
		CK_ULONG k = sizes[i] / 8, length = k, again = k, back_length = sizeof(back);

		tap_about("%lu bits", sizes[i]);
		RV_EQUAL(encrypt(session, pair.public, data, sizeof(data), encrypted[0], &length),
			 CKR_OK);
		RV_EQUAL(encrypt(session, pair.public, data, sizeof(data), encrypted[1], &again),
			 CKR_OK);
		ULONG_EQUAL(length, k);
		/* The padding is random. */
		CHECK(memcmp(encrypted[0], encrypted[1], k) != 0);
		RV_EQUAL(decrypt(session, pair.private, encrypted[0], k, back, &back_length),
			 CKR_OK);
		CHECK(back_length == sizeof(data) && memcmp(back, data, back_length) == 0);
	}
}

static void crypt_lengths(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char data[] = "a text", encrypted[P11_MAX_BYTES], back[P11_MAX_BYTES];
	CK_ULONG length = (CK_ULONG)-1;

	RV_MUST(p11->C_EncryptInit(session, &rsa, pair.public), CKR_OK);
	RV_EQUAL(p11->C_Encrypt(session, data, sizeof(data), NULL, &length), CKR_OK);
	ULONG_EQUAL(length, 128);
	length = 127;
	RV_EQUAL(p11->C_Encrypt(session, data, sizeof(data), encrypted, &length),
		 CKR_BUFFER_TOO_SMALL);
	ULONG_EQUAL(length, 128);
	RV_EQUAL(p11->C_Encrypt(session, data, sizeof(data), encrypted, &length), CKR_OK);

	RV_MUST(p11->C_DecryptInit(session, &rsa, pair.private), CKR_OK);
	length = 0;
	RV_EQUAL(p11->C_Decrypt(session, encrypted, 128, NULL, &length), CKR_OK);
	TAP_CHECK(length >= sizeof(data) && length <= 128, "a query says %lu bytes", length);
	length = 3;
	RV_EQUAL(p11->C_Decrypt(session, encrypted, 128, back, &length), CKR_BUFFER_TOO_SMALL);
	CHECK(length >= sizeof(data) && length <= 128);
	length = sizeof(back);
	RV_EQUAL(p11->C_Decrypt(session, encrypted, 128, back, &length), CKR_OK);
	CHECK(length == sizeof(data) && memcmp(back, data, length) == 0);
	RV_EQUAL(p11->C_Decrypt(session, encrypted, 128, back, &length),
		 CKR_OPERATION_NOT_INITIALIZED);

	/* The same buffer. */
	length = sizeof(encrypted);
	RV_EQUAL(decrypt(session, pair.private, encrypted, 128, encrypted, &length), CKR_OK);
	CHECK(length == sizeof(data) && memcmp(encrypted, data, length) == 0);
	RV_MUST(p11->C_DecryptInit(session, &rsa, pair.private), CKR_OK);
	RV_EQUAL(p11->C_Decrypt(session, encrypted, 128, back, NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_Decrypt(session, encrypted, 128, back, &length),
		 CKR_OPERATION_NOT_INITIALIZED);
}

static void crypt_refused(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	CK_MECHANISM sign = { CKM_SHA256_RSA_PKCS, NULL, 0 }, oaep = { CKM_RSA_PKCS_OAEP, NULL, 0 };
	unsigned char data[P11_MAX_BYTES], out[P11_MAX_BYTES];
	CK_ULONG length = sizeof(out);

	memset(data, 0x11, sizeof(data));
	RV_EQUAL(encrypt(session, pair.public, data, 118, out, &length), CKR_DATA_LEN_RANGE);
	RV_EQUAL(p11->C_Encrypt(session, data, 1, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(decrypt(session, pair.private, data, 127, out, &length),
		 CKR_ENCRYPTED_DATA_LEN_RANGE);
	RV_EQUAL(decrypt(session, pair.private, data, 129, out, &length),
		 CKR_ENCRYPTED_DATA_LEN_RANGE);
	RV_EQUAL(decrypt(session, pair.private, data, 128, out, &length),
		 CKR_ENCRYPTED_DATA_INVALID);
	RV_EQUAL(p11->C_Decrypt(session, data, 128, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_EncryptInit(session, &sign, pair.public), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_DecryptInit(session, &oaep, pair.private), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_EncryptInit(session, NULL, pair.public), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_DecryptInit(session, &rsa, 0xfffffff), CKR_KEY_HANDLE_INVALID);
	RV_ONE_OF(p11->C_DecryptInit(session, &rsa, pair.public), CKR_KEY_TYPE_INCONSISTENT,
		  CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_ONE_OF(p11->C_EncryptInit(session, &rsa, pair.private), CKR_KEY_TYPE_INCONSISTENT,
		  CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_EQUAL(p11->C_EncryptInit(session, &rsa, pair.public), CKR_OK);
	RV_EQUAL(p11->C_EncryptInit(session, &rsa, pair.public), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_DecryptInit(session, &rsa, pair.private), CKR_OK);
	RV_EQUAL(p11->C_DecryptInit(session, &rsa, pair.private), CKR_OPERATION_ACTIVE);
}

/* Digests */

static unsigned char text[100000];

static CK_RV digest_in_parts(CK_SESSION_HANDLE session, size_t length, unsigned char *out,
			     CK_ULONG *out_length)
{
	size_t done, part;
	CK_RV rv = CKR_OK;

	for (done = 0, part = 1; rv == CKR_OK && done < length; done += part, part = part * 3 + 1) {
		if (part > length - done)
			part = length - done;
		rv = p11->C_DigestUpdate(session, text + done, part);
	}
	return rv != CKR_OK ? rv : p11->C_DigestFinal(session, out, out_length);
}

static void digests(void)
{
	static const size_t lengths[] = { 0, 1, 55, 56, 63, 64, 111, 112, 128, 1000, sizeof(text) };
	CK_SESSION_HANDLE session;
	size_t i, j;

	p11_shared_token();
	RV_MUST(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	session = p11_open_ro();
	for (i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)(i ^ i >> 8);
	for (i = 0; i < P11_DIGESTS; i++) {
		CK_MECHANISM m = { p11_digests[i].digest, NULL, 0 };

		for (j = 0; j < sizeof(lengths) / sizeof(*lengths); j++) {
			unsigned char ours[2][64], theirs[EVP_MAX_MD_SIZE];
			CK_ULONG length = 64, parts = 64;

			tap_about("%s of %zu bytes", p11_digests[i].name, lengths[j]);
			MUST(EVP_Digest(text, lengths[j], theirs, NULL, p11_digests[i].md(),
					NULL) == 1);
			RV_MUST(p11->C_DigestInit(session, &m), CKR_OK);
			RV_EQUAL(p11->C_Digest(session, text, lengths[j], ours[0], &length),
				 CKR_OK);
			ULONG_EQUAL(length, p11_digests[i].size);
			CHECK(memcmp(ours[0], theirs, p11_digests[i].size) == 0);
			RV_MUST(p11->C_DigestInit(session, &m), CKR_OK);
			RV_EQUAL(digest_in_parts(session, lengths[j], ours[1], &parts), CKR_OK);
			ULONG_EQUAL(parts, p11_digests[i].size);
			CHECK(memcmp(ours[1], theirs, p11_digests[i].size) == 0);
		}
	}
}

static void digest_lengths(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_MECHANISM m = { CKM_SHA256, NULL, 0 };
	unsigned char out[64], expected[EVP_MAX_MD_SIZE];
	CK_ULONG length = 0;

	MUST(EVP_Digest(text, 10, expected, NULL, EVP_sha256(), NULL) == 1);
	RV_MUST(p11->C_DigestInit(session, &m), CKR_OK);
	RV_EQUAL(p11->C_Digest(session, text, 10, NULL, &length), CKR_OK);
	ULONG_EQUAL(length, 32);
	length = 31;
	RV_EQUAL(p11->C_Digest(session, text, 10, out, &length), CKR_BUFFER_TOO_SMALL);
	ULONG_EQUAL(length, 32);
	RV_EQUAL(p11->C_Digest(session, text, 10, out, &length), CKR_OK);
	CHECK(memcmp(out, expected, 32) == 0);

	RV_MUST(p11->C_DigestInit(session, &m), CKR_OK);
	RV_EQUAL(p11->C_DigestUpdate(session, text, 10), CKR_OK);
	RV_EQUAL(p11->C_DigestFinal(session, NULL, &length), CKR_OK);
	ULONG_EQUAL(length, 32);
	length = 1;
	RV_EQUAL(p11->C_DigestFinal(session, out, &length), CKR_BUFFER_TOO_SMALL);
	ULONG_EQUAL(length, 32);
	memset(out, 0, sizeof(out));
	RV_EQUAL(p11->C_DigestFinal(session, out, &length), CKR_OK);
	CHECK(memcmp(out, expected, 32) == 0);
}

static void digest_order(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_MECHANISM m = { CKM_SHA256, NULL, 0 }, sign = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	unsigned char out[64];
	CK_ULONG length = sizeof(out);

	RV_EQUAL(p11->C_Digest(session, text, 10, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_DigestUpdate(session, text, 10), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_DigestFinal(session, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_DigestInit(session, NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_DigestInit(session, &sign), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_DigestInit(session, &m), CKR_OK);
	RV_EQUAL(p11->C_DigestInit(session, &m), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_DigestUpdate(session, text, 10), CKR_OK);
	RV_EQUAL(p11->C_Digest(session, text, 10, out, &length), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_DigestFinal(session, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_DigestInit(session, &m), CKR_OK);
	RV_EQUAL(p11->C_Digest(session, text, 10, NULL, &length), CKR_OK);
	RV_EQUAL(p11->C_DigestFinal(session, out, &length), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_DigestFinal(session, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_DigestInit(session, &m), CKR_OK);
	RV_EQUAL(p11->C_Digest(session, text, 10, NULL, &length), CKR_OK);
	RV_EQUAL(p11->C_DigestUpdate(session, text, 10), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_Digest(session, text, 10, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_DigestInit(session, &m), CKR_OK);
	RV_EQUAL(p11->C_Digest(session, text, 10, out, NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_DigestFinal(session, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_DigestInit(session, &m), CKR_OK);
	RV_EQUAL(p11->C_DigestUpdate(session, NULL, 10), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_DigestFinal(session, out, &length), CKR_OPERATION_NOT_INITIALIZED);
}

/* Random */

static void random_bytes(void)
{
	static const CK_ULONG lengths[] = { 20, 255, 2034, 2035, 2048, 4096, 4097, 5000 };
	static unsigned char first[5001], second[5001];
	CK_SESSION_HANDLE session;
	CK_ULONG i, j, zeros;

	p11_shared_token();
	RV_MUST(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	session = p11_open_ro();
	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		tap_about("%lu bytes", lengths[i]);
		memset(first, 0, sizeof(first));
		memset(second, 0, sizeof(second));
		RV_EQUAL(p11->C_GenerateRandom(session, first, lengths[i]), CKR_OK);
		RV_EQUAL(p11->C_GenerateRandom(session, second, lengths[i]), CKR_OK);
		CHECK(memcmp(first, second, lengths[i]) != 0);
		CHECK(first[lengths[i]] == 0);
		/* Filled to the end: sixteen zeros in a row come once in 2^128. */
		for (j = lengths[i] - 16, zeros = 0; j < lengths[i]; j++)
			zeros += first[j] == 0;
		CHECK(zeros < 16);
	}
	first[0] = 0x77;
	RV_EQUAL(p11->C_GenerateRandom(session, first, 0), CKR_OK);
	ULONG_EQUAL(first[0], 0x77);
	for (i = 0, zeros = 0; i < 8; i++) {
		first[0] = 0;
		first[1] = 0x77;
		RV_EQUAL(p11->C_GenerateRandom(session, first, 1), CKR_OK);
		ULONG_EQUAL(first[1], 0x77);
		zeros += first[0] == 0;
	}
	CHECK(zeros < 8);
	RV_EQUAL(p11->C_GenerateRandom(session, NULL, 5), CKR_ARGUMENTS_BAD);
}

static void seeds(void)
{
	unsigned char seed[1000];
	CK_SESSION_HANDLE session;

	p11_shared_token();
	RV_MUST(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	session = p11_open_ro();
	memset(seed, 0x42, sizeof(seed));
	RV_EQUAL(p11->C_SeedRandom(session, seed, 1), CKR_OK);
	RV_EQUAL(p11->C_SeedRandom(session, seed, 20), CKR_OK);
	RV_EQUAL(p11->C_SeedRandom(session, seed, sizeof(seed)), CKR_OK);
	RV_EQUAL(p11->C_SeedRandom(session, NULL, 20), CKR_ARGUMENTS_BAD);
}

static const struct tap_case cases[] = {
	{ "what openssl encrypts is decrypted, at every key size", decrypts_openssl },
	{ "C_Encrypt, then C_Decrypt", encrypt_then_decrypt },
	{ "length queries and small buffers keep the operation", crypt_lengths },
	{ "encryption and decryption refused", crypt_refused },
	{ "digests, whole and in parts", digests },
	{ "length queries and small buffers of digests", digest_lengths },
	{ "the order of the digest calls", digest_order },
	{ "random bytes", random_bytes },
	{ "C_SeedRandom", seeds },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "encryption, digests, random", cases);
}
