/* SPDX-License-Identifier: BSD-2-Clause */
#include "trees.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

void file_load(const char *path, struct buf *content)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	uint8_t *to;

	TAP_MUST(fd >= 0 && fstat(fd, &st) == 0, "%s: %s", path, strerror(errno));
	to = buf_extend(content, (size_t)st.st_size);
	TAP_MUST(to != NULL && read(fd, to, (size_t)st.st_size) == st.st_size, "%s: cannot be read", path);
	close(fd);
}

void file_copy(const char *from, const char *to)
{
	struct buf content = BUF_INIT;
	int fd;

	file_load(from, &content);
	fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	TAP_MUST(fd >= 0 && write(fd, content.data, content.len) == (ssize_t)content.len, "%s: %s", to,
		strerror(errno));
	close(fd);
	buf_free(&content);
}

void tree_copy(const char *from, const char *to)
{
	DIR *stream = opendir(from);

	if (stream == NULL && errno == ENOENT)
		return;
	TAP_MUST(stream != NULL && mkdir(to, 0700) == 0, "%s, %s: %s", from, to, strerror(errno));
	for (struct dirent *d; (d = readdir(stream)) != NULL;) {
		char source[600], target[600];
		struct stat st;

		if (is_dots(d->d_name))
			continue;
		snprintf(source, sizeof source, "%s/%s", from, d->d_name);
		snprintf(target, sizeof target, "%s/%s", to, d->d_name);
		TAP_MUST(lstat(source, &st) == 0, "%s: %s", source, strerror(errno));
		if (S_ISDIR(st.st_mode))
			tree_copy(source, target);
		else
			file_copy(source, target);
	}
	closedir(stream);
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

bool file_same(const char *a, const char *b)
{
	struct buf contents[2] = { BUF_INIT, BUF_INIT };
	bool same;

	if (!exists(a) || !exists(b))
		return exists(a) == exists(b);
	file_load(a, &contents[0]);
	file_load(b, &contents[1]);
	same = contents[0].len == contents[1].len
		&& memcmp(contents[0].data, contents[1].data, contents[0].len) == 0;
	buf_free(&contents[0]);
	buf_free(&contents[1]);
	return same;
}

/* Each file of a is in b, and the same there. */
static bool tree_within(const char *a, const char *b)
{
	DIR *stream = opendir(a);
	bool same = stream != NULL || errno == ENOENT;

	for (struct dirent *d; same && stream != NULL && (d = readdir(stream)) != NULL;) {
		char paths[2][600];

		snprintf(paths[0], sizeof paths[0], "%s/%s", a, d->d_name);
		snprintf(paths[1], sizeof paths[1], "%s/%s", b, d->d_name);
		same = is_dots(d->d_name) || file_same(paths[0], paths[1]);
	}
	if (stream != NULL)
		closedir(stream);
	return same;
}

bool tree_same(const char *a, const char *b)
{
	return tree_within(a, b) && tree_within(b, a);
}
