/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake_blob.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <tss/platform.h>
#include <tss/tpm.h>

#include "util/crypto.h"

/* Making RSA keys is slow, so a program makes this many of a size and begins again with the first. */
#define POOL 8

#define MODULUS_MAX (2048 / 8)

EVP_PKEY *key_of_pool(unsigned int bits, unsigned int number)
{
	static EVP_PKEY *pool[3][POOL];
	EVP_PKEY **at = &pool[bits == 512 ? 0 : bits == 1024 ? 1 : 2][number % POOL];

	if (*at == NULL)
		*at = EVP_RSA_gen(bits);
	return *at;
}

/* --- blobs --- */

static const struct {
	uint16_t usage, encryption_scheme, signature_scheme;
} usages[] = {
	[TSPI_BIND] = { TPM_KEY_BIND, TPM_ES_RSAESOAEP_SHA1_MGF1, TPM_SS_NONE },
	[TSPI_STORAGE] = { TPM_KEY_STORAGE, TPM_ES_RSAESOAEP_SHA1_MGF1, TPM_SS_NONE },
	[TSPI_SIGNING] = { TPM_KEY_SIGNING, TPM_ES_NONE, TPM_SS_RSASSAPKCS1v15_DER },
	[TSPI_LEGACY] = { TPM_KEY_LEGACY, TPM_ES_RSAESPKCSv15, TPM_SS_RSASSAPKCS1v15_DER },
};

/* What a chip's keys are encrypted under. */
static void chip_key(uint32_t serial, uint8_t key[CRYPTO_KEY_LEN])
{
	memset(key, 'F', CRYPTO_KEY_LEN);
	memcpy(key, &serial, sizeof serial);
}

static void put_public_part(struct buf *b, enum tspi_usage usage, unsigned int bits, bool has_auth,
	const EVP_PKEY *key)
{
	BIGNUM *modulus = NULL;
	uint8_t *to;

	EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus);
	buf_put_u32(b, 0x01010000); /* TPM_STRUCT_VER */
	buf_put_u16(b, usages[usage].usage);
	buf_put_u32(b, 0); /* not TPM_MIGRATABLE */
	buf_put_u8(b, has_auth ? TPM_AUTH_ALWAYS : TPM_AUTH_NEVER);
	buf_put_u32(b, TPM_ALG_RSA);
	buf_put_u16(b, usages[usage].encryption_scheme);
	buf_put_u16(b, usages[usage].signature_scheme);
	buf_put_u32(b, 12);
	buf_put_u32(b, bits);
	buf_put_u32(b, 2);
	buf_put_u32(b, 0);
	buf_put_u32(b, 0); /* no PCR */
	buf_put_u32(b, bits / 8);
	if ((to = buf_extend(b, bits / 8)) != NULL)
		BN_bn2binpad(modulus, to, (int)bits / 8);
	BN_free(modulus);
}

bool blob_make(uint32_t serial, enum tspi_usage usage, unsigned int bits, const uint8_t *auth,
	const EVP_PKEY *key, struct buf *blob)
{
	static const uint8_t no_auth[TSPI_AUTH_LEN];
	struct buf public = BUF_INIT, private = BUF_INIT, sealed = BUF_INIT;
	uint8_t secret[CRYPTO_KEY_LEN], *der = NULL;
	int der_len = i2d_PrivateKey(key, &der);
	bool ok;

	chip_key(serial, secret);
	put_public_part(&public, usage, bits, auth != NULL, key);
	buf_put(&private, auth != NULL ? auth : no_auth, TSPI_AUTH_LEN);
	buf_put(&private, der, (size_t)der_len);
	ok = crypto_seal(secret, public.data, public.len, private.data, private.len, &sealed);
	buf_put(blob, public.data, public.len);
	buf_put_block(blob, sealed.data, sealed.len);
	buf_free(&public);
	buf_free(&private);
	buf_free(&sealed);
	OPENSSL_clear_free(der, (size_t)der_len);
	return ok && !buf_failed(blob);
}

static bool oaep_decrypt(EVP_PKEY *key, const uint8_t *p, size_t n, uint8_t plain[MODULUS_MAX], size_t *len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool ok = ctx != NULL && EVP_PKEY_decrypt_init(ctx) == 1
		&& EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1
		&& EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha1()) == 1
		&& EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_memdup("TCPA", 4), 4) == 1
		&& EVP_PKEY_decrypt(ctx, plain, len, p, n) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* To decrypt is slow, and the same few texts are decrypted again and again: each login opens one. */
static bool oaep_open(EVP_PKEY *key, const uint8_t *p, size_t n, struct buf *out)
{
	static struct opened {
		EVP_PKEY *key; /* held, so that no other comes to lie there */
		uint8_t digest[CRYPTO_SHA256_LEN], plain[MODULUS_MAX];
		size_t len;
	} known[16];
	static unsigned int next;
	struct opened *at = known, *end = known + sizeof known / sizeof known[0];
	struct opened new = { .key = key, .len = sizeof new.plain };

	if (!crypto_digest("SHA256", p, n, new.digest, sizeof new.digest))
		return false;
	while (at < end && (at->key != key || memcmp(at->digest, new.digest, sizeof new.digest) != 0))
		at++;
	if (at == end) {
		if (!oaep_decrypt(key, p, n, new.plain, &new.len))
			return false;
		at = &known[next++ % (sizeof known / sizeof known[0])];
		EVP_PKEY_free(at->key);
		EVP_PKEY_up_ref(key);
		*at = new;
	}
	buf_put(out, at->plain, at->len);
	return !buf_failed(out);
}

/* A private key of which one prime is known. */
static EVP_PKEY *key_of_prime(const uint8_t *modulus, size_t modulus_len, const uint8_t *prime, size_t len)
{
	BIGNUM *n = BN_bin2bn(modulus, (int)modulus_len, NULL), *p = BN_bin2bn(prime, (int)len, NULL);
	BIGNUM *e = BN_bin2bn(tspi_exponent, sizeof tspi_exponent, NULL), *q = BN_new(), *d = NULL;
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BN_CTX *numbers = BN_CTX_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (BN_div(q, NULL, n, p, numbers) == 1 && BN_sub_word(p, 1) == 1 && BN_sub_word(q, 1) == 1
		&& BN_mul(p, p, q, numbers) == 1 && (d = BN_mod_inverse(NULL, e, p, numbers)) != NULL
		&& OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1
		&& OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1
		&& OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_D, d) == 1
		&& (params = OSSL_PARAM_BLD_to_param(builder)) != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(ctx);
	BN_CTX_free(numbers);
	BN_free(n);
	BN_free(e);
	BN_clear_free(p);
	BN_clear_free(q);
	BN_clear_free(d);
	return key;
}

/* Where the encrypted private part begins, after its length. */
static size_t private_part(const struct buf *blob, const struct tspi_key_info *info)
{
	return (size_t)(info->modulus - blob->data) + info->modulus_len + 4;
}

/* A TPM_STORE_ASYMKEY under the parent's public half. */
EVP_PKEY *blob_open_wrapped(EVP_PKEY *parent, const struct buf *blob, const struct tspi_key_info *info,
	uint8_t auth[TSPI_AUTH_LEN])
{
	size_t at = private_part(blob, info), prime_len;
	const uint8_t *stored_auth, *said, *prime;
	uint8_t digest[CRYPTO_SHA1_LEN];
	struct buf plain = BUF_INIT;
	EVP_PKEY *key = NULL;
	struct reader r;

	if (!oaep_open(parent, blob->data + at, blob->len - at, &plain)
		|| !crypto_digest("SHA1", blob->data, at - 4, digest, sizeof digest)) {
		buf_free(&plain);
		return NULL;
	}
	reader_init(&r, plain.data, plain.len);
	bool ok = reader_u8(&r) == TPM_PT_ASYM;
	stored_auth = reader_take(&r, TSPI_AUTH_LEN);
	reader_take(&r, TSPI_AUTH_LEN);
	said = reader_take(&r, sizeof digest);
	prime = reader_block(&r, &prime_len);
	if (ok && !reader_failed(&r) && r.left == 0 && memcmp(said, digest, sizeof digest) == 0
		&& prime_len == info->modulus_len / 2)
		key = key_of_prime(info->modulus, info->modulus_len, prime, prime_len);
	if (key != NULL)
		memcpy(auth, stored_auth, TSPI_AUTH_LEN);
	buf_free(&plain);
	return key;
}

/* To read a key is slow, and so is its first use; the same few are loaded again and again. */
static EVP_PKEY *key_read(const uint8_t *der, size_t len)
{
	static struct {
		uint8_t digest[CRYPTO_SHA256_LEN];
		EVP_PKEY *key;
	} known[2 * POOL];
	static unsigned int next;
	uint8_t digest[CRYPTO_SHA256_LEN];
	EVP_PKEY *key = NULL;

	if (!crypto_digest("SHA256", der, len, digest, sizeof digest))
		return NULL;
	for (size_t i = 0; key == NULL && i < sizeof known / sizeof known[0]; i++)
		if (known[i].key != NULL && memcmp(known[i].digest, digest, sizeof digest) == 0)
			key = known[i].key;
	if (key == NULL && (key = d2i_AutoPrivateKey(NULL, &der, (long)len)) != NULL) {
		EVP_PKEY_free(known[next].key);
		known[next].key = key;
		memcpy(known[next].digest, digest, sizeof digest);
		next = (next + 1) % (unsigned int)(sizeof known / sizeof known[0]);
	}
	if (key != NULL)
		EVP_PKEY_up_ref(key);
	return key;
}

EVP_PKEY *blob_open_own(uint32_t serial, const struct buf *blob, const struct tspi_key_info *info,
	uint8_t auth[TSPI_AUTH_LEN])
{
	size_t at = private_part(blob, info);
	uint8_t secret[CRYPTO_KEY_LEN];
	struct buf plain = BUF_INIT;
	EVP_PKEY *key = NULL;

	chip_key(serial, secret);
	if (crypto_open(secret, blob->data, at - 4, blob->data + at, blob->len - at, &plain)
		&& plain.len > TSPI_AUTH_LEN) {
		memcpy(auth, plain.data, TSPI_AUTH_LEN);
		key = key_read(plain.data + TSPI_AUTH_LEN, plain.len - TSPI_AUTH_LEN);
	}
	buf_free(&plain);
	return key;
}

/* --- what was bound --- */

/* PKCS#1 v1.5 type 2, unpadded here: some versions of libcrypto give random text for a wrong one. */
bool bound_open_pkcs1(EVP_PKEY *key, const uint8_t *p, size_t n, struct buf *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t block[MODULUS_MAX];
	size_t len = sizeof block, at = 2;
	bool ok = EVP_PKEY_decrypt_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1
		&& EVP_PKEY_decrypt(ctx, block, &len, p, n) == 1 && block[0] == 0 && block[1] == 2;

	EVP_PKEY_CTX_free(ctx);
	while (ok && at < len && block[at] != 0)
		at++;
	if (!ok || at == len || at < 10)
		return false;
	buf_put(out, block + at + 1, len - at - 1);
	return true;
}

bool bound_open(EVP_PKEY *key, const uint8_t *p, size_t n, struct buf *out)
{
	static const uint8_t head[] = { 1, 1, 0, 0, TPM_PT_BIND };
	struct buf plain = BUF_INIT;
	bool ok = oaep_open(key, p, n, &plain) && plain.len >= sizeof head
		&& memcmp(plain.data, head, sizeof head) == 0;

	if (ok)
		buf_put(out, plain.data + sizeof head, plain.len - sizeof head);
	buf_free(&plain);
	return ok;
}
