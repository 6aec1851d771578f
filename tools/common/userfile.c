/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/userfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTENT_MAX ((size_t)1024 * 1024)

static bool failed(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return false;
}

/* --- reading --- */

static bool all_read(int fd, const char *path, struct buf *content)
{
	ssize_t n = 1;

	while (n > 0 && content->len <= CONTENT_MAX) {
		uint8_t *room = buf_extend(content, 4096);

		if (room == NULL) {
			errno = ENOMEM;
			return failed(path);
		}
		do
			n = read(fd, room, 4096);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return failed(path);
		buf_cut(content, content->len - 4096 + (size_t)n, 4096 - (size_t)n);
	}
	if (n == 0)
		return true;
	fprintf(stderr, "%s: longer than 1 MB\n", path);
	return false;
}

bool userfile_read(const char *path, struct buf *content)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return failed(path);
	ok = all_read(fd, path, content);
	close(fd);
	return ok;
}

/* --- writing --- */

/* Is it there, but no file that could be replaced? */
static bool is_other(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* Where a link leads to, or path itself; the caller frees. */
static char *target_path(const char *path)
{
	char *real = realpath(path, NULL);

	return real != NULL || errno != ENOENT ? real : strdup(path);
}

bool userfile_can_write(const char *path)
{
	struct stat st;
	char *target = target_path(path), *copy = target == NULL ? NULL : strdup(target);
	bool ok;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		ok = failed(path);
	} else {
		ok = copy != NULL && access(is_other(path) ? path : dirname(copy), W_OK) == 0;
		if (!ok)
			failed(path);
	}
	free(copy);
	free(target);
	return ok;
}

static bool all_written(int fd, const char *content, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, content, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		content += written;
		n -= (size_t)written;
	}
	return true;
}

static bool replace(const char *target, const void *content, size_t n, enum userfile_kind kind)
{
	size_t size = strlen(target) + sizeof ".tmpXXXXXX";
	char *temporary = malloc(size);
	mode_t mask = umask(0);
	int fd, saved;
	bool ok;

	umask(mask);
	if (temporary == NULL)
		return false;
	snprintf(temporary, size, "%s.tmpXXXXXX", target);
	fd = mkstemp(temporary);
	ok = fd >= 0 && (kind == USERFILE_SECRET || fchmod(fd, 0666 & ~mask) == 0)
		&& all_written(fd, content, n) && fsync(fd) == 0;
	saved = errno;
	if (fd >= 0 && close(fd) != 0 && ok) {
		saved = errno;
		ok = false;
	}
	if (ok && rename(temporary, target) != 0) {
		saved = errno;
		ok = false;
	}
	if (!ok && fd >= 0)
		unlink(temporary);
	free(temporary);
	errno = saved;
	return ok;
}

static bool pour(const char *path, const void *content, size_t n)
{
	int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	bool ok = fd >= 0 && all_written(fd, content, n);

	if (fd >= 0 && close(fd) != 0)
		ok = false;
	return ok;
}

bool userfile_write(const char *path, const void *content, size_t n, enum userfile_kind kind)
{
	char *target = NULL;
	bool ok;

	if (is_other(path))
		ok = pour(path, content, n);
	else
		ok = (target = target_path(path)) != NULL && replace(target, content, n, kind);
	if (!ok)
		failed(path);
	free(target);
	return ok;
}
