/* SPDX-License-Identifier: BSD-2-Clause */
/* A token file that somebody wrote to who should not. */
#include "token_disk.h"

#include "token/hierarchy.h"

/* --- what is changed --- */

static size_t so_copy_len(void)
{
	struct token_file file;
	size_t len;

	file_read(&file);
	len = file.so_copy.len;
	token_file_free(&file);
	return len;
}

/* A secret of the attacker's own, bound to the role's key as anybody can. */
static void bind_own(const struct role_record *record, struct buf *bound)
{
	uint8_t secret[SECRET_LEN];

	memset(secret, 'A', sizeof secret);
	buf_free(bound);
	RV_MUST(tspi_bind(&record->blob, secret, sizeof secret, bound), CKR_OK);
}

/* A key of the attacker's own in the very chip, under an auth that he knows. */
static void key_own(struct role_record *record, enum tspi_usage usage)
{
	static const uint8_t auth[TSPI_AUTH_LEN] = "known to attackers";

	buf_free(&record->blob);
	RV_MUST(tspi_key_create(usage, 2048, auth, &record->blob), CKR_OK);
}

static void user_mac(struct token_file *file)
{
	file->roles[ROLE_USER].mac[0] ^= 1;
}

static void user_bound(struct token_file *file)
{
	bind_own(&file->roles[ROLE_USER], &file->roles[ROLE_USER].bound);
}

static void user_bound_garbage(struct token_file *file)
{
	file->roles[ROLE_USER].bound.data[7] ^= 1;
}

static void so_mac(struct token_file *file)
{
	file->roles[ROLE_SO].mac[31] ^= 1;
}

static void so_bound(struct token_file *file)
{
	bind_own(&file->roles[ROLE_SO], &file->roles[ROLE_SO].bound);
}

static void so_copy_bound(struct token_file *file)
{
	bind_own(&file->roles[ROLE_SO], &file->so_copy);
}

static void so_copy_garbage(struct token_file *file)
{
	file->so_copy.data[7] ^= 1;
}

static void so_copy_gone(struct token_file *file)
{
	buf_free(&file->so_copy);
}

static void check_value(struct token_file *file)
{
	file->master_check[0] ^= 1;
}

static void so_key(struct token_file *file)
{
	key_own(&file->roles[ROLE_SO], TSPI_BIND);
	bind_own(&file->roles[ROLE_SO], &file->roles[ROLE_SO].bound);
}

static void so_key_without_copy(struct token_file *file)
{
	so_key(file);
	buf_free(&file->so_copy);
}

/* Who notices what: 0 where the change is nothing to the call. */
static const struct {
	const char *what;
	void (*change)(struct token_file *file);
	CK_RV user_login, so_login, set_pin, init_pin;
} changes[] = {
	{ "the user's mac", user_mac, CKR_DEVICE_ERROR, CKR_OK, CKR_DEVICE_ERROR, CKR_OK },
	{ "the user's secret", user_bound, CKR_DEVICE_ERROR, CKR_OK, CKR_DEVICE_ERROR, CKR_OK },
	{ "the user's secret, broken", user_bound_garbage, CKR_DEVICE_ERROR, CKR_OK, CKR_DEVICE_ERROR,
		CKR_OK },
	{ "the SO's mac", so_mac, CKR_OK, CKR_DEVICE_ERROR, CKR_OK, CKR_OK },
	{ "the SO's secret", so_bound, CKR_OK, CKR_DEVICE_ERROR, CKR_OK, CKR_OK },
	{ "the SO's copy", so_copy_bound, CKR_OK, CKR_OK, CKR_OK, CKR_DEVICE_ERROR },
	{ "the SO's copy, broken", so_copy_garbage, CKR_OK, CKR_OK, CKR_OK, CKR_DEVICE_ERROR },
	{ "no copy any more", so_copy_gone, CKR_DEVICE_ERROR, CKR_OK, CKR_DEVICE_ERROR,
		CKR_FUNCTION_REJECTED },
	{ "the check of the master key", check_value, CKR_OK, CKR_OK, CKR_OK, CKR_DEVICE_ERROR },
	{ "the SO's key", so_key, CKR_DEVICE_ERROR, CKR_PIN_INCORRECT, CKR_DEVICE_ERROR,
		CKR_USER_NOT_LOGGED_IN },
	{ "the SO's key, and no copy", so_key_without_copy, CKR_DEVICE_ERROR, CKR_PIN_INCORRECT,
		CKR_DEVICE_ERROR, CKR_FUNCTION_REJECTED },
};

/* A refusal has written nothing. */
static void check_call(CK_RV rv, CK_RV expected, const char *call, struct buf *before)
{
	TAP_CHECK(rv == expected, "%s gives 0x%lx, not 0x%lx", call, rv, expected);
	if (expected != CKR_OK)
		check_bytes(before);
	else
		buf_free(before);
}

static void tampered_login(void)
{
	for (size_t i = 0; i < COUNT(changes); i++) {
		struct token *token = token_new();
		struct buf before;

		tap_about("%s", changes[i].what);
		make_used(token);
		tamper(changes[i].change);
		before = token_bytes();
		check_call(login(token, ROLE_USER, USER_PIN), changes[i].user_login, "the user's login",
			&before);
		token_logout(token);
		before = token_bytes();
		check_call(login(token, ROLE_SO, SO_PIN), changes[i].so_login, "the SO's login", &before);
		token_logout(token);
		NUMBER_EQUAL(find(token, "public", NULL), 1);
		token_close(&token);
	}
}

static void tampered_set_pin(void)
{
	for (size_t i = 0; i < COUNT(changes); i++) {
		struct token *token = token_new(), *so;
		struct buf before;

		tap_about("%s", changes[i].what);
		make_used(token);
		so = token_again();
		RV_MUST(login(so, ROLE_SO, SO_PIN), CKR_OK);
		tamper(changes[i].change);
		before = token_bytes();
		check_call(init_pin(so, NEW_PIN), changes[i].init_pin, "C_InitPIN", &before);
		token_close(&so);
		token_close(&token);
		token = token_new();
		make_used(token);
		tamper(changes[i].change);
		before = token_bytes();
		check_call(set_pin(token, USER_PIN, NEW_PIN), changes[i].set_pin, "C_SetPIN", &before);
		token_close(&token);
	}
}

/* Who cannot prove to be the SO empties nothing. */
static void tampered_init_token(void)
{
	void (*const so_changes[])(struct token_file *) = { so_mac, so_bound };

	for (size_t i = 0; i < COUNT(so_changes); i++) {
		struct token *token = token_new();
		struct buf before;

		make_used(token);
		tamper(so_changes[i]);
		before = token_bytes();
		RV_EQUAL(init_token(token, SO_PIN), CKR_DEVICE_ERROR);
		check_bytes(&before);
		check_user(USER_PIN, 1);
		token_close(&token);
	}
}

/* --- the SO's copy of the master key --- */

/* The user had a PIN before the SO: the SO gets a copy at the next login. */
static void make_without_copy(struct token *token)
{
	make_user(token, SO_DEFAULT);
	RV_MUST(login(token, ROLE_SO, SO_DEFAULT), CKR_OK);
	RV_EQUAL(init_pin(token, NEW_PIN), CKR_PIN_EXPIRED);
	RV_MUST(set_pin(token, SO_DEFAULT, SO_PIN), CKR_OK);
	RV_EQUAL(init_pin(token, NEW_PIN), CKR_FUNCTION_REJECTED);
	RV_MUST(token_logout(token), CKR_OK);
	NUMBER_EQUAL(so_copy_len(), 0);
}

static void copy_added(void)
{
	struct token *token = token_new();

	make_without_copy(token);
	check_user(USER_PIN, 1);
	CHECK(so_copy_len() != 0);
	RV_EQUAL(login(token, ROLE_SO, SO_PIN), CKR_OK);
	RV_EQUAL(init_pin(token, NEW_PIN), CKR_OK);
	check_user(NEW_PIN, 1);
	check_login(ROLE_USER, USER_PIN, CKR_PIN_INCORRECT);
	token_close(&token);
}

static void so_key_signing(struct token_file *file)
{
	key_own(&file->roles[ROLE_SO], TSPI_LEGACY);
}

static void so_key_storage(struct token_file *file)
{
	key_own(&file->roles[ROLE_SO], TSPI_STORAGE);
}

/* As one that was made outside the chip would say of itself. */
static void so_key_migratable(struct token_file *file)
{
	file->roles[ROLE_SO].blob.data[9] |= 2;
}

/* Not the chip's: whoever made it can open whatever is bound to it. */
static void so_key_foreign(struct token_file *file)
{
	file->roles[ROLE_SO].blob.data[43 + 100] ^= 1;
}

/* The master key is bound to no key that may be somebody else's; the user is not kept out by that. */
static void copy_refused(void)
{
	void (*const keys[])(struct token_file *) = { so_key_signing, so_key_storage, so_key_migratable,
		so_key_foreign };

	for (size_t i = 0; i < COUNT(keys); i++) {
		struct token *token = token_new();

		tap_about("row %zu", i);
		make_without_copy(token);
		tamper(keys[i]);
		check_user(USER_PIN, 1);
		NUMBER_EQUAL(so_copy_len(), 0);
		RV_EQUAL(set_pin(token, USER_PIN, NEW_PIN), CKR_DEVICE_ERROR);
		NUMBER_EQUAL(so_copy_len(), 0);
		check_user(USER_PIN, 1);
		token_close(&token);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "logins to a tampered token", tampered_login },
		{ "new PINs for a tampered token", tampered_set_pin },
		{ "C_InitToken of a tampered token", tampered_init_token },
		{ "the SO's copy is added", copy_added },
		{ "no copy for a key that is not the chip's", copy_refused },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "token_tamper", cases));
}
