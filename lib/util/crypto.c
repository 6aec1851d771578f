/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/crypto.h"

#include <pthread.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "util/log.h"

static bool refused(const char *what)
{
	char text[160];

	ERR_error_string_n(ERR_peek_last_error(), text, sizeof text);
	log_error("libcrypto refused %s: %s", what, text);
	return false;
}

/* Fetched once: to look an algorithm up by its name takes longer than to use it on a short text. What
   could not be had then is looked up by libcrypto at each use. */
static const char *const md_names[] = { "SHA256", "SHA1", "MD5", "SHA224", "SHA384", "SHA512" };
#define MDS (sizeof md_names / sizeof md_names[0])

static EVP_MD *mds[MDS];
static EVP_CIPHER *aes_256_gcm;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void fetch(void)
{
	for (size_t i = 0; i < MDS; i++)
		mds[i] = EVP_MD_fetch(NULL, md_names[i], NULL);
	aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

const EVP_MD *crypto_md(const char *name)
{
	pthread_once(&fetched, fetch);
	for (size_t i = 0; i < MDS; i++)
		if (mds[i] != NULL && strcmp(md_names[i], name) == 0)
			return mds[i];
	return EVP_get_digestbyname(name);
}

static const EVP_CIPHER *cipher_get(void)
{
	pthread_once(&fetched, fetch);
	return aes_256_gcm != NULL ? aes_256_gcm : EVP_aes_256_gcm();
}

bool crypto_sha256(const void *p, size_t n, uint8_t out[CRYPTO_SHA256_LEN])
{
	return EVP_Digest(p, n, out, NULL, crypto_md("SHA256"), NULL) == 1 || refused("SHA-256");
}

bool crypto_random(void *out, size_t n)
{
	return (n <= INT32_MAX && RAND_bytes(out, (int)n) == 1) || refused("random bytes");
}

void crypto_random_mix(const void *p, size_t n)
{
	if (n <= INT32_MAX)
		RAND_add(p, (int)n, 0.0);
}

bool crypto_digest(const char *name, const void *p, size_t n, uint8_t *out, size_t out_len)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned int md_len = 0;

	if (EVP_Digest(p, n, md, &md_len, crypto_md(name), NULL) != 1 || md_len < out_len)
		return refused(name);
	memcpy(out, md, out_len);
	OPENSSL_cleanse(md, sizeof md);
	return true;
}

bool crypto_hmac_sha256(const uint8_t *key, size_t key_len, const struct buf *data,
	uint8_t out[CRYPTO_SHA256_LEN])
{
	size_t out_len = 0;

	return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, key_len, data->data, data->len, out,
		CRYPTO_SHA256_LEN, &out_len) != NULL || refused("HMAC");
}

bool crypto_pbkdf2_sha256(const void *password, size_t n, const uint8_t *salt, size_t salt_len,
	uint32_t iterations, uint8_t *out, size_t out_len)
{
	if (n > INT32_MAX || salt_len > INT32_MAX || iterations > INT32_MAX || out_len > INT32_MAX)
		return false;
	return PKCS5_PBKDF2_HMAC(password, (int)n, salt, (int)salt_len, (int)iterations, EVP_sha256(),
		(int)out_len, out) == 1 || refused("PBKDF2");
}

bool crypto_derive(const uint8_t *key, const uint8_t *salt, size_t salt_len, const char *purpose,
	uint8_t out[CRYPTO_KEY_LEN])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	size_t out_len = CRYPTO_KEY_LEN;
	bool ok = ctx != NULL
		&& EVP_PKEY_derive_init(ctx) == 1
		&& EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) == 1
		&& EVP_PKEY_CTX_set1_hkdf_salt(ctx, salt, (int)salt_len) == 1
		&& EVP_PKEY_CTX_set1_hkdf_key(ctx, key, CRYPTO_KEY_LEN) == 1
		&& EVP_PKEY_CTX_add1_hkdf_info(ctx, (const unsigned char *)purpose,
			(int)strlen(purpose)) == 1
		&& EVP_PKEY_derive(ctx, out, &out_len) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok || refused("HKDF");
}

bool crypto_seal(const uint8_t *key, const void *header, size_t header_len, const void *p, size_t n,
	struct buf *out)
{
	uint8_t *nonce = buf_extend(out, CRYPTO_NONCE_LEN + n + CRYPTO_TAG_LEN), *text;
	EVP_CIPHER_CTX *ctx;
	int len;
	bool ok;

	if (nonce == NULL)
		return false;
	text = nonce + CRYPTO_NONCE_LEN;
	ctx = EVP_CIPHER_CTX_new();
	ok = ctx != NULL
		&& crypto_random(nonce, CRYPTO_NONCE_LEN)
		&& EVP_EncryptInit_ex2(ctx, cipher_get(), key, nonce, NULL) == 1
		&& EVP_EncryptUpdate(ctx, NULL, &len, header, (int)header_len) == 1
		&& EVP_EncryptUpdate(ctx, text, &len, p, (int)n) == 1
		&& EVP_EncryptFinal_ex(ctx, text + n, &len) == 1
		&& EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CRYPTO_TAG_LEN, text + n) == 1;

	EVP_CIPHER_CTX_free(ctx);
	return ok || refused("AES-GCM");
}

bool crypto_open(const uint8_t *key, const void *header, size_t header_len, const void *p, size_t n,
	struct buf *out)
{
	const uint8_t *nonce = p, *text = nonce + CRYPTO_NONCE_LEN;
	uint8_t tag[CRYPTO_TAG_LEN], *plain;
	size_t start = out->len, text_len;
	EVP_CIPHER_CTX *ctx;
	int len;
	bool able, ok;

	if (n < CRYPTO_NONCE_LEN + CRYPTO_TAG_LEN || n > BUF_MAX)
		return false;
	text_len = n - CRYPTO_NONCE_LEN - CRYPTO_TAG_LEN;
	memcpy(tag, text + text_len, sizeof tag);
	plain = buf_extend(out, text_len);
	ctx = EVP_CIPHER_CTX_new();
	able = plain != NULL && ctx != NULL
		&& EVP_DecryptInit_ex2(ctx, cipher_get(), key, nonce, NULL) == 1
		&& EVP_DecryptUpdate(ctx, NULL, &len, header, (int)header_len) == 1
		&& EVP_DecryptUpdate(ctx, plain, &len, text, (int)text_len) == 1
		&& EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, CRYPTO_TAG_LEN, tag) == 1;
	ok = able && EVP_DecryptFinal_ex(ctx, plain + text_len, &len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		buf_cut(out, start, out->len - start);
	out->failed = !able;
	return ok;
}

static bool put_number(const EVP_PKEY *key, const char *name, struct buf *out)
{
	BIGNUM *n = BN_secure_new();
	uint8_t *to = NULL;
	int len;

	if (n != NULL && EVP_PKEY_get_bn_param(key, name, &n) == 1 && (len = BN_num_bytes(n)) > 0
		&& (to = buf_extend(out, (size_t)len)) != NULL)
		BN_bn2bin(n, to);
	BN_clear_free(n);
	return to != NULL;
}

bool crypto_rsa_generate(unsigned int bits, struct buf *modulus, struct buf *prime)
{
	EVP_PKEY *key = EVP_RSA_gen(bits);
	bool ok = key != NULL && put_number(key, OSSL_PKEY_PARAM_RSA_N, modulus)
		&& put_number(key, OSSL_PKEY_PARAM_RSA_FACTOR1, prime);

	EVP_PKEY_free(key);
	return ok || refused("to make an RSA key");
}

EVP_PKEY *crypto_rsa_public(const uint8_t *modulus, size_t modulus_len, const uint8_t *exponent,
	size_t exponent_len)
{
	BIGNUM *n = BN_bin2bn(modulus, (int)modulus_len, NULL);
	BIGNUM *e = BN_bin2bn(exponent, (int)exponent_len, NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (n != NULL && e != NULL && builder != NULL && ctx != NULL
		&& OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1
		&& OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1
		&& (params = OSSL_PARAM_BLD_to_param(builder)) != NULL
		&& EVP_PKEY_fromdata_init(ctx) == 1
		&& EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	if (key == NULL)
		refused("an RSA public key");
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_BLD_free(builder);
	BN_free(e);
	BN_free(n);
	return key;
}

bool crypto_rsa_oaep_tcpa(EVP_PKEY *key, const void *p, size_t n, struct buf *out)
{
	static const char label[] = { 'T', 'C', 'P', 'A' };
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	void *owned = OPENSSL_memdup(label, sizeof label);
	size_t len = (size_t)EVP_PKEY_get_size(key);
	uint8_t *to = buf_extend(out, len);
	bool ok = false;

	if (ctx != NULL && owned != NULL && to != NULL
		&& EVP_PKEY_encrypt_init(ctx) == 1
		&& EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1
		&& EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha1()) == 1
		&& EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha1()) == 1
		&& EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, owned, sizeof label) == 1) {
		owned = NULL;
		ok = EVP_PKEY_encrypt(ctx, to, &len, p, n) == 1;
	}
	OPENSSL_free(owned);
	EVP_PKEY_CTX_free(ctx);
	return ok || refused("OAEP");
}
