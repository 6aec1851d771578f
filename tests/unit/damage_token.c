/* SPDX-License-Identifier: BSD-2-Clause */
/* The token file and its copy with any byte changed, cut or grown, one of them or both; and the small
   files beside them, in which nothing matters. */
#include "full.h"

#include <dirent.h>

#define HEADER_LEN 56 /* doc/FORMAT.md, 2 */

/* A process that has been there, logged in, all the time. */
static struct token *user;

static void mend(const char *name)
{
	const struct buf *good = full_content(name);

	full_write(name, good->data, good->len);
	full_log_clear();
}

/* --- one of the copies --- */

static void check_whole(const char *name)
{
	const struct buf *good = full_content(name);

	TAP_CHECK(full_is(name, good->data, good->len), "%s is not whole", name);
}

/* How closely one damage is looked at: each is read by a new process, many by a search, some by a login. */
enum look { LOOK_READ, LOOK_SEARCH, LOOK_LOGIN };

static void check_usable(enum look look)
{
	struct token *other = token_again();
	CK_TOKEN_INFO info = { .label = "" };

	RV_EQUAL(token_info(other, &info), CKR_OK);
	CHECK(memcmp(info.label, "label   ", 8) == 0);
	if (look != LOOK_READ) {
		full_check(other, false, FULL_OBJECTS);
		full_check(user, true, FULL_OBJECTS);
	}
	token_close(&other);
	if (look == LOOK_LOGIN)
		full_check_login(FULL_OBJECTS);
}

/* An older copy does not stand in for what a newer program may have written. */
static void check_version_refused(const struct buf *bad)
{
	struct token *other = token_again();
	CK_TOKEN_INFO info;

	RV_EQUAL(token_info(other, &info), CKR_DEVICE_ERROR);
	RV_EQUAL(login(other, ROLE_USER, USER_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(init_token(other, SO_PIN), CKR_DEVICE_ERROR);
	TAP_CHECK(full_log_count("/token ") >= 1, "no line of the log");
	CHECK(full_is("token", bad->data, bad->len));
	full_check_files("token");
	token_close(&other);
}

/* What lies in the place of token is replaced by the copy as soon as somebody reads it. */
static void check_token(const struct buf *bad, enum look look)
{
	full_write("token", bad->data, bad->len);
	full_touch();
	if (full_other_version(bad->data, bad->len)) {
		check_version_refused(bad);
		return;
	}
	check_usable(look);
	TAP_CHECK(full_log_count("/token ") >= 1, "no line of the log");
	check_whole("token");
	check_whole("token.2");
	if (look != LOOK_READ) {
		full_check_write(user);
		full_check_files("");
	}
}

/* The copy is made anew when somebody writes; one of another version is nobody's business. */
static void check_copy(const struct buf *bad, enum look look)
{
	full_write("token.2", bad->data, bad->len);
	full_touch();
	check_usable(look);
	full_check_write(user);
	check_whole("token");
	if (look != LOOK_READ)
		full_check_files("token.2");
	if (full_other_version(bad->data, bad->len))
		CHECK(full_is("token.2", bad->data, bad->len));
	else
		check_whole("token.2");
}

/* Behind the header a byte is damaged in one way, and the next one in another; with TESTS_LONG in the
   environment each in every way. */
static void damage_everywhere(const char *name, void (*check)(const struct buf *bad, enum look look))
{
	static const char *const names[FULL_DAMAGES] = { "a bit", "cut", "one more byte" };
	bool all = getenv("TESTS_LONG") != NULL;
	const struct buf *good;
	struct buf bad = BUF_INIT;
	unsigned int turn = 0;

	user = full_user();
	good = full_content(name);
	for (size_t at = 0; at < good->len; at++)
		for (unsigned int damage = 0; damage < FULL_DAMAGES && !full_failed(); damage++) {
			if (!all && at >= HEADER_LEN && damage != at % FULL_DAMAGES)
				continue;
			tap_about("%s, %s at %zu of %zu", name, names[damage], at, good->len);
			full_damage(damage, good, at, &bad);
			turn++;
			check(&bad, turn % 499 == 0 ? LOOK_LOGIN : turn % 8 == 0 ? LOOK_SEARCH : LOOK_READ);
			mend(name);
		}
	buf_free(&bad);
	token_close(&user);
}

static void token_file(void)
{
	damage_everywhere("token", check_token);
}

static void token_copy(void)
{
	damage_everywhere("token.2", check_copy);
}

/* Every other file of the store, whole, and what is no file of a store. */
static void other_contents(const char *name, void (*check)(const struct buf *bad, enum look look))
{
	struct buf nothing = BUF_INIT, zeros = BUF_INIT;

	full_restore();
	memset(buf_extend(&zeros, full_content(name)->len), 0, full_content(name)->len);
	for (size_t i = 0; i < FULL_FILES + 2 && !full_failed(); i++) {
		const struct buf *bad = i == FULL_FILES ? &nothing : i > FULL_FILES ? &zeros
			: &full_files[i].content;

		if (i < FULL_FILES && strncmp(full_files[i].name, "token", 5) == 0)
			continue;
		user = full_user();
		tap_about("%s in place of %s", i == FULL_FILES ? "nothing" : i > FULL_FILES ? "zeros"
			: full_files[i].name, name);
		check(bad, LOOK_LOGIN);
		token_close(&user);
	}
	buf_free(&zeros);
}

static void token_contents(void)
{
	other_contents("token", check_token);
}

static void copy_contents(void)
{
	other_contents("token.2", check_copy);
}

static void too_large(void)
{
	static const char *const names[] = { "token", "token.2" };

	for (size_t i = 0; i < COUNT(names); i++)
		for (int more = 0; more < 2; more++) {
			tap_about("%s of %d bytes", names[i], FULL_LARGEST + more);
			user = full_user();
			MUST(truncate(full_path(names[i]), FULL_LARGEST + more) == 0);
			full_touch();
			check_usable(LOOK_LOGIN);
			full_check_write(user);
			full_check_files("");
			token_close(&user);
		}
}

static void missing(void)
{
	static const char *const names[] = { "token", "token.2" };

	for (size_t i = 0; i < COUNT(names); i++) {
		tap_about("%s", names[i]);
		user = full_user();
		MUST(unlink(full_path(names[i])) == 0);
		full_touch();
		check_usable(LOOK_LOGIN);
		full_check_write(user);
		full_check_files("");
		token_close(&user);
	}
}

#define NOBODY 65534

/* Where nothing can be written, the copy serves all the same. */
static int read_only_process(void *argument)
{
	struct token *other;

	(void)argument;
	if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
		return 1;
	other = token_again();
	full_check(other, false, FULL_OBJECTS);
	token_close(&other);
	return 0;
}

static int chown_all(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	if (geteuid() == 0 && lchown(path, NOBODY, NOBODY) != 0)
		return -1;
	return type == FTW_D ? chmod(path, 0500) : 0;
}

static void read_only(void)
{
	struct buf bad = BUF_INIT;

	full_restore();
	full_damage(0, full_content("token"), 70, &bad);
	full_write("token", bad.data, bad.len);
	MUST(nftw(full_path("."), chown_all, 16, FTW_PHYS) == 0);
	switch (tap_child_wait(tap_child_start(read_only_process, NULL))) {
	case 0:
		CHECK(full_is("token", bad.data, bad.len));
		break;
	case 1:
		tap_skip("there is no user to become who is not root");
		break;
	default:
		CHECK(false);
	}
	MUST(chmod(full_path("."), 0700) == 0 && chmod(full_path("objects"), 0700) == 0);
	buf_free(&bad);
}

/* --- both copies --- */

/* Every call that needs the token says so, and no call makes it worse. */
static void check_error(struct token *token, struct buf bad[2])
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, true) };
	CK_OBJECT_HANDLE *handles, handle;
	CK_TOKEN_INFO info;
	size_t count;

	full_log_clear();
	RV_EQUAL(token_info(token, &info), CKR_DEVICE_ERROR);
	TAP_CHECK(full_log_count("/token") >= 1, "no line of the log");
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(login(token, ROLE_SO, SO_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(set_pin(token, USER_PIN, NEW_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(objects_find(token, NULL, 0, &handles, &count), CKR_DEVICE_ERROR);
	NUMBER_EQUAL(count, 0);
	RV_EQUAL(keys_create_object(token, &actor, TEMPLATE(template), &handle), CKR_DEVICE_ERROR);
	CHECK(token_present(token));
	for (int i = 0; i < 2; i++) {
		const char *name = i == 0 ? "token" : "token.2";

		CHECK(full_is(name, bad[i].data, bad[i].len)
			|| (bad[i].len == 0 && !unit_exists(full_path(name))));
	}
}

/* All that was there is in aside.<time>, byte for byte. */
static void check_aside(struct buf bad[2])
{
	char name[300] = "", below[400];
	DIR *stream = opendir(full_path("."));
	unsigned int count = 0;
	struct stat st;

	MUST(stream != NULL);
	for (struct dirent *d; (d = readdir(stream)) != NULL;)
		if (strncmp(d->d_name, "aside.", 6) == 0 && ++count)
			snprintf(name, sizeof name, "%s", d->d_name);
	closedir(stream);
	NUMBER_EQUAL(count, 1);
	CHECK(stat(full_path(name), &st) == 0 && (st.st_mode & 07777) == 0700);
	for (int i = 0; i < 2; i++) {
		snprintf(below, sizeof below, "%s/%s", name, i == 0 ? "token" : "token.2");
		TAP_CHECK(bad[i].len == 0 || full_is(below, bad[i].data, bad[i].len), "%s is not as it was",
			below);
	}
	for (int kind = 0; kind < FULL_OBJECTS; kind++) {
		const struct buf *good = full_content(full_objects[kind].name);

		snprintf(below, sizeof below, "%s/%s", name, full_objects[kind].name);
		TAP_CHECK(full_is(below, good->data, good->len), "%s is not as it was", below);
		CHECK(!unit_exists(full_path(full_objects[kind].name)));
	}
}

/* As after a first C_InitToken. */
static void check_begun_afresh(struct token *token)
{
	RV_EQUAL(login(token, ROLE_USER, USER_DEFAULT), CKR_OK);
	RV_EQUAL(set_pin(token, USER_DEFAULT, NEW_PIN), CKR_OK);
	NUMBER_EQUAL(find(token, NULL, NULL), 0);
	data_object(token, "private", true, true);
	data_object(token, "public", true, false);
	check_user(NEW_PIN, 1);
	RV_EQUAL(token_logout(token), CKR_OK);
	RV_EQUAL(login(token, ROLE_SO, "the new SO"), CKR_OK);
}

static void check_both(struct buf bad[2])
{
	struct token *other = token_again();

	for (int i = 0; i < 2; i++)
		full_write(i == 0 ? "token" : "token.2", bad[i].data, bad[i].len);
	full_touch();
	check_error(other, bad);
	RV_EQUAL(init_token(other, "the new SO"), CKR_OK);
	check_aside(bad);
	NUMBER_EQUAL(find(user, NULL, NULL), 0);
	CHECK(token_login_state(user) == LOGIN_NONE);
	check_begun_afresh(other);
	token_close(&other);
}

static void both_damaged(void)
{
	struct buf bad[2] = { BUF_INIT, BUF_INIT };
	size_t size;

	full_restore();
	size = full_content("token")->len;
	for (unsigned int i = 0; i < 12 && !full_failed(); i++) {
		size_t at[2] = { (i * 283 + 10) % size, (i * 411 + 13) % size };

		user = full_user();
		for (int n = 0; n < 2; n++)
			full_damage((i + (unsigned int)n * (i / 3)) % FULL_DAMAGES, full_content("token"),
				at[n], &bad[n]);
		tap_about("damage %u at %zu and %zu", i, at[0], at[1]);
		check_both(bad);
		token_close(&user);
	}
	buf_free(&bad[0]);
	buf_free(&bad[1]);
}

static void both_empty(void)
{
	struct buf bad[2] = { BUF_INIT, BUF_INIT };

	user = full_user();
	check_both(bad);
	token_close(&user);
}

/* One is not there and the other is damaged: no token that was never there. */
static void missing_and_damaged(void)
{
	for (int i = 0; i < 2; i++) {
		struct buf bad[2] = { BUF_INIT, BUF_INIT };
		struct token *other;

		tap_about("%s is missing", i == 0 ? "token" : "token.2");
		user = full_user();
		full_damage(0, full_content("token"), 100, &bad[1 - i]);
		full_write(i == 0 ? "token.2" : "token", bad[1 - i].data, bad[1 - i].len);
		MUST(unlink(full_path(i == 0 ? "token" : "token.2")) == 0);
		full_touch();
		other = token_again();
		check_error(other, bad);
		RV_EQUAL(init_token(other, "the new SO"), CKR_OK);
		check_aside(bad);
		check_begun_afresh(other);
		buf_free(&bad[1 - i]);
		token_close(&other);
		token_close(&user);
	}
}

/* Who puts the token files back, even after a moment without them, has everything again. */
static void both_missing(void)
{
	struct token *other;

	user = full_user();
	MUST(unlink(full_path("token")) == 0 && unlink(full_path("token.2")) == 0);
	full_touch();
	other = token_again();
	NUMBER_EQUAL(find(other, NULL, NULL), 0);
	RV_EQUAL(login(other, ROLE_USER, USER_PIN), CKR_USER_PIN_NOT_INITIALIZED);
	NUMBER_EQUAL(find(user, NULL, NULL), 0);
	token_close(&other);
	full_write("token", full_content("token")->data, full_content("token")->len);
	full_touch();
	full_check_login(FULL_OBJECTS);
	token_close(&user);
}

/* --- the small files --- */

static void check_nothing_lost(struct token *token)
{
	struct token *other = token_again();

	full_check(other, false, FULL_OBJECTS);
	full_check(token, true, FULL_OBJECTS);
	full_check_write(token);
	full_check(other, false, FULL_OBJECTS);
	full_check_files("");
	CHECK(full_nothing_set_aside());
	token_close(&other);
}

/* Whose name is that of the case. */
static void small_file(void)
{
	const char *name = tap_case_name();
	struct buf content = BUF_INIT;
	unsigned int turn = 0;

	user = full_user();
	for (unsigned int bit = 0; bit < 8 * 8; bit++) {
		uint8_t flipped[8] = { 0, 0, 0, 0, 0, 0, 2, 0 };

		tap_about("%s, bit %u", name, bit);
		flipped[bit / 8] ^= (uint8_t)(1 << bit % 8);
		full_write(name, flipped, sizeof flipped);
		check_nothing_lost(user);
	}
	for (size_t n = 0; n < 20; n++) {
		tap_about("%s, %zu bytes", name, n);
		buf_free(&content);
		memset(buf_extend(&content, n + 1), (int)(n * 85), n + 1);
		full_write(name, content.data, n);
		check_nothing_lost(user);
	}
	buf_free(&content);
	for (size_t i = 0; i < FULL_FILES; i++) {
		tap_about("%s in place of %s", full_files[i].name, name);
		full_write(name, full_files[i].content.data, full_files[i].content.len);
		check_nothing_lost(user);
		if (turn++ % 4 == 0)
			full_check_login(FULL_OBJECTS);
	}
	tap_about("%s of 16 MiB and 1", name);
	MUST(truncate(full_path(name), FULL_LARGEST + 1) == 0);
	check_nothing_lost(user);
	full_check_login(FULL_OBJECTS);
	tap_about("no %s", name);
	MUST(unlink(full_path(name)) == 0);
	check_nothing_lost(user);
	full_check_login(FULL_OBJECTS);
	token_close(&user);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "the token file", token_file },
		{ "its copy", token_copy },
		{ "other contents in the token file's place", token_contents },
		{ "other contents in its copy's place", copy_contents },
		{ "a token file, and a copy, that is too large", too_large },
		{ "one of the two is missing", missing },
		{ "the token file, where nothing can be written", read_only },
		{ "both damaged", both_damaged },
		{ "both empty", both_empty },
		{ "one missing and one damaged", missing_and_damaged },
		{ "both missing, and back again", both_missing },
		{ "generation", small_file },
		{ "lock", small_file },
		{ "lock.pin", small_file },
		{ "note", small_file },
		{ NULL, NULL },
	};

	return full_end(tap_main(argc, argv, "damage_token", cases));
}
