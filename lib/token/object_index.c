/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/object_index.h"

#include <stdlib.h>
#include <string.h>

#include "policy/attrs.h"
#include "token/object_set.h"

#define WORTH_IT 64

/* FNV-1a. Whose ids collide has a slow token, and has made it so. */
static size_t bucket_of(const struct object_index *index, const uint8_t *p, size_t len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 16777619u;
	return hash & (index->buckets - 1);
}

static void clear(struct object_index *index)
{
	free(index->heads);
	free(index->next);
	memset(index, 0, sizeof *index);
}

static bool room_make(struct object_index *index, size_t entries)
{
	size_t buckets = WORTH_IT;

	while (buckets < entries)
		buckets *= 2;
	clear(index);
	index->heads = malloc(buckets * sizeof *index->heads);
	index->next = malloc(entries * sizeof *index->next);
	if (index->heads == NULL || index->next == NULL)
		return false;
	index->buckets = buckets;
	for (size_t i = 0; i < buckets; i++)
		index->heads[i] = INDEX_END;
	return true;
}

/* From the last to the first, so that each chain is in their order. */
static void fill(struct objects *set)
{
	struct object_index *index = &set->index;
	const uint8_t *id;
	size_t len;

	for (size_t i = set->count; i-- > 0;) {
		const struct object *object = set->entries[i]->object;

		if (object != NULL && attrs_get(&object->attrs, CKA_ID, &id, &len)) {
			size_t *head = &index->heads[bucket_of(index, id, len)];

			index->next[i] = *head;
			*head = i;
		}
	}
	index->holds = true;
}

bool index_make(struct token *token, CK_RV *rv)
{
	struct objects *set = &token->objects;
	bool complete = true;

	*rv = CKR_OK;
	if (set->index.holds || set->count < WORTH_IT)
		return set->index.holds;
	for (size_t i = 0; i < set->count; i++) {
		struct entry *entry = set->entries[i];
		CK_RV read = set_read(token, entry);

		if (read == CKR_HOST_MEMORY) {
			*rv = read;
			return false;
		}
		complete = complete && (read == CKR_OK || entry->unreadable);
	}
	if (complete && !room_make(&set->index, set->count))
		*rv = CKR_HOST_MEMORY;
	if (*rv != CKR_OK || !complete)
		return false;
	fill(set);
	return true;
}

size_t index_first(const struct objects *set, const void *id, size_t len)
{
	return set->index.heads[bucket_of(&set->index, id, len)];
}

size_t index_next(const struct objects *set, size_t at)
{
	return set->index.next[at];
}

void index_drop(struct objects *set)
{
	set->index.holds = false;
}

void index_free(struct objects *set)
{
	clear(&set->index);
}
