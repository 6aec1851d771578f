/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a store is, with which modes, and what is refused there. */
#include "store.h"


#include "objstore/place.h"

/* --- where --- */

static void by_variable(void)
{
	static const char *const names[] = { "store", "store/", "store///", "new/and/deeper/store" };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct objstore *store;

		tap_about("%s", names[i]);
		unit_fresh();
		setenv("PKCS11_TPM_DIR", unit_path(names[i]), 1);
		store = store_open();
		store_switch(store, 't', "token");
		RV_EQUAL(store_write(store, 't', 'a', false, "object"), CKR_OK);
		CHECK(unit_exists(unit_path(i < 3 ? "store/token" : "new/and/deeper/store/token")));
		CHECK(unit_exists(unit_path(i < 3 ? "store/token.2" : "new/and/deeper/store/token.2")));
		objstore_close(&store);
	}
}

static void by_wrong_variable(void)
{
	char long_path[2 * PLACE_PATH_MAX];
	const char *const paths[] = { "relative", "./relative", "/", "//", long_path };

	memset(long_path, 'x', sizeof long_path);
	long_path[0] = '/';
	long_path[sizeof long_path - 1] = '\0';
	unit_fresh();
	MUST(chdir(unit_scratch()) == 0);
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct objstore *store = store_open();
		struct objstore_token token, none = { .exists = false };
		struct objstore_id id = store_id('t');
		struct buf body = BUF_INIT;

		tap_about("%.20s", paths[i]);
		setenv("PKCS11_TPM_DIR", paths[i], 1);
		RV_EQUAL(objstore_token_read(store, &token), CKR_DEVICE_ERROR);
		RV_EQUAL(objstore_token_switch(store, &none, &id, &body), CKR_DEVICE_ERROR);
		CHECK(!unit_exists("relative") && !unit_exists("/token"));
		objstore_close(&store);
	}
}

/* /var/user/NAME/tpm comes before: it can be made where /var/user is. */
static void by_data_home(void)
{
	struct objstore *store;

	if (unit_exists("/var/user")) {
		tap_skip("this system has /var/user, which comes before XDG_DATA_HOME");
		return;
	}
	unit_fresh();
	unsetenv("PKCS11_TPM_DIR");
	setenv("XDG_DATA_HOME", unit_path("data/home"), 1);
	store = store_open();
	CHECK(!store_token(store).exists);
	CHECK(!unit_exists(unit_path("data")));
	store_switch(store, 't', "token");
	CHECK(unit_exists(unit_path("data/home/pkcs11_tpm/token")));
	objstore_close(&store);
	setenv("PKCS11_TPM_DIR", unit_path("store"), 1);
	store = store_open();
	CHECK(!store_token(store).exists);
	store_switch(store, 'u', "another");
	objstore_close(&store);
	unsetenv("PKCS11_TPM_DIR");
	store = store_open();
	store_check_token(store, 't', "token");
	objstore_close(&store);
	unsetenv("XDG_DATA_HOME");
}

/* Its beginning might be a directory too. */
static void data_home_too_long(void)
{
	struct objstore_token token, none = { .exists = false };
	struct objstore_id id = store_id('t');
	struct buf body = BUF_INIT;
	struct objstore *store;
	char path[1300];

	unit_fresh();
	snprintf(path, sizeof path, "%s", unit_path("data"));
	while (strlen(path) < 1015)
		strcat(path, "/d");
	unsetenv("PKCS11_TPM_DIR");
	setenv("XDG_DATA_HOME", path, 1);
	store = store_open();
	RV_EQUAL(objstore_token_read(store, &token), CKR_DEVICE_ERROR);
	RV_EQUAL(objstore_token_switch(store, &none, &id, &body), CKR_DEVICE_ERROR);
	CHECK(!unit_exists(unit_path("data")));
	objstore_close(&store);
	unsetenv("XDG_DATA_HOME");
}

/* --- modes --- */

static unsigned int seen;

static int check_mode(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	mode_t expected = type == FTW_D || type == FTW_DNR ? S_IFDIR | 0700 : S_IFREG | 0600;

	(void)ftw;
	seen++;
	TAP_CHECK(st->st_mode == expected, "%s has mode %o, not %o", path, (unsigned int)st->st_mode,
		(unsigned int)expected);
	return 0;
}

static int use_with_umask(void *argument)
{
	static const uint8_t one_try[OBJSTORE_NOTE_LEN] = { 1, 0 };
	struct objstore *store, *other;

	if (!store_become_nobody())
		return 1;
	umask(*(const mode_t *)argument);
	store = store_open();
	other = store_open();
	store_switch(store, 't', "token");
	RV_EQUAL(store_write(store, 't', 'a', false, "object"), CKR_OK);
	RV_EQUAL(objstore_pin_lock(store), CKR_OK);
	objstore_pin_unlock(store);
	objstore_note_write(store, one_try);
	RV_EQUAL(store_write(other, 't', 'b', true, "object"), CKR_OK);
	NUMBER_EQUAL(store_count(other), 2);
	RV_EQUAL(objstore_pin_lock(other), CKR_OK);
	objstore_pin_unlock(other);
	objstore_close(&other);
	objstore_close(&store);
	seen = 0;
	CHECK(nftw(unit_path("store"), check_mode, 16, FTW_PHYS) == 0);
	TAP_CHECK(seen >= 9, "only %u files and directories were looked at", seen);
	return 0;
}

static void check_modes(mode_t mask)
{
	int status;

	unit_fresh();
	status = tap_child_wait(tap_child_start(use_with_umask, &mask));
	if (status == 1)
		tap_skip("there is no user to become who is not root");
	else
		NUMBER_EQUAL(status, 0);
}

static void umask_open(void)
{
	check_modes(0);
}

/* As daemons have it that make sockets. */
static void umask_without_search(void)
{
	check_modes(0177);
}

static void umask_closed(void)
{
	check_modes(0777);
}

/* --- what is refused --- */

static void make_link(const char *path)
{
	unit_write(unit_path("victim"), "victim", 6);
	MUST(symlink(unit_path("victim"), path) == 0);
}

static void make_dangling_link(const char *path)
{
	MUST(symlink(unit_path("made by mistake"), path) == 0);
}

static void make_hard_link(const char *path)
{
	unit_write(unit_path("victim"), "victim", 6);
	MUST(link(unit_path("victim"), path) == 0);
}

static void make_fifo(const char *path)
{
	MUST(mkfifo(path, 0600) == 0);
}

static void make_directory(const char *path)
{
	MUST(mkdir(path, 0700) == 0);
}

static void make_writable(const char *path)
{
	unit_write(path, "\0\0\0\0\0\0\0\2", 8);
	MUST(chmod(path, 0620) == 0);
}

static void make_foreign(const char *path)
{
	unit_write(path, "\0\0\0\0\0\0\0\2", 8);
	MUST(chown(path, NOBODY, NOBODY) == 0);
}

static const struct {
	const char *what;
	void (*make)(const char *path);
	bool needs_root;
} obstacles[] = {
	{ "a symbolic link", make_link, false },
	{ "a dangling symbolic link", make_dangling_link, false },
	{ "a hard link", make_hard_link, false },
	{ "a FIFO", make_fifo, false },
	{ "a directory", make_directory, false },
	{ "a file that the group may write", make_writable, false },
	{ "somebody else's file", make_foreign, true },
};

/* Where the obstacle leads must be as it was. */
static void check_victim(void)
{
	struct buf content = BUF_INIT;

	CHECK(!unit_exists(unit_path("made by mistake")));
	if (!unit_exists(unit_path("victim")))
		return;
	unit_read(unit_path("victim"), &content);
	CHECK(buf_is(&content, "victim"));
	buf_free(&content);
}

/* Puts each obstacle in the place of a file of a store that has a token and the object 'a'. */
static void each_obstacle(const char *name, void (*check)(struct objstore *store))
{
	for (size_t i = 0; i < COUNT(obstacles); i++) {
		struct objstore *store;

		if (obstacles[i].needs_root && geteuid() != 0)
			continue;
		tap_about("%s is %s", name, obstacles[i].what);
		store = store_fresh();
		RV_MUST(store_write(store, 't', 'a', false, "object"), CKR_OK);
		objstore_close(&store);
		unlink(unit_path(name));
		obstacles[i].make(unit_path(name));
		store = store_open();
		check(store);
		check_victim();
		objstore_close(&store);
	}
}

static void check_token_refused(struct objstore *store)
{
	struct objstore_token token;

	RV_EQUAL(objstore_token_read(store, &token), CKR_DEVICE_ERROR);
	CHECK(!token.exists && token.body.len == 0);
	RV_EQUAL(store_write(store, 't', 'b', false, "new"), CKR_DEVICE_ERROR);
	store_check_none(store, 'b');
}

static void token_refused(void)
{
	each_obstacle("store/token", check_token_refused);
}

/* The first is whole, so the second is not looked at, and a switch puts a file in its place. */
static void check_copy_replaced(struct objstore *store)
{
	struct stat st;

	store_check_token(store, 't', "token");
	store_switch(store, 't', "switched");
	store_check_token(store, 't', "switched");
	MUST(lstat(unit_path("store/token.2"), &st) == 0);
	CHECK(S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_nlink == 1
		&& (st.st_mode & 0777) == 0600));
}

static void copy_replaced(void)
{
	each_obstacle("store/token.2", check_copy_replaced);
}

static void check_write_refused(struct objstore *store)
{
	struct objstore_token current = store_token(store);
	struct objstore_id id = store_id('t');
	struct buf body = BUF_INIT;

	RV_EQUAL(store_write(store, 't', 'b', false, "new"), CKR_DEVICE_ERROR);
	RV_EQUAL(store_write(store, 't', 'a', false, NULL), CKR_DEVICE_ERROR);
	RV_EQUAL(objstore_token_switch(store, &current, &id, &body), CKR_DEVICE_ERROR);
	store_check_none(store, 'b');
	store_check(store, 'a', "object");
	store_check_token(store, 't', "token");
}

static void lock_refused(void)
{
	each_obstacle("store/lock", check_write_refused);
}

static void check_generation_refused(struct objstore *store)
{
	uint64_t generation = 1;

	RV_EQUAL(objstore_generation(store, &generation), CKR_DEVICE_ERROR);
	NUMBER_EQUAL(generation, 0);
	check_write_refused(store);
}

static void generation_refused(void)
{
	each_obstacle("store/generation", check_generation_refused);
}

static void check_pin_lock_refused(struct objstore *store)
{
	RV_EQUAL(objstore_pin_lock(store), CKR_DEVICE_ERROR);
	RV_EQUAL(objstore_pin_lock(store), CKR_DEVICE_ERROR);
}

static void pin_lock_refused(void)
{
	each_obstacle("store/lock.pin", check_pin_lock_refused);
}

static void check_note_refused(struct objstore *store)
{
	static const uint8_t written[OBJSTORE_NOTE_LEN] = { 1, 1 };
	uint8_t note[OBJSTORE_NOTE_LEN] = { 9, 9 };

	CHECK(store_token(store).exists);
	objstore_note_write(store, written);
	objstore_note_read(store, note);
	CHECK(note[0] == 0 && note[1] == 0);
}

static void note_refused(void)
{
	each_obstacle("store/note", check_note_refused);
}

/* An object's name is the name of 'a'; the others stay usable, and it can be removed. */
static void check_object_refused(struct objstore *store)
{
	struct buf body = BUF_INIT;
	struct stat st;

	RV_EQUAL(store_read(store, 't', 'a', &body), OBJSTORE_UNUSABLE);
	NUMBER_EQUAL(body.len, 0);
	store_count(store);
	RV_EQUAL(store_write(store, 't', 'b', false, "new"), CKR_OK);
	store_check(store, 'b', "new");
	if (lstat(store_file('a'), &st) == 0 && S_ISDIR(st.st_mode))
		return;
	RV_EQUAL(store_write(store, 't', 'a', false, NULL), CKR_OK);
	store_check_none(store, 'a');
}

static void object_refused(void)
{
	char name[64];

	unit_fresh();
	snprintf(name, sizeof name, "%s", store_file('a') + strlen(unit_scratch()) + 1);
	each_obstacle(name, check_object_refused);
}

/* --- directories --- */

static void link_directory(const char *path)
{
	MUST(mkdir(unit_path("elsewhere"), 0700) == 0 && symlink(unit_path("elsewhere"), path) == 0);
}

static void group_directory(const char *path)
{
	MUST(mkdir(path, 0700) == 0 && chmod(path, 0770) == 0);
}

static void open_directory(const char *path)
{
	MUST(mkdir(path, 0700) == 0 && chmod(path, 0707) == 0);
}

static void foreign_directory(const char *path)
{
	MUST(mkdir(path, 0700) == 0 && chown(path, NOBODY, NOBODY) == 0);
}

static void (*const bad_directories[])(const char *path) = { link_directory, group_directory,
	open_directory,
	make_fifo, make_link, foreign_directory };
#define BAD_DIRECTORIES (COUNT(bad_directories) - (geteuid() == 0 ? 0 : 1))

static void directory_refused(void)
{
	for (size_t i = 0; i < BAD_DIRECTORIES; i++) {
		struct objstore_token token, none = { .exists = false };
		struct objstore_id id = store_id('t');
		struct buf body = BUF_INIT;
		struct objstore *store;
		uint64_t generation;

		tap_about("row %zu", i);
		unit_fresh();
		bad_directories[i](unit_path("store"));
		store = store_open();
		RV_EQUAL(objstore_token_read(store, &token), CKR_DEVICE_ERROR);
		RV_EQUAL(objstore_generation(store, &generation), CKR_DEVICE_ERROR);
		RV_EQUAL(objstore_pin_lock(store), CKR_DEVICE_ERROR);
		RV_EQUAL(objstore_token_switch(store, &none, &id, &body), CKR_DEVICE_ERROR);
		CHECK(!unit_exists(unit_path("elsewhere/token")) && !unit_exists(unit_path("store/token")));
		check_victim();
		objstore_close(&store);
	}
}

static void objects_directory_refused(void)
{
	for (size_t i = 0; i < BAD_DIRECTORIES; i++) {
		struct objstore *store = store_fresh();
		struct objstore_id *ids;
		uint64_t generation;
		size_t count;

		tap_about("row %zu", i);
		bad_directories[i](unit_path("store/objects"));
		RV_EQUAL(objstore_list(store, &ids, &count, &generation), CKR_DEVICE_ERROR);
		free(ids);
		RV_EQUAL(store_write(store, 't', 'a', false, "new"), CKR_DEVICE_ERROR);
		if (unit_exists(unit_path("elsewhere")))
			NUMBER_EQUAL(store_names("elsewhere", ""), 2);
		check_victim();
		objstore_close(&store);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "PKCS11_TPM_DIR", by_variable },
		{ "a PKCS11_TPM_DIR that is no place", by_wrong_variable },
		{ "XDG_DATA_HOME", by_data_home },
		{ "a data directory whose path is too long", data_home_too_long },
		{ "modes under an open umask", umask_open },
		{ "modes under a umask without search", umask_without_search },
		{ "modes under a closed umask", umask_closed },
		{ "obstacles in place of the token file", token_refused },
		{ "obstacles in place of its copy", copy_replaced },
		{ "obstacles in place of the lock", lock_refused },
		{ "obstacles in place of the generation", generation_refused },
		{ "obstacles in place of the PIN lock", pin_lock_refused },
		{ "obstacles in place of the note", note_refused },
		{ "obstacles in place of an object", object_refused },
		{ "the directory is refused", directory_refused },
		{ "the objects' directory is refused", objects_directory_refused },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "store_place", cases));
}
