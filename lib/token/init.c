/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "token/hierarchy.h"
#include "token/proof.h"
#include "token/state.h"
#include "util/crypto.h"
#include "util/hex.h"
#include "util/log.h"
#include "util/padded.h"
#include "util/wipe.h"

CK_RV token_serial(struct token *token, char serial[SERIAL_LEN])
{
	uint8_t digest[16];
	char hex[2 * SERIAL_LEN + 1];
	CK_RV rv = objstore_place_digest(token->store, digest);

	if (rv != CKR_OK)
		return rv;
	hex_encode(digest, sizeof digest, hex);
	memcpy(serial, hex, SERIAL_LEN);
	return CKR_OK;
}

/* May whoever has this PIN empty the token? *file becomes that of an empty token. CKR_TOKEN_NOT_RECOGNIZED:
   the token is of another chip, which either role's key tells before any PIN is tried. */
static CK_RV used_token_open(struct token *token, const struct objstore_id *old_id,
	const struct objstore_id *new_id, struct pin pin, struct token_file *file)
{
	struct role_record *so = &file->roles[ROLE_SO];
	struct proof proof;
	CK_RV rv = CKR_OK;

	memset(&proof, 0, sizeof proof);
	if (so->has_key) {
		rv = proof_make(token, file, old_id, ROLE_SO, pin, &proof);
	} else if (file->roles[ROLE_USER].has_key) {
		rv = role_load(&file->roles[ROLE_USER]);
		if (rv == CKR_OK && !pin_is_default(pin, ROLE_SO)) {
			rv = CKR_PIN_INCORRECT;
			state_note_try(token, ROLE_SO, rv);
		}
	}
	if (rv == CKR_OK) {
		token_file_drop_role(file, ROLE_USER);
		buf_free(&file->so_copy);
		buf_free(&file->import_parent);
		memset(file->master_check, 0, MAC_LEN);
		if (so->has_key)
			rv = role_mac(file, new_id, ROLE_SO, proof.secret, proof.keys.k2, so->mac);
	}
	proof_end(&proof);
	return rv;
}

/* The first PIN of the SO's own. */
static CK_RV so_make(struct token_file *file, const struct objstore_id *token_id, struct pin pin)
{
	struct role_record *so = &file->roles[ROLE_SO];
	uint8_t check_value[SECRET_LEN];
	struct pin_keys keys;
	CK_RV rv = CKR_HOST_MEMORY;

	memset(&keys, 0, sizeof keys);
	if (crypto_random(check_value, sizeof check_value)
		&& (rv = role_make(pin, check_value, so, &keys)) == CKR_OK)
		rv = role_mac(file, token_id, ROLE_SO, check_value, keys.k2, so->mac);
	wipe(check_value, sizeof check_value);
	wipe(&keys, sizeof keys);
	return rv;
}

static CK_RV init(struct token *token, struct pin pin, const CK_UTF8CHAR *label)
{
	static const uint8_t no_tries[OBJSTORE_NOTE_LEN];
	struct objstore_token on_disk;
	struct token_file file;
	struct objstore_id id;
	struct buf body = BUF_INIT;
	CK_RV rv;

	if (!crypto_random(id.bytes, sizeof id.bytes))
		return CKR_HOST_MEMORY;
	rv = state_copy(token, &on_disk, &file);
	if (rv == CKR_OK && on_disk.exists)
		rv = used_token_open(token, &on_disk.id, &id, pin, &file);
	if (on_disk.damaged || rv == CKR_TOKEN_NOT_RECOGNIZED) {
		rv = objstore_set_aside(token->store, &on_disk);
		token_file_free(&file);
		/* What was set aside is not to be swept, wherever it is. */
		memset(&on_disk, 0, sizeof on_disk);
	}
	if (rv == CKR_OK && !on_disk.exists)
		rv = token_serial(token, file.serial);
	if (rv == CKR_OK)
		rv = tspi_version(&file.version);
	if (rv == CKR_OK && !file.roles[ROLE_SO].has_key && !pin_is_default(pin, ROLE_SO))
		rv = so_make(&file, &id, pin);
	if (rv == CKR_OK) {
		/* Solaris's pktool passes a label that ends with a NUL, before the standard's 32 bytes. */
		padded_fill(file.label, sizeof file.label, label, LABEL_LEN);
		rv = token_file_encode(&file, &body)
			? objstore_token_switch(token->store, &on_disk, &id, &body) : CKR_HOST_MEMORY;
	}
	if (rv == CKR_OK) {
		if (file.roles[ROLE_SO].has_key)
			tspi_registry_add(file.roles[ROLE_SO].uuid, &file.roles[ROLE_SO].blob);
		state_drop_uuids(&file);
		objstore_note_write(token->store, no_tries);
	}
	buf_free(&body);
	token_file_free(&file);
	return rv;
}

CK_RV token_init(struct token *token, const CK_UTF8CHAR *p, CK_ULONG len, const CK_UTF8CHAR *label)
{
	struct pin pin;
	CK_RV rv;

	if (label == NULL)
		return CKR_ARGUMENTS_BAD;
	if ((rv = pin_read(p, len, &pin)) != CKR_OK)
		return rv;
	if (memchr(pin.p, '\0', pin.len) != NULL)
		return CKR_PIN_INCORRECT;
	pthread_mutex_lock(&token->life_mutex);
	if ((rv = objstore_pin_lock(token->store)) == CKR_OK) {
		do
			rv = init(token, pin, label);
		while (rv == OBJSTORE_CHANGED);
		objstore_pin_unlock(token->store);
	}
	pthread_mutex_unlock(&token->life_mutex);
	return tspi_public_code(rv);
}
