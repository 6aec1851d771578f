/* SPDX-License-Identifier: BSD-2-Clause */
/* What processes on one chip and in one store must not do to each other. */
#include "p11.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS 20 /* of swtpm; the keys here are more */
#define KEYS (SLOTS + 6)

static void sign_round_robin(CK_SESSION_HANDLE session, const struct p11_pair *pairs)
{
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < KEYS; i++)
			TAP_CHECK(p11_signs(session, pairs[i]), "round %d, key %d", round, i);
}

static void make_keys(CK_SESSION_HANDLE session, struct p11_pair *pairs)
{
	for (int i = 0; i < KEYS; i++)
		RV_MUST(p11_generate(session, 512, "one of many", false, false, &pairs[i]), CKR_OK);
}

/* After a login, as that must leave tcsd able to evict keys. */
static void more_keys_than_slots(void)
{
	CK_SESSION_HANDLE session = p11_new_token();
	struct p11_pair pairs[KEYS];

	make_keys(session, pairs);
	sign_round_robin(session, pairs);
}

/* A process that has logged in and does nothing, until it is killed. */
static pid_t start_idle_neighbour(void)
{
	int ready[2];
	char byte;
	pid_t child;

	MUST(pipe(ready) == 0);
	child = fork();
	MUST(child >= 0);
	if (child == 0) {
		p11_start();
		p11_open_user();
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	MUST(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	return child;
}

static void beside_an_idle_login(void)
{
	struct p11_pair pairs[KEYS];
	CK_SESSION_HANDLE session = p11_new_token();
	pid_t neighbour;

	p11_stop();
	neighbour = start_idle_neighbour();
	p11_start();
	session = p11_open();
	make_keys(session, pairs);
	sign_round_robin(session, pairs);
	kill(neighbour, SIGKILL);
	waitpid(neighbour, NULL, 0);
}

/* --- one object, two processes --- */

static int set_id_elsewhere(void *label)
{
	CK_ATTRIBUTE id[] = { A_TEXT(CKA_APPLICATION, "set elsewhere") };
	CK_SESSION_HANDLE session;

	p11_start();
	session = p11_open_user();
	RV_EQUAL(p11->C_SetAttributeValue(session, p11_find(session, CKO_DATA, label), TEMPLATE(id)), CKR_OK);
	return 0;
}

static int destroy_elsewhere(void *label)
{
	CK_SESSION_HANDLE session;

	p11_start();
	session = p11_open_user();
	RV_EQUAL(p11->C_DestroyObject(session, p11_find(session, CKO_DATA, label)), CKR_OK);
	return 0;
}

static void no_change_is_lost(void)
{
	CK_ATTRIBUTE value[] = { A_TEXT(CKA_VALUE, "set here") };
	CK_SESSION_HANDLE session = p11_new_token();
	char label[] = "of both", text[64];

	for (int is_private = 0; is_private < 2; is_private++) {
		CK_OBJECT_HANDLE object = p11_data(session, label, true, is_private != 0);

		ULONG_EQUAL(p11_in_child(set_id_elsewhere, label), 0);
		RV_EQUAL(p11->C_SetAttributeValue(session, object, TEMPLATE(value)), CKR_OK);
		ULONG_EQUAL(
			p11_get_bytes(session, object, CKA_APPLICATION, (unsigned char *)text, sizeof(text)),
			strlen("set elsewhere"));
		CHECK(memcmp(text, "set elsewhere", strlen("set elsewhere")) == 0);
		ULONG_EQUAL(p11_get_bytes(session, object, CKA_VALUE, (unsigned char *)text, sizeof(text)),
			    strlen("set here"));
		RV_EQUAL(p11->C_DestroyObject(session, object), CKR_OK);
	}
}

static void what_is_destroyed_stays_so(void)
{
	CK_ATTRIBUTE value[] = { A_TEXT(CKA_VALUE, "set here") };
	CK_SESSION_HANDLE session = p11_new_token();
	char label[] = "destroyed";
	CK_OBJECT_HANDLE object = p11_data(session, label, true, false);

	ULONG_EQUAL(p11_in_child(destroy_elsewhere, label), 0);
	RV_EQUAL(p11->C_SetAttributeValue(session, object, TEMPLATE(value)), CKR_OBJECT_HANDLE_INVALID);
	ULONG_EQUAL(p11_count(session, CKO_DATA, label), 0);
}

/* --- one token, two processes --- */

static int init_elsewhere(void *argument)
{
	(void)argument;
	p11_start();
	RV_EQUAL(p11_init_token(SO_PIN, "anew"), CKR_OK);
	return 0;
}

static void so_login_ends_with_its_token(void)
{
	CK_SESSION_HANDLE session = p11_new_token();

	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	ULONG_EQUAL(p11_in_child(init_elsewhere, NULL), 0);
	RV_EQUAL(p11_init_pin(session, "for the old token"), CKR_USER_NOT_LOGGED_IN);
	ULONG_EQUAL(p11_state(session), CKS_RW_PUBLIC_SESSION);
	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
}

static size_t count_object_files(void)
{
	static struct p11_files files;
	size_t objects = 0;

	p11_list_files(p11_store(), &files);
	for (size_t i = 0; i < files.count; i++)
		objects += strncmp(files.names[i], "objects/", 8) == 0;
	return objects;
}

static void an_emptied_token_leaves_no_file(void)
{
	CK_SESSION_HANDLE session = p11_new_token();

	p11_data(session, "public", true, false);
	p11_data(session, "private", true, true);
	p11_stop();
	ULONG_EQUAL(count_object_files(), 2);
	ULONG_EQUAL(p11_in_child(init_elsewhere, NULL), 0);
	ULONG_EQUAL(count_object_files(), 0);
}

/* A file whose header no longer says whose it is may be a damaged one: it is kept as it was found. */
static void a_damaged_object_is_kept(void)
{
	static struct p11_files before, after;
	CK_SESSION_HANDLE session = p11_new_token();
	char path[900], kept[900];
	unsigned char *content, *found;
	size_t length, found_length;

	p11_list_files(p11_store(), &before);
	p11_data(session, "flipped", true, true);
	snprintf(path, sizeof(path), "%s/%s", p11_store(), p11_new_file(&before, &after));
	content = p11_read_file(path, &length);
	MUST(content != NULL && length > 56);
	content[20] ^= 1;
	p11_write_file(path, content, length);
	p11_stop();
	p11_start();
	p11_list_files(p11_store(), &before);
	session = p11_open_user();
	ULONG_EQUAL(p11_count(session, CKO_DATA, "flipped"), 0);
	snprintf(kept, sizeof(kept), "%s/%s", p11_store(), p11_new_file(&before, &after));
	CHECK(strstr(kept, "/damaged/") != NULL && access(path, F_OK) != 0);
	RV_EQUAL(p11_set_pin(session, USER_PIN, "another pin"), CKR_OK);
	p11_data(session, "new", true, true);
	found = p11_read_file(kept, &found_length);
	CHECK(found != NULL && found_length == length && memcmp(found, content, length) == 0);
	free(found);
	content[20] ^= 1;
	p11_write_file(path, content, length);
	ULONG_EQUAL(p11_count(session, CKO_DATA, "flipped"), 1);
	ULONG_EQUAL(p11_in_child(init_elsewhere, NULL), 0);
	CHECK(access(path, F_OK) != 0);
}

/* Nor may the next writer take the damaged copy for the one to keep. */
static void a_damaged_token_file_has_a_second_copy(void)
{
	CK_SESSION_HANDLE session = p11_new_token();
	char path[900];
	unsigned char *content;
	size_t length;

	p11_stop();
	snprintf(path, sizeof(path), "%s/token", p11_store());
	content = p11_read_file(path, &length);
	MUST(content != NULL && length > 200);
	content[200] ^= 1;
	p11_write_file(path, content, length);
	for (int i = 0; i < 2; i++) {
		p11_start();
		session = p11_open_user();
		p11_data(session, "written meanwhile", true, true);
		ULONG_EQUAL(p11_count(session, CKO_DATA, "written meanwhile"), i + 1);
		p11_stop();
	}
	p11_start();
	session = p11_open();
	RV_EQUAL(p11_set_pin(session, USER_PIN, "a new pin"), CKR_OK);
	p11_stop();
	CHECK(remove(path) == 0);
	p11_start();
	RV_EQUAL(p11_login(p11_open(), CKU_USER, "a new pin"), CKR_OK);
}

/* --- one key, imported more than once: tcsd takes its wrapped copies for one key --- */

static CK_OBJECT_HANDLE import(CK_SESSION_HANDLE session, const CK_ATTRIBUTE *more, CK_ULONG count)
{
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	RV_MUST(p11_import(session, p11_soft_key(1024), CKO_PRIVATE_KEY, more, count, &key), CKR_OK);
	return key;
}

static void sign_as_libcrypto_does(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	unsigned char data[] = "one key", signature[P11_MAX_BYTES], wanted[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);

	RV_EQUAL(p11_sign(session, CKM_RSA_PKCS, key, data, sizeof(data), signature, &length), CKR_OK);
	ULONG_EQUAL(length, p11_soft_sign(p11_soft_key(1024), NULL, data, sizeof(data), wanted));
	CHECK(memcmp(signature, wanted, length) == 0);
}

static void check_no_try_was_lost(CK_SESSION_HANDLE session)
{
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
}

static void one_key_imported_twice(void)
{
	CK_ATTRIBUTE sign_only[] = { A_BOOL(CKA_DECRYPT, false), A_BOOL(CKA_UNWRAP, false) };
	CK_SESSION_HANDLE session = p11_new_token();
	CK_OBJECT_HANDLE keys[] = { import(session, TEMPLATE(sign_only)), import(session, NO_TEMPLATE) };

	for (int i = 0; i < 24; i++)
		sign_as_libcrypto_does(session, keys[i % 2]);
	check_no_try_was_lost(session);
}

static int import_and_sign(void *argument)
{
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;

	(void)argument;
	p11_start();
	session = p11_open_user();
	key = import(session, NO_TEMPLATE);
	p11_line_up();
	for (int i = 0; i < 20; i++)
		sign_as_libcrypto_does(session, key);
	return 0;
}

static void one_key_imported_by_two(void)
{
	int status[2];

	p11_new_token();
	p11_stop();
	p11_soft_key(1024);
	p11_two_at_once(import_and_sign, NULL, NULL, status);
	ULONG_EQUAL(status[0], 0);
	ULONG_EQUAL(status[1], 0);
	p11_start();
	check_no_try_was_lost(p11_open_user());
}

/* --- threads of several processes, whose locks must not look like a deadlock --- */

static void *create_and_destroy(void *session)
{
	CK_ATTRIBUTE data[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, true) };
	CK_SESSION_HANDLE s = *(CK_SESSION_HANDLE *)session;

	for (int i = 0; i < 60; i++) {
		CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;

		RV_EQUAL(p11->C_CreateObject(s, TEMPLATE(data), &object), CKR_OK);
		RV_EQUAL(p11->C_DestroyObject(s, object), CKR_OK);
	}
	return NULL;
}

static int busy(void *argument)
{
	CK_SESSION_HANDLE mine, theirs;
	pthread_t thread;

	(void)argument;
	p11_start();
	mine = p11_open();
	theirs = p11_open();
	p11_line_up();
	MUST(pthread_create(&thread, NULL, create_and_destroy, &theirs) == 0);
	for (int i = 0; i < 15; i++) {
		RV_EQUAL(p11_login(mine, CKU_USER, USER_PIN), CKR_OK);
		RV_EQUAL(p11->C_Logout(mine), CKR_OK);
	}
	pthread_join(thread, NULL);
	return 0;
}

static void locks_of_threads(void)
{
	int status[2];

	p11_new_token();
	p11_stop();
	p11_two_at_once(busy, NULL, NULL, status);
	ULONG_EQUAL(status[0], 0);
	ULONG_EQUAL(status[1], 0);
}

static const struct tap_case cases[] = {
	{ "more keys than the chip has slots, after a login", more_keys_than_slots },
	{ "more keys than slots beside an idle process that has logged in", beside_an_idle_login },
	{ "two processes change one object, and no change is lost", no_change_is_lost },
	{ "an object that was destroyed elsewhere does not come back", what_is_destroyed_stays_so },
	{ "the SO's login ends when another process initialises the token", so_login_ends_with_its_token },
	{ "an emptied token leaves no object's file", an_emptied_token_leaves_no_file },
	{ "a damaged object's file is never removed", a_damaged_object_is_kept },
	{ "a damaged token file has a second copy, also after a write",
		a_damaged_token_file_has_a_second_copy },
	{ "one key imported twice", one_key_imported_twice },
	{ "one key imported by two processes", one_key_imported_by_two },
	{ "threads of two processes that log in and write", locks_of_threads },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "neighbours", cases);
}
