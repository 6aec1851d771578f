/* SPDX-License-Identifier: BSD-2-Clause */
#include "objstore/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "objstore/file.h"
#include "objstore/format.h"

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
		store_stamp(&st, &change->stamp);
	buf_free(&file);
	return rv;
}

/* What was made new goes again. A new content of what was there cannot: it is whole, and stays. */
static void changes_undo(int dir, const struct objstore_change *changes, size_t renamed,
	char (*temporaries)[FILE_TEMPORARY_LEN], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char name[OBJECT_NAME_LEN];

		store_object_name(&changes[i].id, name);
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
	char name[OBJECT_NAME_LEN];
	size_t renamed = 0;
	CK_RV rv = temporaries != NULL ? CKR_OK : CKR_HOST_MEMORY;

	for (size_t i = 0; rv == CKR_OK && i < count; i++)
		if (changes[i].body != NULL)
			rv = temporary_write(dir, token_id, key, &changes[i], temporaries[i]);
	for (; rv == CKR_OK && renamed < count; renamed++) {
		store_object_name(&changes[renamed].id, name);
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
		struct objstore_stamp stamp;

		if (changes[i].expected != NULL && (!store_stamp_read(dir, &changes[i].id, &stamp)
			|| memcmp(&stamp, changes[i].expected, sizeof stamp) != 0))
			return OBJSTORE_OBJECT_CHANGED;
	}
	return CKR_OK;
}

CK_RV store_token_is_locked(struct objstore *store, const struct objstore_id *token_id)
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
	struct objstore_turn turn;
	int dir = -1;
	CK_RV rv;

	memset(step, 0, sizeof *step);
	pthread_mutex_lock(&store->mutex);
	rv = store_find_locked(store, false);
	if (rv == CKR_OK && store->dir < 0)
		rv = OBJSTORE_CHANGED;
	if (rv == CKR_OK && (rv = store_turn_begin(store, true, &turn)) == CKR_OK) {
		if ((rv = store_token_is_locked(store, token_id)) == CKR_OK
			&& (rv = store_objects_open_locked(store, true, &dir)) == CKR_OK
			&& (rv = changes_check(dir, changes, count)) == CKR_OK
			&& (rv = changes_make(dir, token_id, key, changes, count)) != CKR_OK)
			turn.unclean = true;
		file_close(&dir);
		store_turn_end(store, &turn);
		*step = turn.step;
	}
	pthread_mutex_unlock(&store->mutex);
	return rv;
}
