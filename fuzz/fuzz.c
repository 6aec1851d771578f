/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codes.h"
#include "util/log.h"

_Noreturn void fuzz_fail(const char *file, int line, const char *what)
{
	fflush(stdout);
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

CK_RV fuzz_code(const char *function, CK_RV rv)
{
	if (codes_listed(function, rv))
		return rv;
	fprintf(stderr, "%s: 0x%lx\n", function, rv);
	fuzz_fail(__FILE__, __LINE__, "the standard lists that code");
}

uint8_t *fuzz_copy(const void *p, size_t n)
{
	uint8_t *copy = malloc(n != 0 ? n : 1);

	FUZZ_MUST(copy != NULL);
	if (n != 0)
		memcpy(copy, p, n);
	return copy;
}

const uint8_t *fuzz_bytes(struct reader *r, size_t max, size_t *n)
{
	*n = reader_u8(r);
	if (*n > max)
		*n = max;
	if (*n > r->left)
		*n = r->left;
	return reader_take(r, *n);
}

unsigned int fuzz_pick(struct reader *r, unsigned int sides)
{
	return reader_u8(r) % sides;
}

/* --- files --- */

static char directory[256];

static int one_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void directory_remove(void)
{
	nftw(directory, one_remove, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_directory(void)
{
	const char *parent = getenv("TMPDIR");

	if (directory[0] != '\0')
		return directory;
	snprintf(directory, sizeof directory, "%.200s/pkcs11_tpm-fuzz.XXXXXX",
		parent != NULL ? parent : "/tmp");
	if (mkdtemp(directory) == NULL) {
		perror(directory);
		exit(EXIT_FAILURE);
	}
	atexit(directory_remove);
	return directory;
}

const char *fuzz_path(const char *name)
{
	static char path[600];

	snprintf(path, sizeof path, "%s/%.300s", fuzz_directory(), name);
	return path;
}

void fuzz_write(const char *path, const void *p, size_t n)
{
	/* Some file systems write to the disk at once what was cut to nothing before. */
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	FUZZ_MUST(fd >= 0);
	FUZZ_MUST(write(fd, p, n) == (ssize_t)n && ftruncate(fd, (off_t)n) == 0);
	close(fd);
}

void fuzz_read(const char *path, struct buf *content)
{
	uint8_t bytes[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	FUZZ_MUST(fd >= 0);
	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		buf_put(content, bytes, (size_t)n);
	close(fd);
}

/* --- in the place of what is slow, or of no use here --- */

static unsigned int lines;

unsigned int fuzz_log_lines(void)
{
	unsigned int n = lines;

	lines = 0;
	return n;
}

/* Debug lines too: each text is made, as that is where it could go wrong, and dropped. */
atomic_int log_stderr_level = LOG_LEVEL_DEBUG;

void log_line(enum log_level level, const char *func, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	FUZZ_MUST(vsnprintf(text, sizeof text, format, args) >= 0);
	va_end(args);
	if (level == LOG_LEVEL_ERROR)
		lines++;
	if (level == LOG_LEVEL_ERROR && getenv("FUZZ_LOG") != NULL)
		fprintf(stderr, "%s: %s\n", func, text);
}

void log_start(void)
{
}

int fsync(int fd)
{
	(void)fd;
	return 0;
}
