/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects in the store. */
#include "store.h"

/* --- objects --- */

static void objects(void)
{
	struct objstore *store = store_fresh();

	RV_EQUAL(store_write(store, 't', 'a', false, "public"), CKR_OK);
	RV_EQUAL(store_write(store, 't', 'b', true, "private"), CKR_OK);
	store_check(store, 'a', "public");
	store_check(store, 'b', "private");
	NUMBER_EQUAL(store_count(store), 2);
	RV_EQUAL(store_write(store, 't', 'b', true, "replaced"), CKR_OK);
	store_check(store, 'b', "replaced");
	NUMBER_EQUAL(store_count(store), 2);
	RV_EQUAL(store_write(store, 't', 'a', false, NULL), CKR_OK);
	RV_EQUAL(store_write(store, 't', 'a', false, NULL), CKR_OK);
	store_check_none(store, 'a');
	NUMBER_EQUAL(store_count(store), 1);
	objstore_close(&store);
	store = store_open();
	store_check(store, 'b', "replaced");
	objstore_close(&store);
}

static void private_without_key(void)
{
	static const uint8_t wrong_key[OBJSTORE_KEY_LEN];
	struct objstore *store = store_fresh();
	struct objstore_id token_id = store_id('t'), id = store_id('a');
	struct objstore_stamp stamp;
	struct buf body = BUF_INIT;
	bool is_private = false;

	RV_MUST(store_write(store, 't', 'a', true, "private"), CKR_OK);
	RV_EQUAL(objstore_read(store, &token_id, &id, NULL, &is_private, &stamp, &body), CKR_OK);
	CHECK(is_private && body.len == 0);
	RV_EQUAL(objstore_read(store, &token_id, &id, wrong_key, &is_private, &stamp, &body),
		OBJSTORE_UNUSABLE);
	NUMBER_EQUAL(body.len, 0);
	buf_free(&body);
	objstore_close(&store);
}

/* Another object's file under an object's name, and what is no object's name. */
static void wrong_names(void)
{
	struct objstore *store = store_fresh();
	struct buf body = BUF_INIT, file = BUF_INIT;

	RV_MUST(store_write(store, 't', 'a', false, "public"), CKR_OK);
	RV_MUST(store_write(store, 't', 'b', true, "private"), CKR_OK);
	MUST(rename(store_file('a'), store_file('c')) == 0);
	RV_EQUAL(store_read(store, 't', 'c', &body), OBJSTORE_UNUSABLE);
	store_check_none(store, 'a');
	MUST(rename(store_file('b'), store_file('a')) == 0);
	RV_EQUAL(store_read(store, 't', 'a', &body), OBJSTORE_UNUSABLE);
	unit_read(unit_path("store/token"), &file);
	unit_write(store_file('a'), file.data, file.len);
	RV_EQUAL(store_read(store, 't', 'a', &body), OBJSTORE_UNUSABLE);
	unit_write(unit_path("store/objects/README"), "hello", 5);
	unit_write(unit_path("store/objects/00"), "hello", 5);
	NUMBER_EQUAL(store_count(store), 0);
	NUMBER_EQUAL(store_names("store/damaged", ""), 2 + 3);
	CHECK(unit_exists(unit_path("store/objects/README")) && unit_exists(unit_path("store/objects/00")));
	buf_free(&file);
	buf_free(&body);
	objstore_close(&store);
}

/* Nobody but the token that replaced it knows that an object is to go: any other is kept. */
static void foreign_object(void)
{
	struct objstore *store = store_fresh();
	struct buf file = BUF_INIT, body = BUF_INIT;

	RV_MUST(store_write(store, 't', 'a', false, "another token's"), CKR_OK);
	unit_read(store_file('a'), &file);
	objstore_close(&store);
	store = store_fresh();
	store_switch(store, 'n', "new");
	store_switch(store, 'o', "newer");
	RV_MUST(store_write(store, 'o', 'b', false, "own"), CKR_OK);
	unit_write(store_file('a'), file.data, file.len);
	CHECK(store_read(store, 'o', 'a', &body) != CKR_OK);
	NUMBER_EQUAL(body.len, 0);
	store_count(store);
	RV_MUST(store_write(store, 'o', 'c', false, "own"), CKR_OK);
	CHECK(!unit_exists(store_file('a')));
	NUMBER_EQUAL(store_names("store/damaged", "61"), 1);
	buf_free(&file);
	objstore_close(&store);
}

/* What a newer program wrote is neither used, nor changed, nor removed; nor is an older copy used. */
static void newer_version(void)
{
	struct objstore *store = store_fresh();
	struct objstore_id id = store_id('t');
	struct objstore_token token, current = store_token(store);
	struct buf file = BUF_INIT, now = BUF_INIT, body = BUF_INIT;

	RV_MUST(store_write(store, 't', 'a', false, "object"), CKR_OK);
	unit_read(store_file('a'), &file);
	file.data[9]++;
	unit_write(store_file('a'), file.data, file.len);
	RV_EQUAL(store_read(store, 't', 'a', &body), OBJSTORE_UNUSABLE);
	NUMBER_EQUAL(body.len, 0);
	store_count(store);
	store_switch(store, 't', "token");
	RV_EQUAL(store_write(store, 't', 'b', false, "object"), CKR_OK);
	unit_read(store_file('a'), &now);
	BYTES_EQUAL(now.data, now.len, file.data, file.len);
	buf_free(&file);
	buf_free(&now);
	unit_read(unit_path("store/token"), &file);
	file.data[9]++;
	unit_write(unit_path("store/token"), file.data, file.len);
	RV_EQUAL(objstore_token_read(store, &token), CKR_DEVICE_ERROR);
	buf_free(&token.body);
	RV_EQUAL(objstore_token_switch(store, &current, &id, &body), CKR_DEVICE_ERROR);
	RV_EQUAL(objstore_set_aside(store, &current), CKR_DEVICE_ERROR);
	RV_EQUAL(store_write(store, 't', 'b', false, "changed"), CKR_DEVICE_ERROR);
	unit_read(unit_path("store/token"), &now);
	BYTES_EQUAL(now.data, now.len, file.data, file.len);
	buf_free(&file);
	buf_free(&now);
	objstore_close(&store);
}

/* A change of what another process has changed meanwhile is refused, and with it all the others. */
static void expected_stamps(void)
{
	struct objstore *store = store_fresh();
	struct objstore_id token_id = store_id('t');
	struct buf body = BUF_INIT;
	struct objstore_change first = { .id = store_id('a'), .body = &body };
	struct objstore_stamp stamp;
	struct objstore_step step;

	buf_put(&body, "new", 3);
	RV_MUST(objstore_write(store, &token_id, NULL, &first, 1, &step), CKR_OK);
	stamp = first.stamp;
	for (int i = 0; i < 2; i++) {
		struct objstore_change both[] = { { .id = store_id('b'), .body = &body },
			{ .id = store_id('a'), .body = i == 0 ? &body : NULL, .expected = &stamp } };

		RV_MUST(store_write(store, 't', 'a', false, "changed elsewhere"), CKR_OK);
		RV_EQUAL(objstore_write(store, &token_id, NULL, both, 2, &step), OBJSTORE_OBJECT_CHANGED);
		store_check(store, 'a', "changed elsewhere");
		store_check_none(store, 'b');
		RV_MUST(store_write(store, 't', 'a', false, NULL), CKR_OK);
		RV_EQUAL(objstore_write(store, &token_id, NULL, both, 2, &step), OBJSTORE_OBJECT_CHANGED);
		store_check_none(store, 'a');
		store_check_none(store, 'b');
	}
	RV_MUST(objstore_write(store, &token_id, NULL, &first, 1, &step), CKR_OK);
	stamp = first.stamp;
	first.expected = &stamp;
	RV_EQUAL(objstore_write(store, &token_id, NULL, &first, 1, &step), CKR_OK);
	buf_free(&body);
	objstore_close(&store);
}

/* A damaged object is an error of its own, and blocks nothing else. */
static void damaged(void)
{
	struct objstore *store = store_fresh();
	struct buf file = BUF_INIT, body = BUF_INIT;

	RV_MUST(store_write(store, 't', 'a', true, "private"), CKR_OK);
	RV_MUST(store_write(store, 't', 'b', true, "another"), CKR_OK);
	unit_read(store_file('a'), &file);
	for (size_t i = 0; i < file.len; i++) {
		tap_about("byte %zu", i);
		file.data[i] ^= 1;
		unit_write(store_file('a'), file.data, file.len);
		CHECK(store_read(store, 't', 'a', &body) != CKR_OK && body.len == 0);
		file.data[i] ^= 1;
	}
	for (size_t n = 0; n < file.len; n++) {
		tap_about("%zu bytes", n);
		unit_write(store_file('a'), file.data, n);
		CHECK(store_read(store, 't', 'a', &body) != CKR_OK && body.len == 0);
	}
	store_check(store, 'b', "another");
	RV_EQUAL(store_write(store, 't', 'c', false, "a third"), CKR_OK);
	NUMBER_EQUAL(store_count(store), 2);
	NUMBER_EQUAL(store_names("store/damaged", "61"), (unsigned int)(2 * file.len - 2));
	buf_free(&file);
	buf_free(&body);
	objstore_close(&store);
}

static void stamps(void)
{
	struct objstore *store = store_fresh();
	struct objstore_id token_id = store_id('t');
	struct buf body = BUF_INIT, read = BUF_INIT;
	struct objstore_change change = { .id = store_id('a'), .body = &body };
	struct objstore_stamp stamp, first, listed;
	struct objstore_id *ids;
	uint64_t generation;
	struct objstore_step step;
	bool is_private;
	size_t count;

	buf_put(&body, "same size", 9);
	for (int i = 0; i < 3; i++) {
		change.expected = i != 0 ? &first : NULL;
		RV_MUST(objstore_write(store, &token_id, NULL, &change, 1, &step), CKR_OK);
		RV_MUST(objstore_read(store, &token_id, &change.id, NULL, &is_private, &stamp, &read),
			CKR_OK);
		CHECK(memcmp(&stamp, &change.stamp, sizeof stamp) == 0);
		RV_MUST(objstore_list(store, &ids, &count, &generation), CKR_OK);
		CHECK(objstore_stamp(store, &change.id, &listed)
			&& memcmp(&listed, &stamp, sizeof stamp) == 0);
		CHECK(count == 1 && memcmp(&ids[0], &change.id, sizeof change.id) == 0);
		CHECK(i == 0 || memcmp(&first, &stamp, sizeof stamp) != 0);
		first = stamp;
		free(ids);
	}
	buf_free(&body);
	buf_free(&read);
	objstore_close(&store);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "objects are written, read, replaced, removed", objects },
		{ "private objects without the key", private_without_key },
		{ "files under other names", wrong_names },
		{ "an object of a third token", foreign_object },
		{ "files of a newer version", newer_version },
		{ "changes by two processes", expected_stamps },
		{ "a damaged object", damaged },
		{ "stamps", stamps },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "store_objects", cases));
}
