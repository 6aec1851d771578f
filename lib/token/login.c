/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "token/hierarchy.h"
#include "token/proof.h"
#include "token/state.h"
#include "util/crypto.h"
#include "util/log.h"
#include "util/wipe.h"

/* A login ends when another process makes the token another one, so that is looked at first. */
enum login token_login_state(struct token *token)
{
	enum login who;

	pthread_mutex_lock(&token->mutex);
	state_refresh_locked(token);
	who = token->login.who;
	pthread_mutex_unlock(&token->mutex);
	return who;
}

unsigned long token_login_number(struct token *token)
{
	unsigned long number;

	pthread_mutex_lock(&token->mutex);
	number = token->login_number;
	pthread_mutex_unlock(&token->mutex);
	return number;
}

CK_RV token_check_expired(struct token *token)
{
	bool expired;

	pthread_mutex_lock(&token->mutex);
	expired = token->login.expired;
	pthread_mutex_unlock(&token->mutex);
	return expired ? CKR_PIN_EXPIRED : CKR_OK;
}

/* --- the SO's copy of the master key --- */

struct so_copy_edit {
	const struct role_record *user, *so;
	const struct proof *proof;
};

static CK_RV so_copy_edit(struct token_file *file, const struct objstore_id *token_id, void *arg)
{
	const struct so_copy_edit *edit = arg;
	struct role_record *user = &file->roles[ROLE_USER];
	CK_RV rv = proof_still_holds(file, ROLE_USER, edit->user);

	if (rv == CKR_OK)
		rv = proof_still_holds(file, ROLE_SO, edit->so);
	if (rv == CKR_OK && file->so_copy.len == 0
		&& (rv = so_copy_make(file, edit->proof->secret)) == CKR_OK)
		rv = role_mac(
			file, token_id, ROLE_USER, edit->proof->secret, edit->proof->keys.k2, user->mac);
	return rv;
}

/* A login is good without the copy, so a failure is logged where it is seen and that is all. */
static void so_copy_add(struct token *token, const struct token_file *file, const struct proof *proof)
{
	struct so_copy_edit edit = { &file->roles[ROLE_USER], &file->roles[ROLE_SO], proof };

	if (!file->roles[ROLE_SO].has_key || file->so_copy.len != 0
		|| role_check_key(&file->roles[ROLE_SO]) != CKR_OK)
		return;
	if (state_change(token, so_copy_edit, &edit) == CKR_OK)
		log_info("the SO can give the user a new PIN from now on");
}

/* A lost user.data is filled again; one that cannot be used is logged and left alone. */
static void registry_heal(const struct token_file *file)
{
	for (int role = 0; role < ROLES; role++) {
		const struct role_record *record = &file->roles[role];

		if (record->has_key && tspi_registry_add(record->uuid, &record->blob) != CKR_OK)
			return;
	}
}

/* --- C_Login, C_Logout --- */

static CK_RV login_set(struct token *token, const struct objstore_token *on_disk, enum role role,
	const struct proof *proof)
{
	bool has_master = role == ROLE_USER && !proof->by_default;
	uint8_t object_key[OBJSTORE_KEY_LEN];
	CK_RV rv = has_master ? state_object_key(&on_disk->id, proof->secret, object_key) : CKR_OK;

	if (rv != CKR_OK)
		return rv;
	pthread_mutex_lock(&token->mutex);
	if ((rv = state_refresh_locked(token)) == CKR_OK
		&& memcmp(&token->on_disk.id, &on_disk->id, sizeof on_disk->id) != 0)
		rv = CKR_PIN_INCORRECT;
	if (rv == CKR_OK && has_master) {
		state_set_master_locked(token, proof->secret, object_key);
	} else if (rv == CKR_OK) {
		token->login.who = role == ROLE_USER ? LOGIN_USER : LOGIN_SO;
		token->login.expired = proof->by_default;
		memcpy(token->secrets->so_auth, proof->keys.auth, TSPI_AUTH_LEN);
	}
	pthread_mutex_unlock(&token->mutex);
	wipe(object_key, sizeof object_key);
	return rv;
}

static CK_RV login(struct token *token, enum role role, struct pin pin)
{
	struct objstore_token on_disk;
	struct token_file file;
	struct proof proof;
	CK_RV rv = state_copy(token, &on_disk, &file);

	memset(&proof, 0, sizeof proof);
	if (rv == CKR_OK && !on_disk.exists)
		rv = CKR_USER_PIN_NOT_INITIALIZED;
	if (rv == CKR_OK)
		rv = proof_make(token, &file, &on_disk.id, role, pin, &proof);
	if (rv == CKR_OK && !proof.by_default) {
		registry_heal(&file);
		if (role == ROLE_USER)
			so_copy_add(token, &file, &proof);
	}
	if (rv == CKR_OK)
		rv = login_set(token, &on_disk, role, &proof);
	proof_end(&proof);
	token_file_free(&file);
	return tspi_public_code(rv);
}

CK_RV token_login(struct token *token, enum role role, const CK_UTF8CHAR *p, CK_ULONG len)
{
	enum login who;
	struct pin pin;
	CK_RV rv = pin_read(p, len, &pin);

	if (rv != CKR_OK)
		return rv;
	pthread_mutex_lock(&token->life_mutex);
	who = token_login_state(token);
	if (who != LOGIN_NONE) {
		rv = who == (role == ROLE_USER ? LOGIN_USER : LOGIN_SO) ? CKR_USER_ALREADY_LOGGED_IN
			: CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
	} else if ((rv = objstore_pin_lock(token->store)) == CKR_OK) {
		rv = login(token, role, pin);
		objstore_pin_unlock(token->store);
	}
	pthread_mutex_unlock(&token->life_mutex);
	return rv;
}

static CK_RV check_pin(struct token *token, struct pin pin)
{
	struct objstore_token on_disk;
	struct token_file file;
	struct proof proof;
	CK_RV rv = state_copy(token, &on_disk, &file);

	memset(&proof, 0, sizeof proof);
	if (rv == CKR_OK)
		rv = proof_make(token, &file, &on_disk.id, ROLE_USER, pin, &proof);
	proof_end(&proof);
	token_file_free(&file);
	return tspi_public_code(rv);
}

CK_RV token_check_pin(struct token *token, const CK_UTF8CHAR *p, CK_ULONG len)
{
	struct pin pin;
	CK_RV rv = pin_read(p, len, &pin);

	if (rv != CKR_OK)
		return rv;
	pthread_mutex_lock(&token->life_mutex);
	if (token_login_state(token) != LOGIN_USER) {
		rv = CKR_USER_NOT_LOGGED_IN;
	} else if ((rv = objstore_pin_lock(token->store)) == CKR_OK) {
		rv = check_pin(token, pin);
		objstore_pin_unlock(token->store);
	}
	pthread_mutex_unlock(&token->life_mutex);
	return rv;
}

CK_RV token_logout(struct token *token)
{
	CK_RV rv = CKR_OK;

	pthread_mutex_lock(&token->life_mutex);
	pthread_mutex_lock(&token->mutex);
	if (token->login.who == LOGIN_NONE)
		rv = CKR_USER_NOT_LOGGED_IN;
	else
		state_logout_locked(token);
	pthread_mutex_unlock(&token->mutex);
	pthread_mutex_unlock(&token->life_mutex);
	return rv;
}
