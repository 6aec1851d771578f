/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "tspi/tspi.h"
#include "unit.h"
#include "util/crypto.h"
#include "util/hex.h"

#define TIMES_10(text) text text text text text text text text text text
#define TEXT(literal) (literal), sizeof (literal) - 1

/* As many bytes as the digits say. */
static size_t from_hex(const char *digits, uint8_t *out)
{
	size_t n = strlen(digits) / 2;

	TAP_MUST(hex_decode(digits, out, n), "no digits: %s", digits);
	return n;
}

static void check_hex(const uint8_t *p, size_t n, const char *expected)
{
	char digits[2 * 128 + 1];

	MUST(n <= 128);
	hex_encode(p, n, digits);
	TAP_CHECK(strcmp(digits, expected) == 0, "%s is not %s", digits, expected);
}

/* --- against published values --- */

static void digests(void)
{
	static const struct {
		const char *name, *text, *digest;
	} rows[] = {
		/* FIPS 180-4 examples (NIST, "Cryptographic Standards and Guidelines: Example Values") */
		{ "SHA1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "SHA256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "SHA256", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		/* RFC 1321, A.5 */
		{ "MD5", "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
	};
	uint8_t out[64];

	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = strlen(rows[i].digest) / 2;

		CHECK(crypto_digest(rows[i].name, rows[i].text, strlen(rows[i].text), out, n));
		check_hex(out, n, rows[i].digest);
		CHECK(crypto_digest(rows[i].name, rows[i].text, strlen(rows[i].text), out, 8));
	}
	CHECK(!crypto_digest("SHA1", "", 0, out, 21));
	CHECK(!crypto_digest("no such digest", "", 0, out, 8));
}

static void hmac_make(const uint8_t *key, size_t key_len, const void *p, size_t n, uint8_t *out)
{
	struct buf data = BUF_INIT;

	buf_put(&data, p, n);
	CHECK(crypto_hmac_sha256(key, key_len, &data, out));
	buf_free(&data);
}

/* RFC 4231, 4.2, 4.3, 4.4, 4.7 */
static void hmac(void)
{
	static const struct {
		const char *key;
		const char *text;
		const char *mac;
	} rows[] = {
		{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "4a656665", "what do ya want for nothing?",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ TIMES_10("aa") TIMES_10("aa"), TIMES_10("\xdd\xdd\xdd\xdd\xdd"),
			"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
		{ TIMES_10(TIMES_10("aa")) TIMES_10("aa") TIMES_10("aa") TIMES_10("aa") "aa",
			"Test Using Larger Than Block-Size Key - Hash Key First",
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	};
	uint8_t key[131], mac[CRYPTO_SHA256_LEN];

	for (size_t i = 0; i < COUNT(rows); i++) {
		hmac_make(key, from_hex(rows[i].key, key), rows[i].text, strlen(rows[i].text), mac);
		check_hex(mac, sizeof mac, rows[i].mac);
	}
}

/* RFC 7914, 11 */
static void pbkdf2(void)
{
	static const uint8_t salt[] = { 's', 'a', 'l', 't' }, other_salt[] = { 'N', 'a', 'C', 'l' };
	uint8_t out[64];

	CHECK(crypto_pbkdf2_sha256(TEXT("passwd"), salt, sizeof salt, 1, out, sizeof out));
	check_hex(out, sizeof out, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
		"49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783");
	CHECK(crypto_pbkdf2_sha256(TEXT("Password"), other_salt, sizeof other_salt, 80000, out,
		sizeof out));
	check_hex(out, sizeof out, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
		"a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d");
}

/* HKDF-SHA256 of up to 32 bytes in its two steps (RFC 5869, 2.2 and 2.3). */
static void hkdf(const uint8_t *key, size_t key_len, const uint8_t *salt, size_t salt_len, const void *info,
	size_t info_len, uint8_t out[CRYPTO_SHA256_LEN])
{
	uint8_t prk[CRYPTO_SHA256_LEN], block[128];

	hmac_make(salt, salt_len, key, key_len, prk);
	MUST(info_len < sizeof block);
	memcpy(block, info, info_len);
	block[info_len] = 1;
	hmac_make(prk, sizeof prk, block, info_len + 1, out);
}

/* No published vector has keys of our length, so the two steps above stand between. */
static void derivation(void)
{
	static const char purpose[] = "pkcs11_tpm private objects";
	uint8_t key[22], salt[16], info[10], out[CRYPTO_KEY_LEN], expected[CRYPTO_KEY_LEN];
	uint8_t long_key[CRYPTO_KEY_LEN];

	/* RFC 5869, A.1: the first 32 bytes */
	memset(key, 0x0b, sizeof key);
	from_hex("000102030405060708090a0b0c", salt);
	from_hex("f0f1f2f3f4f5f6f7f8f9", info);
	hkdf(key, sizeof key, salt, 13, info, sizeof info, expected);
	check_hex(expected, sizeof expected,
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
	MUST(crypto_random(long_key, sizeof long_key) && crypto_random(salt, sizeof salt));
	hkdf(long_key, sizeof long_key, salt, sizeof salt, TEXT(purpose), expected);
	CHECK(crypto_derive(long_key, salt, sizeof salt, purpose, out));
	CHECK(memcmp(out, expected, sizeof out) == 0);
	CHECK(crypto_derive(long_key, salt, sizeof salt, "another purpose", out));
	CHECK(memcmp(out, expected, sizeof out) != 0);
}

static void random_bytes(void)
{
	uint8_t a[32], b[32];

	CHECK(crypto_random(a, sizeof a) && crypto_random(b, sizeof b));
	CHECK(memcmp(a, b, sizeof a) != 0);
	crypto_random_mix(a, sizeof a);
	CHECK(crypto_random(a, 0));
}

/* --- AES-256-GCM --- */

/* McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16 */
static void gcm_published(void)
{
	uint8_t key[32], header[20], text[12 + 60 + 16], plain[60];
	struct buf out = BUF_INIT;
	size_t n;

	from_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key);
	from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2", header);
	n = from_hex("cafebabefacedbaddecaf888"
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
		"76fc6ece0f4e1768cddf8853bb2d551b", text);
	from_hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39", plain);
	CHECK(crypto_open(key, header, sizeof header, text, n, &out));
	BYTES_EQUAL(out.data, out.len, plain, sizeof plain);
	buf_free(&out);
}

static void gcm_round_trip(void)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 1000, 100000 };
	uint8_t key[CRYPTO_KEY_LEN], *text = calloc(1, 100000);

	MUST(text != NULL && crypto_random(key, sizeof key));
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct buf sealed = BUF_INIT, again = BUF_INIT, out = BUF_INIT;

		tap_about("%zu bytes", sizes[i]);
		buf_put(&sealed, "before", 6);
		buf_put(&out, "before", 6);
		CHECK(crypto_seal(key, "header", 6, text, sizes[i], &sealed));
		CHECK(crypto_seal(key, "header", 6, text, sizes[i], &again));
		NUMBER_EQUAL(sealed.len, 6 + CRYPTO_NONCE_LEN + sizes[i] + CRYPTO_TAG_LEN);
		CHECK(memcmp(sealed.data + 6, again.data, CRYPTO_NONCE_LEN) != 0);
		CHECK(crypto_open(key, "header", 6, sealed.data + 6, sealed.len - 6, &out));
		CHECK(out.len == 6 + sizes[i] && memcmp(out.data, "before", 6) == 0
			&& memcmp(out.data + 6, text, sizes[i]) == 0);
		buf_free(&sealed);
		buf_free(&again);
		buf_free(&out);
	}
	free(text);
}

/* Nothing that was not there before may be in out, nor be left in the room behind it. */
static void check_refused(const uint8_t *key, const char *header, size_t header_len, const struct buf *text,
	size_t n)
{
	struct buf out = BUF_INIT;

	buf_put(&out, "before", 6);
	CHECK(!crypto_open(key, header, header_len, text->data, n, &out));
	CHECK(buf_is(&out, "before"));
	for (size_t at = 6; n > 28 && at < 6 + n - 28 && at < out.cap; at++)
		CHECK(out.data[at] == 0);
	buf_free(&out);
}

static void gcm_refuses(void)
{
	uint8_t key[CRYPTO_KEY_LEN];
	char header[] = "sixteen bytes..";
	struct buf text = BUF_INIT;

	MUST(crypto_random(key, sizeof key));
	MUST(crypto_seal(key, header, sizeof header, TEXT("a text to be kept secret"), &text));
	for (size_t i = 0; i < sizeof header; i++) {
		tap_about("byte %zu of the header", i);
		header[i] ^= 1;
		check_refused(key, header, sizeof header, &text, text.len);
		header[i] ^= 1;
	}
	for (size_t i = 0; i < text.len; i++) {
		tap_about("byte %zu of nonce, text and tag", i);
		text.data[i] ^= 0x80;
		check_refused(key, header, sizeof header, &text, text.len);
		text.data[i] ^= 0x80;
		tap_about("cut to %zu bytes", i);
		check_refused(key, header, sizeof header, &text, i);
	}
	tap_about("a shorter header");
	check_refused(key, header, sizeof header - 1, &text, text.len);
	for (size_t i = 0; i < sizeof key; i++) {
		tap_about("byte %zu of the key", i);
		key[i] ^= 1;
		check_refused(key, header, sizeof header, &text, text.len);
		key[i] ^= 1;
	}
	buf_free(&text);
}

/* --- RSA --- */

static EVP_PKEY *public_half(EVP_PKEY *key)
{
	uint8_t modulus[256];
	BIGNUM *n = NULL;
	int len;

	EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n);
	len = BN_bn2bin(n, modulus);
	BN_free(n);
	return crypto_rsa_public(modulus, (size_t)len, tspi_exponent, sizeof tspi_exponent);
}

static bool oaep_opens(EVP_PKEY *key, const char *label, const struct buf *sealed, const char *text)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t plain[256];
	size_t len = sizeof plain;
	bool ok = EVP_PKEY_decrypt_init(ctx) == 1
		&& EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1
		&& EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha1()) == 1
		&& EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha1()) == 1
		&& EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup(label), (int)strlen(label)) == 1
		&& EVP_PKEY_decrypt(ctx, plain, &len, sealed->data, sealed->len) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok && len == strlen(text) && memcmp(plain, text, len) == 0;
}

static void oaep(void)
{
	EVP_PKEY *key = EVP_RSA_gen(1024), *public = public_half(key);
	struct buf sealed = BUF_INIT, too_long = BUF_INIT;
	char text[128] = { 0 };

	MUST(key != NULL && public != NULL);
	CHECK(crypto_rsa_oaep_tcpa(public, TEXT("hello"), &sealed));
	NUMBER_EQUAL(sealed.len, 128);
	CHECK(oaep_opens(key, "TCPA", &sealed, "hello"));
	CHECK(!oaep_opens(key, "TCPB", &sealed, "hello"));
	CHECK(!oaep_opens(key, "", &sealed, "hello"));
	CHECK(crypto_rsa_oaep_tcpa(public, text, 128 - 42, &too_long));
	CHECK(!crypto_rsa_oaep_tcpa(public, text, 128 - 41, &too_long));
	buf_free(&sealed);
	buf_free(&too_long);
	EVP_PKEY_free(public);
	EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "digests (FIPS 180-4, RFC 1321)", digests },
		{ "HMAC (RFC 4231)", hmac },
		{ "PBKDF2 (RFC 7914)", pbkdf2 },
		{ "HKDF (RFC 5869)", derivation },
		{ "random bytes", random_bytes },
		{ "AES-GCM opens a published text", gcm_published },
		{ "AES-GCM opens what it sealed", gcm_round_trip },
		{ "AES-GCM refuses what is not what was sealed", gcm_refuses },
		{ "OAEP with the chip's label", oaep },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "crypto", cases);
}
