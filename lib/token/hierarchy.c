/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/hierarchy.h"

#include <string.h>

#include "util/crypto.h"
#include "util/log.h"
#include "util/wipe.h"

#define KEY_BITS 2048
#define ITERATIONS 50000

static CK_RV salt_make(struct role_record *record)
{
	record->has_key = true;
	record->iterations = ITERATIONS;
	if (!crypto_random(record->salt, SALT_LEN) || !crypto_random(record->uuid, TSPI_UUID_LEN))
		return CKR_HOST_MEMORY;
	record->uuid[6] = (uint8_t)((record->uuid[6] & 0x0f) | 0x40); /* a random UUID, RFC 4122 4.4 */
	record->uuid[8] = (uint8_t)((record->uuid[8] & 0x3f) | 0x80);
	return CKR_OK;
}

/* The chip's generator is a second opinion: without it libcrypto's alone is good enough. */
static void mix_chip_random(void)
{
	uint8_t random[32];

	if (tspi_random(random, sizeof random) == CKR_OK)
		crypto_random_mix(random, sizeof random);
	wipe(random, sizeof random);
}

CK_RV role_make(struct pin pin, const uint8_t *secret, struct role_record *record, struct pin_keys *keys)
{
	CK_RV rv;

	memset(record, 0, sizeof *record);
	mix_chip_random();
	if ((rv = salt_make(record)) == CKR_OK
		&& (rv = pin_derive(pin, record, keys)) == CKR_OK
		&& (rv = tspi_key_create(TSPI_BIND, KEY_BITS, keys->auth, &record->blob)) == CKR_OK)
		rv = tspi_bind(&record->blob, secret, SECRET_LEN, &record->bound);
	if (rv != CKR_OK)
		role_record_free(record);
	return rv;
}

void role_close(struct tspi_key **key)
{
	if (*key == NULL)
		return;
	tspi_key_free(key);
	tspi_close();
}

static CK_RV unbind(const struct buf *blob, const struct buf *bound, const uint8_t *auth, uint8_t *secret,
	struct tspi_key **key)
{
	struct buf plain = { .secret = true };
	CK_RV rv = tspi_key_open(blob->data, blob->len, NULL, TSPI_AUTH_PIN, auth, key);

	if (rv == CKR_OK)
		rv = tspi_key_load(*key);
	if (rv == CKR_OK)
		rv = tspi_key_unbind(*key, bound->data, bound->len, &plain);
	if (rv == CKR_ENCRYPTED_DATA_INVALID || (rv == CKR_OK && plain.len != SECRET_LEN)) {
		log_error("what is bound to the key does not open: the token file was tampered with");
		rv = CKR_DEVICE_ERROR;
	}
	if (rv == CKR_OK)
		memcpy(secret, plain.data, SECRET_LEN);
	else
		role_close(key);
	buf_free(&plain);
	return rv;
}

CK_RV role_unlock(const struct role_record *record, struct pin pin, uint8_t *secret,
	struct pin_keys *keys, struct tspi_key **key)
{
	CK_RV rv = pin_derive(pin, record, keys);

	*key = NULL;
	return rv == CKR_OK ? unbind(&record->blob, &record->bound, keys->auth, secret, key) : rv;
}

CK_RV so_copy_open(const struct token_file *file, const uint8_t *so_auth, uint8_t *master)
{
	struct tspi_key *key = NULL;
	CK_RV rv = unbind(&file->roles[ROLE_SO].blob, &file->so_copy, so_auth, master, &key);

	role_close(&key);
	return rv;
}

/* Loading asks the parent's auth alone, so any will do here. */
CK_RV role_load(const struct role_record *record)
{
	static const uint8_t no_auth[TSPI_AUTH_LEN];
	struct tspi_key *key = NULL;
	CK_RV rv = tspi_key_open(record->blob.data, record->blob.len, NULL, TSPI_AUTH_PIN, no_auth, &key);

	if (rv == CKR_OK)
		rv = tspi_key_load(key);
	role_close(&key);
	return rv;
}

CK_RV role_check_key(const struct role_record *record)
{
	struct tspi_key_info info;

	if (!tspi_blob_info(record->blob.data, record->blob.len, &info) || info.usage != TSPI_BIND
		|| info.can_migrate) {
		log_error("the SO's key is not one that the chip made for this: the store was tampered with");
		return CKR_DEVICE_ERROR;
	}
	return role_load(record);
}

CK_RV role_change_pin(const struct role_record *record, struct tspi_key *key, struct pin pin,
	struct role_record *changed, struct pin_keys *keys)
{
	CK_RV rv;

	memset(changed, 0, sizeof *changed);
	if ((rv = salt_make(changed)) == CKR_OK
		&& (rv = pin_derive(pin, changed, keys)) == CKR_OK
		&& (rv = tspi_key_change_auth(key, keys->auth, &changed->blob)) == CKR_OK) {
		buf_put(&changed->bound, record->bound.data, record->bound.len);
		if (buf_failed(&changed->bound))
			rv = CKR_HOST_MEMORY;
	}
	if (rv != CKR_OK)
		role_record_free(changed);
	return rv;
}

static void put_public_half(struct buf *b, const struct role_record *record)
{
	struct tspi_key_info info;

	if (record->has_key && tspi_blob_info(record->blob.data, record->blob.len, &info))
		buf_put_block(b, info.modulus, info.modulus_len);
	else
		buf_put_block(b, NULL, 0);
}

CK_RV role_mac(const struct token_file *file, const struct objstore_id *token_id, enum role role,
	const uint8_t *secret, const uint8_t *k2, uint8_t mac[MAC_LEN])
{
	struct buf b = { .secret = true };
	bool ok;

	buf_put_u8(&b, (uint8_t)role);
	buf_put(&b, secret, SECRET_LEN);
	buf_put(&b, token_id->bytes, OBJSTORE_ID_LEN);
	put_public_half(&b, &file->roles[role]);
	if (role == ROLE_USER && file->so_copy.len != 0)
		put_public_half(&b, &file->roles[ROLE_SO]);
	ok = !buf_failed(&b) && crypto_hmac_sha256(k2, SECRET_LEN, &b, mac);
	buf_free(&b);
	return ok ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV master_check(const struct objstore_id *token_id, const uint8_t *master, uint8_t check[MAC_LEN])
{
	return crypto_derive(master, token_id->bytes, OBJSTORE_ID_LEN, "pkcs11_tpm master key check", check)
		? CKR_OK : CKR_HOST_MEMORY;
}
