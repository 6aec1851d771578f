/* SPDX-License-Identifier: BSD-2-Clause */
#include "objstore/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/crypto.h"
#include "util/hex.h"
#include "util/log.h"

#define TEMPORARY_PREFIX ".tmp."

static const struct {
	int error;
	CK_RV rv;
	const char *hint;
} errors[] = {
	{ ENOSPC, CKR_DEVICE_MEMORY, "the disk is full" },
	{ EDQUOT, CKR_DEVICE_MEMORY, "the user's quota is used up" },
	{ EROFS, CKR_TOKEN_WRITE_PROTECTED, "the file system is read-only" },
	{ EACCES, CKR_TOKEN_WRITE_PROTECTED, "permission denied" },
	{ EPERM, CKR_TOKEN_WRITE_PROTECTED, "not permitted" },
	{ ENOTDIR, CKR_TOKEN_WRITE_PROTECTED, "a file is where a directory should be" },
	{ ENOMEM, CKR_HOST_MEMORY, "out of memory" },
	{ EMFILE, CKR_HOST_MEMORY, "this process has too many files open (ulimit -n)" },
	{ ENFILE, CKR_HOST_MEMORY, "the system has too many files open" },
	{ ELOOP, CKR_DEVICE_ERROR, "it is a symbolic link, and none is followed here" },
};

CK_RV file_error(const char *operation, const char *name, int error)
{
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
		if (errors[i].error == error) {
			log_error("cannot %s %s: %s", operation, name, errors[i].hint);
			return errors[i].rv;
		}
	log_error("cannot %s %s: %s", operation, name, strerror(error));
	return CKR_DEVICE_ERROR;
}

CK_RV file_read_error(const char *name, int error)
{
	CK_RV rv = file_error("read", name, error);

	return rv == CKR_HOST_MEMORY ? rv : CKR_DEVICE_ERROR;
}

static const char *fault(const struct stat *st, bool right_kind, bool may_be_root)
{
	if (!right_kind)
		return "it is not of the right kind";
	if (st->st_uid != geteuid() && !(may_be_root && st->st_uid == 0))
		return "it belongs to somebody else";
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others may write to it: chmod go-w";
	if (S_ISREG(st->st_mode) && st->st_nlink > 1)
		return "it has a second name (hard link)";
	return NULL;
}

static CK_RV check(const char *name, const struct stat *st, bool right_kind, bool may_be_root)
{
	const char *why = fault(st, right_kind, may_be_root);

	if (why == NULL)
		return CKR_OK;
	log_error("%s is refused: %s", name, why);
	return CKR_DEVICE_ERROR;
}

/* With O_DIRECTORY and O_NOFOLLOW, ENOTDIR is a link's as well as a file's. */
static int what_is_there(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode) ? ENOTDIR : ELOOP;
}

CK_RV file_open_dir(int dir, const char *name, bool may_be_root, bool make, int *fd)
{
	struct stat st;
	CK_RV rv;

	*fd = -1;
	if (make && mkdirat(dir, name, 0700) == 0) {
		if (fchmodat(dir, name, 0700, 0) != 0) /* in case of a strict umask */
			return file_error("protect", name, errno);
		if ((rv = file_sync_dir(dir)) != CKR_OK)
			return rv;
	} else if (make && errno != EEXIST) {
		return file_error("make", name, errno);
	}
	*fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0 && errno == ENOENT)
		return CKR_OK;
	if (*fd < 0 && errno == ENOTDIR)
		return file_read_error(name, what_is_there(dir, name));
	if (*fd < 0)
		return file_read_error(name, errno);
	if (fstat(*fd, &st) != 0)
		rv = file_read_error(name, errno);
	else
		rv = check(name, &st, S_ISDIR(st.st_mode), may_be_root);
	if (rv != CKR_OK) {
		close(*fd);
		*fd = -1;
	}
	return rv;
}

CK_RV file_open(int dir, const char *name, bool make, int *fd, struct stat *st)
{
	int flags = make ? O_RDWR | O_CREAT : O_RDONLY;
	CK_RV rv;

	/* O_NONBLOCK: a FIFO planted here must not hold the program up. */
	*fd = openat(dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (*fd < 0 && errno == ENOENT && !make)
		return CKR_OK;
	if (*fd < 0)
		return make ? file_error("open", name, errno) : file_read_error(name, errno);
	if (fstat(*fd, st) != 0)
		rv = file_read_error(name, errno);
	else
		rv = check(name, st, S_ISREG(st->st_mode), false);
	if (rv == CKR_OK && make && (st->st_mode & 0777) != 0600 && fchmod(*fd, 0600) != 0)
		rv = file_error("protect", name, errno);
	if (rv != CKR_OK) {
		close(*fd);
		*fd = -1;
	}
	return rv;
}

static int read_all(int fd, size_t size, struct buf *content)
{
	uint8_t *to = buf_extend(content, size);
	size_t done = 0;

	if (to == NULL)
		return ENOMEM;
	while (done < size) {
		ssize_t n = read(fd, to + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? EIO : errno;
		done += (size_t)n;
	}
	return 0;
}

CK_RV file_read(int dir, const char *name, struct buf *content, bool *exists, struct stat *st)
{
	int fd, error;
	CK_RV rv = file_open(dir, name, false, &fd, st);

	*exists = rv == CKR_OK && fd >= 0;
	if (!*exists)
		return rv;
	error = st->st_size < 0 || (uint64_t)st->st_size > BUF_MAX ? 0
		: read_all(fd, (size_t)st->st_size, content);
	close(fd);
	return error == 0 ? CKR_OK : file_read_error(name, error);
}

bool file_refused(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0
		&& fault(&st, S_ISREG(st.st_mode), false) != NULL;
}

static int write_all(int fd, const struct buf *content)
{
	size_t done = 0;

	while (done < content->len) {
		ssize_t n = write(fd, content->data + done, content->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		done += (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : errno;
}

CK_RV file_write_temporary(int dir, const struct buf *content, char name[FILE_TEMPORARY_LEN],
	struct stat *st)
{
	uint8_t random[8];
	char hex[2 * sizeof random + 1];
	int fd, error = 0;

	if (!crypto_random(random, sizeof random))
		return CKR_HOST_MEMORY;
	hex_encode(random, sizeof random, hex);
	snprintf(name, FILE_TEMPORARY_LEN, TEMPORARY_PREFIX "%s", hex);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return file_error("make", name, errno);
	if (fchmod(fd, 0600) != 0 || (error = write_all(fd, content)) != 0 || fstat(fd, st) != 0)
		error = error != 0 ? error : errno;
	if (close(fd) != 0 && error == 0)
		error = errno;
	if (error == 0)
		return CKR_OK;
	unlinkat(dir, name, 0);
	return file_error("write", name, error);
}

bool file_is_temporary(const char *name)
{
	return strncmp(name, TEMPORARY_PREFIX, sizeof TEMPORARY_PREFIX - 1) == 0;
}

CK_RV file_rename(int dir, const char *temporary, const char *name)
{
	int error;

	if (renameat(dir, temporary, dir, name) == 0)
		return CKR_OK;
	error = errno;
	unlinkat(dir, temporary, 0);
	return file_error("replace", name, error);
}

CK_RV file_remove(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return CKR_OK;
	return file_error("remove", name, errno);
}

CK_RV file_name_aside(int dir, const char *name, char *aside, size_t room)
{
	long long now = (long long)time(NULL);
	struct stat st;

	do
		snprintf(aside, room, "%s.%lld", name, now++);
	while (fstatat(dir, aside, &st, AT_SYMLINK_NOFOLLOW) == 0);
	return errno == ENOENT ? CKR_OK : file_read_error(aside, errno);
}

CK_RV file_move(int from, const char *name, int to, const char *moved)
{
	CK_RV rv;

	if (renameat(from, name, to, moved) != 0)
		return file_error("set aside", name, errno);
	rv = file_sync_dir(to);
	return rv == CKR_OK ? file_sync_dir(from) : rv;
}

CK_RV file_make_own(int dir, const char *name)
{
	struct stat st;

	if (fstat(dir, &st) != 0)
		return file_read_error(name, errno);
	if ((st.st_mode & 0077) != 0 && fchmod(dir, st.st_mode & 0700) != 0)
		return file_error("protect", name, errno);
	return CKR_OK;
}

void file_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

DIR *file_list(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;

	if (stream == NULL && copy >= 0)
		close(copy);
	return stream;
}

CK_RV file_sync_dir(int dir)
{
	return fsync(dir) == 0 ? CKR_OK : file_error("sync", "the store's directory", errno);
}
