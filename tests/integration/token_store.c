/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a token lies: its directory, the TSS user store; and two processes at the same time. */
#define _GNU_SOURCE
#include "p11.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

/* A token with something of everything in it. */
static CK_SESSION_HANDLE start_full(void)
{
	CK_SESSION_HANDLE session = p11_new_token();
	CK_ATTRIBUTE more[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "imported") };
	CK_OBJECT_HANDLE key;
	struct p11_pair pair;

	p11_data(session, "public", true, false);
	p11_data(session, "private", true, true);
	RV_MUST(p11_generate(session, 1024, "generated", true, true, &pair), CKR_OK);
	RV_MUST(p11_import(session, p11_soft_key(1024), CKO_PUBLIC_KEY, TEMPLATE(more), &key),
		CKR_OK);
	RV_MUST(p11_import(session, p11_soft_key(1024), CKO_PRIVATE_KEY, TEMPLATE(more), &key),
		CKR_OK);
	return session;
}

static void check_full(CK_SESSION_HANDLE session)
{
	p11_find(session, CKO_DATA, "public");
	p11_find(session, CKO_DATA, "private");
	CHECK(p11_label_signs(session, "generated"));
	CHECK(p11_label_signs(session, "imported"));
}

/* The directory */

static unsigned int entries;

static int check_mode(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	mode_t expected = type == FTW_D ? S_IFDIR | 0700 : S_IFREG | 0600;

	(void)ftw;
	entries++;
	TAP_CHECK(status->st_mode == expected, "%s has mode %o, not %o", path,
		  (unsigned int)status->st_mode, (unsigned int)expected);
	TAP_CHECK(status->st_uid == geteuid(), "%s belongs to %u", path,
		  (unsigned int)status->st_uid);
	return 0;
}

static void modes(void)
{
	mode_t before = umask(0);
	CK_SESSION_HANDLE session = start_full();

	RV_EQUAL(p11_set_pin(session, USER_PIN, "another"), CKR_OK);
	umask(before);
	entries = 0;
	CHECK(nftw(p11_store(), check_mode, 16, FTW_PHYS) == 0);
	/* The directory, a token file, six objects. */
	TAP_CHECK(entries >= 8, "only %u files and directories are in the store", entries);
}

static void own_directory(void)
{
	CK_SESSION_HANDLE session;

	p11_fresh();
	MUST(mkdir(p11_store(), 0700) == 0);
	p11_start();
	ULONG_EQUAL(p11_flags(), 0x880045);
	RV_MUST(p11_init_token(SO_DEFAULT, "own directory"), CKR_OK);
	session = p11_open();
	p11_data(session, "something", true, false);
	p11_find(session, CKO_DATA, "something");
}

static void make_link(const char *path)
{
	char target[600];

	snprintf(target, sizeof(target), "%s/elsewhere", p11_directory());
	MUST(mkdir(target, 0700) == 0 && symlink(target, path) == 0);
}

static void make_writable_by_group(const char *path)
{
	MUST(mkdir(path, 0700) == 0 && chmod(path, 0770) == 0);
}

static void make_writable_by_all(const char *path)
{
	MUST(mkdir(path, 0700) == 0 && chmod(path, 0707) == 0);
}

static void make_foreign(const char *path)
{
	MUST(mkdir(path, 0700) == 0 && chown(path, NOBODY, (gid_t)-1) == 0);
}

static void make_file(const char *path)
{
	p11_write_file(path, "", 0);
}

static void check_refused(void (*make)(const char *))
{
	char before[65], after[65];
	CK_TOKEN_INFO info;

	p11_fresh();
	make(p11_store());
	p11_fingerprint(p11_directory(), before);
	p11_start();
	CHECK(p11->C_GetTokenInfo(p11_slot, &info) != CKR_OK);
	CHECK(p11_init_token(SO_DEFAULT, "refused") != CKR_OK);
	p11_stop();
	CHECK(strcmp(before, p11_fingerprint(p11_directory(), after)) == 0);
}

static void refused_link(void)
{
	check_refused(make_link);
}

static void refused_mode(void)
{
	check_refused(make_writable_by_group);
	check_refused(make_writable_by_all);
}

static void refused_owner(void)
{
	if (geteuid() != 0) {
		tap_skip("only root can give a directory to somebody else");
		return;
	}
	check_refused(make_foreign);
}

static void refused_file(void)
{
	check_refused(make_file);
}

/* The TSS user store: a version byte of 1, then the number of keys, least significant byte first. */

static unsigned long registered_keys(void)
{
	size_t length;
	unsigned char *data = p11_read_file(p11_user_data(), &length);
	unsigned long count = 0;

	if (data != NULL && length >= 5 && data[0] == 1)
		count = data[1] | (unsigned long)data[2] << 8 | (unsigned long)data[3] << 16;
	free(data);
	return count;
}

static void user_data_lost(void)
{
	unsigned long before;

	start_full();
	p11_stop();
	before = registered_keys();
	TAP_CHECK(before >= 2, "%lu keys are registered, not the SO's and the user's", before);

	MUST(unlink(p11_user_data()) == 0);
	p11_start();
	check_full(p11_open_user());
	p11_stop();
	ULONG_EQUAL(registered_keys(), before);
}

static void user_data_lost_for_so(void)
{
	CK_SESSION_HANDLE session;

	start_full();
	p11_stop();
	MUST(unlink(p11_user_data()) == 0);
	p11_start();
	session = p11_open();
	RV_MUST(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	RV_MUST(p11_init_pin(session, "from the so"), CKR_OK);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, CKU_USER, "from the so"), CKR_OK);
	check_full(session);
	CHECK(access(p11_user_data(), F_OK) == 0);
}

static void user_data_garbage(void)
{
	unsigned char garbage[3000], *now;
	CK_SESSION_HANDLE session;
	size_t length;

	start_full();
	p11_stop();
	memset(garbage, 0xa5, sizeof(garbage));
	p11_write_file(p11_user_data(), garbage, sizeof(garbage));
	p11_start();
	session = p11_open_user();
	check_full(session);
	p11_data(session, "beside the garbage", true, true);
	p11_find(session, CKO_DATA, "beside the garbage");
	RV_EQUAL(p11_set_pin(session, USER_PIN, "another"), CKR_OK);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_USER, "another"), CKR_OK);
	check_full(session);
	p11_stop();

	now = p11_read_file(p11_user_data(), &length);
	MUST(now != NULL);
	ULONG_EQUAL(length, sizeof(garbage));
	CHECK(length == sizeof(garbage) && memcmp(now, garbage, length) == 0);
	free(now);
}

/* Not even root can write into a directory that is not there. */
static void user_data_homeless(void)
{
	char nowhere[600];

	start_full();
	p11_stop();
	snprintf(nowhere, sizeof(nowhere), "%s/nowhere/user.data", p11_directory());
	setenv("TSS_USER_PS_FILE", nowhere, 1);
	p11_start();
	check_full(p11_open_user());
}

static void user_data_never_there(void)
{
	CK_SESSION_HANDLE session;
	char nowhere[600];

	p11_fresh();
	snprintf(nowhere, sizeof(nowhere), "%s/nowhere/user.data", p11_directory());
	setenv("TSS_USER_PS_FILE", nowhere, 1);
	p11_start();
	RV_MUST(p11_init_token(SO_DEFAULT, "homeless"), CKR_OK);
	session = p11_open();
	RV_MUST(p11_set_pin(session, USER_DEFAULT, USER_PIN), CKR_OK);
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	p11_data(session, "homeless", true, true);
	p11_stop();
	p11_start();
	p11_find(p11_open_user(), CKO_DATA, "homeless");
}

/* Two processes at once */

struct race {
	CK_USER_TYPE user;
	const char *old;
	const char *new;
};

#define LOST 1

static int first_set_pin(void *argument)
{
	const struct race *race = argument;
	CK_SESSION_HANDLE session;

	p11_start();
	session = p11_open();
	RV_MUST(p11_login(session, race->user, race->old), CKR_OK);
	p11_line_up();
	return p11_set_pin(session, race->old, race->new) == CKR_OK ? 0 : LOST;
}

/* The number of the one that won. */
static int run_race(struct race races[2])
{
	int status[2];

	p11_two_at_once(first_set_pin, &races[0], &races[1], status);
	TAP_MUST(status[0] + status[1] == LOST && status[0] * status[1] == 0,
		 "of two first C_SetPINs one must win: exit status %d and %d", status[0],
		 status[1]);
	return status[0] == 0 ? 0 : 1;
}

static void user_race(void)
{
	struct race races[2] = {
		{ CKU_USER, USER_DEFAULT, "pin of the first" },
		{ CKU_USER, USER_DEFAULT, "pin of the second" },
	};
	CK_SESSION_HANDLE session;
	struct p11_pair pair;
	int round, winner;

	for (round = 0; round < 3; round++) {
		tap_about("round %d", round);
		p11_fresh();
		p11_start();
		RV_MUST(p11_init_token(SO_PIN, "race"), CKR_OK);
		p11_stop();
		winner = run_race(races);

		p11_start();
		session = p11_open();
		RV_EQUAL(p11_login(session, CKU_USER, races[!winner].new), CKR_PIN_INCORRECT);
		RV_MUST(p11_login(session, CKU_USER, races[winner].new), CKR_OK);
		p11_data(session, "private", true, true);
		RV_MUST(p11_generate(session, 1024, "key", true, true, &pair), CKR_OK);
		p11_stop();
		p11_start();
		session = p11_open();
		RV_MUST(p11_login(session, CKU_USER, races[winner].new), CKR_OK);
		p11_find(session, CKO_DATA, "private");
		CHECK(p11_label_signs(session, "key"));
	}
}

static void so_race(void)
{
	struct race races[2] = {
		{ CKU_SO, SO_DEFAULT, "pin of the first" },
		{ CKU_SO, SO_DEFAULT, "pin of the second" },
	};
	CK_SESSION_HANDLE session;
	int winner;

	p11_fresh();
	p11_start();
	RV_MUST(p11_init_token(SO_DEFAULT, "race"), CKR_OK);
	p11_stop();
	winner = run_race(races);

	p11_start();
	ULONG_EQUAL(p11_flags() & ~CKF_SO_PIN_COUNT_LOW, 0x80445);
	session = p11_open();
	RV_EQUAL(p11_login(session, CKU_SO, races[!winner].new), CKR_PIN_INCORRECT);
	RV_MUST(p11_login(session, CKU_SO, races[winner].new), CKR_OK);
	RV_EQUAL(p11_init_pin(session, USER_PIN), CKR_OK);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
}

/* Another process begins the token afresh while the user is logged in here. */

static int init_token_elsewhere(void *argument)
{
	(void)argument;
	p11_start();
	RV_EQUAL(p11_init_token(SO_PIN, "replaced"), CKR_OK);
	return 0;
}

static void check_new_token_is_empty(void)
{
	CK_SESSION_HANDLE session;

	p11_stop();
	p11_start();
	ULONG_EQUAL(p11_flags() & ~CKF_USER_PIN_COUNT_LOW, 0x80445);
	session = p11_open();
	ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), 0);
	RV_MUST(p11_set_pin(session, USER_DEFAULT, "of the new token"), CKR_OK);
	RV_MUST(p11_login(session, CKU_USER, "of the new token"), CKR_OK);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), 0);
}

static void replaced_then_write(void)
{
	CK_SESSION_HANDLE session = start_full();
	CK_OBJECT_HANDLE object;
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, true),
		A_TEXT(CKA_LABEL, "stray"),
	};

	ULONG_EQUAL(p11_in_child(init_token_elsewhere, NULL), 0);
	CHECK(p11->C_CreateObject(session, TEMPLATE(t), &object) != CKR_OK);
	ULONG_EQUAL(p11_state(session), CKS_RW_PUBLIC_SESSION);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), 0);
	check_new_token_is_empty();
}

static void replaced_then_generate(void)
{
	CK_SESSION_HANDLE session = start_full();
	struct p11_pair pair;

	ULONG_EQUAL(p11_in_child(init_token_elsewhere, NULL), 0);
	CHECK(p11_generate(session, 1024, "stray", true, true, &pair) != CKR_OK);
	check_new_token_is_empty();
}

static void replaced_then_change(void)
{
	CK_SESSION_HANDLE session = start_full();
	CK_OBJECT_HANDLE object = p11_find(session, CKO_DATA, "private");
	CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "stray");

	ULONG_EQUAL(p11_in_child(init_token_elsewhere, NULL), 0);
	CHECK(p11->C_SetAttributeValue(session, object, &label, 1) != CKR_OK);
	check_new_token_is_empty();
}

static void replaced_then_set_pin(void)
{
	CK_SESSION_HANDLE session = start_full();

	ULONG_EQUAL(p11_in_child(init_token_elsewhere, NULL), 0);
	CHECK(p11_set_pin(session, USER_PIN, "stray") != CKR_OK);
	check_new_token_is_empty();
}

static void replaced_then_search(void)
{
	CK_SESSION_HANDLE session = start_full();

	ULONG_EQUAL(p11_in_child(init_token_elsewhere, NULL), 0);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "public"), 0);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "private"), 0);
	ULONG_EQUAL(p11_count(session, CKO_PRIVATE_KEY, NULL), 0);
	check_new_token_is_empty();
}

static const struct tap_case cases[] = {
	{ "the store is 0700, its files 0600, whatever the umask", modes },
	{ "an empty directory of the user's serves as store", own_directory },
	{ "a store that is a symbolic link is refused", refused_link },
	{ "a store that others can write is refused", refused_mode },
	{ "a store that belongs to another is refused", refused_owner },
	{ "a store that is a file is refused", refused_file },
	{ "a lost user.data is filled again", user_data_lost },
	{ "a lost user.data does not stop the SO", user_data_lost_for_so },
	{ "a user.data of garbage is neither needed nor overwritten", user_data_garbage },
	{ "a user.data that cannot be written is not needed", user_data_homeless },
	{ "a token can be made without any user.data", user_data_never_there },
	{ "of two first C_SetPINs of the user one wins", user_race },
	{ "of two first C_SetPINs of the SO one wins", so_race },
	{ "the token replaced elsewhere, then a private object created", replaced_then_write },
	{ "the token replaced elsewhere, then a key generated", replaced_then_generate },
	{ "the token replaced elsewhere, then an object changed", replaced_then_change },
	{ "the token replaced elsewhere, then C_SetPIN", replaced_then_set_pin },
	{ "the token replaced elsewhere, then a search", replaced_then_search },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "token store", cases);
}
