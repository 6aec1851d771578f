/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "token/hierarchy.h"
#include "token/proof.h"
#include "token/state.h"
#include "util/crypto.h"
#include "util/log.h"
#include "util/wipe.h"

/* A new record for a role, ready to take the place of the old one. */
struct installation {
	enum role role;
	const struct role_record *old; /* what must still be there */
	const struct role_record *so; /* what the secret may be bound to; NULL: not to be looked at */
	struct role_record record;
	uint8_t secret[SECRET_LEN];
	uint8_t object_key[OBJSTORE_KEY_LEN]; /* the user's */
	struct pin_keys keys;
	bool is_new_secret;
};

static void installation_wipe(struct installation *i)
{
	role_record_free(&i->record);
	wipe(i->secret, sizeof i->secret);
	wipe(i->object_key, sizeof i->object_key);
	wipe(&i->keys, sizeof i->keys);
}

/* The record is copied: another process's change can make this run again. */
static CK_RV record_copy(const struct role_record *from, struct role_record *to)
{
	*to = *from;
	memset(&to->blob, 0, sizeof to->blob);
	memset(&to->bound, 0, sizeof to->bound);
	buf_put(&to->blob, from->blob.data, from->blob.len);
	buf_put(&to->bound, from->bound.data, from->bound.len);
	if (!buf_failed(&to->blob) && !buf_failed(&to->bound))
		return CKR_OK;
	role_record_free(to);
	return CKR_HOST_MEMORY;
}

static CK_RV install_edit(struct token_file *file, const struct objstore_id *token_id, void *arg)
{
	struct installation *i = arg;
	struct role_record record;
	bool user = i->role == ROLE_USER;
	CK_RV rv = proof_still_holds(file, i->role, i->old);

	if (rv == CKR_OK && user && i->so != NULL)
		rv = proof_still_holds(file, ROLE_SO, i->so);
	if (rv == CKR_OK && (rv = record_copy(&i->record, &record)) == CKR_OK)
		token_file_take_role(file, i->role, &record);
	if (rv == CKR_OK && user && i->is_new_secret)
		rv = master_check(token_id, i->secret, file->master_check);
	if (rv == CKR_OK && user && (i->is_new_secret || file->so_copy.len == 0))
		rv = so_copy_make(file, i->secret);
	return rv == CKR_OK ? role_mac(file, token_id, i->role, i->secret, i->keys.k2,
		file->roles[i->role].mac) : rv;
}

/* The new key is in the TSS store before the token file says so; the old one leaves it afterwards. */
static CK_RV install(struct token *token, struct installation *i)
{
	CK_RV rv;

	tspi_registry_add(i->record.uuid, &i->record.blob);
	rv = state_change(token, install_edit, i);
	if (rv != CKR_OK)
		tspi_registry_drop(i->record.uuid);
	return rv;
}

/* Before anything is bound to the SO's key it must be known to be the chip's own. */
static CK_RV so_key_check(const struct token_file *file)
{
	return file->roles[ROLE_SO].has_key && file->so_copy.len == 0
		? role_check_key(&file->roles[ROLE_SO]) : CKR_OK;
}

/* The PIN is changed: nothing may fail any more. */
static void login_follow(struct token *token, const struct installation *i)
{
	pthread_mutex_lock(&token->mutex);
	if (i->role == ROLE_USER && token->login.who == LOGIN_USER)
		state_set_master_locked(token, i->secret, i->object_key);
	if (i->role == ROLE_SO && token->login.who == LOGIN_SO) {
		memcpy(token->secrets->so_auth, i->keys.auth, TSPI_AUTH_LEN);
		token->login.expired = false;
	}
	pthread_mutex_unlock(&token->mutex);
}

static CK_RV set_pin(struct token *token, enum role role, struct pin old_pin, struct pin new_pin)
{
	struct objstore_token on_disk;
	struct token_file file;
	struct proof proof;
	struct installation i = { .role = role };
	CK_RV rv = state_copy(token, &on_disk, &file);

	memset(&proof, 0, sizeof proof);
	if (rv == CKR_OK && !on_disk.exists)
		rv = CKR_USER_PIN_NOT_INITIALIZED;
	if (rv == CKR_OK)
		rv = proof_make(token, &file, &on_disk.id, role, old_pin, &proof);
	if (rv != CKR_OK || pin_equal(old_pin, new_pin))
		goto out;
	if (role == ROLE_USER && (rv = so_key_check(&file)) != CKR_OK)
		goto out;
	i.old = &file.roles[role];
	i.so = &file.roles[ROLE_SO];
	i.is_new_secret = proof.by_default;
	if (!proof.by_default) {
		memcpy(i.secret, proof.secret, SECRET_LEN);
		rv = role_change_pin(i.old, proof.key, new_pin, &i.record, &i.keys);
	} else if (crypto_random(i.secret, SECRET_LEN)) {
		rv = role_make(new_pin, i.secret, &i.record, &i.keys);
	} else {
		rv = CKR_HOST_MEMORY;
	}
	if (rv == CKR_OK && role == ROLE_USER)
		rv = state_object_key(&on_disk.id, i.secret, i.object_key);
	if (rv == CKR_OK && (rv = install(token, &i)) == CKR_OK)
		login_follow(token, &i);
out:
	installation_wipe(&i);
	proof_end(&proof);
	token_file_free(&file);
	return tspi_public_code(rv);
}

CK_RV token_set_pin(struct token *token, const CK_UTF8CHAR *old_p, CK_ULONG old_len,
	const CK_UTF8CHAR *new_p, CK_ULONG new_len)
{
	struct pin old_pin, new_pin;
	enum role role;
	CK_RV rv;

	if ((rv = pin_read(old_p, old_len, &old_pin)) != CKR_OK
		|| (rv = pin_read(new_p, new_len, &new_pin)) != CKR_OK)
		return rv;
	pthread_mutex_lock(&token->life_mutex);
	role = token_login_state(token) == LOGIN_SO ? ROLE_SO : ROLE_USER;
	rv = pin_check_new(new_pin, role);
	if (rv == CKR_OK && (rv = objstore_pin_lock(token->store)) == CKR_OK) {
		rv = set_pin(token, role, old_pin, new_pin);
		objstore_pin_unlock(token->store);
	}
	pthread_mutex_unlock(&token->life_mutex);
	return rv;
}

/* The login of the SO that a new user PIN rests on. */
struct so_login {
	struct login_state state;
	struct objstore_id token_id;
	uint8_t auth[TSPI_AUTH_LEN];
};

/* The user's master key for a new PIN: a new one while there is none, else the SO's copy of it. */
static CK_RV master_for_user(const struct token_file *file, const struct objstore_id *token_id,
	const struct so_login *login, struct installation *i)
{
	uint8_t check[MAC_LEN];
	CK_RV rv;

	i->is_new_secret = !file->roles[ROLE_USER].has_key;
	if (i->is_new_secret)
		return crypto_random(i->secret, SECRET_LEN) ? CKR_OK : CKR_HOST_MEMORY;
	if (login->state.expired)
		return CKR_PIN_EXPIRED;
	if (file->so_copy.len == 0) {
		log_error("the SO cannot open the user's objects yet: the user must log in once, "
			"then the PIN can be set");
		return CKR_FUNCTION_REJECTED;
	}
	rv = so_copy_open(file, login->auth, i->secret);
	if (rv == CKR_OK && (rv = master_check(token_id, i->secret, check)) == CKR_OK
		&& !wipe_equal(check, file->master_check, sizeof check)) {
		log_error("the SO's copy of the master key is another key: the token file was tampered with");
		rv = CKR_DEVICE_ERROR;
	}
	return rv;
}

static CK_RV init_pin(struct token *token, const struct so_login *login, struct pin pin)
{
	struct objstore_token on_disk;
	struct token_file file;
	struct installation i = { .role = ROLE_USER };
	CK_RV rv = state_copy(token, &on_disk, &file);

	if (rv == CKR_OK
		&& (!on_disk.exists || memcmp(&on_disk.id, &login->token_id, sizeof on_disk.id) != 0))
		rv = CKR_USER_NOT_LOGGED_IN;
	if (rv == CKR_OK && (rv = master_for_user(&file, &on_disk.id, login, &i)) == CKR_OK) {
		i.old = &file.roles[ROLE_USER];
		i.so = &file.roles[ROLE_SO];
		if ((rv = role_make(pin, i.secret, &i.record, &i.keys)) == CKR_OK
			&& (rv = install(token, &i)) == CKR_OK)
			state_note_try(token, ROLE_USER, CKR_OK);
	}
	installation_wipe(&i);
	token_file_free(&file);
	/* The PIN that was refused would be the SO's, who has changed it elsewhere since the login. Of a chip
	   that is locked no code of C_InitPIN tells. */
	if (rv == CKR_PIN_INCORRECT)
		return CKR_USER_NOT_LOGGED_IN;
	return rv == CKR_PIN_LOCKED ? CKR_DEVICE_ERROR : tspi_public_code(rv);
}

CK_RV token_init_pin(struct token *token, const CK_UTF8CHAR *p, CK_ULONG len)
{
	struct so_login login;
	struct pin pin;
	CK_RV rv;

	if ((rv = pin_read(p, len, &pin)) != CKR_OK)
		return rv;
	pthread_mutex_lock(&token->life_mutex);
	pthread_mutex_lock(&token->mutex);
	state_refresh_locked(token);
	login.state = token->login;
	login.token_id = token->on_disk.id;
	memcpy(login.auth, token->secrets->so_auth, sizeof login.auth);
	pthread_mutex_unlock(&token->mutex);
	rv = login.state.who == LOGIN_SO ? pin_check_new(pin, ROLE_USER) : CKR_USER_NOT_LOGGED_IN;
	if (rv == CKR_OK && (rv = objstore_pin_lock(token->store)) == CKR_OK) {
		rv = init_pin(token, &login, pin);
		objstore_pin_unlock(token->store);
	}
	pthread_mutex_unlock(&token->life_mutex);
	wipe(&login, sizeof login);
	return rv;
}
