/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the token is, and its token file. Read with what lib/objstore reads with, but never mended. */
#include "pktool/doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "objstore/file.h"
#include "objstore/format.h"
#include "util/setting.h"

#define MIB ((uint64_t)1024 * 1024)
#define ROOM_LEAST MIB
#define ROOM_LITTLE (16 * MIB)
#define FILES_LEAST 16
#define SYSTEM_BASE "/var/user/"

const char *const role_names[ROLES] = { [ROLE_SO] = "the SO", [ROLE_USER] = "the user" };

static const char *const copy_names[2] = { TOKEN_FILE, TOKEN_COPY };

static void copy_look(struct doctor *d, struct store *store, int which)
{
	struct store_copy *copy = &store->copies[which];
	struct format_header header;
	struct buf file = BUF_INIT;
	enum format_verdict verdict;
	bool exists = false;
	struct stat st;
	CK_RV rv;

	doctor_complaints_clear(d);
	rv = file_read(store->dir, copy_names[which], &file, &exists, &st);
	verdict = exists ? format_header(&file, &header) : FORMAT_DAMAGED;
	if (rv != CKR_OK)
		copy->state = COPY_REFUSED;
	else if (!exists)
		copy->state = COPY_MISSING;
	else if (verdict == FORMAT_UNKNOWN_VERSION)
		copy->state = COPY_NEWER_VERSION;
	else if (verdict != FORMAT_GOOD || header.kind != FORMAT_TOKEN
		|| !format_body(&file, NULL, &copy->body))
		copy->state = COPY_DAMAGED;
	else
		copy->state = COPY_GOOD;
	if (copy->state == COPY_GOOD) {
		copy->id = header.token_id;
		copy->replaced = header.object_id;
		copy->sequence = header.sequence;
	}
	snprintf(copy->fault, sizeof copy->fault, "%s",
		rv != CKR_OK ? doctor_complaint(d, "it cannot be read") : "");
	buf_free(&file);
}

static void token_take(struct store *store, const struct store_copy *copy)
{
	store->id = copy->id;
	store->replaced = copy->replaced;
	store->has_token = token_file_decode(&copy->body, &store->file) == CKR_OK;
}

const struct store *doctor_store(struct doctor *d)
{
	struct store *store = &d->store;
	const struct store_copy *copies = store->copies;
	CK_RV rv;

	if (store->looked)
		return store;
	store->looked = true;
	rv = place_open(false, &store->dir, store->path);
	if (rv != CKR_OK)
		snprintf(store->fault, sizeof store->fault, "%s", doctor_complaint(d, "it cannot be opened"));
	if (store->dir < 0)
		return store;
	copy_look(d, store, 0);
	copy_look(d, store, 1);
	if (copies[0].state == COPY_GOOD)
		token_take(store, &copies[0]);
	else if ((copies[0].state == COPY_DAMAGED || copies[0].state == COPY_MISSING)
		&& copies[1].state == COPY_GOOD)
		token_take(store, &copies[1]);
	if (copies[0].state != COPY_GOOD || !store->has_token)
		snprintf(store->fault, sizeof store->fault, "the token file is not whole");
	doctor_complaints_clear(d);
	return store;
}

const char *doctor_no_token(struct doctor *d)
{
	const struct store *store = doctor_store(d);

	if (store->has_token)
		return NULL;
	if (store->fault[0] == '\0')
		return "there is no token yet";
	return store->dir < 0 ? "the directory cannot be used" : "the token file is not whole";
}

/* --- the directory --- */

static const char *why_here(const char *path)
{
	if (setting_env("PKCS11_TPM_DIR") != NULL)
		return "PKCS11_TPM_DIR of the environment says so";
	if (setting_get("PKCS11_TPM_DIR") != NULL)
		return "PKCS11_TPM_DIR of pkcs11_tpm.conf says so";
	if (strncmp(path, SYSTEM_BASE, sizeof SYSTEM_BASE - 1) == 0)
		return "the first of the usual places that holds a token";
	if (setting_env("XDG_DATA_HOME") != NULL)
		return "no token is in " SYSTEM_BASE "; below XDG_DATA_HOME";
	return "no token is in " SYSTEM_BASE "; below the home";
}

static void mode_say(struct doctor *d, const struct store *store)
{
	struct stat st;

	if (fstat(store->dir, &st) != 0)
		doctor_say(d, VERDICT_UNKNOWN, "%s: cannot tell: %s", store->path, strerror(errno));
	else if ((st.st_mode & 0077) != 0)
		doctor_say(d, VERDICT_FIX, "%s: others may look into it: chmod 700", store->path);
	else if ((st.st_mode & 0700) != 0700)
		doctor_say(d, VERDICT_FIX, "%s: its owner lacks rights: chmod 700", store->path);
	else
		doctor_say(d, VERDICT_OK, "%s (%s)", store->path, why_here(store->path));
}

void directory_check(struct doctor *d)
{
	const struct store *store = doctor_store(d);
	struct passwd *user = getpwuid(geteuid());

	if (store->dir >= 0)
		mode_say(d, store);
	else if (store->fault[0] != '\0')
		doctor_say(d, VERDICT_FIX, "%s%s%s", store->path, store->path[0] != '\0' ? ": " : "",
			store->fault);
	else
		doctor_say(d, VERDICT_OK, "none yet, as %s has no token",
			user != NULL ? user->pw_name : "this user");
}

/* What does not exist yet will be made where its parent is. */
static bool room_ask(const char *path, struct statvfs *room)
{
	char copy[PLACE_PATH_MAX], *slash;

	snprintf(copy, sizeof copy, "%s", path);
	while (statvfs(copy, room) != 0) {
		if (errno != ENOENT || (slash = strrchr(copy, '/')) == NULL)
			return false;
		slash[slash == copy ? 1 : 0] = '\0';
		if (slash == copy)
			return statvfs(copy, room) == 0;
	}
	return true;
}

void room_check(struct doctor *d)
{
	const struct store *store = doctor_store(d);
	struct statvfs room;
	uint64_t left;

	if (store->path[0] == '\0' || (store->dir < 0 && store->fault[0] != '\0')) {
		doctor_skips(d, "the directory cannot be used");
		return;
	}
	if (!room_ask(store->path, &room)) {
		doctor_say(d, VERDICT_UNKNOWN, "cannot tell: %s", strerror(errno));
		return;
	}
	left = (uint64_t)room.f_bavail * room.f_frsize;
	if ((room.f_flag & ST_RDONLY) != 0)
		doctor_say(d, VERDICT_NOTE,
			"the file system is read-only: keys can be used, but nothing can be changed");
	else if (left < ROOM_LEAST || (room.f_files != 0 && room.f_favail < FILES_LEAST))
		doctor_say(d, VERDICT_FIX, "the file system is full (%llu bytes, %llu files left): make room",
			(unsigned long long)left, (unsigned long long)room.f_favail);
	else
		doctor_say(d, left < ROOM_LITTLE ? VERDICT_NOTE : VERDICT_OK, "%llu MiB are free",
			(unsigned long long)(left / MIB));
}

/* --- the token file --- */

static const char *const states[] = {
	[COPY_MISSING] = "is missing",
	[COPY_GOOD] = "is whole",
	[COPY_DAMAGED] = "is damaged",
	[COPY_NEWER_VERSION] = "was written by a newer version",
};

static void damage_say(struct doctor *d, const struct store *store)
{
	const struct store_copy *first = &store->copies[0], *second = &store->copies[1];

	if (first->state == COPY_REFUSED)
		doctor_say(d, VERDICT_FIX, "%s", first->fault);
	else if (first->state == COPY_NEWER_VERSION)
		doctor_say(d, VERDICT_FIX,
			TOKEN_FILE " was written by a newer version of the module: use that one");
	else if (first->state == COPY_GOOD || second->state == COPY_GOOD)
		doctor_say(d, VERDICT_FIX,
			"%s %s: see to the disk; the other copy is whole, and the next %s mends this one",
			copy_names[first->state == COPY_GOOD],
			states[first->state == COPY_GOOD ? second->state : first->state],
			first->state == COPY_GOOD ? "change" : "use");
	else
		doctor_say(d, VERDICT_FIX,
			"neither " TOKEN_FILE " nor " TOKEN_COPY " is whole: bring them back from a backup, "
			"or let pktool inittoken set the store aside and begin afresh");
}

void token_check(struct doctor *d)
{
	const struct store *store = doctor_store(d);
	const struct store_copy *first = &store->copies[0], *second = &store->copies[1];
	int len = LABEL_LEN;

	if (store->dir < 0 && store->fault[0] != '\0') {
		doctor_say(d, VERDICT_SKIP, "the directory cannot be used");
	} else if (store->dir < 0) {
		doctor_say(d, VERDICT_FIX, "there is none yet: pktool inittoken currlabel=TPM");
	} else if (second->state == COPY_REFUSED && first->state == COPY_GOOD) {
		doctor_say(d, VERDICT_FIX, "%s", second->fault);
	} else if (first->state != COPY_GOOD || second->state == COPY_DAMAGED) {
		damage_say(d, store);
	} else if (!store->has_token) {
		doctor_say(d, VERDICT_FIX, "what its file says is nonsense: bring it back from a backup");
	} else {
		while (len > 0 && store->file.label[len - 1] == ' ')
			len--;
		doctor_say(d, VERDICT_OK, "%.*s", len, store->file.label);
		if (second->state == COPY_MISSING || second->sequence != first->sequence)
			doctor_say(d, VERDICT_NOTE,
				TOKEN_COPY " is missing or older, as a crash leaves it: the next change "
					   "mends it");
	}
}
