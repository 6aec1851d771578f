/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "fake_tspi.h"
#include "unit.h"
#include "util/crypto.h"

/* TPM Main Specification 1.2 part 2: TPM_KEY (10.2), TPM_STORE_ASYMKEY (10.6), TPM_BOUND_DATA (11.1). */
#define OFFSET_USAGE 4
#define OFFSET_FLAGS 6
#define OFFSET_AUTH 10
#define OFFSET_ALGORITHM 11
#define OFFSET_SCHEMES 15
#define OFFSET_PARMS_LEN 19
#define OFFSET_BITS 23
#define OFFSET_PCR_LEN 35
#define OFFSET_MODULUS_LEN 39
#define OFFSET_MODULUS 43

static EVP_PKEY *key, *parent_key;

/* A public part and an encrypted part of that length, of which only the chip knows what it is. */
static void blob_make(uint16_t usage, const EVP_PKEY *of, size_t private_len, struct buf *b)
{
	BIGNUM *n = NULL;
	size_t len = (size_t)EVP_PKEY_get_size(of);
	uint8_t *to;

	EVP_PKEY_get_bn_param(of, OSSL_PKEY_PARAM_RSA_N, &n);
	buf_put_u32(b, 0x01010000);
	buf_put_u16(b, usage);
	buf_put_u32(b, 0);
	buf_put_u8(b, 1);
	buf_put_u32(b, 1);
	buf_put_u32(b, 0x00030001);
	buf_put_u32(b, 12);
	buf_put_u32(b, (uint32_t)len * 8);
	buf_put_u32(b, 2);
	buf_put_u32(b, 0);
	buf_put_u32(b, 0);
	buf_put_u32(b, (uint32_t)len);
	to = buf_extend(b, len);
	MUST(to != NULL);
	BN_bn2binpad(n, to, (int)len);
	buf_put_u32(b, (uint32_t)private_len);
	if (private_len != 0)
		memset(buf_extend(b, private_len), 'x', private_len);
	BN_free(n);
}

static void number_set(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t number_get(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* In an allocation of its very size, so that a look past its end is seen. */
static bool info_of(const uint8_t *p, size_t n, struct tspi_key_info *info)
{
	uint8_t *copy = malloc(n != 0 ? n : 1);
	bool ok;

	MUST(copy != NULL);
	memcpy(copy, p, n);
	ok = tspi_blob_info(copy, n, info);
	free(copy);
	return ok;
}

/* --- reading --- */

static void good(void)
{
	static const struct {
		uint16_t tpm_usage;
		enum tspi_usage usage;
	} rows[] = {
		{ 0x0014, TSPI_BIND }, { 0x0011, TSPI_STORAGE }, { 0x0010, TSPI_SIGNING },
		{ 0x0015, TSPI_LEGACY },
	};
	struct tspi_key_info info;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b = BUF_INIT;

		tap_about("usage 0x%x", rows[i].tpm_usage);
		blob_make(rows[i].tpm_usage, key, 256, &b);
		MUST(tspi_blob_info(b.data, b.len, &info));
		CHECK(info.usage == rows[i].usage && !info.can_migrate && info.has_auth);
		CHECK(info.modulus == b.data + OFFSET_MODULUS && info.modulus_len == 128);
		b.data[OFFSET_FLAGS + 3] = 2; /* TPM_MIGRATABLE */
		b.data[OFFSET_AUTH] = 0; /* TPM_AUTH_NEVER */
		MUST(tspi_blob_info(b.data, b.len, &info));
		CHECK(info.can_migrate && !info.has_auth);
		number_set(b.data, 0x00280000); /* the tag of a TPM_KEY12 */
		CHECK(tspi_blob_info(b.data, b.len, &info));
		buf_free(&b);
	}
}

static void of_the_chip(void)
{
	static const uint8_t auth[TSPI_AUTH_LEN] = { 1 };
	static const unsigned int sizes[] = { 512, 1024, 2048 };
	struct tspi_key_info info;

	fake_reset();
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct buf b = BUF_INIT;

		RV_MUST(tspi_key_create(TSPI_LEGACY, sizes[i], i == 0 ? NULL : auth, &b), CKR_OK);
		MUST(tspi_blob_info(b.data, b.len, &info));
		CHECK(info.usage == TSPI_LEGACY && !info.can_migrate && info.has_auth == (i != 0));
		NUMBER_EQUAL(info.modulus_len, sizes[i] / 8);
		buf_free(&b);
	}
}

static void truncated(void)
{
	struct buf b = BUF_INIT;
	struct tspi_key_info info;

	blob_make(0x14, key, 256, &b);
	for (size_t n = 0; n < b.len; n++) {
		tap_about("%zu bytes of %zu", n, b.len);
		CHECK(!info_of(b.data, n, &info));
	}
	tap_about("a byte too many");
	buf_put_u8(&b, 0);
	CHECK(!info_of(b.data, b.len, &info));
	tap_about("nothing encrypted");
	buf_free(&b);
	blob_make(0x14, key, 0, &b);
	CHECK(!info_of(b.data, b.len, &info));
	CHECK(!tspi_blob_info(NULL, 0, &info));
	buf_free(&b);
}

/* Each length, the number of bits, the algorithm and the usage as they may not be. */
static void wrong_fields(void)
{
	static const uint32_t offsets[] = { OFFSET_PARMS_LEN, OFFSET_BITS, OFFSET_PCR_LEN,
		OFFSET_MODULUS_LEN,
		OFFSET_MODULUS + 128, OFFSET_ALGORITHM };
	static const uint32_t values[] = { 0, 1, 3, 4, 11, 13, 127, 129, 0x7fffffff, 0x80000000,
		0xffffffff };
	struct buf b = BUF_INIT;
	struct tspi_key_info info;

	blob_make(0x14, key, 256, &b);
	for (size_t i = 0; i < COUNT(offsets); i++) {
		uint32_t right = number_get(b.data + offsets[i]);

		for (size_t v = 0; v < COUNT(values) + 32; v++) {
			uint32_t wrong = v < COUNT(values)
				? values[v] : right ^ (1u << (v - COUNT(values)));

			tap_about("offset %u: 0x%x", (unsigned int)offsets[i], (unsigned int)wrong);
			number_set(b.data + offsets[i], wrong);
			CHECK(wrong == right || !info_of(b.data, b.len, &info));
		}
		number_set(b.data + offsets[i], right);
	}
	tap_about("a modulus that is shorter than it says");
	b.data[OFFSET_MODULUS] &= 0x7f;
	CHECK(!info_of(b.data, b.len, &info));
	b.data[OFFSET_MODULUS] |= 0x80;
	for (uint8_t usage = 0; usage < 0x20; usage++) {
		tap_about("usage 0x%x", usage);
		b.data[OFFSET_USAGE + 1] = usage;
		CHECK(info_of(b.data, b.len, &info) == (usage == 0x10 || usage == 0x11 || usage == 0x14
			|| usage == 0x15));
	}
	buf_free(&b);
}

/* --- writing --- */

static void oaep_open(const uint8_t *p, size_t n, struct buf *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(parent_key, NULL);
	size_t len = 256;
	uint8_t *to = buf_extend(out, len);

	MUST(to != NULL && EVP_PKEY_decrypt_init(ctx) == 1);
	MUST(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1);
	MUST(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha1()) == 1);
	MUST(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_memdup("TCPA", 4), 4) == 1);
	MUST(EVP_PKEY_decrypt(ctx, to, &len, p, n) == 1);
	out->len = len;
	EVP_PKEY_CTX_free(ctx);
}

static size_t number_of(const EVP_PKEY *of, const char *name, uint8_t out[128])
{
	BIGNUM *n = NULL;
	int len;

	MUST(EVP_PKEY_get_bn_param(of, name, &n) == 1);
	len = BN_bn2bin(n, out);
	BN_clear_free(n);
	return (size_t)len;
}

static const uint8_t auth[TSPI_AUTH_LEN] = "twenty bytes of auth";

static CK_RV wrap(uint16_t parent_usage, enum tspi_usage usage, struct buf *blob)
{
	uint8_t modulus[128], prime[128];
	size_t modulus_len = number_of(key, OSSL_PKEY_PARAM_RSA_N, modulus);
	size_t prime_len = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR1, prime);
	struct buf parent = BUF_INIT;
	CK_RV rv;

	blob_make(parent_usage, parent_key, 256, &parent);
	rv = tspi_key_wrap(&parent, usage, modulus, modulus_len, prime, prime_len, auth, blob);
	buf_free(&parent);
	return rv;
}

static void wrapped_public_part(void)
{
	static const struct {
		enum tspi_usage usage;
		uint8_t tpm_usage;
		uint32_t schemes;
	} rows[] = {
		{ TSPI_SIGNING, 0x10, 0x00010003 }, /* TPM_ES_NONE, TPM_SS_RSASSAPKCS1v15_DER */
		{ TSPI_LEGACY, 0x15, 0x00020003 }, /* TPM_ES_RSAESPKCSv15 */
	};
	struct tspi_key_info info;
	uint8_t modulus[128];

	number_of(key, OSSL_PKEY_PARAM_RSA_N, modulus);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b = BUF_INIT;

		RV_MUST(wrap(0x11, rows[i].usage, &b), CKR_OK);
		MUST(tspi_blob_info(b.data, b.len, &info));
		CHECK(info.usage == rows[i].usage && info.can_migrate && info.has_auth);
		BYTES_EQUAL(info.modulus, info.modulus_len, modulus, sizeof modulus);
		CHECK(number_get(b.data) == 0x01010000);
		CHECK(b.data[OFFSET_USAGE] == 0 && b.data[OFFSET_USAGE + 1] == rows[i].tpm_usage);
		CHECK(number_get(b.data + OFFSET_FLAGS) == 2 && b.data[OFFSET_AUTH] == 1);
		CHECK(number_get(b.data + OFFSET_ALGORITHM) == 1);
		CHECK(number_get(b.data + OFFSET_SCHEMES) == rows[i].schemes);
		CHECK(number_get(b.data + OFFSET_PARMS_LEN) == 12
			&& number_get(b.data + OFFSET_BITS) == 1024);
		CHECK(number_get(b.data + OFFSET_BITS + 4) == 2
			&& number_get(b.data + OFFSET_BITS + 8) == 0);
		CHECK(number_get(b.data + OFFSET_PCR_LEN) == 0);
		buf_free(&b);
	}
}

static void wrapped_private_part(void)
{
	uint8_t digest[20], prime[128], first_migration[20];
	size_t prime_len = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR1, prime);
	struct tspi_key_info info;

	for (int i = 0; i < 2; i++) {
		struct buf b = BUF_INIT, plain = BUF_INIT;
		size_t at;

		RV_MUST(wrap(0x11, TSPI_LEGACY, &b), CKR_OK);
		MUST(tspi_blob_info(b.data, b.len, &info));
		at = OFFSET_MODULUS + info.modulus_len;
		MUST(crypto_digest("SHA1", b.data, at, digest, sizeof digest));
		oaep_open(b.data + at + 4, b.len - at - 4, &plain);
		NUMBER_EQUAL(plain.len, 1 + 20 + 20 + 20 + 4 + prime_len);
		CHECK(plain.data[0] == 1); /* TPM_PT_ASYM */
		CHECK(memcmp(plain.data + 1, auth, 20) == 0);
		CHECK(memcmp(plain.data + 41, digest, 20) == 0);
		CHECK(number_get(plain.data + 61) == prime_len);
		CHECK(memcmp(plain.data + 65, prime, prime_len) == 0);
		if (i == 0)
			memcpy(first_migration, plain.data + 21, 20);
		else
			CHECK(memcmp(first_migration, plain.data + 21, 20) != 0);
		buf_free(&b);
		buf_free(&plain);
	}
}

static void wrap_refuses(void)
{
	static const uint8_t not_storage[] = { 0x10, 0x14, 0x15 };
	struct buf b = BUF_INIT, nothing = BUF_INIT;
	uint8_t number[128] = { 1 };

	for (size_t i = 0; i < COUNT(not_storage); i++)
		RV_EQUAL(wrap(not_storage[i], TSPI_LEGACY, &b), CKR_DEVICE_ERROR);
	RV_EQUAL(tspi_key_wrap(&nothing, TSPI_LEGACY, number, 128, number, 64, auth, &b), CKR_DEVICE_ERROR);
	NUMBER_EQUAL(b.len, 0);
}

static void bind(void)
{
	static const uint8_t expected[] = { 1, 1, 0, 0, 2, 's', 'e', 'c', 'r', 'e', 't' };
	struct buf blob = BUF_INIT, bound = BUF_INIT, plain = BUF_INIT, nothing = BUF_INIT;

	blob_make(0x14, parent_key, 256, &blob);
	RV_MUST(tspi_bind(&blob, "secret", 6, &bound), CKR_OK);
	NUMBER_EQUAL(bound.len, 256);
	oaep_open(bound.data, bound.len, &plain);
	BYTES_EQUAL(plain.data, plain.len, expected, sizeof expected);
	blob.data[OFFSET_USAGE + 1] = 0x11;
	RV_EQUAL(tspi_bind(&blob, "secret", 6, &plain), CKR_DEVICE_ERROR);
	RV_EQUAL(tspi_bind(&nothing, "secret", 6, &plain), CKR_DEVICE_ERROR);
	buf_free(&blob);
	buf_free(&bound);
	buf_free(&plain);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "good blobs are read", good },
		{ "the fake chip's blobs are read", of_the_chip },
		{ "no truncated blob is read", truncated },
		{ "no blob with a wrong field is read", wrong_fields },
		{ "the public part of a wrapped key", wrapped_public_part },
		{ "the private part of a wrapped key", wrapped_private_part },
		{ "only storage keys wrap", wrap_refuses },
		{ "bound data", bind },
		{ NULL, NULL },
	};
	int status;

	key = EVP_RSA_gen(1024);
	parent_key = EVP_RSA_gen(2048);
	status = key != NULL && parent_key != NULL ? tap_main(argc, argv, "keyblob", cases) : EXIT_FAILURE;
	EVP_PKEY_free(key);
	EVP_PKEY_free(parent_key);
	return status;
}
