/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks that are full, read-only or failing, as a user meets them: the caller is told with the
 * standard's code, nothing is half done, and when the disk is well again the same process goes on.
 */
#define _GNU_SOURCE
#include "kills.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534
#define CHANGED "another value"
#define RENAME "?rename,?renameat,?renameat2"

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE object;

/* Calls that fail, by strace */

static void prepare_user(void)
{
	p11_start();
	session = p11_open_user();
	object = p11_find(session, CKO_DATA, "private");
}

static CK_RV create(void)
{
	CK_OBJECT_HANDLE created;
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, true),
		A_TEXT(CKA_LABEL, "created"),
	};

	return p11->C_CreateObject(session, TEMPLATE(t), &created);
}

static CK_RV change(void)
{
	CK_ATTRIBUTE t = A_TEXT(CKA_VALUE, CHANGED);

	return p11->C_SetAttributeValue(session, object, &t, 1);
}

static CK_RV destroy(void)
{
	return p11->C_DestroyObject(session, object);
}

static CK_RV generate(void)
{
	struct p11_pair pair;

	return p11_generate(session, 1024, "created", true, true, &pair);
}

static CK_RV set_pin(void)
{
	return p11_set_pin(session, USER_PIN, "a pin that was refused");
}

/* Nothing has happened, and all can be done now. */
static void after_failure(void)
{
	tap_about("in the process that was refused");
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "created"), 0);
	kills_check_token(session, 0);
	RV_EQUAL(create(), CKR_OK);
	RV_EQUAL(change(), CKR_OK);
	CHECK(kills_value_is(session, object, CHANGED));
	RV_EQUAL(destroy(), CKR_OK);
	RV_EQUAL(p11_set_pin(session, USER_PIN, "another"), CKR_OK);
	p11_stop();
}

static int check_untouched(void *argument)
{
	(void)argument;
	prepare_user();
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "created"), 0);
	kills_check_token(session, 0);
	return 0;
}

/* Once it is left as the failure left it, for a fresh process; once the same process goes on. */
static void check_failing(const char *name, CK_RV (*act)(void), const char *inject, CK_RV expected)
{
	struct traced_work work = { prepare_user, act, NULL };
	unsigned int objects, temporaries;
	struct traced_calls calls;
	struct traced_end end;

	for (int again = 0; again < 2; again++) {
		kills_token();
		tap_about("%s, %s", name, inject);
		work.after = again == 0 ? NULL : after_failure;
		traced_run(&work, TRACED_FILE_CALLS, inject, &calls, &end);
		ULONG_EQUAL(end.status, 0);
		TAP_CHECK(end.rv == expected, "%s gives %s, not %s", name, p11_rv_name(end.rv),
			p11_rv_name(expected));
		p11_count_store(&objects, &temporaries);
		ULONG_EQUAL(objects, KILLS_OBJECTS);
		ULONG_EQUAL(temporaries, 0);
		if (again == 0)
			ULONG_EQUAL(p11_in_child(check_untouched, NULL), 0);
	}
	tap_about(NULL);
}

static const struct {
	const char *name;
	CK_RV (*act)(void);
	bool removes; /* a full disk does not stop that */
} acts[] = {
	{ "C_CreateObject", create, false },
	{ "C_SetAttributeValue", change, false },
	{ "C_DestroyObject", destroy, true },
	{ "C_GenerateKeyPair", generate, false },
	{ "C_SetPIN", set_pin, false },
};
#define ACTS (sizeof(acts) / sizeof(*acts))

static bool can_trace(void)
{
	const char *refusal = traced_refusal();

	if (refusal != NULL)
		tap_skip(refusal);
	return refusal == NULL;
}

static void disk_full(void)
{
	if (!can_trace())
		return;
	for (size_t i = 0; i < ACTS; i++)
		if (!acts[i].removes) {
			check_failing(acts[i].name, acts[i].act, "write:error=ENOSPC", CKR_DEVICE_MEMORY);
			check_failing(acts[i].name, acts[i].act, "write:error=EDQUOT", CKR_DEVICE_MEMORY);
		}
	/* No room for so much as a name, for the second file of a pair, for what fsync() brings to light. */
	check_failing("C_GenerateKeyPair", generate, "write:error=ENOSPC:when=2", CKR_DEVICE_MEMORY);
	check_failing("C_CreateObject", create, RENAME ":error=ENOSPC", CKR_DEVICE_MEMORY);
	check_failing("C_CreateObject", create, "fsync:error=ENOSPC:when=1", CKR_DEVICE_MEMORY);
}

static void disk_failing(void)
{
	if (!can_trace())
		return;
	for (size_t i = 0; i < ACTS; i++)
		if (!acts[i].removes)
			check_failing(acts[i].name, acts[i].act, "fsync:error=EIO", CKR_DEVICE_ERROR);
	check_failing("C_DestroyObject", destroy, "unlinkat:error=EIO", CKR_DEVICE_ERROR);
	check_failing("C_GenerateKeyPair", generate, RENAME ":error=EIO:when=2", CKR_DEVICE_ERROR);
	check_failing("C_CreateObject", create, "openat:error=EMFILE", CKR_HOST_MEMORY);
	check_failing("C_CreateObject", create, "fcntl:error=ENOLCK", CKR_DEVICE_ERROR);
}

static void disk_refusing(void)
{
	if (!can_trace())
		return;
	for (size_t i = 0; i < ACTS; i++) {
		const char *call = acts[i].removes ? "unlinkat:error=EROFS" : RENAME ":error=EROFS";

		check_failing(acts[i].name, acts[i].act, call, CKR_TOKEN_WRITE_PROTECTED);
	}
	check_failing("C_DestroyObject", destroy, "unlinkat:error=EPERM", CKR_TOKEN_WRITE_PROTECTED);
	check_failing("C_CreateObject", create, RENAME ":error=EACCES", CKR_TOKEN_WRITE_PROTECTED);
}

/* A limit on the size of files: half of what is to be written is written. */

static int write_half(void *argument)
{
	struct rlimit limit = { 400, RLIM_INFINITY };
	static unsigned char big[3000];
	CK_OBJECT_HANDLE created;
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true),
		A_TEXT(CKA_LABEL, "created"),
		A_BYTES(CKA_VALUE, big, sizeof(big)),
	};

	(void)argument;
	signal(SIGXFSZ, SIG_IGN);
	prepare_user();
	MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	RV_EQUAL(p11->C_CreateObject(session, TEMPLATE(t), &created), CKR_DEVICE_ERROR);
	RV_EQUAL(set_pin(), CKR_DEVICE_ERROR);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "created"), 0);
	kills_check_token(session, 0);
	limit.rlim_cur = RLIM_INFINITY;
	MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	after_failure();
	return 0;
}

static void disk_limited(void)
{
	unsigned int objects, temporaries;

	kills_token();
	ULONG_EQUAL(p11_in_child(write_half, NULL), 0);
	p11_count_store(&objects, &temporaries);
	ULONG_EQUAL(objects, KILLS_OBJECTS);
	ULONG_EQUAL(temporaries, 0);
}

/* A store that can only be read, by a user whom modes stop */

static mode_t file_mode, directory_mode;

static int give_away(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)ftw;
	return geteuid() == 0 && chown(path, NOBODY, (gid_t)-1) != 0 ? -1
		: chmod(path, type == FTW_F ? file_mode : directory_mode);
}

/* The token, moved to where that user comes to; the way there is not his to read. */
static void store_protect(char *directory, mode_t for_files)
{
	char program[] = "cp", option[] = "-a", from[600], to[600];
	char *argv[] = { program, option, from, to, NULL };

	kills_token();
	snprintf(from, sizeof(from), "%s/.", p11_directory());
	snprintf(to, sizeof(to), "%s", directory);
	ULONG_EQUAL(p11_run_program(argv), 0);
	p11_use_store(directory);
	file_mode = for_files;
	directory_mode = 0500;
	MUST(nftw(directory, give_away, 16, FTW_PHYS | FTW_DEPTH) == 0);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)ftw;
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

static int make_writable(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)ftw;
	return type == FTW_D ? chmod(path, 0700) : 0;
}

static int use_read_only(void *argument)
{
	CK_OBJECT_HANDLE created;
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, false) };
	const mode_t *for_files = argument;
	char before[65], after[65];

	MUST(geteuid() != 0 || setresuid(NOBODY, NOBODY, NOBODY) == 0);
	p11_fingerprint(p11_store(), before);
	p11_start();
	session = p11_open();
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	kills_check_token(session, 0);
	object = p11_find(session, CKO_DATA, "private");
	RV_EQUAL(create(), CKR_TOKEN_WRITE_PROTECTED);
	RV_EQUAL(change(), CKR_TOKEN_WRITE_PROTECTED);
	RV_EQUAL(destroy(), CKR_TOKEN_WRITE_PROTECTED);
	RV_EQUAL(generate(), CKR_TOKEN_WRITE_PROTECTED);
	RV_EQUAL(set_pin(), CKR_TOKEN_WRITE_PROTECTED);
	RV_EQUAL(p11->C_CreateObject(session, TEMPLATE(t), &created), CKR_OK);
	RV_EQUAL(p11->C_DestroyObject(session, created), CKR_OK);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "created"), 0);
	kills_check_token(session, 0);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	p11_stop();
	/* With files that can be written, the generation says that a writer was there. */
	CHECK(*for_files == 0600 || strcmp(before, p11_fingerprint(p11_store(), after)) == 0);
	return 0;
}

static void check_read_only(mode_t for_files)
{
	char directory[] = "/tmp/pkcs11_tpm.XXXXXX";

	MUST(mkdtemp(directory) != NULL);
	store_protect(directory, for_files);
	ULONG_EQUAL(p11_in_child(use_read_only, &for_files), 0);
	nftw(directory, make_writable, 16, FTW_PHYS);
	CHECK(nftw(directory, remove_entry, 16, FTW_PHYS | FTW_DEPTH) == 0);
}

static void read_only_directories(void)
{
	check_read_only(0600);
}

static void read_only_files(void)
{
	check_read_only(0400);
}

static const struct tap_case cases[] = {
	{ "a full disk", disk_full },
	{ "a failing disk", disk_failing },
	{ "a disk that refuses changes", disk_refusing },
	{ "a limit on the size of files", disk_limited },
	{ "directories that can only be read", read_only_directories },
	{ "directories and files that can only be read", read_only_files },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "disk", cases);
}
