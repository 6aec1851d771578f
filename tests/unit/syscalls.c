/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "syscalls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/log.h"

#define FILES_MAX 256
#define DIRTY_MAX 32

static struct {
	bool armed;
	enum syscalls_fate fate;
	unsigned int nth;
	int error;
	bool removals_count;
} plan;

/* Files and directories that have changed and have not been synced. */
static ino_t dirty[DIRTY_MAX];
static unsigned int dirty_count, names_too_early;

/* Shared with the processes that are killed. */
static struct seen {
	unsigned int count;
	char hit[16];
	enum syscalls_kind kind;
} *seen;

void syscalls_arm(enum syscalls_fate fate, unsigned int nth, int error)
{
	if (seen == NULL) {
		seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (seen == MAP_FAILED) {
			perror("mmap");
			exit(EXIT_FAILURE);
		}
	}
	memset(seen, 0, sizeof *seen);
	plan.fate = fate;
	plan.nth = nth;
	plan.error = error;
	plan.armed = true;
	dirty_count = names_too_early = 0;
}

void syscalls_count_removals(bool count)
{
	plan.removals_count = count;
}

void syscalls_disarm(void)
{
	plan.armed = false;
}

unsigned int syscalls_count(void)
{
	return seen->count;
}

const char *syscalls_hit(void)
{
	return seen->hit;
}

bool syscalls_hit_write(void)
{
	return strcmp(seen->hit, "write") == 0 || strcmp(seen->hit, "pwrite") == 0;
}

enum syscalls_kind syscalls_hit_kind(void)
{
	return seen->kind;
}

int __real_fstat(int fd, struct stat *st);
int __real_fstatat(int dir, const char *name, struct stat *st, int flags);

static void die(void)
{
	raise(SIGKILL);
}

/* True: the call is the one, and is to fail. */
static bool hit(const char *name, enum syscalls_kind kind)
{
	if (!plan.armed || ++seen->count != plan.nth || plan.fate == SYSCALLS_COUNTED)
		return false;
	snprintf(seen->hit, sizeof seen->hit, "%s", name);
	seen->kind = kind;
	if (plan.fate == SYSCALLS_KILLED)
		die();
	errno = plan.error;
	return true;
}

/* The number of bytes that a write is to write yet; n: all of them. -1: it fails. */
static ssize_t hit_write(const char *name, size_t n)
{
	if (!hit(name, SYSCALLS_WRITES))
		return (ssize_t)n;
	return plan.fate == SYSCALLS_FAILED ? -1 : (ssize_t)(n / 2);
}

/* The half has been written. */
static void half_written(void)
{
	if (plan.fate == SYSCALLS_KILLED_HALF)
		die();
	plan.fate = SYSCALLS_FAILED;
	plan.nth = seen->count + 1;
}

/* --- what a loss of power would undo --- */

/* By file, not by descriptor: a directory may be open twice. */
static ino_t file_of(int fd)
{
	struct stat st;

	return __real_fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static void sync_needed(ino_t file)
{
	if (plan.armed && dirty_count < DIRTY_MAX)
		dirty[dirty_count++] = file;
}

static bool sync_done(ino_t file)
{
	bool was = false;

	for (unsigned int i = 0; i < dirty_count;)
		if (dirty[i] == file) {
			dirty[i] = dirty[--dirty_count];
			was = true;
		} else {
			i++;
		}
	return was;
}

unsigned int syscalls_unsynced(void)
{
	return dirty_count + names_too_early;
}

#define WRAP(type, name, kind, failure, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		return hit(#name, kind) ? failure : __real_##name arguments; \
	}

WRAP(int, mkdir, SYSCALLS_WRITES, -1, (const char *path, mode_t mode), (path, mode))
WRAP(int, fchmod, SYSCALLS_WRITES, -1, (int fd, mode_t mode), (fd, mode))
WRAP(int, fchmodat, SYSCALLS_WRITES, -1, (int dir, const char *name, mode_t mode, int flags),
	(dir, name, mode, flags))
WRAP(int, fstat, SYSCALLS_NEITHER, -1, (int fd, struct stat *st), (fd, st))
WRAP(int, fstatat, SYSCALLS_NEITHER, -1, (int dir, const char *name, struct stat *st, int flags),
	(dir, name, st, flags))
WRAP(ssize_t, read, SYSCALLS_READS, -1, (int fd, void *p, size_t n), (fd, p, n))
WRAP(ssize_t, pread, SYSCALLS_READS, -1, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(DIR *, fdopendir, SYSCALLS_NEITHER, NULL, (int fd), (fd))
WRAP(struct dirent *, readdir, SYSCALLS_READS, NULL, (DIR *stream), (stream))

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	sync_done(file_of(fd));
	return hit("fsync", SYSCALLS_WRITES) ? -1 : 0;
}

int __real_mkdirat(int dir, const char *name, mode_t mode);
int __wrap_mkdirat(int dir, const char *name, mode_t mode);
int __wrap_mkdirat(int dir, const char *name, mode_t mode)
{
	int result = hit("mkdirat", SYSCALLS_WRITES) ? -1 : __real_mkdirat(dir, name, mode);

	if (result == 0)
		sync_needed(file_of(dir));
	return result;
}

/* What gets a name must be on the disk before the name is. */
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	struct stat st;
	int result = hit("renameat", SYSCALLS_WRITES) ? -1 : __real_renameat(from_dir, from, to_dir, to);

	if (result == 0 && __real_fstatat(to_dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0 && sync_done(st.st_ino))
		names_too_early++;
	if (result == 0) {
		sync_needed(file_of(from_dir));
		sync_needed(file_of(to_dir));
	}
	return result;
}

int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags)
{
	int result = hit("unlinkat", SYSCALLS_WRITES) ? -1 : __real_unlinkat(dir, name, flags);

	if (result == 0 && plan.removals_count)
		sync_needed(file_of(dir));
	return result;
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	ssize_t part = hit_write("write", n);

	sync_needed(file_of(fd));
	if (part < 0 || (size_t)part == n)
		return part < 0 ? -1 : __real_write(fd, p, n);
	part = __real_write(fd, p, (size_t)part);
	half_written();
	return part;
}

ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at)
{
	ssize_t part = hit_write("pwrite", n);

	if (part < 0 || (size_t)part == n)
		return part < 0 ? -1 : __real_pwrite(fd, p, n, at);
	part = __real_pwrite(fd, p, (size_t)part, at);
	half_written();
	return part;
}

/* A file that is closed is closed, and a lock that is let go is let go, even if it fails. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	bool fails = hit("close", SYSCALLS_NEITHER);
	int result = __real_close(fd);

	if (fails)
		errno = plan.error;
	return fails ? -1 : result;
}

int __real_closedir(DIR *stream);
int __wrap_closedir(DIR *stream);
int __wrap_closedir(DIR *stream)
{
	bool fails = hit("closedir", SYSCALLS_NEITHER);
	int result = __real_closedir(stream);

	if (fails)
		errno = plan.error;
	return fails ? -1 : result;
}

/* The third argument of every fcntl() of lib/objstore is a lock. */
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
	bool fails = hit("fcntl", SYSCALLS_WRITES);
	struct flock *lock;
	va_list ap;
	int result = -1;

	va_start(ap, command);
	lock = va_arg(ap, struct flock *);
	va_end(ap);
	if (!fails || lock->l_type == F_UNLCK)
		result = __real_fcntl(fd, command, lock);
	if (fails)
		errno = plan.error;
	return fails ? -1 : result;
}

static enum syscalls_kind open_kind(int flags)
{
	return (flags & (O_CREAT | O_WRONLY | O_RDWR)) != 0 ? SYSCALLS_WRITES : SYSCALLS_READS;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return hit("open", open_kind(flags)) ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return hit("openat", open_kind(flags)) ? -1 : __real_openat(dir, name, flags, mode);
}

unsigned int syscalls_open_files(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < FILES_MAX; fd++)
		if (__real_fcntl(fd, F_GETFD) != -1)
			count++;
	return count;
}

/* --- not of the system --- */

void __wrap_log_line(enum log_level level, const char *func, const char *format, ...);
void __wrap_log_line(enum log_level level, const char *func, const char *format, ...)
{
	va_list ap;

	(void)level;
	if (getenv("PKCS11_TPM_LOG") == NULL)
		return;
	fprintf(stderr, "%s: ", func);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}
