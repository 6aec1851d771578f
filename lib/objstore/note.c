/* SPDX-License-Identifier: BSD-2-Clause */
#include "objstore/store.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "objstore/file.h"

#define NOTE_FILE "note"

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
	ssize_t n;
	int fd = -1;

	pthread_mutex_lock(&store->mutex);
	if (store->dir >= 0 && file_open(store->dir, NOTE_FILE, true, &fd, &st) == CKR_OK) {
		if ((n = pwrite(fd, note, OBJSTORE_NOTE_LEN, 0)) != OBJSTORE_NOTE_LEN)
			file_error("write", NOTE_FILE, n < 0 ? errno : ENOSPC);
		close(fd);
	}
	pthread_mutex_unlock(&store->mutex);
}
