/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* F_OFD_SETLKW, where there is one */
#include "objstore/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "objstore/file.h"
#include "util/buf.h"
#include "util/crypto.h"

#define LOCK_FILE "lock"
#define PIN_LOCK_FILE "lock.pin"
#define GENERATION_FILE "generation"
#define NOTE_FILE "note"
#define GENERATION_LEN 8

/* Locks that belong to the open file, where the system has them: those that belong to the process
   let its other threads in, and take threads that wait for each other's process for a deadlock. */
#ifdef F_OFD_SETLKW
#define SET_LOCK F_OFD_SETLKW
#else
#define SET_LOCK F_SETLKW
#endif

static CK_RV lock_set(int fd, short type, const char *name)
{
	static const struct timespec pause = { 0, 1000000 };
	struct flock lock;

	memset(&lock, 0, sizeof lock);
	lock.l_type = type;
	lock.l_whence = SEEK_SET;
	while (fcntl(fd, SET_LOCK, &lock) != 0) {
		if (errno == EDEADLK)
			nanosleep(&pause, NULL);
		else if (errno != EINTR)
			return file_error("lock", name, errno);
	}
	return CKR_OK;
}

/* A lock file that somebody removed keeps nobody out any more. */
static CK_RV lock_open(int dir, const char *name, int *fd)
{
	struct stat st;

	if (*fd >= 0 && fstat(*fd, &st) == 0 && st.st_nlink != 0)
		return CKR_OK;
	if (*fd >= 0)
		close(*fd);
	return file_open(dir, name, true, fd, &st);
}

static CK_RV generation_read(int fd, uint64_t *generation)
{
	uint8_t bytes[GENERATION_LEN];
	struct reader r;
	ssize_t n = pread(fd, bytes, sizeof bytes, 0);

	if (n < 0)
		return file_error("read", GENERATION_FILE, errno);
	reader_init(&r, bytes, (size_t)n);
	*generation = reader_u64(&r);
	return CKR_OK;
}

static CK_RV generation_write(int fd, uint64_t generation)
{
	struct buf b = BUF_INIT;
	ssize_t n;

	buf_put_u64(&b, generation);
	n = buf_failed(&b) ? -1 : pwrite(fd, b.data, b.len, 0);
	buf_free(&b);
	return n == GENERATION_LEN ? CKR_OK : file_error("write", GENERATION_FILE, n < 0 ? errno : ENOSPC);
}

CK_RV store_generation_read(int dir, uint64_t *generation)
{
	struct stat st;
	int fd;
	CK_RV rv = file_open(dir, GENERATION_FILE, false, &fd, &st);

	*generation = 0;
	if (rv != CKR_OK || fd < 0)
		return rv;
	rv = generation_read(fd, generation);
	close(fd);
	if ((*generation & 1) != 0)
		*generation = 0;
	return rv;
}

/* A new file begins at random: a number that was used before it was lost must not come again. */
static CK_RV generation_step(int dir, bool begin, uint64_t *generation)
{
	struct stat st;
	int fd;
	CK_RV rv = file_open(dir, GENERATION_FILE, true, &fd, &st);

	if (rv != CKR_OK)
		return rv;
	rv = generation_read(fd, generation);
	if (rv == CKR_OK && *generation == 0 && crypto_random(generation, sizeof *generation))
		*generation |= 1;
	if (rv == CKR_OK)
		rv = generation_write(fd, begin ? *generation | 1 : *generation + (*generation & 1));
	close(fd);
	return rv;
}

CK_RV store_write_begin(struct objstore *store, struct objstore_step *step)
{
	uint64_t generation = 0;
	CK_RV rv = lock_open(store->dir, LOCK_FILE, &store->lock_fd);

	step->before = step->after = 0;
	if (rv != CKR_OK || (rv = lock_set(store->lock_fd, F_WRLCK, LOCK_FILE)) != CKR_OK)
		return rv;
	rv = generation_step(store->dir, true, &generation);
	if (rv != CKR_OK)
		lock_set(store->lock_fd, F_UNLCK, LOCK_FILE);
	else if ((generation & 1) == 0)
		step->before = generation;
	return rv;
}

/* A generation that could not be made even stays odd, and everybody looks at the files. */
void store_write_end(struct objstore *store, struct objstore_step *step)
{
	uint64_t generation;

	if (generation_step(store->dir, false, &generation) == CKR_OK)
		step->after = generation + (generation & 1);
	lock_set(store->lock_fd, F_UNLCK, LOCK_FILE);
}

CK_RV objstore_generation(struct objstore *store, uint64_t *generation)
{
	struct stat st;
	CK_RV rv;

	*generation = 0;
	pthread_mutex_lock(&store->mutex);
	/* Whoever removes the whole directory finds the next one at the same name. */
	if (store->dir >= 0 && (fstat(store->dir, &st) != 0 || st.st_nlink == 0)) {
		close(store->dir);
		store->dir = -1;
		if (store->lock_fd >= 0)
			close(store->lock_fd);
		store->lock_fd = -1;
	}
	rv = store_find_locked(store, false);
	if (rv == CKR_OK && store->dir >= 0)
		rv = store_generation_read(store->dir, generation);
	pthread_mutex_unlock(&store->mutex);
	return rv;
}

CK_RV objstore_pin_lock(struct objstore *store)
{
	CK_RV rv;

	pthread_mutex_lock(&store->pin_mutex);
	pthread_mutex_lock(&store->mutex);
	rv = store_find_locked(store, false);
	if (rv == CKR_OK && store->dir >= 0)
		rv = lock_open(store->dir, PIN_LOCK_FILE, &store->pin_fd);
	pthread_mutex_unlock(&store->mutex);
	if (rv == CKR_OK && store->pin_fd >= 0)
		rv = lock_set(store->pin_fd, F_WRLCK, PIN_LOCK_FILE);
	if (rv != CKR_OK)
		pthread_mutex_unlock(&store->pin_mutex);
	return rv;
}

void objstore_pin_unlock(struct objstore *store)
{
	if (store->pin_fd >= 0)
		lock_set(store->pin_fd, F_UNLCK, PIN_LOCK_FILE);
	pthread_mutex_unlock(&store->pin_mutex);
}

void objstore_note_read(struct objstore *store, uint8_t note[OBJSTORE_NOTE_LEN])
{
	struct stat st;
	int fd = -1;

	memset(note, 0, OBJSTORE_NOTE_LEN);
	pthread_mutex_lock(&store->mutex);
	if (store->dir >= 0 && file_open(store->dir, NOTE_FILE, false, &fd, &st) == CKR_OK && fd >= 0) {
		if (pread(fd, note, OBJSTORE_NOTE_LEN, 0) != OBJSTORE_NOTE_LEN)
			memset(note, 0, OBJSTORE_NOTE_LEN);
		close(fd);
	}
	pthread_mutex_unlock(&store->mutex);
}

void objstore_note_write(struct objstore *store, const uint8_t note[OBJSTORE_NOTE_LEN])
{
	struct stat st;
	int fd = -1;

	pthread_mutex_lock(&store->mutex);
	if (store->dir >= 0 && file_open(store->dir, NOTE_FILE, true, &fd, &st) == CKR_OK) {
		if (pwrite(fd, note, OBJSTORE_NOTE_LEN, 0) != OBJSTORE_NOTE_LEN)
			file_error("write", NOTE_FILE, errno);
		close(fd);
	}
	pthread_mutex_unlock(&store->mutex);
}
