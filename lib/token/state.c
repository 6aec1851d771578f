/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/state.h"

#include <string.h>

#include "util/crypto.h"
#include "util/log.h"
#include "util/wipe.h"

static void file_replace_locked(struct token *token, const struct objstore_token *on_disk,
	struct token_file *file)
{
	bool same = on_disk->exists && token->on_disk.exists
		&& memcmp(&on_disk->id, &token->on_disk.id, sizeof on_disk->id) == 0;

	if (!same && token->on_disk.exists) {
		if (token->login.who != LOGIN_NONE) {
			log_info("another process initialised the token: the login has ended");
			tspi_close_soon();
		}
		state_logout_locked(token);
		state_forget_token(token);
	}
	if (file->import_parent.len != token->file.import_parent.len
		|| (file->import_parent.len != 0 && memcmp(file->import_parent.data,
			token->file.import_parent.data, file->import_parent.len) != 0))
		tspi_key_free(&token->import_parent);
	token->on_disk = *on_disk;
	memset(&token->on_disk.body, 0, sizeof token->on_disk.body);
	token_file_free(&token->file);
	token->file = *file;
	memset(file, 0, sizeof *file);
}

static CK_RV read_file(struct token *token, struct objstore_token *on_disk, struct token_file *file)
{
	CK_RV rv = objstore_token_read(token->store, on_disk);

	memset(file, 0, sizeof *file);
	if (rv == CKR_OK && on_disk->exists
		&& (rv = token_file_decode(&on_disk->body, file)) == CKR_DEVICE_ERROR)
		log_error("the token file is none that this version knows");
	buf_free(&on_disk->body);
	if (rv != CKR_OK)
		token_file_free(file);
	return rv;
}

CK_RV state_refresh_locked(struct token *token)
{
	struct objstore_token on_disk;
	struct token_file file;
	uint64_t generation;
	CK_RV rv = objstore_generation(token->store, &generation);

	if (rv != CKR_OK || (generation != 0 && generation == token->generation))
		return rv;
	rv = read_file(token, &on_disk, &file);
	if (rv != CKR_OK)
		return rv;
	if (on_disk.exists != token->on_disk.exists || on_disk.sequence != token->on_disk.sequence
		|| memcmp(&on_disk.id, &token->on_disk.id, sizeof on_disk.id) != 0)
		file_replace_locked(token, &on_disk, &file);
	token_file_free(&file);
	token->generation = generation;
	return CKR_OK;
}

CK_RV state_copy(struct token *token, struct objstore_token *on_disk, struct token_file *file)
{
	return read_file(token, on_disk, file);
}

void state_drop_uuids(struct token_file *file)
{
	for (size_t at = 0; at + TSPI_UUID_LEN <= file->dropped.len;) {
		if (tspi_registry_drop(file->dropped.data + at) == CKR_OK)
			buf_cut(&file->dropped, at, TSPI_UUID_LEN);
		else
			at += TSPI_UUID_LEN;
	}
}

static CK_RV change_once(struct token *token, state_edit *edit, void *arg)
{
	struct objstore_token on_disk;
	struct token_file file;
	struct buf body = BUF_INIT;
	CK_RV rv = read_file(token, &on_disk, &file);

	if (rv != CKR_OK)
		return rv;
	if (!on_disk.exists)
		rv = CKR_USER_PIN_NOT_INITIALIZED;
	if (rv == CKR_OK && file.dropped.len != 0)
		state_drop_uuids(&file);
	if (rv == CKR_OK && (rv = edit(&file, &on_disk.id, arg)) == CKR_OK)
		rv = token_file_encode(&file, &body)
			? objstore_token_switch(token->store, &on_disk, &on_disk.id, &body) : CKR_HOST_MEMORY;
	if (rv == CKR_OK)
		state_drop_uuids(&file);
	buf_free(&body);
	token_file_free(&file);
	return rv;
}

CK_RV state_change(struct token *token, state_edit *edit, void *arg)
{
	CK_RV rv;

	do
		rv = change_once(token, edit, arg);
	while (rv == OBJSTORE_CHANGED);
	pthread_mutex_lock(&token->mutex);
	token->generation = 0;
	/* The change is made: what cannot be read now is read at the next look. */
	if (rv == CKR_OK)
		state_refresh_locked(token);
	pthread_mutex_unlock(&token->mutex);
	return rv;
}

CK_RV state_object_key(const struct objstore_id *token_id, const uint8_t *master,
	uint8_t key[OBJSTORE_KEY_LEN])
{
	return crypto_derive(master, token_id->bytes, OBJSTORE_ID_LEN, "pkcs11_tpm private objects", key)
		? CKR_OK : CKR_HOST_MEMORY;
}

void state_set_master_locked(struct token *token, const uint8_t *master, const uint8_t *object_key)
{
	struct login_state *login = &token->login;

	memcpy(token->secrets->master, master, SECRET_LEN);
	memcpy(token->secrets->object_key, object_key, OBJSTORE_KEY_LEN);
	login->who = LOGIN_USER;
	login->has_master = true;
	login->expired = false;
	token->objects.generation = 0;
}

void state_logout_locked(struct token *token)
{
	state_forget_private(token);
	wipe(token->secrets, sizeof *token->secrets);
	memset(&token->login, 0, sizeof token->login);
	token->login.who = LOGIN_NONE;
	token->login_number++;
}

void state_note_try(struct token *token, enum role role, CK_RV rv)
{
	uint8_t note[OBJSTORE_NOTE_LEN], outcome;

	if (rv == CKR_OK)
		outcome = TRY_GOOD;
	else if (rv == CKR_PIN_INCORRECT)
		outcome = TRY_FAILED;
	else if (rv == CKR_PIN_LOCKED)
		outcome = TRY_LOCKED;
	else
		return;
	objstore_note_read(token->store, note);
	if (note[role] == outcome)
		return;
	note[role] = outcome;
	objstore_note_write(token->store, note);
}
