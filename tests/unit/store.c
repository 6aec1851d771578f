/* SPDX-License-Identifier: BSD-2-Clause */
/* The token file, the generation, and processes that share a store. */
#include "store.h"

#include <poll.h>

/* --- without a store --- */

static void nothing_there(void)
{
	uint8_t note[OBJSTORE_NOTE_LEN] = { 1, 1 };
	struct objstore *store;

	unit_fresh();
	store = store_open();
	CHECK(!store_token(store).exists);
	NUMBER_EQUAL(store_count(store), 0);
	NUMBER_EQUAL(store_generation(store), 0);
	store_check_none(store, 'a');
	RV_EQUAL(store_write(store, 't', 'a', false, "x"), OBJSTORE_CHANGED);
	RV_EQUAL(objstore_pin_lock(store), CKR_OK);
	objstore_pin_unlock(store);
	objstore_note_write(store, note);
	objstore_note_read(store, note);
	CHECK(note[0] == 0 && note[1] == 0);
	CHECK(!unit_exists(unit_path("store")));
	objstore_close(&store);
	CHECK(store == NULL);
	objstore_close(&store);
}

/* --- the token file --- */

static void token_switch(void)
{
	struct objstore *store, *other;
	struct objstore_token none, first;
	struct objstore_id id = store_id('t'), other_id = store_id('u');
	struct buf body = BUF_INIT;

	unit_fresh();
	store = store_open();
	other = store_open();
	none = store_token(store);
	buf_put(&body, "a body", 6);
	RV_MUST(objstore_token_switch(store, &none, &id, &body), CKR_OK);
	store_check_token(store, 't', "a body");
	store_check_token(other, 't', "a body");
	first = store_token(other);
	RV_EQUAL(objstore_token_switch(other, &none, &other_id, &body), OBJSTORE_CHANGED);
	store_switch(store, 't', "a second body");
	CHECK(store_token(store).sequence > first.sequence);
	RV_EQUAL(objstore_token_switch(other, &first, &id, &body), OBJSTORE_CHANGED);
	first = store_token(other);
	first.id = other_id;
	RV_EQUAL(objstore_token_switch(other, &first, &id, &body), OBJSTORE_CHANGED);
	store_check_token(other, 't', "a second body");
	buf_free(&body);
	objstore_close(&other);
	objstore_close(&store);
}

static void damage(const char *name)
{
	struct buf file = BUF_INIT;

	unit_read(unit_path(name), &file);
	MUST(file.len > 60);
	file.data[57] ^= 1;
	unit_write(unit_path(name), file.data, file.len);
	buf_free(&file);
}

/* The copy is one of the current content, and a switch makes both whole again. */
static void second_copy(void)
{
	struct objstore *store = store_fresh();
	struct objstore_token token;

	store_switch(store, 't', "second");
	damage("store/token");
	store_check_token(store, 't', "second");
	store_switch(store, 't', "third");
	damage("store/token.2");
	store_check_token(store, 't', "third");
	store_switch(store, 't', "fourth");
	MUST(unlink(unit_path("store/token")) == 0);
	store_check_token(store, 't', "fourth");
	CHECK(unit_exists(unit_path("store/token")));
	damage("store/token");
	damage("store/token.2");
	RV_EQUAL(objstore_token_read(store, &token), CKR_DEVICE_ERROR);
	CHECK(token.damaged);
	buf_free(&token.body);
	objstore_close(&store);
	store = store_fresh();
	damage("store/token");
	MUST(unlink(unit_path("store/token.2")) == 0);
	RV_EQUAL(objstore_token_read(store, &token), CKR_DEVICE_ERROR);
	buf_free(&token.body);
	objstore_close(&store);
}

/* However much of the first is left. */
static void second_copy_of_a_cut(void)
{
	struct objstore *store = store_fresh();
	struct buf file = BUF_INIT;

	unit_read(unit_path("store/token"), &file);
	for (size_t n = 0; n < file.len; n++) {
		tap_about("%zu bytes", n);
		unit_write(unit_path("store/token"), file.data, n);
		store_check_token(store, 't', "token");
	}
	buf_free(&file);
	objstore_close(&store);
}

/* Neither a read nor a write may take a damaged token for none. */
static void both_damaged(void)
{
	struct objstore_token token, none = { .exists = false };
	struct objstore_id id = store_id('t');
	struct objstore *store = store_fresh();
	struct buf body = BUF_INIT;

	RV_MUST(store_write(store, 't', 'a', false, "object"), CKR_OK);
	damage("store/token");
	damage("store/token.2");
	RV_EQUAL(objstore_token_read(store, &token), CKR_DEVICE_ERROR);
	buf_free(&token.body);
	RV_EQUAL(objstore_token_switch(store, &none, &id, &body), CKR_DEVICE_ERROR);
	RV_EQUAL(store_write(store, 't', 'a', false, "other"), CKR_DEVICE_ERROR);
	store_check(store, 'a', "object");
	RV_EQUAL(objstore_set_aside(store, &none), CKR_DEVICE_ERROR);
	RV_EQUAL(objstore_set_aside(store, &token), CKR_OK);
	CHECK(!store_token(store).exists);
	NUMBER_EQUAL(store_names("store", "aside."), 1);
	store_switch(store, 't', "a new one");
	store_check_none(store, 'a');
	objstore_close(&store);
}

static void new_id(void)
{
	struct objstore *store = store_fresh(), *other = store_open();
	struct buf body = BUF_INIT;

	RV_MUST(store_write(store, 't', 'a', false, "old one's"), CKR_OK);
	store_switch(store, 'n', "new");
	RV_EQUAL(store_read(store, 'n', 'a', &body), CKR_OBJECT_HANDLE_INVALID);
	NUMBER_EQUAL(body.len, 0);
	CHECK(!unit_exists(store_file('a')));
	RV_EQUAL(store_write(other, 't', 'b', false, "for the old one"), OBJSTORE_CHANGED);
	RV_EQUAL(store_write(store, 'n', 'b', false, "new one's"), CKR_OK);
	CHECK(unit_exists(store_file('b')));
	objstore_close(&other);
	objstore_close(&store);
}

static void set_aside(void)
{
	struct objstore *store = store_fresh();
	struct objstore_token current = store_token(store), stale = current;
	uint64_t before = store_generation(store);

	RV_MUST(store_write(store, 't', 'a', false, "object"), CKR_OK);
	stale.sequence++;
	RV_EQUAL(objstore_set_aside(store, &stale), OBJSTORE_CHANGED);
	store_check_token(store, 't', "token");
	RV_EQUAL(objstore_set_aside(store, &current), CKR_OK);
	CHECK(store_generation(store) != before);
	CHECK(!store_token(store).exists);
	NUMBER_EQUAL(store_count(store), 0);
	NUMBER_EQUAL(store_names("store", "aside."), 1);
	store_switch(store, 'n', "new");
	store_check_token(store, 'n', "new");
	objstore_close(&store);
}

/* However soon after the other, and wherever the clock stands. */
static void set_aside_twice(void)
{
	struct objstore *store = store_fresh();
	struct objstore_token current;

	for (unsigned int i = 1; i <= 3; i++) {
		RV_MUST(store_write(store, 't', 'a', false, "object"), CKR_OK);
		current = store_token(store);
		RV_EQUAL(objstore_set_aside(store, &current), CKR_OK);
		NUMBER_EQUAL(store_names("store", "aside."), i);
		store_switch(store, 't', "token");
	}
	objstore_close(&store);
}

static void place_digest(void)
{
	uint8_t before[16], after[16], elsewhere[16];
	struct objstore *store, *other;

	unit_fresh();
	store = store_open();
	RV_EQUAL(objstore_place_digest(store, before), CKR_OK);
	store_switch(store, 't', "token");
	RV_EQUAL(objstore_place_digest(store, after), CKR_OK);
	CHECK(memcmp(before, after, sizeof before) == 0);
	setenv("PKCS11_TPM_DIR", unit_path("elsewhere"), 1);
	other = store_open();
	RV_EQUAL(objstore_place_digest(other, elsewhere), CKR_OK);
	CHECK(memcmp(before, elsewhere, sizeof before) != 0);
	objstore_close(&other);
	objstore_close(&store);
}

static void note(void)
{
	static const uint8_t written[OBJSTORE_NOTE_LEN] = { 1, 2 };
	uint8_t read[OBJSTORE_NOTE_LEN] = { 9, 9 };
	struct objstore *store = store_fresh(), *other = store_open();

	objstore_note_read(store, read);
	CHECK(read[0] == 0 && read[1] == 0);
	objstore_note_write(store, written);
	CHECK(store_token(other).exists);
	objstore_note_read(other, read);
	CHECK(memcmp(read, written, sizeof read) == 0);
	unit_write(unit_path("store/note"), "\1", 1);
	objstore_note_read(store, read);
	CHECK(read[0] == 0 && read[1] == 0);
	objstore_close(&other);
	objstore_close(&store);
}

/* --- the generation --- */

static void generation(void)
{
	struct objstore *store = store_fresh(), *other = store_open();
	uint64_t last = store_generation(store), now;

	CHECK(last != 0);
	for (int i = 0; i < 6; i++) {
		tap_about("change %d", i);
		if (i < 2)
			RV_MUST(store_write(store, 't', 'a', false, "object"), CKR_OK);
		else if (i < 4)
			RV_MUST(store_write(other, 't', 'a', false, NULL), CKR_OK);
		else
			store_switch(other, i == 4 ? 't' : 'n', "token");
		now = store_generation(store);
		CHECK(now != 0 && now != last && now == store_generation(other));
		store_count(store);
		store_check_token(store, i == 5 ? 'n' : 't', "token");
		CHECK(now == store_generation(store));
		last = now;
	}
	objstore_close(&other);
	objstore_close(&store);
}

/* What a writer that died in its midst leaves, and what is lost or cut. */
static void generation_lost(void)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = { { "\0\0\0\0\0\0\0\7", 8 }, { "\0\0\0\0\0\0\0\0", 8 }, { "", 0 }, { "\1\2\3", 3 },
		{ "\377\377\377\377\377\377\377\376", 8 }, { "\377\377\377\377\377\377\377\377", 8 },
			{ NULL, 0 } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct objstore *store = store_fresh();
		uint64_t before = store_generation(store), first, second;

		tap_about("row %zu", i);
		if (rows[i].bytes != NULL)
			unit_write(unit_path("store/generation"), rows[i].bytes, rows[i].n);
		else
			MUST(unlink(unit_path("store/generation")) == 0);
		CHECK((store_generation(store) == 0) == (i != 4));
		RV_MUST(store_write(store, 't', 'a', false, "object"), CKR_OK);
		first = store_generation(store);
		RV_MUST(store_write(store, 't', 'a', false, "object"), CKR_OK);
		second = store_generation(store);
		CHECK(first != before && second != 0 && second != first && second != before);
		CHECK(second % 2 == 0);
		objstore_close(&store);
	}
}

static void steps(void)
{
	struct objstore *store = store_fresh();
	struct objstore_id token_id = store_id('t');
	struct objstore_change change = { .id = store_id('a') };
	struct objstore_step step;
	uint64_t before = store_generation(store);

	RV_MUST(objstore_write(store, &token_id, NULL, &change, 1, &step), CKR_OK);
	CHECK(step.before == before && step.after == store_generation(store));
	unit_write(unit_path("store/generation"), "\0\0\0\0\0\0\0\7", 8);
	RV_MUST(objstore_write(store, &token_id, NULL, &change, 1, &step), CKR_OK);
	CHECK(step.before == 0 && step.after == store_generation(store));
	objstore_close(&store);
}

/* --- other processes --- */

static int write_one(void *argument)
{
	struct objstore *store = store_open();

	(void)argument;
	RV_EQUAL(store_write(store, 't', 'a', false, "another process's"), CKR_OK);
	objstore_close(&store);
	return 0;
}

static void another_process(void)
{
	struct objstore *store = store_fresh();
	uint64_t before = store_generation(store);

	NUMBER_EQUAL(tap_child_wait(tap_child_start(write_one, NULL)), 0);
	CHECK(store_generation(store) != before);
	NUMBER_EQUAL(store_count(store), 1);
	store_check(store, 'a', "another process's");
	objstore_close(&store);
}

#define PROCESSES 4
#define ROUNDS 10

/* Objects of its own, and the token file's number, which nobody may overwrite. */
static int write_many(void *argument)
{
	const int *process = argument;
	struct objstore *store = store_open();
	struct objstore_id id = store_id('t');

	for (int i = 0; i < ROUNDS; i++) {
		struct objstore_token token;
		CK_RV rv;

		RV_EQUAL(store_write(store, 't', (char)(*process * ROUNDS + i + 1), i % 2 == 0,
			"object"), CKR_OK);
		do {
			RV_MUST(objstore_token_read(store, &token), CKR_OK);
			buf_put_u8(&token.body, '+');
			rv = objstore_token_switch(store, &token, &id, &token.body);
			buf_free(&token.body);
		} while (rv == OBJSTORE_CHANGED);
		RV_EQUAL(rv, CKR_OK);
	}
	objstore_close(&store);
	return 0;
}

static void many_processes(void)
{
	struct objstore *store = store_fresh();
	struct objstore_token token;
	pid_t children[PROCESSES];
	int numbers[PROCESSES];

	for (int i = 0; i < PROCESSES; i++) {
		numbers[i] = i;
		children[i] = tap_child_start(write_many, &numbers[i]);
	}
	for (int i = 0; i < PROCESSES; i++)
		NUMBER_EQUAL(tap_child_wait(children[i]), 0);
	NUMBER_EQUAL(store_count(store), PROCESSES * ROUNDS);
	for (int i = 1; i <= PROCESSES * ROUNDS; i++)
		store_check(store, (char)i, "object");
	RV_MUST(objstore_token_read(store, &token), CKR_OK);
	NUMBER_EQUAL(token.body.len, strlen("token") + PROCESSES * ROUNDS);
	buf_free(&token.body);
	objstore_close(&store);
}

static int lock_and_say(void *argument)
{
	const int *pipe_end = argument;
	struct objstore *store = store_open();

	RV_EQUAL(objstore_pin_lock(store), CKR_OK);
	CHECK(write(*pipe_end, "x", 1) == 1);
	objstore_pin_unlock(store);
	objstore_close(&store);
	return 0;
}

static void pin_lock(void)
{
	struct objstore *store = store_fresh();
	struct pollfd said = { .events = POLLIN };
	int ends[2];
	pid_t child;

	MUST(pipe(ends) == 0);
	said.fd = ends[0];
	RV_MUST(objstore_pin_lock(store), CKR_OK);
	child = tap_child_start(lock_and_say, &ends[1]);
	NUMBER_EQUAL(poll(&said, 1, 300), 0);
	RV_EQUAL(store_write(store, 't', 'a', false, "other locks are free"), CKR_OK);
	objstore_pin_unlock(store);
	NUMBER_EQUAL(poll(&said, 1, 60000), 1);
	NUMBER_EQUAL(tap_child_wait(child), 0);
	close(ends[0]);
	close(ends[1]);
	objstore_close(&store);
}

/* Somebody removes the whole directory, and somebody makes another of that name. */
static void removed_directory(void)
{
	struct objstore *store = store_fresh(), *other;

	RV_MUST(store_write(store, 't', 'a', false, "object"), CKR_OK);
	unit_remove_tree(unit_path("store"));
	NUMBER_EQUAL(store_generation(store), 0);
	CHECK(!store_token(store).exists);
	other = store_open();
	store_switch(other, 'n', "new");
	CHECK(store_generation(store) != 0);
	store_check_token(store, 'n', "new");
	RV_EQUAL(store_write(store, 'n', 'b', false, "object"), CKR_OK);
	NUMBER_EQUAL(store_count(other), 1);
	objstore_close(&other);
	objstore_close(&store);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "no store", nothing_there },
		{ "the token file is compared and switched", token_switch },
		{ "the second copy of the token file", second_copy },
		{ "the second copy of a token file that was cut", second_copy_of_a_cut },
		{ "both copies damaged", both_damaged },
		{ "a new token id empties the token", new_id },
		{ "a store is set aside", set_aside },
		{ "stores are set aside within a second", set_aside_twice },
		{ "the digest of the place", place_digest },
		{ "the note", note },
		{ "the generation changes with each write", generation },
		{ "a generation that is lost, cut or odd", generation_lost },
		{ "the steps of our own writes", steps },
		{ "another process's write is seen", another_process },
		{ "many processes write", many_processes },
		{ "one process at a time with PINs", pin_lock },
		{ "the directory is removed", removed_directory },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "store", cases));
}
