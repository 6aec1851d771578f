/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"
#include "util/buf.h"
#include "util/pkcs11.h"

/* What the unit programs share. Each is linked with all rooms of lib/ but the chip, and a fake of that. */

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Assertions that show values. The MUSTs end the case. */
#define CHECK(condition) TAP_CHECK((condition), "%s", #condition)
#define MUST(condition) TAP_MUST((condition), "%s", #condition)
#define RV_EQUAL(call, expected) unit_rv((call), (expected), false, #call, __FILE__, __LINE__)
#define RV_MUST(call, expected) unit_rv((call), (expected), true, #call, __FILE__, __LINE__)
#define NUMBER_EQUAL(actual, expected) \
	unit_number((unsigned long)(actual), (unsigned long)(expected), #actual, __FILE__, __LINE__)
#define BYTES_EQUAL(p, n, expected, expected_n) \
	TAP_CHECK((n) == (expected_n) && ((n) == 0 || memcmp((p), (expected), (n)) == 0), \
		"%s is not %s", #p, #expected)

static inline void unit_rv(CK_RV rv, CK_RV expected, bool fatal, const char *call, const char *file,
	int line)
{
	tap_check(rv == expected, fatal, file, line, "%s gives 0x%lx, not 0x%lx", call, rv, expected);
}

static inline void unit_number(unsigned long actual, unsigned long expected, const char *what,
	const char *file, int line)
{
	tap_check(actual == expected, false, file, line, "%s is %lu, not %lu", what, actual, expected);
}

/* CK_ATTRIBUTE t[] = { A_BOOL(CKA_TOKEN, true), ... }; template_find(TEMPLATE(t), ...); */
#define A_ULONG(type, v) { (type), &(CK_ULONG){ (v) }, sizeof (CK_ULONG) }
#define A_BOOL(type, v) { (type), &(CK_BBOOL){ (v) ? CK_TRUE : CK_FALSE }, sizeof (CK_BBOOL) }
#define A_TEXT(type, literal) { (type), (char[]){ literal }, sizeof (literal) - 1 }
#define TEMPLATE(t) (t), COUNT(t)

/* --- a directory of the case's own --- */

static inline int unit_unlink(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void unit_remove_tree(const char *path)
{
	nftw(path, unit_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* To be set before the first use, if at all. */
static const char *unit_scratch_parent = "/tmp";

static inline const char *unit_scratch(void)
{
	static char path[64];

	if (path[0] == '\0') {
		snprintf(path, sizeof path, "%.40s/pkcs11_tpm-unit.XXXXXX", unit_scratch_parent);
		if (mkdtemp(path) == NULL) {
			perror(unit_scratch_parent);
			exit(EXIT_FAILURE);
		}
	}
	return path;
}

/* The path of something in that directory. Good for eight calls. */
static inline const char *unit_path(const char *name)
{
	static char paths[8][512];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", unit_scratch(), name);
	return path;
}

/* An empty directory, and the store to be made at "store" in it. */
static inline void unit_fresh(void)
{
	unit_remove_tree(unit_scratch());
	MUST(mkdir(unit_scratch(), 0755) == 0);
	setenv("PKCS11_TPM_DIR", unit_path("store"), 1);
}

/* The end of main(). */
static inline int unit_end(int status)
{
	unit_remove_tree(unit_scratch());
	return status;
}

/* --- files --- */

static inline void unit_read(const char *path, struct buf *content)
{
	FILE *file = fopen(path, "rb");
	uint8_t byte;

	TAP_MUST(file != NULL, "%s: %s", path, strerror(errno));
	while (fread(&byte, 1, 1, file) == 1)
		buf_put_u8(content, byte);
	fclose(file);
}

static inline void unit_write(const char *path, const void *p, size_t n)
{
	FILE *file = fopen(path, "wb");

	TAP_MUST(file != NULL, "%s: %s", path, strerror(errno));
	TAP_CHECK(fwrite(p, 1, n, file) == n, "%s: cannot be written", path);
	fclose(file);
	chmod(path, 0600);
}

/* Writes beyond so many bytes of a file fail from here on, for want of a full disk. */
static inline void unit_limit_files(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	MUST(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = bytes;
	MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static inline bool unit_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static inline bool buf_is(const struct buf *b, const char *text)
{
	return !buf_failed(b) && b->len == strlen(text) && memcmp(b->data, text, b->len) == 0;
}

#endif
