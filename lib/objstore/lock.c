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

#define PIN_LOCK_FILE "lock.pin"
#define PATIENCE_MS 2000
#define STEP_MS 5

/* Locks that belong to the open file, where the system has them: those that belong to the process
   let its other threads in, and take threads that wait for each other's process for a deadlock. */
#ifdef F_OFD_SETLKW
#define SET_LOCK F_OFD_SETLKW
#define TRY_LOCK F_OFD_SETLK
#else
#define SET_LOCK F_SETLKW
#define TRY_LOCK F_SETLK
#endif

CK_RV store_lock_set(int fd, short type, const char *name)
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

CK_RV store_lock_try(int fd, const char *name)
{
	static const struct timespec pause = { 0, 1000000L * STEP_MS };
	struct flock lock;

	memset(&lock, 0, sizeof lock);
	lock.l_type = F_WRLCK;
	lock.l_whence = SEEK_SET;
	for (int waited = 0; fcntl(fd, TRY_LOCK, &lock) != 0; waited += STEP_MS) {
		if (errno != EINTR && errno != EAGAIN && errno != EACCES)
			return file_read_error(name, errno);
		if (waited >= PATIENCE_MS)
			return file_read_error(name, EAGAIN);
		nanosleep(&pause, NULL);
	}
	return CKR_OK;
}

CK_RV store_lock_open(int dir, const char *name, int *fd)
{
	struct stat st;

	if (*fd >= 0 && fstat(*fd, &st) == 0 && st.st_nlink != 0)
		return CKR_OK;
	file_close(fd);
	return file_open(dir, name, true, fd, &st);
}

/* A store that can only be read can still be logged in to: nobody else can change its PINs either. */
CK_RV objstore_pin_lock(struct objstore *store)
{
	CK_RV rv;

	pthread_mutex_lock(&store->pin_mutex);
	pthread_mutex_lock(&store->mutex);
	rv = store_find_locked(store, false);
	if (rv == CKR_OK && store->dir >= 0)
		rv = store_lock_open(store->dir, PIN_LOCK_FILE, &store->pin_fd);
	pthread_mutex_unlock(&store->mutex);
	if (rv == CKR_TOKEN_WRITE_PROTECTED)
		rv = CKR_OK;
	else if (rv == CKR_OK && store->pin_fd >= 0)
		rv = store_lock_set(store->pin_fd, F_WRLCK, PIN_LOCK_FILE);
	if (rv != CKR_OK)
		pthread_mutex_unlock(&store->pin_mutex);
	return rv;
}

void objstore_pin_unlock(struct objstore *store)
{
	if (store->pin_fd >= 0)
		store_lock_set(store->pin_fd, F_UNLCK, PIN_LOCK_FILE);
	pthread_mutex_unlock(&store->pin_mutex);
}
