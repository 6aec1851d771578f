/* SPDX-License-Identifier: BSD-2-Clause */
#include "objstore/store.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "objstore/file.h"
#include "objstore/format.h"
#include "util/log.h"

#define DAMAGED_DIR "damaged"

/* What an object is read with, and what comes of it. */
struct reading {
	const struct objstore_id *token_id, *id;
	const uint8_t *key;
	bool *is_private;
	struct objstore_stamp *stamp;
	struct buf *body;
	const char *damage; /* NULL: none */
};

/* OBJSTORE_UNUSABLE without damage: it is to be left as it is. */
static CK_RV file_judge(const struct buf *file, const struct objstore_id *replaced, struct reading *r)
{
	struct format_header header;
	enum format_verdict verdict = format_header(file, &header);
	char name[OBJECT_NAME_LEN];

	if (verdict == FORMAT_UNKNOWN_VERSION) {
		store_object_name(r->id, name);
		log_error("object %s was written by a newer version of this program: it is left out", name);
		return OBJSTORE_UNUSABLE;
	}
	if (verdict != FORMAT_GOOD || header.kind != FORMAT_OBJECT)
		r->damage = "it is damaged";
	else if (memcmp(&header.object_id, r->id, sizeof *r->id) != 0)
		r->damage = "it is another object under this one's name";
	else if (store_is_replaced(&header.token_id, replaced))
		return CKR_OBJECT_HANDLE_INVALID;
	else if (memcmp(&header.token_id, r->token_id, sizeof *r->token_id) != 0)
		r->damage = "it is of another token";
	if (r->damage != NULL)
		return OBJSTORE_UNUSABLE;
	*r->is_private = header.is_private;
	buf_free(r->body); /* what an earlier look left may be of the other kind of memory */
	r->body->secret = header.is_private;
	if ((header.is_private && r->key == NULL) || format_body(file, r->key, r->body))
		return CKR_OK;
	if (buf_failed(r->body)) {
		buf_free(r->body);
		return CKR_HOST_MEMORY;
	}
	r->damage = "it is damaged";
	return OBJSTORE_UNUSABLE;
}

static CK_RV object_read_locked(struct objstore *store, struct reading *r)
{
	struct buf file = BUF_INIT;
	char name[OBJECT_NAME_LEN];
	struct stat st;
	bool exists = false;
	CK_RV rv = CKR_OK;

	r->damage = NULL;
	if (store->objects < 0)
		rv = store_objects_open_locked(store, false, &store->objects);
	if (rv != CKR_OK || store->objects < 0)
		return rv != CKR_OK ? rv : CKR_OBJECT_HANDLE_INVALID;
	store_object_name(r->id, name);
	rv = file_read(store->objects, name, &file, &exists, &st);
	if (rv == CKR_DEVICE_ERROR && file_refused(store->objects, name))
		rv = OBJSTORE_UNUSABLE;
	if (rv == CKR_OK)
		rv = exists ? file_judge(&file, &store->replaced, r) : CKR_OBJECT_HANDLE_INVALID;
	if (rv == CKR_OK)
		store_stamp(&st, r->stamp);
	buf_free(&file);
	return rv;
}

/* The file keeps its name, with the time behind it as two damaged ones can have had the same. */
static CK_RV object_move_locked(struct objstore *store, const char *name, const char *damage)
{
	char moved[OBJECT_NAME_LEN + 24];
	int from, to = -1;
	CK_RV rv = store_objects_open_locked(store, false, &from);

	if (rv == CKR_OK)
		rv = file_open_dir(store->dir, DAMAGED_DIR, false, true, &to);
	if (rv == CKR_OK)
		rv = file_name_aside(to, name, moved, sizeof moved);
	if (rv == CKR_OK)
		rv = file_move(from, name, to, moved);
	if (rv == CKR_OK)
		log_error("object %s: %s: set aside as " DAMAGED_DIR "/%s", name, damage, moved);
	file_close(&to);
	file_close(&from);
	return rv;
}

/* Under the lock, where nobody else is about to change it, the object is looked at once more. While another
   process has the lock it may be about to: the next look tells. */
static CK_RV object_set_aside_locked(struct objstore *store, struct reading *r)
{
	const char *damage = r->damage;
	struct objstore_turn turn;
	char name[OBJECT_NAME_LEN];
	bool moved = false;
	CK_RV rv = store_turn_begin(store, true, &turn);

	store_object_name(r->id, name);
	if (rv == CKR_OK) {
		if ((rv = store_token_is_locked(store, r->token_id)) == CKR_OK)
			rv = object_read_locked(store, r);
		if (rv == OBJSTORE_UNUSABLE && r->damage != NULL)
			moved = object_move_locked(store, name, r->damage) == CKR_OK;
		store_turn_end(store, &turn);
	}
	if (rv == CKR_OK || rv == CKR_OBJECT_HANDLE_INVALID || rv == CKR_HOST_MEMORY)
		return rv;
	if (rv == OBJSTORE_CHANGED)
		return CKR_OBJECT_HANDLE_INVALID;
	if (!moved)
		log_error("object %s: %s: left out", name, damage);
	return rv == OBJSTORE_BUSY ? CKR_DEVICE_ERROR : OBJSTORE_UNUSABLE;
}

CK_RV objstore_read(struct objstore *store, const struct objstore_id *token_id,
	const struct objstore_id *id, const uint8_t *key, bool *is_private, struct objstore_stamp *stamp,
	struct buf *body)
{
	struct reading r = { token_id, id, key, is_private, stamp, body, NULL };
	CK_RV rv;

	pthread_mutex_lock(&store->mutex);
	rv = object_read_locked(store, &r);
	if (rv == OBJSTORE_UNUSABLE && r.damage != NULL)
		rv = object_set_aside_locked(store, &r);
	pthread_mutex_unlock(&store->mutex);
	return rv;
}
