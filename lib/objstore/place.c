/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* O_PATH, where there is no O_SEARCH */
#include "objstore/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "objstore/file.h"
#include "util/log.h"
#include "util/setting.h"
#include "util/user.h"

#define SYSTEM_BASE "/var/user"

/* base may be anywhere and is followed wherever it leads; the components below it are looked at. */
struct place {
	char base[PLACE_PATH_MAX];
	char components[2][PLACE_PATH_MAX];
	bool may_make_base;
};

struct user {
	char name[256];
	char home[PLACE_PATH_MAX];
};

static bool user_copy(const struct passwd *entry, struct user *user)
{
	return strchr(entry->pw_name, '/') == NULL && entry->pw_name[0] != '.'
		&& snprintf(user->name, sizeof user->name, "%s", entry->pw_name) < (int)sizeof user->name
		&& snprintf(user->home, sizeof user->home, "%s", entry->pw_dir) < (int)sizeof user->home;
}

static CK_RV user_read(struct user *user)
{
	struct buf space = BUF_INIT;
	struct passwd entry;
	bool found = user_entry(geteuid(), &entry, &space);
	CK_RV rv = CKR_OK;

	if (!found && errno != 0) {
		rv = file_read_error("passwd", errno);
	} else if (!found || !user_copy(&entry, user)) {
		log_error("the user has no usable entry in passwd: set PKCS11_TPM_DIR");
		rv = CKR_DEVICE_ERROR;
	}
	buf_free(&space);
	return rv;
}

static bool from_variable(const char *path, struct place *place)
{
	char copy[PLACE_PATH_MAX], *slash;
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (path[0] != '/' || len >= sizeof copy)
		return false;
	memcpy(copy, path, len);
	copy[len] = '\0';
	slash = strrchr(copy, '/');
	snprintf(place->components[0], sizeof place->components[0], "%s", slash + 1);
	*slash = '\0';
	snprintf(place->base, sizeof place->base, "%s", copy[0] != '\0' ? copy : "/");
	place->may_make_base = true;
	return place->components[0][0] != '\0';
}

static CK_RV places_find(struct place places[2], size_t *count)
{
	const char *variable = setting_get("PKCS11_TPM_DIR"), *data_home = setting_env("XDG_DATA_HOME");
	struct user user;
	CK_RV rv;
	int len;

	memset(places, 0, 2 * sizeof *places);
	*count = 1;
	if (variable != NULL) {
		if (from_variable(variable, &places[0]))
			return CKR_OK;
		log_error("PKCS11_TPM_DIR is no absolute path of a directory: %s", variable);
		return CKR_DEVICE_ERROR;
	}
	if ((rv = user_read(&user)) != CKR_OK)
		return rv;
	snprintf(places[0].base, sizeof places[0].base, "%s", SYSTEM_BASE);
	snprintf(places[0].components[0], sizeof places[0].components[0], "%s", user.name);
	snprintf(places[0].components[1], sizeof places[0].components[1], "%s", "tpm");
	len = data_home != NULL && data_home[0] == '/'
		? snprintf(places[1].base, sizeof places[1].base, "%s", data_home)
		: snprintf(places[1].base, sizeof places[1].base, "%s/.local/share", user.home);
	if (len < 0 || (size_t)len >= sizeof places[1].base - sizeof "/pkcs11_tpm") {
		log_error("the path of the user's data directory is too long: set PKCS11_TPM_DIR");
		return CKR_DEVICE_ERROR;
	}
	snprintf(places[1].components[0], sizeof places[1].components[0], "%s", "pkcs11_tpm");
	places[1].may_make_base = true;
	*count = 2;
	return CKR_OK;
}

static void place_path(const struct place *place, char *path)
{
	const char *second = place->components[1];

	if (snprintf(path, PLACE_PATH_MAX, "%s/%s%s%s", strcmp(place->base, "/") == 0 ? "" : place->base,
			place->components[0], second[0] != '\0' ? "/" : "", second) >= PLACE_PATH_MAX)
		path[0] = '\0';
}

/* mkdir -p. *error: why the last could not be made; what came of it is seen when it is opened. */
static void base_make(const char *base, int *error)
{
	char path[PLACE_PATH_MAX];

	snprintf(path, sizeof path, "%s/", base);
	for (char *p = path + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			*error = errno;
	}
}

/* What cannot be reached may be there all the same, so it is no reason to look elsewhere. */
static CK_RV base_open(const char *base, int *dir)
{
	*dir = open(base, FILE_PASS | O_DIRECTORY | O_CLOEXEC);
	return *dir >= 0 || errno == ENOENT || errno == ENOTDIR ? CKR_OK : file_read_error(base, errno);
}

/* Its mode must not depend on the umask. dir was opened to be passed through: that cannot be synced. */
static CK_RV made_anew(int dir, const char *name)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CK_RV rv = fd < 0 ? CKR_OK : file_sync_dir(fd);

	file_close(&fd);
	if (rv == CKR_OK && fchmodat(dir, name, 0700, 0) != 0)
		rv = file_error("protect", name, errno);
	return rv;
}

/* *dir = -1 with CKR_OK: the directory is not there, or cannot be made there, *error being why. */
static CK_RV descend(const struct place *place, bool make, int *dir, int *error)
{
	int at;
	CK_RV rv;

	*dir = -1;
	if (make && place->may_make_base)
		base_make(place->base, error);
	rv = base_open(place->base, &at);
	for (int i = 0; at >= 0 && i < 2 && place->components[i][0] != '\0'; i++) {
		bool last = i == 1 || place->components[1][0] == '\0';
		int next = -1;

		rv = file_open_dir(at, place->components[i], !last, false, &next);
		if (rv == CKR_OK && next < 0 && make) {
			if (mkdirat(at, place->components[i], 0700) == 0)
				rv = made_anew(at, place->components[i]);
			else if (errno != EEXIST)
				*error = errno;
			if (rv == CKR_OK)
				rv = file_open_dir(at, place->components[i], !last, false, &next);
		}
		close(at);
		at = next;
	}
	*dir = at;
	return rv;
}

static bool holds_token(int dir)
{
	struct stat st;

	/* What cannot be looked at may be there. */
	return fstatat(dir, TOKEN_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT
		|| fstatat(dir, TOKEN_COPY, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* Anybody can make a directory in /var/user, and none of ours can be in one of theirs. */
static bool is_strangers(const struct place *place)
{
	char path[PLACE_PATH_MAX];
	struct stat st;

	return strcmp(place->base, SYSTEM_BASE) == 0
		&& snprintf(path, sizeof path, "%s/%s", place->base, place->components[0]) < (int)sizeof path
		&& fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid != 0
		&& st.st_uid != geteuid();
}

/* *dir = -1 with CKR_OK: there is no token. A stranger who was first in /var/user must not keep the user out
   who has a token elsewhere; who has none must not get one where it is not looked for first. */
static CK_RV token_find(const struct place *places, size_t n, int *dir, char *path)
{
	CK_RV refused = CKR_OK, rv;
	int error;

	for (size_t i = 0; i < n; i++) {
		place_path(&places[i], path);
		if ((rv = descend(&places[i], false, dir, &error)) != CKR_OK) {
			if (!is_strangers(&places[i]))
				return rv;
			refused = rv;
		}
		if (*dir >= 0 && holds_token(*dir))
			return CKR_OK;
		file_close(dir);
	}
	if (refused != CKR_OK)
		place_path(&places[0], path);
	return refused;
}

CK_RV place_open(bool make, int *dir, char *path)
{
	struct place places[2];
	size_t n;
	int error = EROFS;
	CK_RV rv;

	*dir = -1;
	path[0] = '\0';
	if ((rv = places_find(places, &n)) != CKR_OK)
		return rv;
	if ((rv = token_find(places, n, dir, path)) != CKR_OK || *dir >= 0)
		return rv;
	for (size_t i = 0; make && i < n; i++) {
		place_path(&places[i], path);
		if ((rv = descend(&places[i], true, dir, &error)) != CKR_OK)
			return rv;
		if (*dir >= 0)
			return CKR_OK;
	}
	if (!make)
		return CKR_OK;
	log_error("no place for the store can be made");
	return file_error("make", path, error);
}
