/* SPDX-License-Identifier: BSD-2-Clause */
#include "objstore/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "objstore/file.h"
#include "objstore/format.h"
#include "util/crypto.h"
#include "util/hex.h"
#include "util/log.h"

#define NAME_LEN (2 * OBJSTORE_ID_LEN + 1)

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

static void stamp_from(const struct stat *st, struct objstore_stamp *stamp)
{
	stamp->inode = (uint64_t)st->st_ino;
	stamp->size = (uint64_t)st->st_size;
	stamp->seconds = (uint64_t)st->st_mtim.tv_sec;
	stamp->nanoseconds = (uint64_t)st->st_mtim.tv_nsec;
}

static void name_of(const struct objstore_id *id, char name[NAME_LEN])
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

static bool entry_read(int dir, const char *name, struct objstore_entry *entry)
{
	struct stat st;

	if (!hex_decode(name, entry->id.bytes, OBJSTORE_ID_LEN)
		|| fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	stamp_from(&st, &entry->stamp);
	return true;
}

static CK_RV entries_read(DIR *stream, struct objstore_entry **entries, size_t *count, bool *litter)
{
	size_t room = 0;

	for (struct dirent *d; errno = 0, (d = readdir(stream)) != NULL;) {
		struct objstore_entry entry;

		*litter = *litter || file_is_temporary(d->d_name);
		if (!entry_read(dirfd(stream), d->d_name, &entry))
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
	return errno == 0 ? CKR_OK : file_error("list", OBJECTS_DIR, errno);
}

CK_RV objstore_list(struct objstore *store, struct objstore_entry **entries, size_t *count)
{
	DIR *stream = NULL;
	int dir;
	CK_RV rv;

	*entries = NULL;
	*count = 0;
	pthread_mutex_lock(&store->mutex);
	rv = store_objects_open_locked(store, false, &dir);
	if (rv == CKR_OK && dir >= 0 && (stream = fdopendir(dir)) == NULL) {
		rv = file_error("list", OBJECTS_DIR, errno);
		close(dir);
	}
	if (stream != NULL) {
		rv = entries_read(stream, entries, count, &store->litter);
		closedir(stream);
	}
	pthread_mutex_unlock(&store->mutex);
	return rv;
}

static CK_RV object_decode(const struct buf *file, const struct objstore_id *token_id,
	const struct objstore_id *replaced, const struct objstore_id *id, const uint8_t *key,
	bool *is_private, struct buf *body)
{
	struct format_header header;
	enum format_verdict verdict = format_header(file, &header);
	char name[NAME_LEN];

	name_of(id, name);
	if (verdict == FORMAT_UNKNOWN_VERSION) {
		log_error("object %s was written by a newer version of this program: it is left out", name);
		return CKR_DEVICE_ERROR;
	}
	if (verdict != FORMAT_GOOD || header.kind != FORMAT_OBJECT
		|| memcmp(&header.object_id, id, sizeof *id) != 0) {
		log_error("object %s is damaged, or another one under its name: it is left out", name);
		return CKR_DEVICE_ERROR;
	}
	if (memcmp(&header.token_id, replaced, sizeof *replaced) == 0)
		return CKR_OBJECT_HANDLE_INVALID;
	if (memcmp(&header.token_id, token_id, sizeof *token_id) != 0) {
		log_error("object %s is damaged, or of another token: it is left out", name);
		return CKR_DEVICE_ERROR;
	}
	*is_private = header.is_private;
	if (header.is_private && key == NULL)
		return CKR_OK;
	if (format_body(file, key, body))
		return CKR_OK;
	log_error("object %s is damaged: it is left out", name);
	return CKR_DEVICE_ERROR;
}

static void store_note_litter(struct objstore *store)
{
	pthread_mutex_lock(&store->mutex);
	store->litter = true;
	pthread_mutex_unlock(&store->mutex);
}

CK_RV objstore_read(struct objstore *store, const struct objstore_id *token_id,
	const struct objstore_id *id, const uint8_t *key, bool *is_private, struct objstore_stamp *stamp,
	struct buf *body)
{
	struct objstore_id replaced;
	struct buf file = BUF_INIT;
	char name[NAME_LEN];
	struct stat st;
	bool exists = false;
	int dir;
	CK_RV rv;

	name_of(id, name);
	pthread_mutex_lock(&store->mutex);
	rv = store_objects_open_locked(store, false, &dir);
	if (rv == CKR_OK && dir >= 0) {
		rv = file_read(dir, name, &file, &exists, &st);
		close(dir);
	}
	replaced = store->replaced;
	pthread_mutex_unlock(&store->mutex);
	if (rv == CKR_OK)
		rv = exists ? object_decode(&file, token_id, &replaced, id, key, is_private, body)
			: CKR_OBJECT_HANDLE_INVALID;
	if (rv == CKR_OK)
		stamp_from(&st, stamp);
	else if (rv == CKR_OBJECT_HANDLE_INVALID && exists)
		store_note_litter(store);
	buf_free(&file);
	return rv;
}

void store_sweep_locked(int dir, const struct objstore_id *replaced)
{
	int copy = dup(dir);
	DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;

	if (stream == NULL) {
		if (copy >= 0)
			close(copy);
		return;
	}
	rewinddir(stream);
	for (struct dirent *d; (d = readdir(stream)) != NULL;) {
		struct buf file = BUF_INIT;
		struct format_header header;
		struct stat st;
		bool exists = false;

		if (file_is_temporary(d->d_name))
			file_remove(dir, d->d_name);
		else if (strlen(d->d_name) == NAME_LEN - 1
			&& file_read(dir, d->d_name, &file, &exists, &st) == CKR_OK && exists
			&& format_header(&file, &header) == FORMAT_GOOD && header.kind == FORMAT_OBJECT
			&& memcmp(&header.token_id, replaced, sizeof *replaced) == 0)
			file_remove(dir, d->d_name);
		buf_free(&file);
	}
	closedir(stream);
}

static CK_RV temporary_write(int dir, const struct objstore_id *token_id, const uint8_t *key,
	struct objstore_change *change, char temporary[FILE_TEMPORARY_LEN])
{
	struct format_header header = { FORMAT_OBJECT, change->is_private, *token_id, change->id, 0 };
	struct buf file = BUF_INIT;
	struct stat st;
	CK_RV rv = CKR_HOST_MEMORY;

	if (format_encode(&header, key, change->body, &file))
		rv = file_write_temporary(dir, &file, temporary, &st);
	if (rv == CKR_OK)
		stamp_from(&st, &change->stamp);
	buf_free(&file);
	return rv;
}

/* What was made new goes again. A new content of what was there cannot: it is whole, and stays. */
static void changes_undo(int dir, const struct objstore_change *changes, size_t renamed,
	char (*temporaries)[FILE_TEMPORARY_LEN], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char name[NAME_LEN];

		name_of(&changes[i].id, name);
		if (temporaries[i][0] != '\0')
			unlinkat(dir, temporaries[i], 0);
		if (i < renamed && changes[i].body != NULL && changes[i].expected == NULL)
			unlinkat(dir, name, 0);
	}
}

/* Everything that can fail for want of room is done before the first name changes. */
static CK_RV changes_make(int dir, const struct objstore_id *token_id, const uint8_t *key,
	struct objstore_change *changes, size_t count)
{
	char (*temporaries)[FILE_TEMPORARY_LEN] = calloc(count, sizeof *temporaries);
	char name[NAME_LEN];
	size_t renamed = 0;
	CK_RV rv = temporaries != NULL ? CKR_OK : CKR_HOST_MEMORY;

	for (size_t i = 0; rv == CKR_OK && i < count; i++)
		if (changes[i].body != NULL)
			rv = temporary_write(dir, token_id, key, &changes[i], temporaries[i]);
	for (; rv == CKR_OK && renamed < count; renamed++) {
		name_of(&changes[renamed].id, name);
		rv = changes[renamed].body != NULL ? file_rename(dir, temporaries[renamed], name)
			: file_remove(dir, name);
	}
	if (rv == CKR_OK)
		rv = file_sync_dir(dir);
	if (rv != CKR_OK && temporaries != NULL)
		changes_undo(dir, changes, renamed, temporaries, count);
	free(temporaries);
	return rv;
}

static CK_RV changes_check(int dir, const struct objstore_change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct objstore_entry entry;
		char name[NAME_LEN];

		name_of(&changes[i].id, name);
		if (changes[i].expected != NULL && (!entry_read(dir, name, &entry)
			|| memcmp(&entry.stamp, changes[i].expected, sizeof entry.stamp) != 0))
			return OBJSTORE_OBJECT_CHANGED;
	}
	return CKR_OK;
}

static CK_RV token_is_locked(struct objstore *store, const struct objstore_id *token_id)
{
	struct objstore_token token = { .body = BUF_INIT };
	CK_RV rv = store_token_read_locked(store, &token);

	buf_free(&token.body);
	if (rv != CKR_OK)
		return rv;
	store_mend_copies_locked(store);
	return token.exists && memcmp(&token.id, token_id, sizeof *token_id) == 0 ? CKR_OK
		: OBJSTORE_CHANGED;
}

CK_RV objstore_write(struct objstore *store, const struct objstore_id *token_id, const uint8_t *key,
	struct objstore_change *changes, size_t count, struct objstore_step *step)
{
	int dir = -1;
	CK_RV rv;

	pthread_mutex_lock(&store->mutex);
	rv = store_find_locked(store, false);
	if (rv == CKR_OK && store->dir < 0)
		rv = OBJSTORE_CHANGED;
	if (rv == CKR_OK && (rv = store_write_begin(store, step)) == CKR_OK) {
		if ((rv = token_is_locked(store, token_id)) == CKR_OK)
			rv = store_objects_open_locked(store, true, &dir);
		if (rv == CKR_OK) {
			if (store->litter)
				store_sweep_locked(dir, &store->replaced);
			store->litter = false;
			if ((rv = changes_check(dir, changes, count)) == CKR_OK)
				rv = changes_make(dir, token_id, key, changes, count);
			close(dir);
		}
		store_write_end(store, step);
	}
	pthread_mutex_unlock(&store->mutex);
	return rv;
}
