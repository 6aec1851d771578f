/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries of passwd, as long as a directory service makes them. */
#include "store.h"

#include <limits.h>

#include "util/user.h"

#define SYSTEM_HINT 1024 /* glibc's */

/* What passwd, and sysconf(), are made to answer. */
static struct {
	bool is_fake;
	size_t needs; /* so much room */
	int error;
	bool is_there;
	long hint;
	unsigned int calls;
	size_t room; /* of the last call */
} passwd;

int __real_getpwuid_r(uid_t uid, struct passwd *entry, char *room, size_t len, struct passwd **found);
int __wrap_getpwuid_r(uid_t uid, struct passwd *entry, char *room, size_t len, struct passwd **found);
long __real_sysconf(int name);
long __wrap_sysconf(int name);

static char *put(char **room, const char *text)
{
	char *at = *room;

	memcpy(at, text, strlen(text) + 1);
	*room += strlen(text) + 1;
	return at;
}

/* The comment fills the room. */
int __wrap_getpwuid_r(uid_t uid, struct passwd *entry, char *room, size_t len, struct passwd **found)
{
	char *at = room;

	if (!passwd.is_fake)
		return __real_getpwuid_r(uid, entry, room, len, found);
	passwd.calls++;
	passwd.room = len;
	*found = NULL;
	if (passwd.error != 0)
		return passwd.error;
	if (!passwd.is_there)
		return 0;
	if (len < passwd.needs)
		return ERANGE;
	memset(entry, 0, sizeof *entry);
	memset(room, 'g', len);
	entry->pw_uid = uid;
	entry->pw_name = put(&at, "somebody");
	entry->pw_dir = put(&at, unit_path("home"));
	entry->pw_gecos = at;
	room[passwd.needs - 1] = '\0';
	*found = entry;
	return 0;
}

long __wrap_sysconf(int name)
{
	return passwd.is_fake && name == _SC_GETPW_R_SIZE_MAX ? passwd.hint : __real_sysconf(name);
}

static void passwd_set(size_t needs, long hint)
{
	memset(&passwd, 0, sizeof passwd);
	passwd.is_fake = passwd.is_there = true;
	passwd.needs = needs;
	passwd.hint = hint;
}

/* --- lengths --- */

static void lengths(void)
{
	static const size_t needs[] = { 512, 1024, 1025, 4096, 4097, 100000, USER_ENTRY_MAX };
	static const long hints[] = { SYSTEM_HINT, -1, 0, 1, 4096, USER_ENTRY_MAX, USER_ENTRY_MAX + 1 };

	for (size_t i = 0; i < COUNT(needs); i++)
		for (size_t j = 0; j < COUNT(hints); j++) {
			struct buf space = BUF_INIT;
			struct passwd entry;

			tap_about("an entry of %zu bytes, where sysconf() tells %ld", needs[i], hints[j]);
			passwd_set(needs[i], hints[j]);
			MUST(user_entry(4711, &entry, &space));
			CHECK(entry.pw_uid == 4711 && strcmp(entry.pw_name, "somebody") == 0);
			CHECK(strcmp(entry.pw_dir, unit_path("home")) == 0);
			NUMBER_EQUAL(strlen(entry.pw_gecos), needs[i] - 1 - (size_t)(entry.pw_gecos
				- entry.pw_name));
			buf_free(&space);
		}
}

static void endless(void)
{
	static const long hints[] = { SYSTEM_HINT, -1, 1, USER_ENTRY_MAX, LONG_MAX };

	for (size_t j = 0; j < COUNT(hints); j++) {
		struct buf space = BUF_INIT;
		struct passwd entry;

		tap_about("where sysconf() tells %ld", hints[j]);
		passwd_set(USER_ENTRY_MAX + 1, hints[j]);
		CHECK(!user_entry(4711, &entry, &space));
		NUMBER_EQUAL(errno, 0);
		TAP_CHECK(passwd.calls <= 21, "%u calls", passwd.calls);
		TAP_CHECK(passwd.room <= USER_ENTRY_MAX, "a room of %zu bytes", passwd.room);
		buf_free(&space);
	}
}

/* Room is what it asks for with ERANGE, and with nothing else. */
static void nobody(void)
{
	static const struct {
		int passwd, error;
	} rows[] = {
		{ 0, 0 }, { ENOENT, 0 }, { ESRCH, 0 }, { EIO, EIO }, { EMFILE, EMFILE }, { ENOMEM, ENOMEM },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf space = BUF_INIT;
		struct passwd entry;

		tap_about("error %d", rows[i].passwd);
		passwd_set(0, SYSTEM_HINT);
		passwd.is_there = false;
		passwd.error = rows[i].passwd;
		CHECK(!user_entry(4711, &entry, &space));
		NUMBER_EQUAL(errno, rows[i].error);
		NUMBER_EQUAL(passwd.calls, 1);
		buf_free(&space);
	}
}

static void root(void)
{
	struct buf space = BUF_INIT;
	struct passwd entry;

	passwd.is_fake = false;
	MUST(user_entry(0, &entry, &space));
	CHECK(strcmp(entry.pw_name, "root") == 0 && entry.pw_dir[0] == '/');
	buf_free(&space);
}

/* --- whose store it is --- */

static void store_of_long_entry(void)
{
	struct objstore *store;

	if (unit_exists("/var/user")) {
		tap_skip("this system has /var/user, which comes before the user's home");
		return;
	}
	unit_fresh();
	unsetenv("PKCS11_TPM_DIR");
	unsetenv("XDG_DATA_HOME");
	MUST(mkdir(unit_path("home"), 0700) == 0);
	passwd_set(200000, SYSTEM_HINT);
	store = store_open();
	store_switch(store, 't', "token");
	CHECK(unit_exists(unit_path("home/.local/share/pkcs11_tpm/token")));
	objstore_close(&store);
}

static void store_of_nobody(void)
{
	static const struct {
		int error;
		CK_RV rv;
	} rows[] = {
		{ 0, CKR_DEVICE_ERROR }, { EIO, CKR_DEVICE_ERROR }, { EMFILE, CKR_HOST_MEMORY },
		{ ENOMEM, CKR_HOST_MEMORY },
	};
	struct objstore *store;
	struct objstore_token token;

	unit_fresh();
	unsetenv("PKCS11_TPM_DIR");
	store = store_open();
	for (size_t i = 0; i < COUNT(rows); i++) {
		tap_about("error %d", rows[i].error);
		passwd_set(0, SYSTEM_HINT);
		passwd.is_there = false;
		passwd.error = rows[i].error;
		RV_EQUAL(objstore_token_read(store, &token), rows[i].rv);
	}
	objstore_close(&store);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "entries of any length", lengths },
		{ "an entry without an end", endless },
		{ "no entry, and errors", nobody },
		{ "the system's own", root },
		{ "the store of a user with a long entry", store_of_long_entry },
		{ "the store of a user without an entry", store_of_nobody },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "user", cases));
}
