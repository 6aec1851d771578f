/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake_tspi.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rsa.h>

#include "fake_blob.h"
#include "fake_chip.h"
#include "util/crypto.h"

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

static atomic_uint open_keys;
static atomic_bool closes_soon;

/* --- what needs no key --- */

void tspi_start(bool may_start_threads)
{
	(void)may_start_threads;
}

void tspi_rest(void)
{
	if (closes_soon)
		tspi_close();
}

void tspi_stop(void)
{
	tspi_close();
}

/* With the connection every key of the process leaves the chip. */
void tspi_close(void)
{
	pthread_mutex_lock(&chip_mutex);
	chip.epoch++;
	chip.pin_key = false;
	closes_soon = false;
	pthread_mutex_unlock(&chip_mutex);
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
	return chip_command(FAKE_VERSION);
}

CK_RV tspi_public_code(CK_RV rv)
{
	return rv == CKR_TOKEN_NOT_RECOGNIZED ? CKR_DEVICE_ERROR : rv;
}

CK_RV tspi_random(uint8_t *out, size_t n)
{
	CK_RV rv = chip_command(FAKE_RANDOM);

	return rv == CKR_OK && !crypto_random(out, n) ? CKR_DEVICE_ERROR : rv;
}

CK_RV tspi_stir(const uint8_t *p, size_t n)
{
	(void)p, (void)n;
	return chip_command(FAKE_STIR);
}

/* --- keys --- */

unsigned int fake_open_keys(void)
{
	return atomic_load(&open_keys);
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

	pthread_mutex_lock(&chip_mutex);
	rv = chip_command_locked(FAKE_CREATE);
	chip_gate_pass();
	if (rv == CKR_OK) {
		key = next_key != NULL ? next_key : key_of_pool(bits, chip.next_in_pool++);
		next_key = NULL;
		if (key == NULL || !blob_make(chip.serial, usage, bits, auth, key, blob))
			rv = CKR_HOST_MEMORY;
	}
	pthread_mutex_unlock(&chip_mutex);
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
	if ((rv = chip_command_locked(FAKE_LOAD)) != CKR_OK)
		return rv;
	if (chip.locked)
		return key->kind == TSPI_AUTH_PIN ? CKR_PIN_LOCKED : CKR_DEVICE_ERROR;
	EVP_PKEY_free(key->private);
	key->private = NULL;
	if (!tspi_blob_info(key->blob.data, key->blob.len, &info))
		return CKR_TOKEN_NOT_RECOGNIZED;
	key->private = key->parent != NULL
		? blob_open_wrapped(key->parent->private, &key->blob, &info, key->right_auth)
		: blob_open_own(chip.serial, &key->blob, &info, key->right_auth);
	if (key->private == NULL)
		return CKR_TOKEN_NOT_RECOGNIZED;
	key->loaded = chip.epoch;
	chip.pin_key = chip.pin_key || key->kind == TSPI_AUTH_PIN;
	return CKR_OK;
}

/* The chip tests the auth at the use of a key only. With CKR_OK the mutex is held. */
static CK_RV use_begin(struct tspi_key *key, enum fake_function function, struct tspi_key_info *info)
{
	CK_RV rv;

	pthread_mutex_lock(&chip_mutex);
	rv = load_locked(key);
	if (rv == CKR_OK)
		rv = chip_command_locked(function);
	if (rv == CKR_OK && chip.locked)
		rv = key->kind == TSPI_AUTH_PIN ? CKR_PIN_LOCKED : CKR_DEVICE_ERROR;
	if (rv == CKR_OK && (!tspi_blob_info(key->blob.data, key->blob.len, info)
		|| (info->has_auth && memcmp(key->auth, key->right_auth, TSPI_AUTH_LEN) != 0))) {
		chip.tries++;
		rv = key->kind == TSPI_AUTH_PIN ? CKR_PIN_INCORRECT : CKR_DEVICE_ERROR;
	}
	if (rv != CKR_OK)
		pthread_mutex_unlock(&chip_mutex);
	return rv;
}

CK_RV tspi_key_load(struct tspi_key *key)
{
	CK_RV rv;

	pthread_mutex_lock(&chip_mutex);
	rv = load_locked(key);
	pthread_mutex_unlock(&chip_mutex);
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
	pthread_mutex_unlock(&chip_mutex);
	return rv;
}

CK_RV tspi_key_unbind(struct tspi_key *key, const uint8_t *p, size_t n, struct buf *out)
{
	struct tspi_key_info info;
	CK_RV rv = use_begin(key, FAKE_UNBIND, &info);

	if (rv != CKR_OK)
		return rv;
	if (info.usage != TSPI_BIND && info.usage != TSPI_LEGACY)
		rv = CKR_DEVICE_ERROR;
	else if (!(info.usage == TSPI_BIND ? bound_open : bound_open_pkcs1)(key->private, p, n, out))
		rv = CKR_ENCRYPTED_DATA_INVALID;
	pthread_mutex_unlock(&chip_mutex);
	return rv == CKR_OK && buf_failed(out) ? CKR_HOST_MEMORY : rv;
}

CK_RV tspi_key_change_auth(struct tspi_key *key, const uint8_t *auth, struct buf *blob)
{
	struct tspi_key_info info;
	CK_RV rv = use_begin(key, FAKE_CHANGE_AUTH, &info);

	if (rv != CKR_OK)
		return rv;
	if (key->parent != NULL
		|| !blob_make(chip.serial, info.usage, (unsigned int)info.modulus_len * 8, auth, key->private,
			blob))
		rv = CKR_DEVICE_ERROR;
	key->loaded = 0;
	pthread_mutex_unlock(&chip_mutex);
	return rv;
}

/* --- the registry --- */

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

CK_RV tspi_registry_add(const uint8_t uuid[TSPI_UUID_LEN], const struct buf *blob)
{
	struct tspi_key_info info;
	CK_RV rv;

	pthread_mutex_lock(&chip_mutex);
	rv = chip_command_locked(FAKE_REGISTRY_ADD);
	if (rv == CKR_OK && (!tspi_blob_info(blob->data, blob->len, &info)
		|| (!fake_registry_has(uuid) && chip.registered == REGISTRY_MAX)))
		rv = CKR_DEVICE_ERROR;
	if (rv == CKR_OK && !fake_registry_has(uuid))
		memcpy(chip.registry[chip.registered++], uuid, TSPI_UUID_LEN);
	pthread_mutex_unlock(&chip_mutex);
	return rv;
}

CK_RV tspi_registry_drop(const uint8_t uuid[TSPI_UUID_LEN])
{
	unsigned int at;
	CK_RV rv;

	pthread_mutex_lock(&chip_mutex);
	rv = chip_command_locked(FAKE_REGISTRY_DROP);
	if (rv == CKR_OK && (at = registry_find(uuid)) < chip.registered) {
		chip.registered--;
		memmove(chip.registry[at], chip.registry[at + 1], (chip.registered - at) * TSPI_UUID_LEN);
	}
	pthread_mutex_unlock(&chip_mutex);
	return rv;
}
