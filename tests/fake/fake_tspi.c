/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake_tspi.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <tss/platform.h>
#include <tss/tpm.h>

#include "util/crypto.h"

#define REGISTRY_MAX 64

/* Making RSA keys is slow, so a program makes this many of a size and begins again with the first. */
#define POOL 8

struct tspi_key {
	atomic_uint references;
	struct tspi_key *parent;
	enum tspi_auth kind;
	uint8_t auth[TSPI_AUTH_LEN];
	struct buf blob;
	unsigned int loaded; /* in which epoch of the chip; 0: not */
	EVP_PKEY *private;
	uint8_t right_auth[TSPI_AUTH_LEN];
};

static struct {
	unsigned int counts[FAKE_FUNCTIONS];
	struct {
		unsigned int nth;
		CK_RV rv;
		bool stays;
	} faults[FAKE_FUNCTIONS + 1];
	bool locked, absent;
	bool pin_key; /* one was loaded, and the connection has not been closed since */
	uint32_t serial;
	unsigned int epoch, tries, next_in_pool;
	uint8_t registry[REGISTRY_MAX][TSPI_UUID_LEN];
	unsigned int registered;
} chip = { .epoch = 1 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* one command at a time */
static atomic_uint open_keys;
static atomic_bool closes_soon;

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool hold, held;
} gate = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false };

/* --- what tests say and ask --- */

void fake_reset(void)
{
	uint32_t serial = chip.serial + 1;

	memset(&chip, 0, sizeof chip);
	chip.serial = serial;
	chip.epoch = 1;
	closes_soon = false;
	fake_hold_create(false);
}

unsigned int fake_count(enum fake_function function)
{
	return chip.counts[function];
}

void fake_count_clear(void)
{
	memset(chip.counts, 0, sizeof chip.counts);
}

unsigned int fake_commands(void)
{
	unsigned int all = 0;

	for (int i = 0; i < FAKE_REGISTRY_ADD; i++)
		all += chip.counts[i];
	return all;
}

void fake_fail(enum fake_function function, unsigned int nth, CK_RV rv)
{
	chip.faults[function].nth = nth;
	chip.faults[function].rv = rv;
	chip.faults[function].stays = false;
}

void fake_fail_on(enum fake_function function, unsigned int nth, CK_RV rv)
{
	fake_fail(function, nth, rv);
	chip.faults[function].stays = true;
}

bool fake_fail_pending(void)
{
	for (int i = 0; i <= FAKE_FUNCTIONS; i++)
		if (chip.faults[i].nth != 0)
			return true;
	return false;
}

void fake_fail_clear(void)
{
	memset(chip.faults, 0, sizeof chip.faults);
}

void fake_lock(bool locked)
{
	chip.locked = locked;
}

void fake_exchange(void)
{
	chip.serial++;
	chip.epoch++;
}

void fake_absent(bool absent)
{
	chip.absent = absent;
	chip.epoch++;
}

void fake_evict(void)
{
	chip.epoch++;
}

unsigned int fake_tries(void)
{
	return chip.tries;
}

unsigned int fake_open_keys(void)
{
	return atomic_load(&open_keys);
}

bool fake_pin_key_loaded(void)
{
	return chip.pin_key;
}

unsigned int fake_registry_count(void)
{
	return chip.registered;
}

static unsigned int registry_find(const uint8_t *uuid)
{
	unsigned int i = 0;

	while (i < chip.registered && memcmp(chip.registry[i], uuid, TSPI_UUID_LEN) != 0)
		i++;
	return i;
}

bool fake_registry_has(const uint8_t uuid[TSPI_UUID_LEN])
{
	return registry_find(uuid) < chip.registered;
}

void fake_registry_lose(void)
{
	chip.registered = 0;
}

void fake_hold_create(bool hold)
{
	pthread_mutex_lock(&gate.mutex);
	gate.hold = hold;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.mutex);
}

void fake_held(void)
{
	pthread_mutex_lock(&gate.mutex);
	while (!gate.held)
		pthread_cond_wait(&gate.changed, &gate.mutex);
	pthread_mutex_unlock(&gate.mutex);
}

static void gate_pass(void)
{
	pthread_mutex_lock(&gate.mutex);
	while (gate.hold) {
		gate.held = true;
		pthread_cond_broadcast(&gate.changed);
		pthread_cond_wait(&gate.changed, &gate.mutex);
	}
	gate.held = false;
	pthread_mutex_unlock(&gate.mutex);
}

/* --- commands --- */

static CK_RV fault_take(int at)
{
	unsigned int *nth = &chip.faults[at].nth;

	if (*nth == 0 || (*nth > 1 && (*nth)--))
		return CKR_OK;
	*nth = chip.faults[at].stays ? 1 : 0;
	if (chip.faults[at].rv == FAKE_DIE)
		_exit(0);
	return chip.faults[at].rv;
}

/* Counts the call, and says what is to become of it. */
static CK_RV command_locked(enum fake_function function)
{
	CK_RV one, any;

	chip.counts[function]++;
	one = fault_take((int)function);
	any = fault_take(FAKE_ANY);
	if (one != CKR_OK || any != CKR_OK)
		return one != CKR_OK ? one : any;
	return chip.absent ? CKR_DEVICE_ERROR : CKR_OK;
}

static CK_RV command(enum fake_function function)
{
	CK_RV rv;

	pthread_mutex_lock(&mutex);
	rv = command_locked(function);
	pthread_mutex_unlock(&mutex);
	return rv;
}

/* With the connection every key of the process leaves the chip. */
void tspi_close(void)
{
	pthread_mutex_lock(&mutex);
	chip.epoch++;
	chip.pin_key = false;
	pthread_mutex_unlock(&mutex);
}

void tspi_close_soon(void)
{
	closes_soon = true;
}

void tspi_forget(void)
{
}

bool tspi_present(void)
{
	return !chip.absent;
}

CK_RV tspi_version(struct tspi_version *version)
{
	static const struct tspi_version fake = { "FAKE", 1, 2, 3, 4 };

	*version = fake;
	return command(FAKE_VERSION);
}

CK_RV tspi_public_code(CK_RV rv)
{
	return rv == CKR_TOKEN_NOT_RECOGNIZED ? CKR_DEVICE_ERROR : rv;
}

CK_RV tspi_random(uint8_t *out, size_t n)
{
	CK_RV rv = command(FAKE_RANDOM);

	return rv == CKR_OK && !crypto_random(out, n) ? CKR_DEVICE_ERROR : rv;
}

CK_RV tspi_stir(const uint8_t *p, size_t n)
{
	(void)p, (void)n;
	return command(FAKE_STIR);
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

/* What this chip's keys are encrypted under. */
static void chip_key(uint8_t key[CRYPTO_KEY_LEN])
{
	memset(key, 'F', CRYPTO_KEY_LEN);
	memcpy(key, &chip.serial, sizeof chip.serial);
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

static bool blob_make(enum tspi_usage usage, unsigned int bits, const uint8_t *auth, const EVP_PKEY *key,
	struct buf *blob)
{
	static const uint8_t no_auth[TSPI_AUTH_LEN];
	struct buf public = BUF_INIT, private = BUF_INIT, sealed = BUF_INIT;
	uint8_t secret[CRYPTO_KEY_LEN], *der = NULL;
	int der_len = i2d_PrivateKey(key, &der);
	bool ok;

	chip_key(secret);
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

static bool oaep_open(EVP_PKEY *key, const uint8_t *p, size_t n, struct buf *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t plain[2048 / 8];
	size_t len = sizeof plain;
	bool ok = ctx != NULL && EVP_PKEY_decrypt_init(ctx) == 1
		&& EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1
		&& EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha1()) == 1
		&& EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_memdup("TCPA", 4), 4) == 1
		&& EVP_PKEY_decrypt(ctx, plain, &len, p, n) == 1;

	EVP_PKEY_CTX_free(ctx);
	if (ok)
		buf_put(out, plain, len);
	return ok && !buf_failed(out);
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

/* A key that tspi_key_wrap() made: a TPM_STORE_ASYMKEY under the parent's public half. */
static bool wrapped_open(struct tspi_key *key, const struct tspi_key_info *info)
{
	size_t at = private_part(&key->blob, info), prime_len;
	uint8_t digest[CRYPTO_SHA1_LEN];
	const uint8_t *auth, *said, *prime;
	struct buf plain = BUF_INIT;
	struct reader r;

	if (!oaep_open(key->parent->private, key->blob.data + at, key->blob.len - at, &plain)
		|| !crypto_digest("SHA1", key->blob.data, at - 4, digest, sizeof digest)) {
		buf_free(&plain);
		return false;
	}
	reader_init(&r, plain.data, plain.len);
	bool ok = reader_u8(&r) == TPM_PT_ASYM;
	auth = reader_take(&r, TSPI_AUTH_LEN);
	reader_take(&r, TSPI_AUTH_LEN);
	said = reader_take(&r, sizeof digest);
	prime = reader_block(&r, &prime_len);
	ok = ok && !reader_failed(&r) && r.left == 0 && memcmp(said, digest, sizeof digest) == 0
		&& prime_len == info->modulus_len / 2
		&& (key->private = key_of_prime(info->modulus, info->modulus_len, prime,
			prime_len)) != NULL;
	if (ok)
		memcpy(key->right_auth, auth, TSPI_AUTH_LEN);
	buf_free(&plain);
	return ok;
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

static bool own_open(struct tspi_key *key, const struct tspi_key_info *info)
{
	size_t at = private_part(&key->blob, info);
	uint8_t secret[CRYPTO_KEY_LEN];
	struct buf plain = BUF_INIT;

	chip_key(secret);
	if (crypto_open(secret, key->blob.data, at - 4, key->blob.data + at, key->blob.len - at, &plain)
		&& plain.len > TSPI_AUTH_LEN) {
		memcpy(key->right_auth, plain.data, TSPI_AUTH_LEN);
		key->private = key_read(plain.data + TSPI_AUTH_LEN, plain.len - TSPI_AUTH_LEN);
	}
	buf_free(&plain);
	return key->private != NULL;
}

/* --- keys --- */

static EVP_PKEY *pool_take(unsigned int bits)
{
	static EVP_PKEY *pool[3][POOL];
	EVP_PKEY **at = &pool[bits == 512 ? 0 : bits == 1024 ? 1 : 2][chip.next_in_pool++ % POOL];

	if (*at == NULL)
		*at = EVP_RSA_gen(bits);
	return *at;
}

static EVP_PKEY *next_key;

void fake_next_key(EVP_PKEY *key)
{
	next_key = key;
}

CK_RV tspi_key_create(enum tspi_usage usage, unsigned int bits, const uint8_t *auth, struct buf *blob)
{
	EVP_PKEY *key;
	CK_RV rv;

	pthread_mutex_lock(&mutex);
	rv = command_locked(FAKE_CREATE);
	gate_pass();
	if (rv == CKR_OK) {
		key = next_key != NULL ? next_key : pool_take(bits);
		next_key = NULL;
		if (key == NULL || !blob_make(usage, bits, auth, key, blob))
			rv = CKR_HOST_MEMORY;
	}
	pthread_mutex_unlock(&mutex);
	return rv;
}

CK_RV tspi_key_open(const uint8_t *blob, size_t len, struct tspi_key *parent, enum tspi_auth kind,
	const uint8_t *auth, struct tspi_key **out)
{
	struct tspi_key_info info;
	struct tspi_key *key;

	*out = NULL;
	if (!tspi_blob_info(blob, len, &info))
		return CKR_DEVICE_ERROR;
	key = calloc(1, sizeof *key);
	if (key == NULL)
		return CKR_HOST_MEMORY;
	atomic_init(&key->references, 1);
	atomic_fetch_add(&open_keys, 1);
	key->parent = parent != NULL ? tspi_key_ref(parent) : NULL;
	key->kind = kind;
	if (kind != TSPI_AUTH_NONE)
		memcpy(key->auth, auth, TSPI_AUTH_LEN);
	buf_put(&key->blob, blob, len);
	*out = key;
	return CKR_OK;
}

struct tspi_key *tspi_key_ref(struct tspi_key *key)
{
	atomic_fetch_add(&key->references, 1);
	return key;
}

void tspi_key_free(struct tspi_key **at)
{
	struct tspi_key *key = *at;

	*at = NULL;
	if (key == NULL || atomic_fetch_sub(&key->references, 1) != 1)
		return;
	tspi_key_free(&key->parent);
	EVP_PKEY_free(key->private);
	buf_free(&key->blob);
	free(key);
	atomic_fetch_sub(&open_keys, 1);
}

static CK_RV load_locked(struct tspi_key *key)
{
	struct tspi_key_info info;
	CK_RV rv;

	if (key->parent != NULL && (rv = load_locked(key->parent)) != CKR_OK)
		return rv;
	if (key->loaded == chip.epoch)
		return CKR_OK;
	if ((rv = command_locked(FAKE_LOAD)) != CKR_OK)
		return rv;
	if (chip.locked)
		return key->kind == TSPI_AUTH_PIN ? CKR_PIN_LOCKED : CKR_DEVICE_ERROR;
	EVP_PKEY_free(key->private);
	key->private = NULL;
	if (!tspi_blob_info(key->blob.data, key->blob.len, &info)
		|| !(key->parent != NULL ? wrapped_open(key, &info) : own_open(key, &info)))
		return CKR_TOKEN_NOT_RECOGNIZED;
	key->loaded = chip.epoch;
	chip.pin_key = chip.pin_key || key->kind == TSPI_AUTH_PIN;
	return CKR_OK;
}

/* The chip tests the auth at the use of a key only. With CKR_OK the mutex is held. */
static CK_RV use_begin(struct tspi_key *key, enum fake_function function, struct tspi_key_info *info)
{
	CK_RV rv;

	pthread_mutex_lock(&mutex);
	rv = load_locked(key);
	if (rv == CKR_OK)
		rv = command_locked(function);
	if (rv == CKR_OK && chip.locked)
		rv = key->kind == TSPI_AUTH_PIN ? CKR_PIN_LOCKED : CKR_DEVICE_ERROR;
	if (rv == CKR_OK && (!tspi_blob_info(key->blob.data, key->blob.len, info)
		|| (info->has_auth && memcmp(key->auth, key->right_auth, TSPI_AUTH_LEN) != 0))) {
		chip.tries++;
		rv = key->kind == TSPI_AUTH_PIN ? CKR_PIN_INCORRECT : CKR_DEVICE_ERROR;
	}
	if (rv != CKR_OK)
		pthread_mutex_unlock(&mutex);
	return rv;
}

CK_RV tspi_key_load(struct tspi_key *key)
{
	CK_RV rv;

	pthread_mutex_lock(&mutex);
	rv = load_locked(key);
	pthread_mutex_unlock(&mutex);
	return rv;
}

CK_RV tspi_key_sign(struct tspi_key *key, const uint8_t *p, size_t n, uint8_t *signature, size_t room)
{
	struct tspi_key_info info;
	EVP_PKEY_CTX *ctx;
	size_t len;
	CK_RV rv = use_begin(key, FAKE_SIGN, &info);

	if (rv != CKR_OK)
		return rv;
	len = info.modulus_len;
	ctx = EVP_PKEY_CTX_new(key->private, NULL);
	if ((info.usage != TSPI_SIGNING && info.usage != TSPI_LEGACY) || n == 0 || n > len - 11 || len > room
		|| EVP_PKEY_sign_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1
		|| EVP_PKEY_sign(ctx, signature, &len, p, n) != 1)
		rv = CKR_DEVICE_ERROR;
	EVP_PKEY_CTX_free(ctx);
	pthread_mutex_unlock(&mutex);
	return rv;
}

/* PKCS#1 v1.5 type 2, unpadded here: some versions of libcrypto give random text for a wrong one. */
static bool pkcs1_open(EVP_PKEY *key, const uint8_t *p, size_t n, struct buf *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t block[2048 / 8];
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

static bool bound_open(EVP_PKEY *key, const uint8_t *p, size_t n, struct buf *out)
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

CK_RV tspi_key_unbind(struct tspi_key *key, const uint8_t *p, size_t n, struct buf *out)
{
	struct tspi_key_info info;
	CK_RV rv = use_begin(key, FAKE_UNBIND, &info);

	if (rv != CKR_OK)
		return rv;
	if (info.usage != TSPI_BIND && info.usage != TSPI_LEGACY)
		rv = CKR_DEVICE_ERROR;
	else if (!(info.usage == TSPI_BIND ? bound_open : pkcs1_open)(key->private, p, n, out))
		rv = CKR_ENCRYPTED_DATA_INVALID;
	pthread_mutex_unlock(&mutex);
	return rv == CKR_OK && buf_failed(out) ? CKR_HOST_MEMORY : rv;
}

CK_RV tspi_key_change_auth(struct tspi_key *key, const uint8_t *auth, struct buf *blob)
{
	struct tspi_key_info info;
	CK_RV rv = use_begin(key, FAKE_CHANGE_AUTH, &info);

	if (rv != CKR_OK)
		return rv;
	if (key->parent != NULL
		|| !blob_make(info.usage, (unsigned int)info.modulus_len * 8, auth, key->private, blob))
		rv = CKR_DEVICE_ERROR;
	key->loaded = 0;
	pthread_mutex_unlock(&mutex);
	return rv;
}

/* --- the registry --- */

CK_RV tspi_registry_add(const uint8_t uuid[TSPI_UUID_LEN], const struct buf *blob)
{
	struct tspi_key_info info;
	CK_RV rv;

	pthread_mutex_lock(&mutex);
	rv = command_locked(FAKE_REGISTRY_ADD);
	if (rv == CKR_OK && (!tspi_blob_info(blob->data, blob->len, &info)
		|| (!fake_registry_has(uuid) && chip.registered == REGISTRY_MAX)))
		rv = CKR_DEVICE_ERROR;
	if (rv == CKR_OK && !fake_registry_has(uuid))
		memcpy(chip.registry[chip.registered++], uuid, TSPI_UUID_LEN);
	pthread_mutex_unlock(&mutex);
	return rv;
}

CK_RV tspi_registry_drop(const uint8_t uuid[TSPI_UUID_LEN])
{
	unsigned int at;
	CK_RV rv;

	pthread_mutex_lock(&mutex);
	rv = command_locked(FAKE_REGISTRY_DROP);
	if (rv == CKR_OK && (at = registry_find(uuid)) < chip.registered) {
		chip.registered--;
		memmove(chip.registry[at], chip.registry[at + 1], (chip.registered - at) * TSPI_UUID_LEN);
	}
	pthread_mutex_unlock(&mutex);
	return rv;
}

void tspi_start(bool may_start_threads)
{
	(void)may_start_threads;
}

void tspi_rest(void)
{
	if (atomic_exchange(&closes_soon, false))
		tspi_close();
}

void tspi_stop(void)
{
	tspi_close();
}
