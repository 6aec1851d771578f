/* SPDX-License-Identifier: BSD-2-Clause */
#include "objstore/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "objstore/file.h"
#include "util/crypto.h"
#include "util/hex.h"
#include "util/log.h"

#define PATIENCE_MS 2000 /* of a reader */
#define STEP_MS 5

CK_RV objstore_open(struct objstore **out)
{
	struct objstore *store = calloc(1, sizeof *store);

	*out = store;
	if (store == NULL)
		return CKR_HOST_MEMORY;
	pthread_mutex_init(&store->mutex, NULL);
	pthread_mutex_init(&store->pin_mutex, NULL);
	store->dir = store->objects = store->lock_fd = store->pin_fd = -1;
	return CKR_OK;
}

void objstore_close(struct objstore **at)
{
	struct objstore *store = *at;

	*at = NULL;
	if (store == NULL)
		return;
	objstore_abandon(store);
	pthread_mutex_destroy(&store->pin_mutex);
	pthread_mutex_destroy(&store->mutex);
	free(store);
}

void objstore_abandon(struct objstore *store)
{
	file_close(&store->pin_fd);
	store_lock_close(store);
	file_close(&store->objects);
	file_close(&store->dir);
}

/* Whoever removes the whole directory finds the next one at the same name. */
CK_RV store_find_locked(struct objstore *store, bool make)
{
	struct stat st;
	bool gone = false;

	if (store->dir >= 0) {
		int error = fstat(store->dir, &st) == 0 ? 0 : errno;

		if (error != 0 && error != ESTALE)
			return file_read_error(store->path, error);
		gone = error == ESTALE || st.st_nlink == 0;
	}
	if (gone) {
		file_close(&store->dir);
		file_close(&store->objects);
		store_lock_close(store);
	}
	return store->dir >= 0 ? CKR_OK : place_open(make, &store->dir, store->path);
}

CK_RV objstore_place_digest(struct objstore *store, uint8_t out[16])
{
	struct buf b = BUF_INIT;
	CK_RV rv;

	pthread_mutex_lock(&store->mutex);
	rv = store_find_locked(store, false);
	buf_put_u64(&b, (uint64_t)geteuid());
	buf_put(&b, store->path, strlen(store->path));
	pthread_mutex_unlock(&store->mutex);
	if (rv == CKR_OK && (buf_failed(&b) || !crypto_digest("SHA256", b.data, b.len, out, 16)))
		rv = CKR_HOST_MEMORY;
	buf_free(&b);
	return rv;
}

void store_stamp(const struct stat *st, struct objstore_stamp *stamp)
{
	stamp->inode = (uint64_t)st->st_ino;
	stamp->size = (uint64_t)st->st_size;
	stamp->seconds = (uint64_t)st->st_mtim.tv_sec;
	stamp->nanoseconds = (uint64_t)st->st_mtim.tv_nsec;
}

void store_object_name(const struct objstore_id *id, char name[OBJECT_NAME_LEN])
{
	hex_encode(id->bytes, OBJSTORE_ID_LEN, name);
}

CK_RV store_objects_open_locked(struct objstore *store, bool make, int *dir)
{
	CK_RV rv = store_find_locked(store, false);

	*dir = -1;
	return rv == CKR_OK && store->dir >= 0
		? file_open_dir(store->dir, OBJECTS_DIR, false, make, dir) : rv;
}

bool store_is_replaced(const struct objstore_id *token_id, const struct objstore_id *replaced)
{
	static const struct objstore_id none;

	return memcmp(replaced, &none, sizeof none) != 0 && memcmp(token_id, replaced, sizeof none) == 0;
}

bool store_object_id(const char *name, struct objstore_id *id)
{
	return hex_decode(name, id->bytes, OBJSTORE_ID_LEN);
}

bool store_stamp_read(int dir, const struct objstore_id *id, struct objstore_stamp *stamp)
{
	char name[OBJECT_NAME_LEN];
	struct stat st;

	store_object_name(id, name);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	store_stamp(&st, stamp);
	return true;
}

static CK_RV ids_read(DIR *stream, struct objstore_id **ids, size_t *count)
{
	size_t room = 0;

	for (struct dirent *d; errno = 0, (d = readdir(stream)) != NULL;) {
		struct objstore_id id;

		if (!store_object_id(d->d_name, &id))
			continue;
		if (*count == room) {
			size_t more = room != 0 ? 2 * room : 64;
			struct objstore_id *grown = realloc(*ids, more * sizeof *grown);

			if (grown == NULL)
				return CKR_HOST_MEMORY;
			*ids = grown;
			room = more;
		}
		(*ids)[(*count)++] = id;
	}
	return errno == 0 ? CKR_OK : file_read_error(OBJECTS_DIR, errno);
}

static CK_RV list_locked(struct objstore *store, struct objstore_id **ids, size_t *count)
{
	DIR *stream;
	CK_RV rv;

	free(*ids);
	*ids = NULL;
	*count = 0;
	file_close(&store->objects);
	rv = store_objects_open_locked(store, false, &store->objects);
	if (rv != CKR_OK || store->objects < 0)
		return rv;
	if ((stream = file_list(store->objects)) == NULL)
		return file_read_error(OBJECTS_DIR, errno);
	rv = ids_read(stream, ids, count);
	closedir(stream);
	return rv;
}

/*
 * Some file systems show a file that is being replaced in a directory neither as the old nor as the
 * new one. So a list made while somebody wrote is made again, and then with the writers kept out.
 */
static CK_RV list_whole_locked(struct objstore *store, struct objstore_id **ids, size_t *count,
	uint64_t *generation)
{
	static const struct timespec pause = { 0, 1000000L * STEP_MS };
	struct objstore_turn turn;
	uint64_t after;
	CK_RV rv;

	for (int i = 0; i < 2; i++) {
		rv = store_generation_read(store->dir, generation);
		if (rv != CKR_OK)
			return rv;
		if (*generation == 0)
			break;
		if ((rv = list_locked(store, ids, count)) != CKR_OK
			|| (rv = store_generation_read(store->dir, &after)) != CKR_OK || after == *generation)
			return rv;
	}
	*generation = 0;
	for (int waited = 0; (rv = store_turn_begin(store, false, &turn)) == OBJSTORE_BUSY
		&& waited < PATIENCE_MS; waited += STEP_MS)
		nanosleep(&pause, NULL);
	if (rv == OBJSTORE_BUSY)
		log_error("another process has had %s/lock locked for %d seconds: the objects are listed"
			" without it", store->path, PATIENCE_MS / 1000);
	if (rv != CKR_OK)
		return list_locked(store, ids, count);
	rv = list_locked(store, ids, count);
	store_turn_end(store, &turn);
	*generation = turn.step.after;
	return rv;
}

CK_RV objstore_list(struct objstore *store, struct objstore_id **ids, size_t *count,
	uint64_t *generation)
{
	CK_RV rv;

	*ids = NULL;
	*count = 0;
	*generation = 0;
	pthread_mutex_lock(&store->mutex);
	rv = store_find_locked(store, false);
	if (rv == CKR_OK && store->dir >= 0)
		rv = list_whole_locked(store, ids, count, generation);
	pthread_mutex_unlock(&store->mutex);
	return rv;
}

bool objstore_stamp(struct objstore *store, const struct objstore_id *id, struct objstore_stamp *stamp)
{
	bool exists;

	pthread_mutex_lock(&store->mutex);
	if (store->objects < 0)
		store_objects_open_locked(store, false, &store->objects);
	exists = store->objects >= 0 && store_stamp_read(store->objects, id, stamp);
	pthread_mutex_unlock(&store->mutex);
	return exists;
}
