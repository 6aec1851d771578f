/* SPDX-License-Identifier: BSD-2-Clause */
/* What is not one program's: the TSS store that mirrors a token's keys; other processes. */
#include "token_disk.h"

#include <pthread.h>

/* --- the TSS store --- */

/* The registry has the keys of the token file, and nothing else. */
static void check_registry(void)
{
	struct token_file file;
	unsigned int keys = 0;

	file_read(&file);
	for (int role = 0; role < ROLES; role++)
		if (file.roles[role].has_key) {
			CHECK(fake_registry_has(file.roles[role].uuid));
			keys++;
		}
	NUMBER_EQUAL(fake_registry_count(), keys);
	token_file_free(&file);
}

static void registry_follows(void)
{
	struct token *token = token_new();

	make_used(token);
	check_registry();
	RV_EQUAL(set_pin(token, USER_PIN, NEW_PIN), CKR_OK);
	check_registry();
	RV_EQUAL(login(token, ROLE_SO, SO_PIN), CKR_OK);
	RV_EQUAL(set_pin(token, SO_PIN, NEW_PIN), CKR_OK);
	check_registry();
	RV_EQUAL(init_pin(token, USER_PIN), CKR_OK);
	check_registry();
	RV_EQUAL(token_logout(token), CKR_OK);
	RV_EQUAL(init_token(token, NEW_PIN), CKR_OK);
	check_registry();
	token_close(&token);
}

/* What cannot be dropped now is dropped later, by whoever changes the token next. */
static void registry_swept(void)
{
	struct token *token = token_new(), *other;

	make_used(token);
	fake_fail_on(FAKE_REGISTRY_DROP, 1, CKR_DEVICE_ERROR);
	RV_EQUAL(set_pin(token, USER_PIN, "second"), CKR_OK);
	RV_EQUAL(set_pin(token, "second", "third"), CKR_OK);
	CHECK(fake_registry_count() > 2);
	token_close(&token);
	fake_fail_clear();
	other = token_again();
	RV_EQUAL(set_pin(other, "third", NEW_PIN), CKR_OK);
	check_registry();
	check_user(NEW_PIN, 1);
	token_close(&other);
}

static void registry_broken(void)
{
	struct token *token = token_new();

	fake_fail_on(FAKE_REGISTRY_ADD, 1, CKR_DEVICE_ERROR);
	fake_fail_on(FAKE_REGISTRY_DROP, 1, CKR_DEVICE_ERROR);
	make_used(token);
	check_user(USER_PIN, 1);
	RV_EQUAL(login(token, ROLE_SO, SO_PIN), CKR_OK);
	RV_EQUAL(init_pin(token, NEW_PIN), CKR_OK);
	RV_EQUAL(set_pin(token, SO_PIN, NEW_PIN), CKR_OK);
	RV_EQUAL(token_logout(token), CKR_OK);
	check_user(NEW_PIN, 1);
	fake_fail_clear();
	check_user(NEW_PIN, 1);
	check_registry();
	fake_registry_lose();
	check_login(ROLE_SO, NEW_PIN, CKR_OK);
	check_registry();
	RV_EQUAL(init_token(token, NEW_PIN), CKR_OK);
	check_registry();
	token_close(&token);
}

/* --- another process changes the token file meanwhile --- */

struct first_pin {
	struct token *token;
	CK_RV rv;
};

static void *first_pin_thread(void *argument)
{
	struct first_pin *first = argument;

	first->rv = set_pin(first->token, USER_DEFAULT, NEW_PIN);
	return NULL;
}

/* change comes to pass while the chip makes the key of a first PIN. */
static CK_RV first_pin_with(struct token *token, void (*change)(struct token_file *file))
{
	struct first_pin first = { token, CKR_OK };
	pthread_t thread;

	RV_MUST(login(token, ROLE_USER, USER_DEFAULT), CKR_OK);
	fake_hold_create(true);
	MUST(pthread_create(&thread, NULL, first_pin_thread, &first) == 0);
	fake_held();
	tamper(change);
	fake_hold_create(false);
	pthread_join(thread, NULL);
	return first.rv;
}

static void new_label(struct token_file *file)
{
	memset(file->label, 'X', LABEL_LEN);
}

static void change_kept(void)
{
	struct token *token = token_new();
	CK_TOKEN_INFO info;

	RV_MUST(init_token(token, SO_PIN), CKR_OK);
	RV_EQUAL(first_pin_with(token, new_label), CKR_OK);
	RV_EQUAL(token_info(token, &info), CKR_OK);
	CHECK(info.label[0] == 'X' && info.label[31] == 'X');
	check_user(NEW_PIN, 0);
	check_registry();
	token_close(&token);
}

static void other_user_key(struct token_file *file)
{
	struct role_record *user = &file->roles[ROLE_USER], *so = &file->roles[ROLE_SO];

	user->has_key = true;
	user->iterations = so->iterations;
	memset(user->uuid, 'U', TSPI_UUID_LEN);
	buf_put(&user->blob, so->blob.data, so->blob.len);
	buf_put(&user->bound, so->bound.data, so->bound.len);
}

/* Of two first PINs the one that was there first stays, and nothing is left of the other. */
static void first_pin_lost(void)
{
	struct token *token = token_new();
	struct token_file file;

	RV_MUST(init_token(token, SO_PIN), CKR_OK);
	RV_EQUAL(first_pin_with(token, other_user_key), CKR_PIN_INCORRECT);
	file_read(&file);
	CHECK(file.roles[ROLE_USER].uuid[0] == 'U' && file.roles[ROLE_USER].uuid[15] == 'U');
	NUMBER_EQUAL(fake_registry_count(), 1);
	token_file_free(&file);
	token_close(&token);
}

/* A token that is another one by now ends the login, and what was found in it. */
static void emptied_elsewhere(void)
{
	struct token *token = token_new(), *other = token_again();
	CK_OBJECT_HANDLE private, public;
	struct object *object;
	unsigned long number;

	make_used(token);
	RV_MUST(login(token, ROLE_USER, USER_PIN), CKR_OK);
	NUMBER_EQUAL(find(token, "private", &private), 1);
	NUMBER_EQUAL(find(token, "public", &public), 1);
	number = token_login_number(token);
	RV_EQUAL(init_token(other, SO_PIN), CKR_OK);
	NUMBER_EQUAL(find(token, NULL, NULL), 0);
	CHECK(token_login_state(token) == LOGIN_NONE && token_login_number(token) != number);
	RV_EQUAL(objects_get(token, private, &object), CKR_OBJECT_HANDLE_INVALID);
	RV_EQUAL(objects_get(token, public, &object), CKR_OBJECT_HANDLE_INVALID);
	RV_EQUAL(token_logout(token), CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(login(token, ROLE_USER, USER_DEFAULT), CKR_OK);
	RV_EQUAL(token_check_expired(token), CKR_PIN_EXPIRED);
	token_close(&other);
	token_close(&token);
}

/* The SO's PIN is changed elsewhere: what the login knew opens nothing any more. */
static void so_pin_changed_elsewhere(void)
{
	struct token *token = token_new(), *other = token_again();

	make_used(token);
	RV_MUST(login(token, ROLE_SO, SO_PIN), CKR_OK);
	RV_MUST(login(other, ROLE_SO, SO_PIN), CKR_OK);
	RV_EQUAL(set_pin(other, SO_PIN, NEW_PIN), CKR_OK);
	RV_EQUAL(init_pin(token, "yet another"), CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(init_pin(other, "yet another"), CKR_OK);
	check_user("yet another", 1);
	token_close(&other);
	token_close(&token);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "the TSS store follows", registry_follows },
		{ "the TSS store is swept", registry_swept },
		{ "the TSS store is broken, or lost", registry_broken },
		{ "a change by somebody else is kept", change_kept },
		{ "two first PINs", first_pin_lost },
		{ "another process empties the token", emptied_elsewhere },
		{ "another process changes the SO's PIN", so_pin_changed_elsewhere },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "token_shared", cases));
}
