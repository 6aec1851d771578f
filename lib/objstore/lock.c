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
#include "util/log.h"

#define LOCK_FILE "lock"
#define PIN_LOCK_FILE "lock.pin"
#define PATIENCE_S 60
#define STEP_NS 1000000

/* Locks that belong to the open file, where the system has them: those that belong to the process
   let its other threads in, and take threads that wait for each other's process for a deadlock. */
#ifdef F_OFD_SETLKW
#define SET_LOCK F_OFD_SETLKW
#define TRY_LOCK F_OFD_SETLK
#define IS_HELD(error) ((error) == EAGAIN)
#else
#define SET_LOCK F_SETLKW
#define TRY_LOCK F_SETLK
#define IS_HELD(error) ((error) == EAGAIN || (error) == EACCES)
#endif

/* F_WRLCK, waiting, or F_UNLCK. */
static CK_RV lock_set(int fd, short type, const char *name)
{
	static const struct timespec pause = { 0, STEP_NS };
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

CK_RV store_lock_try(int fd, const char *name)
{
	struct flock lock;

	memset(&lock, 0, sizeof lock);
	lock.l_type = F_WRLCK;
	lock.l_whence = SEEK_SET;
	while (fcntl(fd, TRY_LOCK, &lock) != 0) {
		if (IS_HELD(errno))
			return OBJSTORE_BUSY;
		if (errno != EINTR)
			return file_error("lock", name, errno);
	}
	return CKR_OK;
}

/* A lock file that somebody removed keeps nobody out any more. */
static bool is_there(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink != 0;
}

/* --- the lock of the writers --- */

CK_RV store_lock_take_locked(struct objstore *store)
{
	struct stat st;
	CK_RV rv = CKR_OK;

	if (!is_there(store->lock_fd)) {
		store_lock_close(store);
		rv = file_open(store->dir, LOCK_FILE, true, &store->lock_fd, &st);
	}
	if (rv == CKR_OK && !store->locked && (rv = store_lock_try(store->lock_fd, LOCK_FILE)) == CKR_OK)
		store->locked = true;
	return rv;
}

void store_lock_give_locked(struct objstore *store)
{
	if (store->locked && store->waiters == 0) {
		lock_set(store->lock_fd, F_UNLCK, LOCK_FILE);
		store->locked = false;
	}
}

void store_lock_close(struct objstore *store)
{
	file_close(&store->lock_fd);
	store->locked = false;
}

static bool is_over(const struct objstore_patience *patience)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - patience->since.tv_sec >= PATIENCE_S;
}

/* CKR_OK: the lock is this process's until the thread lets go of it. */
static CK_RV wait_once(struct objstore *store, const struct objstore_patience *patience)
{
	CK_RV rv;

	pthread_mutex_lock(&store->mutex);
	rv = store_find_locked(store, false);
	if (rv == CKR_OK && store->dir >= 0)
		rv = store_lock_take_locked(store);
	if (rv == CKR_OK)
		store->waiters++;
	if (rv == OBJSTORE_BUSY && is_over(patience)) {
		log_error("another process has had %s/" LOCK_FILE " locked for a minute: see who it is with"
			" fuser -v, and whether it is stopped", store->path);
		rv = CKR_DEVICE_ERROR;
	}
	pthread_mutex_unlock(&store->mutex);
	return rv;
}

bool objstore_try(struct objstore *store, struct objstore_patience *patience, CK_RV *rv)
{
	static const struct timespec pause = { 0, STEP_NS };

	if (patience->waited) {
		pthread_mutex_lock(&store->mutex);
		store->waiters--;
		store_lock_give_locked(store);
		pthread_mutex_unlock(&store->mutex);
		patience->waited = false;
	}
	if (patience->tries++ == 0)
		return true;
	if (*rv != OBJSTORE_BUSY)
		return false;
	if (patience->tries == 2)
		clock_gettime(CLOCK_MONOTONIC, &patience->since);
	while ((*rv = wait_once(store, patience)) == OBJSTORE_BUSY)
		nanosleep(&pause, NULL);
	patience->waited = *rv == CKR_OK;
	return patience->waited;
}

/* --- the lock of those who work with PINs --- */

/* A store that can only be read can still be logged in to: nobody else can change its PINs either. */
CK_RV objstore_pin_lock(struct objstore *store)
{
	struct stat st;
	CK_RV rv;

	pthread_mutex_lock(&store->pin_mutex);
	pthread_mutex_lock(&store->mutex);
	rv = store_find_locked(store, false);
	if (rv == CKR_OK && store->dir >= 0 && !is_there(store->pin_fd)) {
		file_close(&store->pin_fd);
		rv = file_open(store->dir, PIN_LOCK_FILE, true, &store->pin_fd, &st);
	}
	pthread_mutex_unlock(&store->mutex);
	if (rv == CKR_TOKEN_WRITE_PROTECTED)
		rv = CKR_OK;
	else if (rv == CKR_OK && store->pin_fd >= 0)
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
