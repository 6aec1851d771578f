/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk that is full or read-only, writers that die, and what they leave behind. */
#include "store.h"

#include <signal.h>
#include <time.h>

#define LARGE 20000
#define LIMIT 4096

static struct buf small_body, large_body;

/* The store has a token and an object 'a', as whole as ever, and can be written to again. */
static void check_whole(struct objstore *store)
{
	unit_limit_files(RLIM_INFINITY);
	store_check_token(store, 't', "token");
	store_check(store, 'a', "old");
	NUMBER_EQUAL(store_count(store), 1);
	NUMBER_EQUAL(store_names("store", ".tmp."), 0);
	NUMBER_EQUAL(store_names("store/objects", ".tmp."), 0);
	CHECK(store_generation(store) != 0);
	RV_EQUAL(store_write(store, 't', 'b', true, "new"), CKR_OK);
	store_check(store, 'b', "new");
}

static struct objstore *store_with_object(void)
{
	struct objstore *store = store_fresh();

	RV_MUST(store_write(store, 't', 'a', true, "old"), CKR_OK);
	return store;
}

/* --- no room --- */

/* Of two changes neither, whichever of them does not fit. */
static void no_room(void)
{
	const struct {
		struct objstore_change changes[2];
		size_t count;
	} rows[] = {
		{ { { .id = store_id('b'), .is_private = true, .body = &large_body } }, 1 },
		{ { { .id = store_id('a'), .is_private = true, .body = &large_body } }, 1 },
		{ { { .id = store_id('b'), .body = &large_body }, { .id = store_id('c'),
			.body = &small_body } }, 2 },
		{ { { .id = store_id('b'), .body = &small_body }, { .id = store_id('c'),
			.body = &large_body } }, 2 },
		{ { { .id = store_id('a'), .body = &small_body }, { .id = store_id('c'),
			.body = &large_body } }, 2 },
		{ { { .id = store_id('a') }, { .id = store_id('c'), .body = &large_body } }, 2 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct objstore *store = store_with_object();
		struct objstore_id token_id = store_id('t');
		struct objstore_change changes[2];
		struct objstore_id *old;
		struct objstore_stamp stamp;
		uint64_t generation;
		struct objstore_step step;
		size_t count;
		CK_RV rv;

		tap_about("row %zu", i);
		memcpy(changes, rows[i].changes, sizeof changes);
		RV_MUST(objstore_list(store, &old, &count, &generation), CKR_OK);
		MUST(count == 1);
		if (memcmp(&changes[0].id, &old[0], sizeof old[0]) == 0
			&& objstore_stamp(store, &old[0], &stamp))
			changes[0].expected = &stamp;
		unit_limit_files(LIMIT);
		rv = objstore_write(store, &token_id, store_key, changes, rows[i].count, &step);
		TAP_CHECK(rv == CKR_DEVICE_MEMORY || rv == CKR_DEVICE_ERROR, "the code is 0x%lx", rv);
		free(old);
		check_whole(store);
		objstore_close(&store);
	}
}

/* Not even the few bytes of the generation. */
static void no_room_at_all(void)
{
	struct objstore *store = store_with_object();

	unit_limit_files(0);
	CHECK(store_write(store, 't', 'a', true, "new") != CKR_OK);
	CHECK(store_write(store, 't', 'b', true, "new") != CKR_OK);
	check_whole(store);
	objstore_close(&store);
}

static void no_room_for_the_token(void)
{
	struct objstore *store = store_with_object();
	struct objstore_token current = store_token(store);
	struct objstore_id id = store_id('n');

	unit_limit_files(LIMIT);
	CHECK(objstore_token_switch(store, &current, &id, &large_body) != CKR_OK);
	unit_limit_files(0);
	CHECK(objstore_token_switch(store, &current, &id, &small_body) != CKR_OK);
	check_whole(store);
	objstore_close(&store);
	unit_fresh();
	store = store_open();
	current = store_token(store);
	unit_limit_files(LIMIT);
	CHECK(objstore_token_switch(store, &current, &id, &large_body) != CKR_OK);
	unit_limit_files(RLIM_INFINITY);
	CHECK(!store_token(store).exists);
	store_switch(store, 't', "token");
	objstore_close(&store);
}

/* All of the changes or none, also where the names cannot be changed. */
static void name_taken(void)
{
	struct objstore *store = store_with_object();
	struct objstore_id token_id = store_id('t');
	struct objstore_change changes[] = { { .id = store_id('b'), .body = &small_body },
		{ .id = store_id('c'), .body = &small_body } };
	struct objstore_step step;

	MUST(mkdir(store_file('c'), 0700) == 0);
	CHECK(objstore_write(store, &token_id, NULL, changes, 2, &step) != CKR_OK);
	MUST(rmdir(store_file('c')) == 0);
	store_check_none(store, 'b');
	NUMBER_EQUAL(store_names("store/objects", ".tmp."), 0);
	objstore_close(&store);
}

/* --- a place that cannot be written to --- */

/* It cannot be set aside, and is there all the same: a caller that remembers it need not read it again. */
static void damaged_read_only(void)
{
	struct objstore *store = store_open();
	struct objstore_id id = store_id('d');
	struct objstore_stamp stamp;
	struct buf body = BUF_INIT;

	RV_MUST(store_write(store, 't', 'd', false, "to be cut"), CKR_OK);
	objstore_close(&store);
	MUST(truncate(store_file('d'), 20) == 0);
	MUST(chmod(unit_path("store/lock"), 0400) == 0);
	store = store_open();
	for (int i = 0; i < 2; i++) {
		RV_EQUAL(store_read(store, 't', 'd', &body), OBJSTORE_UNUSABLE);
		CHECK(objstore_stamp(store, &id, &stamp));
	}
	objstore_close(&store);
	MUST(chmod(unit_path("store/lock"), 0600) == 0);
	buf_free(&body);
}

static int use_read_only(void *argument)
{
	struct objstore_token none = { .exists = false };
	struct objstore_id id = store_id('t');
	struct objstore *store, *other;

	(void)argument;
	if (!store_become_nobody())
		return 1;
	store = store_open();
	store_switch(store, 't', "token");
	RV_MUST(store_write(store, 't', 'a', true, "old"), CKR_OK);
	MUST(chmod(unit_path("store/objects"), 0500) == 0);
	RV_EQUAL(store_write(store, 't', 'a', true, "new"), CKR_TOKEN_WRITE_PROTECTED);
	RV_EQUAL(store_write(store, 't', 'a', true, NULL), CKR_TOKEN_WRITE_PROTECTED);
	RV_EQUAL(store_write(store, 't', 'b', true, "new"), CKR_TOKEN_WRITE_PROTECTED);
	MUST(chmod(unit_path("store/objects"), 0700) == 0);
	MUST(chmod(unit_path("store/lock"), 0400) == 0);
	other = store_open();
	RV_EQUAL(store_write(other, 't', 'a', true, "new"), CKR_TOKEN_WRITE_PROTECTED);
	objstore_close(&other);
	MUST(chmod(unit_path("store/lock"), 0600) == 0);
	check_whole(store);
	objstore_close(&store);
	damaged_read_only();
	MUST(chmod(unit_scratch(), 0500) == 0);
	setenv("PKCS11_TPM_DIR", unit_path("another"), 1);
	store = store_open();
	RV_EQUAL(objstore_token_switch(store, &none, &id, &small_body), CKR_TOKEN_WRITE_PROTECTED);
	objstore_close(&store);
	MUST(chmod(unit_scratch(), 0755) == 0);
	return 0;
}

static void read_only(void)
{
	int status;

	unit_fresh();
	status = tap_child_wait(tap_child_start(use_read_only, NULL));
	if (status == 1)
		tap_skip("there is no user to become who is not root");
	else
		NUMBER_EQUAL(status, 0);
}

static void file_in_the_way(void)
{
	struct objstore_token none = { .exists = false };
	struct objstore_id id = store_id('t');
	struct objstore *store;

	unit_fresh();
	unit_write(unit_path("file"), "", 0);
	setenv("PKCS11_TPM_DIR", unit_path("file/store"), 1);
	store = store_open();
	CHECK(!store_token(store).exists);
	RV_EQUAL(objstore_token_switch(store, &none, &id, &small_body), CKR_TOKEN_WRITE_PROTECTED);
	objstore_close(&store);
}

/* --- what the dead leave behind --- */

/* An odd generation tells the next writer. */
static void litter(void)
{
	struct objstore *store = store_with_object();

	unit_write(unit_path("store/objects/.tmp.0123456789abcdef"), "half", 4);
	unit_write(unit_path("store/objects/.tmp.fedcba9876543210"), "", 0);
	unit_write(unit_path("store/generation"), "\0\0\0\0\0\0\0\3", 8);
	RV_MUST(store_write(store, 't', 'b', false, "new"), CKR_OK);
	NUMBER_EQUAL(store_names("store/objects", ".tmp."), 0);
	store_check(store, 'a', "old");
	store_check(store, 'b', "new");
	objstore_close(&store);
}

/* What was to become a token file holds keys that an old PIN opens: it goes with the next switch. */
static void litter_of_the_token(void)
{
	struct objstore *store = store_with_object();
	struct buf file = BUF_INIT;

	unit_read(unit_path("store/token"), &file);
	unit_write(unit_path("store/.tmp.0123456789abcdef"), file.data, file.len);
	store_switch(store, 't', "switched");
	store_count(store);
	RV_MUST(store_write(store, 't', 'b', false, "new"), CKR_OK);
	NUMBER_EQUAL(store_names("store", ".tmp."), 0);
	buf_free(&file);
	objstore_close(&store);
}

/* Writes until it is killed. Each text is of one letter alone. */
static int write_for_ever(void *argument)
{
	struct objstore *store = store_open();
	char text[300] = { 0 };

	(void)argument;
	for (char letter = 'A';; letter = letter == 'Z' ? 'A' : (char)(letter + 1)) {
		memset(text, letter, sizeof text - 1);
		store_write(store, 't', 'a', letter % 2 == 0, text);
		store_write(store, 't', 'b', true, letter % 3 == 0 ? NULL : text);
		store_switch(store, 't', text);
	}
	return 0;
}

static void check_of_one_letter(const struct buf *body)
{
	bool one = body->len == 299;

	for (size_t i = 1; one && i < body->len; i++)
		one = body->data[i] == body->data[0];
	CHECK(one);
}

static void killed(void)
{
	struct objstore *store = store_with_object();
	char text[300] = { 0 };

	memset(text, 'x', sizeof text - 1);
	RV_MUST(store_write(store, 't', 'a', true, text), CKR_OK);
	for (int i = 0; i < 30; i++) {
		struct timespec moment = { 0, 1000000 + 700000 * i };
		pid_t child = tap_child_start(write_for_ever, NULL);
		struct objstore_token token;
		struct buf body = BUF_INIT;
		CK_RV rv;

		tap_about("round %d", i);
		nanosleep(&moment, NULL);
		kill(child, SIGKILL);
		tap_child_wait(child);
		RV_EQUAL(objstore_token_read(store, &token), CKR_OK);
		CHECK(token.exists);
		RV_EQUAL(store_read(store, 't', 'a', &body), CKR_OK);
		check_of_one_letter(&body);
		buf_free(&body);
		rv = store_read(store, 't', 'b', &body);
		CHECK(rv == CKR_OK || rv == CKR_OBJECT_HANDLE_INVALID);
		if (rv == CKR_OK)
			check_of_one_letter(&body);
		store_count(store);
		RV_EQUAL(store_write(store, 't', 'c', false, "still works"), CKR_OK);
		NUMBER_EQUAL(store_names("store/objects", ".tmp."), 0);
		CHECK(store_generation(store) != 0);
		buf_free(&body);
		buf_free(&token.body);
	}
	objstore_close(&store);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "no room for a change", no_room },
		{ "no room for anything", no_room_at_all },
		{ "no room for a token file", no_room_for_the_token },
		{ "a name that cannot be had", name_taken },
		{ "a read-only place", read_only },
		{ "a file where a directory is needed", file_in_the_way },
		{ "left-over temporaries of objects", litter },
		{ "left-over temporaries of the token file", litter_of_the_token },
		{ "writers are killed", killed },
		{ NULL, NULL },
	};
	int status;

	buf_put(&small_body, "small", 5);
	memset(buf_extend(&large_body, LARGE), 'x', LARGE);
	status = tap_main(argc, argv, "store_faults", cases);
	buf_free(&small_body);
	buf_free(&large_body);
	return unit_end(status);
}
