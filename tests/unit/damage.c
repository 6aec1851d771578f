/* SPDX-License-Identifier: BSD-2-Clause */
/* Object files with any byte changed, cut or grown, and what else can lie in their place. */
#define _GNU_SOURCE /* F_OFD_SETLK */
#include "full.h"

#include <dirent.h>
#include <fcntl.h>

/* A process that has been there, logged in, all the time. */
static struct token *user;

/* The object is as it was again, and everybody sees it. */
static void mend(const struct full_object *object)
{
	const struct buf *good = full_content(object->name);

	full_write(object->name, good->data, good->len);
	full_touch();
	full_check(user, true, FULL_OBJECTS);
	full_log_clear();
}

/*
 * What lies in the object's place now is shown to nobody. It is set aside, with one line of the log,
 * or, of another version, left where it is; and it is in nobody's way.
 */
static void check_damaged(enum full_kind kind, const struct buf *bad, bool with_login)
{
	const struct full_object *object = &full_objects[kind];
	const char *id = object->name + strlen("objects/");
	struct token *other = token_again();

	full_touch();
	full_log_clear();
	full_check(other, false, kind);
	full_check(user, true, kind);
	if (full_other_version(bad->data, bad->len)) {
		TAP_CHECK(full_log_count(id) >= 1, "no line of the log");
		CHECK(full_is(object->name, bad->data, bad->len));
		CHECK(full_nothing_set_aside());
	} else {
		TAP_CHECK(full_log_count(id) == 1, "%u lines of the log", full_log_count(id));
		full_check_set_aside(object->name, bad->data, bad->len);
	}
	if (with_login) {
		RV_EQUAL(login(other, ROLE_USER, USER_PIN), CKR_OK);
		full_check(other, true, kind);
		full_check_write(other);
	}
	full_check_write(user);
	full_check(other, with_login, kind);
	full_check_files(object->name);
	token_close(&other);
}

static void damage_at(enum full_kind kind, size_t at)
{
	const struct full_object *object = &full_objects[kind];
	const struct buf *good = full_content(object->name);
	static const char *const names[FULL_DAMAGES] = { "a bit", "cut", "one more byte" };
	struct buf bad = BUF_INIT;

	for (unsigned int damage = 0; damage < FULL_DAMAGES && !full_failed(); damage++) {
		tap_about("%s, %s at %zu of %zu", object->label, names[damage], at, good->len);
		full_damage(damage, good, at, &bad);
		full_write(object->name, bad.data, bad.len);
		check_damaged(kind, &bad, (at * FULL_DAMAGES + damage) % 401 == 0);
		mend(object);
	}
	buf_free(&bad);
}

static void damage_everywhere(enum full_kind kind)
{
	size_t size;

	user = full_user();
	size = full_content(full_objects[kind].name)->len;
	for (size_t at = 0; at < size && !full_failed(); at++)
		damage_at(kind, at);
	token_close(&user);
}

static void data(void)
{
	damage_everywhere(FULL_DATA);
}

static void certificate(void)
{
	damage_everywhere(FULL_CERTIFICATE);
}

static void private_data(void)
{
	damage_everywhere(FULL_PRIVATE_DATA);
}

static void private_key(void)
{
	damage_everywhere(FULL_PRIVATE_KEY);
}

static void secret_key(void)
{
	damage_everywhere(FULL_SECRET_KEY);
}

static void large(void)
{
	size_t size;

	user = full_user();
	size = full_content(full_objects[FULL_LARGE].name)->len;
	for (size_t at = 0; at < size && !full_failed(); at += at < 80 || at + 30 > size ? 1 : 1009)
		damage_at(FULL_LARGE, at < size ? at : size - 1);
	damage_at(FULL_LARGE, size - 1);
	token_close(&user);
}

/* --- other contents --- */

static void check_content(enum full_kind kind, const struct buf *bad, const char *what)
{
	const struct full_object *object = &full_objects[kind];

	if (full_failed())
		return;
	tap_about("%s in place of %s", what, object->label);
	full_write(object->name, bad->data, bad->len);
	check_damaged(kind, bad, false);
	mend(object);
}

/* Every other file of the store, whole, under the object's name. */
static void other_files(void)
{
	user = full_user();
	for (int kind = 0; kind < FULL_OBJECTS; kind++)
		for (size_t i = 0; i < FULL_FILES; i++)
			if (strcmp(full_files[i].name, full_objects[kind].name) != 0)
				check_content((enum full_kind)kind, &full_files[i].content,
					full_files[i].name);
	token_close(&user);
}

/* A token that replaced none has a replaced token id of zeros: nothing else is of that token. */
static void other_contents(void)
{
	user = full_user();
	for (int kind = 0; kind < FULL_OBJECTS; kind++) {
		const struct buf *good = full_content(full_objects[kind].name);
		struct buf bad = BUF_INIT;

		check_content((enum full_kind)kind, &bad, "nothing");
		memset(buf_extend(&bad, good->len), 0, good->len);
		check_content((enum full_kind)kind, &bad, "zeros");
		memcpy(bad.data, good->data, good->len);
		memset(bad.data + 16, 0, 16);
		check_content((enum full_kind)kind, &bad, "one without a token id");
		memset(bad.data + 16, 0x55, 16);
		check_content((enum full_kind)kind, &bad, "one of another token");
		memcpy(bad.data + 16, good->data + 16, 16);
		memset(buf_extend(&bad, 4096), 0, 4096);
		check_content((enum full_kind)kind, &bad, "one that has grown by a page");
		buf_free(&bad);
	}
	token_close(&user);
}

/* The header of another version may be shorter. */
static void other_versions(void)
{
	enum full_kind kind = FULL_DATA;
	struct buf bad = BUF_INIT;

	user = full_user();
	for (size_t n = 10; n < full_content(full_objects[kind].name)->len; n++) {
		full_damage(1, full_content(full_objects[kind].name), n, &bad);
		bad.data[8 + n % 2] ^= 2;
		check_content(kind, &bad, "another version");
	}
	buf_free(&bad);
	token_close(&user);
}

/* Of either size it may be set aside or not, but it is not shown, and nothing else suffers. */
static void too_large(void)
{
	static const off_t sizes[] = { FULL_LARGEST, FULL_LARGEST + 1, (off_t)1 << 40 };

	user = full_user();
	for (size_t i = 0; i < COUNT(sizes); i++) {
		const struct full_object *object = &full_objects[FULL_DATA];
		const char *id = object->name + strlen("objects/");
		struct stat st;

		tap_about("%lld bytes", (long long)sizes[i]);
		MUST(truncate(full_path(object->name), sizes[i]) == 0);
		full_touch();
		full_log_clear();
		full_check_login(FULL_DATA);
		full_check(user, true, FULL_DATA);
		CHECK(full_log_count(id) >= 1);
		full_check_write(user);
		full_check_files(object->name);
		if (lstat(full_path(object->name), &st) == 0)
			CHECK(st.st_size == sizes[i]);
		else
			CHECK(!full_nothing_set_aside());
		unit_remove_tree(full_path("damaged"));
		mend(object);
	}
	token_close(&user);
}

static void directory(void)
{
	const struct full_object *object = &full_objects[FULL_DATA];
	char inside[64];

	user = full_user();
	snprintf(inside, sizeof inside, "%s/x", object->name);
	MUST(unlink(full_path(object->name)) == 0 && mkdir(full_path(object->name), 0700) == 0);
	full_write(inside, (const uint8_t *)"x", 1);
	full_touch();
	full_check_login(FULL_DATA);
	full_check(user, true, FULL_DATA);
	CHECK(full_log_count(object->name + strlen("objects/")) >= 1);
	full_check_write(user);
	full_check_files(object->name);
	CHECK(unit_exists(full_path(inside)));
	token_close(&user);
}

/* --- setting aside --- */

/* Nothing that was set aside before is ever lost. */
static void twice(void)
{
	const struct full_object *object = &full_objects[FULL_PRIVATE_DATA];
	struct buf bad = BUF_INIT;

	user = full_user();
	for (size_t i = 0; i < 4; i++) {
		full_damage(0, full_content(object->name), 60 + i, &bad);
		full_write(object->name, bad.data, bad.len);
		full_touch();
		full_check(user, true, FULL_PRIVATE_DATA);
		CHECK(!unit_exists(full_path(object->name)));
		mend(object);
	}
	for (size_t i = 0; i < 4; i++) {
		struct dirent **names;
		unsigned int found = 0;
		int count = scandir(full_path("damaged"), &names, NULL, NULL);

		full_damage(0, full_content(object->name), 60 + i, &bad);
		for (int n = 0; n < count; n++) {
			char below[300];

			snprintf(below, sizeof below, "damaged/%s", names[n]->d_name);
			found += full_is(below, bad.data, bad.len);
			free(names[n]);
		}
		if (count >= 0)
			free(names);
		TAP_CHECK(count == 2 + 4 && found == 1, "%d names, %u times as it was damaged", count, found);
	}
	buf_free(&bad);
	token_close(&user);
}

/* All of them at once. */
static void all(void)
{
	struct token *other;
	struct buf bad = BUF_INIT;
	size_t count;

	user = full_user();
	for (int kind = 0; kind < FULL_OBJECTS; kind++) {
		full_damage(0, full_content(full_objects[kind].name), 70, &bad);
		full_write(full_objects[kind].name, bad.data, bad.len);
	}
	full_touch();
	other = token_again();
	NUMBER_EQUAL(find(other, NULL, NULL), 0);
	RV_EQUAL(login(other, ROLE_USER, USER_PIN), CKR_OK);
	NUMBER_EQUAL(find(other, NULL, NULL), 0);
	NUMBER_EQUAL(find(user, NULL, NULL), 0);
	full_check_write(user);
	full_check_write(other);
	for (int kind = 0; kind < FULL_OBJECTS; kind++)
		TAP_CHECK(full_log_count(full_objects[kind].name + strlen("objects/")) == 1,
			"%u lines about %s", full_log_count(full_objects[kind].name + strlen("objects/")),
			full_objects[kind].label);
	count = 0;
	for (int kind = 0; kind < FULL_OBJECTS; kind++)
		count += !unit_exists(full_path(full_objects[kind].name));
	NUMBER_EQUAL(count, FULL_OBJECTS);
	buf_free(&bad);
	token_close(&other);
	token_close(&user);
}

/* Who knew the object neither writes over what it has become nor removes it unseen. */
static void changed_by_who_knew_it(void)
{
	const struct full_object *object = &full_objects[FULL_PRIVATE_DATA];
	CK_ATTRIBUTE template[] = { A_TEXT(CKA_LABEL, "changed") };
	CK_OBJECT_HANDLE handle;
	struct buf bad = BUF_INIT;

	user = full_user();
	NUMBER_EQUAL(find(user, object->label, &handle), 1);
	full_damage(0, full_content(object->name), 60, &bad);
	full_write(object->name, bad.data, bad.len);
	CHECK(objects_set(user, &actor, handle, TEMPLATE(template)) != CKR_OK);
	full_check(user, true, FULL_PRIVATE_DATA);
	full_check_set_aside(object->name, bad.data, bad.len);
	buf_free(&bad);
	token_close(&user);
}

/* A process that has no login cannot tell whether a private body is whole, and leaves it alone. */
static void private_without_login(void)
{
	const struct full_object *object = &full_objects[FULL_PRIVATE_DATA];
	struct token *other;
	struct buf bad = BUF_INIT;

	full_restore();
	full_damage(0, full_content(object->name), 100, &bad);
	full_write(object->name, bad.data, bad.len);
	full_touch();
	other = token_again();
	full_check(other, false, FULL_OBJECTS);
	full_check_write(other);
	RV_EQUAL(login(other, ROLE_SO, SO_PIN), CKR_OK);
	full_check(other, false, FULL_OBJECTS);
	CHECK(full_is(object->name, bad.data, bad.len));
	CHECK(full_nothing_set_aside());
	buf_free(&bad);
	token_close(&other);
}

/* What is damaged while another process writes is left out, and stays: it may be whole at the next look. */
static void mended_meanwhile(void)
{
	const struct full_object *object = &full_objects[FULL_DATA];
	struct token *other = token_again();
	const struct buf *good;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct buf bad = BUF_INIT;
	size_t before;
	int fd;

	full_restore();
	before = find(other, NULL, NULL);
	good = full_content(object->name);
	full_damage(0, good, 60, &bad);
	full_write(object->name, bad.data, bad.len);
	fd = open(full_path("lock"), O_RDWR);
	MUST(fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0);
	full_touch();
	NUMBER_EQUAL(find(other, NULL, NULL), before - 1);
	CHECK(full_is(object->name, bad.data, bad.len) && full_nothing_set_aside());
	full_write(object->name, good->data, good->len);
	NUMBER_EQUAL(find(other, NULL, NULL), before);
	close(fd);
	full_touch();
	NUMBER_EQUAL(find(other, NULL, NULL), before);
	token_close(&other);
	CHECK(full_nothing_set_aside());
	full_check_login(FULL_OBJECTS);
	buf_free(&bad);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "a public data object", data },
		{ "a certificate", certificate },
		{ "a private data object", private_data },
		{ "a private key", private_key },
		{ "a secret key", secret_key },
		{ "a large object", large },
		{ "other files in an object's place", other_files },
		{ "other contents in an object's place", other_contents },
		{ "an object of another version, cut", other_versions },
		{ "an object that is too large", too_large },
		{ "a directory in an object's place", directory },
		{ "one object damaged again and again", twice },
		{ "all objects damaged", all },
		{ "a damaged object that was known before", changed_by_who_knew_it },
		{ "a damaged private object, and no login", private_without_login },
		{ "an object that is whole again", mended_meanwhile },
		{ NULL, NULL },
	};

	return full_end(tap_main(argc, argv, "damage", cases));
}
