/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/object_set.h"

#include <stdlib.h>
#include <string.h>

#include "token/object_index.h"
#include "util/log.h"

static void entry_free(struct entry *entry)
{
	object_free(&entry->object);
	free(entry);
}

static bool is_private(const struct entry *e, CK_SESSION_HANDLE session)
{
	(void)session;
	return e->is_private;
}

static bool is_token(const struct entry *e, CK_SESSION_HANDLE session)
{
	(void)session;
	return e->is_token;
}

static bool is_anything(const struct entry *e, CK_SESSION_HANDLE session)
{
	(void)e, (void)session;
	return true;
}

static bool is_of_session(const struct entry *e, CK_SESSION_HANDLE session)
{
	return !e->is_token && e->session == session;
}

static bool is_unseen(const struct entry *e, CK_SESSION_HANDLE session)
{
	(void)session;
	return e->is_token && !e->seen;
}

static void forget(struct objects *set, bool (*goes)(const struct entry *, CK_SESSION_HANDLE),
	CK_SESSION_HANDLE session)
{
	size_t kept = 0;

	index_drop(set);
	for (size_t i = 0; i < set->count; i++) {
		if (goes(set->entries[i], session))
			entry_free(set->entries[i]);
		else
			set->entries[kept++] = set->entries[i];
	}
	set->count = kept;
}

void state_forget_private(struct token *token)
{
	forget(&token->objects, is_private, 0);
}

void state_forget_token(struct token *token)
{
	forget(&token->objects, is_token, 0);
	token->objects.generation = 0;
}

void state_forget_all(struct token *token)
{
	forget(&token->objects, is_anything, 0);
	free(token->objects.entries);
	index_free(&token->objects);
	memset(&token->objects, 0, sizeof token->objects);
}

void set_forget_session(struct objects *set, CK_SESSION_HANDLE session)
{
	forget(set, is_of_session, session);
}

/* Handles only grow, so the set stays in their order. */
struct entry *set_add(struct objects *set)
{
	struct entry *entry;

	if (set->count == set->room) {
		size_t room = set->room != 0 ? 2 * set->room : 64;
		struct entry **grown = realloc(set->entries, room * sizeof *grown);

		if (grown == NULL)
			return NULL;
		set->entries = grown;
		set->room = room;
	}
	entry = calloc(1, sizeof *entry);
	if (entry == NULL)
		return NULL;
	if (set->last_handle == 0)
		set->last_handle = CLOCK_HANDLE;
	index_drop(set);
	entry->handle = ++set->last_handle;
	set->entries[set->count++] = entry;
	return entry;
}

static int by_handle(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

	return x->handle < y->handle ? -1 : x->handle > y->handle;
}

struct entry *set_find(struct objects *set, CK_OBJECT_HANDLE handle)
{
	struct entry wanted = { .handle = handle }, *key = &wanted, **found;

	if (set->count == 0)
		return NULL;
	found = bsearch(&key, set->entries, set->count, sizeof *set->entries, by_handle);
	return found != NULL ? *found : NULL;
}

void set_remove(struct objects *set, struct entry *entry)
{
	index_drop(set);
	for (size_t i = 0; i < set->count; i++)
		if (set->entries[i] == entry) {
			memmove(&set->entries[i], &set->entries[i + 1],
				(set->count - i - 1) * sizeof *set->entries);
			set->count--;
			entry_free(entry);
			return;
		}
}

static const uint8_t *object_key(const struct token *token)
{
	return token->login.has_master ? token->secrets->object_key : NULL;
}

/* What a file's header says of its object must be what the object says. */
static CK_RV object_take(struct token *token, struct entry *entry, struct buf *body)
{
	CK_RV rv = object_new(body, &entry->object);

	index_drop(&token->objects);
	if (rv == CKR_OK && (!entry->object->is_token || entry->object->is_private != entry->is_private)) {
		log_error("an object of the store contradicts its file: it is left out");
		object_free(&entry->object);
		rv = CKR_DEVICE_ERROR;
	}
	entry->unreadable = rv == CKR_DEVICE_ERROR;
	return rv;
}

/* Nothing but a login may bring private objects to light, so a code here never tells of one. */
CK_RV set_read(struct token *token, struct entry *entry)
{
	struct buf body = BUF_INIT;
	CK_RV rv;

	if (entry->object != NULL)
		return CKR_OK;
	if (entry->unreadable)
		return CKR_DEVICE_ERROR;
	rv = objstore_read(token->store, &token->on_disk.id, &entry->id, object_key(token),
		&entry->is_private, &entry->stamp, &body);
	if (rv == CKR_OK)
		rv = object_take(token, entry, &body);
	buf_free(&body);
	if (rv != OBJSTORE_UNUSABLE)
		return rv;
	entry->unreadable = true;
	return CKR_DEVICE_ERROR;
}

static int by_id(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

	return memcmp(&x->id, &y->id, sizeof x->id);
}

static struct entry *entry_new(struct token *token, const struct objstore_id *id,
	const struct objstore_stamp *stamp, bool private)
{
	struct entry *entry = set_add(&token->objects);

	if (entry != NULL) {
		entry->is_token = entry->seen = true;
		entry->is_private = private;
		entry->id = *id;
		entry->stamp = *stamp;
	}
	return entry;
}

/* A file that was not known: a private one is left alone until the user logs in; one that cannot be used
   is remembered, so that it is not read at each look. If it cannot be read just now, the look is not
   complete. */
static CK_RV entry_discover(struct token *token, const struct objstore_id *id, bool *complete)
{
	struct objstore_stamp stamp;
	struct buf body = BUF_INIT;
	struct entry *entry = NULL;
	bool private = false;
	CK_RV rv = objstore_read(token->store, &token->on_disk.id, id, object_key(token), &private, &stamp,
		&body);
	bool usable = rv == CKR_OK && (!private || token->login.has_master);
	bool unusable = rv == OBJSTORE_UNUSABLE && objstore_stamp(token->store, id, &stamp);

	if (rv == CKR_DEVICE_ERROR)
		*complete = false;
	if ((usable || unusable) && (entry = entry_new(token, id, &stamp, usable && private)) == NULL)
		rv = CKR_HOST_MEMORY;
	if (entry != NULL && unusable)
		entry->unreadable = true;
	else if (entry != NULL)
		rv = object_take(token, entry, &body);
	buf_free(&body);
	return rv == CKR_HOST_MEMORY ? rv : CKR_OK;
}

/* A file that has gone since the list was made, or that cannot be looked at just now, must not be taken
   for the one that was read long ago. */
static void entry_compare(struct token *token, struct entry *entry, bool *complete)
{
	struct objstore_stamp stamp;
	bool exists = objstore_stamp(token->store, &entry->id, &stamp);

	entry->seen = true;
	if (!exists)
		*complete = false;
	if (!exists || memcmp(&entry->stamp, &stamp, sizeof stamp) != 0) {
		object_free(&entry->object);
		entry->unreadable = false;
		index_drop(&token->objects);
	}
}

static CK_RV files_compare(struct token *token, const struct objstore_id *ids, size_t count, bool *complete)
{
	struct objects *set = &token->objects;
	struct entry **sorted = malloc((set->count + 1) * sizeof *sorted);
	size_t known = 0;
	CK_RV rv = sorted != NULL ? CKR_OK : CKR_HOST_MEMORY;

	for (size_t i = 0; rv == CKR_OK && i < set->count; i++)
		if (set->entries[i]->is_token) {
			set->entries[i]->seen = false;
			sorted[known++] = set->entries[i];
		}
	if (known != 0)
		qsort(sorted, known, sizeof *sorted, by_id);
	for (size_t i = 0; rv == CKR_OK && i < count; i++) {
		struct entry wanted = { .id = ids[i] }, *key = &wanted, **found;

		found = known == 0 ? NULL : bsearch(&key, sorted, known, sizeof *sorted, by_id);
		if (found != NULL)
			entry_compare(token, *found, complete);
		else
			rv = entry_discover(token, &ids[i], complete);
	}
	free(sorted);
	if (rv == CKR_OK)
		forget(set, is_unseen, 0);
	return rv;
}

CK_RV set_look(struct token *token)
{
	struct objstore_id *ids;
	uint64_t generation;
	size_t count;
	bool complete = true;
	CK_RV rv = state_refresh_locked(token);

	if (rv != CKR_OK || !token->on_disk.exists
		|| (token->generation != 0 && token->generation == token->objects.generation))
		return rv;
	if ((rv = objstore_list(token->store, &ids, &count, &generation)) == CKR_OK)
		rv = files_compare(token, ids, count, &complete);
	if (rv == CKR_OK)
		token->objects.generation = complete ? generation : 0;
	free(ids);
	return rv;
}

CK_RV set_write(struct token *token, struct objstore_change *changes, size_t count)
{
	struct objstore_step step = { 0, 0 };
	CK_RV rv = objstore_write(token->store, &token->on_disk.id, object_key(token), changes, count,
		&step);

	if (rv == OBJSTORE_CHANGED) {
		CK_RV refreshed = state_refresh_locked(token);

		return refreshed != CKR_OK ? refreshed : CKR_TOKEN_WRITE_PROTECTED;
	}
	if (rv == OBJSTORE_BUSY)
		return rv;
	if (rv != CKR_OK) {
		token->objects.generation = 0;
		return rv;
	}
	/* A change of our own is known already; anybody else's is still to be looked at. */
	if (step.before != 0 && step.before == token->objects.generation)
		token->objects.generation = step.after;
	if (step.before != 0 && step.before == token->generation)
		token->generation = step.after;
	return rv;
}
