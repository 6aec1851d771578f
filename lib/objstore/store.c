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

CK_RV objstore_open(struct objstore **out)
{
	struct objstore *store = calloc(1, sizeof *store);

	*out = store;
	if (store == NULL)
		return CKR_HOST_MEMORY;
	pthread_mutex_init(&store->mutex, NULL);
	pthread_mutex_init(&store->pin_mutex, NULL);
	store->dir = store->lock_fd = store->pin_fd = -1;
	return CKR_OK;
}

void objstore_close(struct objstore **at)
{
	struct objstore *store = *at;

	*at = NULL;
	if (store == NULL)
		return;
	if (store->pin_fd >= 0)
		close(store->pin_fd);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	if (store->dir >= 0)
		close(store->dir);
	pthread_mutex_destroy(&store->pin_mutex);
	pthread_mutex_destroy(&store->mutex);
	free(store);
}

void objstore_abandon(struct objstore *store)
{
	const int inherited[] = { store->pin_fd, store->lock_fd, store->dir };

	for (size_t i = 0; i < sizeof inherited / sizeof inherited[0]; i++)
		if (inherited[i] >= 0)
			close(inherited[i]);
}

CK_RV store_find_locked(struct objstore *store, bool make)
{
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

bool store_object_id(const char *name, struct objstore_id *id)
{
	return hex_decode(name, id->bytes, OBJSTORE_ID_LEN);
}

bool store_entry(int dir, const char *name, struct objstore_entry *entry)
{
	struct stat st;

	if (!store_object_id(name, &entry->id)
		|| fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	store_stamp(&st, &entry->stamp);
	return true;
}

static CK_RV entries_read(DIR *stream, struct objstore_entry **entries, size_t *count)
{
	size_t room = 0;

	for (struct dirent *d; errno = 0, (d = readdir(stream)) != NULL;) {
		struct objstore_entry entry;

		if (!store_entry(dirfd(stream), d->d_name, &entry))
			continue;
		if (*count == room) {
			size_t more = room != 0 ? 2 * room : 64;
			struct objstore_entry *grown = realloc(*entries, more * sizeof *grown);

			if (grown == NULL)
				return CKR_HOST_MEMORY;
			*entries = grown;
			room = more;
		}
		(*entries)[(*count)++] = entry;
	}
	return errno == 0 ? CKR_OK : file_read_error(OBJECTS_DIR, errno);
}

static CK_RV list_locked(struct objstore *store, struct objstore_entry **entries, size_t *count)
{
	DIR *stream;
	int dir;
	CK_RV rv = store_objects_open_locked(store, false, &dir);

	free(*entries);
	*entries = NULL;
	*count = 0;
	if (rv != CKR_OK || dir < 0)
		return rv;
	if ((stream = fdopendir(dir)) == NULL) {
		rv = file_read_error(OBJECTS_DIR, errno);
		close(dir);
		return rv;
	}
	rv = entries_read(stream, entries, count);
	closedir(stream);
	return rv;
}

/*
 * Some file systems show a file that is being replaced in a directory neither as the old nor as the
 * new one. So a list made while somebody wrote is made again, and then with the writers kept out.
 */
static CK_RV list_whole_locked(struct objstore *store, struct objstore_entry **entries, size_t *count,
	uint64_t *generation)
{
	struct objstore_turn turn;
	uint64_t after;
	CK_RV rv;

	for (int i = 0; i < 2; i++) {
		rv = store_generation_read(store->dir, generation);
		if (rv != CKR_OK)
			return rv;
		if (*generation == 0)
			break;
		if ((rv = list_locked(store, entries, count)) != CKR_OK
			|| (rv = store_generation_read(store->dir, &after)) != CKR_OK || after == *generation)
			return rv;
	}
	*generation = 0;
	if (store_turn_begin(store, false, &turn) != CKR_OK)
		return list_locked(store, entries, count);
	rv = list_locked(store, entries, count);
	store_turn_end(store, &turn);
	*generation = turn.step.after;
	return rv;
}

CK_RV objstore_list(struct objstore *store, struct objstore_entry **entries, size_t *count,
	uint64_t *generation)
{
	CK_RV rv;

	*entries = NULL;
	*count = 0;
	*generation = 0;
	pthread_mutex_lock(&store->mutex);
	rv = store_find_locked(store, false);
	if (rv == CKR_OK && store->dir >= 0)
		rv = list_whole_locked(store, entries, count, generation);
	pthread_mutex_unlock(&store->mutex);
	return rv;
}
