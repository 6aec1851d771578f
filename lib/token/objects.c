/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/objects.h"

#include <stdlib.h>
#include <string.h>

#include "policy/attrs.h"
#include "policy/template.h"
#include "token/clock.h"
#include "token/import_parent.h"
#include "token/object_index.h"
#include "token/object_set.h"
#include "util/crypto.h"
#include "util/hex.h"
#include "util/log.h"

void objects_end_session(struct token *token, CK_SESSION_HANDLE session)
{
	pthread_mutex_lock(&token->mutex);
	set_forget_session(&token->objects, session);
	pthread_mutex_unlock(&token->mutex);
}

static CK_RV may_write_locked(const struct token *token, const struct actor *actor, bool token_object,
	bool private)
{
	if (token_object && !actor->read_write)
		return CKR_SESSION_READ_ONLY;
	if (private && token->login.who != LOGIN_USER)
		return CKR_USER_NOT_LOGGED_IN;
	if (token_object && !token->on_disk.exists) {
		log_error("the token is not initialised: C_InitToken first");
		return CKR_TOKEN_WRITE_PROTECTED;
	}
	return CKR_OK;
}

CK_RV objects_may_create(struct token *token, const struct actor *actor, const struct buf *attrs)
{
	CK_RV rv;

	pthread_mutex_lock(&token->mutex);
	rv = state_refresh_locked(token);
	if (rv == CKR_OK)
		rv = may_write_locked(
			token, actor, attrs_bool(attrs, CKA_TOKEN), attrs_bool(attrs, CKA_PRIVATE));
	pthread_mutex_unlock(&token->mutex);
	return rv;
}

static CK_RV store_new_locked(struct token *token, struct object **objects, size_t count,
	struct objstore_change *changes)
{
	size_t stored = 0;

	for (size_t i = 0; i < count; i++) {
		if (!objects[i]->is_token)
			continue;
		if (!crypto_random(changes[stored].id.bytes, OBJSTORE_ID_LEN))
			return CKR_HOST_MEMORY;
		changes[stored].is_private = objects[i]->is_private;
		changes[stored].body = &objects[i]->attrs;
		stored++;
	}
	return stored != 0 ? set_write(token, changes, stored) : CKR_OK;
}

static CK_RV create_locked(struct token *token, const struct actor *actor, struct object **objects,
	size_t count, struct objstore_change *changes, CK_OBJECT_HANDLE *handles)
{
	struct objects *set = &token->objects;
	CK_RV rv = state_refresh_locked(token); /* which may empty the set */
	size_t before = set->count, stored = 0;

	for (size_t i = 0; rv == CKR_OK && i < count; i++)
		rv = may_write_locked(token, actor, objects[i]->is_token, objects[i]->is_private);
	for (size_t i = 0; rv == CKR_OK && i < count; i++) {
		struct entry *entry = set_add(set);

		if (entry == NULL) {
			rv = CKR_HOST_MEMORY;
			break;
		}
		entry->is_token = objects[i]->is_token;
		entry->is_private = objects[i]->is_private;
		entry->session = actor->session;
		handles[i] = entry->handle;
	}
	if (rv == CKR_OK)
		rv = store_new_locked(token, objects, count, changes);
	/* A write that found another token here has thrown out what was the old one's. */
	for (size_t i = 0; rv == CKR_OK && i < count; i++) {
		struct entry *entry = set->entries[before + i];

		entry->object = object_ref(objects[i]);
		if (entry->is_token) {
			entry->id = changes[stored].id;
			entry->stamp = changes[stored++].stamp;
		}
	}
	for (size_t i = 0; rv != CKR_OK && i < count; i++) {
		struct entry *entry = set_find(set, handles[i]);

		if (entry != NULL)
			set_remove(set, entry);
	}
	return rv;
}

static CK_RV unique_id_put(struct buf *attrs)
{
	uint8_t id[16];
	char text[2 * sizeof id + 1];

	if (!crypto_random(id, sizeof id))
		return CKR_HOST_MEMORY;
	hex_encode(id, sizeof id, text);
	attrs_put(attrs, CKA_UNIQUE_ID, text, 2 * sizeof id);
	return buf_failed(attrs) ? CKR_HOST_MEMORY : CKR_OK;
}

/* The caller's handles are touched only when all is well. */
CK_RV objects_create(struct token *token, const struct actor *actor, struct buf *attrs, size_t count,
	CK_OBJECT_HANDLE *handles)
{
	struct object **objects = calloc(count, sizeof *objects);
	struct objstore_change *changes = calloc(count, sizeof *changes);
	CK_OBJECT_HANDLE *made = calloc(count, sizeof *made);
	struct objstore_patience patience = { .tries = 0 };
	CK_RV rv = objects != NULL && changes != NULL && made != NULL ? CKR_OK : CKR_HOST_MEMORY;

	for (size_t i = 0; rv == CKR_OK && i < count; i++)
		if ((rv = unique_id_put(&attrs[i])) == CKR_OK)
			rv = object_new(&attrs[i], &objects[i]);
	if (rv == CKR_OK)
		while (objstore_try(token->store, &patience, &rv)) {
			pthread_mutex_lock(&token->mutex);
			rv = create_locked(token, actor, objects, count, changes, made);
			pthread_mutex_unlock(&token->mutex);
		}
	if (rv == CKR_OK)
		memcpy(handles, made, count * sizeof *made);
	for (size_t i = 0; i < count; i++) {
		if (objects != NULL)
			object_free(&objects[i]);
		buf_free(&attrs[i]);
	}
	free(made);
	free(changes);
	free(objects);
	return rv;
}

/* The clock is no entry of the set: it is made anew whenever somebody looks at it. */
static CK_RV clock_object(struct object **object)
{
	struct buf attrs = BUF_INIT;
	unsigned char now[CLOCK_LEN];

	clock_write(now);
	attrs_put_ulong(&attrs, CKA_CLASS, CKO_HW_FEATURE);
	attrs_put_ulong(&attrs, CKA_HW_FEATURE_TYPE, CKH_CLOCK);
	attrs_put(&attrs, CKA_VALUE, now, sizeof now);
	return object_new(&attrs, object);
}

static CK_RV get_locked(struct token *token, CK_OBJECT_HANDLE handle, struct entry **entry)
{
	*entry = set_find(&token->objects, handle);
	return *entry != NULL ? set_read(token, *entry) : CKR_OBJECT_HANDLE_INVALID;
}

CK_RV objects_get(struct token *token, CK_OBJECT_HANDLE handle, struct object **object)
{
	struct entry *entry;
	CK_RV rv;

	*object = NULL;
	if (handle == CLOCK_HANDLE)
		return clock_object(object);
	pthread_mutex_lock(&token->mutex);
	rv = get_locked(token, handle, &entry);
	if (rv == CKR_OK)
		*object = object_ref(entry->object);
	pthread_mutex_unlock(&token->mutex);
	return rv;
}

/* How long its signatures are is told by the attribute, but it is the chip that makes them. */
static bool has_modulus_of(const struct object *object, const uint8_t *blob, size_t blob_len)
{
	struct tspi_key_info info;
	const uint8_t *modulus;
	size_t len;

	return tspi_blob_info(blob, blob_len, &info) && attrs_get(&object->attrs, CKA_MODULUS, &modulus, &len)
		&& len == info.modulus_len && memcmp(modulus, info.modulus, len) == 0;
}

CK_RV objects_key(struct token *token, struct object *object, struct tspi_key **key)
{
	const uint8_t *blob, *auth;
	size_t blob_len, auth_len;
	struct tspi_key *parent = NULL;
	CK_ULONG home = attrs_ulong(&object->attrs, ATTR_KEY_HOME, CK_UNAVAILABLE_INFORMATION);
	CK_ULONG under = attrs_ulong(&object->attrs, ATTR_KEY_PARENT, CK_UNAVAILABLE_INFORMATION);
	CK_RV rv = CKR_OK;

	*key = NULL;
	if (home != KEY_HOME_CHIP || (under != KEY_PARENT_SRK && under != KEY_PARENT_IMPORT)
		|| !attrs_get(&object->attrs, ATTR_KEY_BLOB, &blob, &blob_len)
		|| !attrs_get(&object->attrs, ATTR_KEY_AUTH, &auth, &auth_len) || auth_len != TSPI_AUTH_LEN
		|| !has_modulus_of(object, blob, blob_len)) {
		log_error("the key object has no key of the chip that this version knows how to use");
		return CKR_DEVICE_ERROR;
	}
	if (under == KEY_PARENT_IMPORT && (rv = import_parent_open(token, &parent)) != CKR_OK)
		return rv;
	pthread_mutex_lock(&token->mutex);
	if (object->key == NULL)
		rv = tspi_key_open(blob, blob_len, parent, TSPI_AUTH_KNOWN, auth, &object->key);
	if (rv == CKR_OK)
		*key = tspi_key_ref(object->key);
	pthread_mutex_unlock(&token->mutex);
	tspi_key_free(&parent);
	return rv;
}

struct search {
	const CK_ATTRIBUTE *template;
	CK_ULONG count;
	CK_OBJECT_HANDLE *handles;
	size_t found, room;
};

/* What cannot be read is not there. CKR_HOST_MEMORY. */
static CK_RV search_try(struct search *search, struct token *token, struct entry *entry)
{
	CK_RV rv = set_read(token, entry);

	if (rv == CKR_HOST_MEMORY)
		return rv;
	if (rv != CKR_OK || !template_matches(entry->object->policy, &entry->object->attrs, search->template,
			search->count))
		return CKR_OK;
	if (search->found == search->room) {
		size_t room = search->room != 0 ? 2 * search->room : 16;
		CK_OBJECT_HANDLE *grown = realloc(search->handles, room * sizeof *grown);

		if (grown == NULL)
			return CKR_HOST_MEMORY;
		search->handles = grown;
		search->room = room;
	}
	search->handles[search->found++] = entry->handle;
	return CKR_OK;
}

static CK_RV find_locked(struct token *token, struct search *search)
{
	const CK_ATTRIBUTE *id = template_find(search->template, search->count, CKA_ID);
	struct objects *set = &token->objects;
	CK_RV rv = set_look(token);

	if (rv == CKR_OK && id != NULL && id->pValue != NULL && id->ulValueLen <= BUF_MAX
		&& index_make(token, &rv))
		for (size_t i = index_first(set, id->pValue, id->ulValueLen); rv == CKR_OK && i != INDEX_END;
			i = index_next(set, i))
			rv = search_try(search, token, set->entries[i]);
	else
		for (size_t i = 0; rv == CKR_OK && i < set->count; i++)
			rv = search_try(search, token, set->entries[i]);
	return rv;
}

static bool asks_for_hw_feature(const CK_ATTRIBUTE *template, CK_ULONG count)
{
	const CK_ATTRIBUTE *class = template_find(template, count, CKA_CLASS);
	CK_OBJECT_CLASS wanted;

	if (class == NULL || class->pValue == NULL || class->ulValueLen != sizeof wanted)
		return false;
	memcpy(&wanted, class->pValue, sizeof wanted);
	return wanted == CKO_HW_FEATURE;
}

static CK_RV find_clock(const CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE **handles,
	size_t *found)
{
	struct object *clock;
	CK_RV rv = clock_object(&clock);

	if (rv != CKR_OK)
		return rv;
	*handles = malloc(sizeof **handles);
	if (*handles == NULL) {
		rv = CKR_HOST_MEMORY;
	} else if (template_matches(clock->policy, &clock->attrs, template, count)) {
		(*handles)[0] = CLOCK_HANDLE;
		*found = 1;
	}
	object_free(&clock);
	return rv;
}

CK_RV objects_find(struct token *token, const CK_ATTRIBUTE *template, CK_ULONG count,
	CK_OBJECT_HANDLE **handles, size_t *found)
{
	struct search search = { .template = template, .count = count };
	CK_RV rv;

	*handles = NULL;
	*found = 0;
	if (asks_for_hw_feature(template, count))
		return find_clock(template, count, handles, found);
	pthread_mutex_lock(&token->mutex);
	rv = find_locked(token, &search);
	pthread_mutex_unlock(&token->mutex);
	if (rv != CKR_OK) {
		free(search.handles);
		return rv;
	}
	*handles = search.handles;
	*found = search.found;
	return CKR_OK;
}

/* Puts an object of new attributes, which is empty afterwards, in the place of the entry's. */
static CK_RV replace_locked(struct token *token, struct entry *entry, struct buf *attrs)
{
	struct objstore_change change = { .id = entry->id, .is_private = entry->is_private,
		.expected = &entry->stamp };
	struct object *changed;
	CK_RV rv = object_new(attrs, &changed);

	if (rv != CKR_OK)
		return rv;
	change.body = &changed->attrs;
	if (entry->is_token && (rv = set_write(token, &change, 1)) != CKR_OK) {
		object_free(&changed);
		return rv;
	}
	if (entry->object->key != NULL)
		changed->key = tspi_key_ref(entry->object->key);
	object_free(&entry->object);
	index_drop(&token->objects);
	entry->object = changed;
	entry->stamp = change.stamp;
	return CKR_OK;
}

static CK_RV get_writable_locked(struct token *token, const struct actor *actor, CK_OBJECT_HANDLE handle,
	struct entry **entry)
{
	CK_RV rv = get_locked(token, handle, entry);

	return rv == CKR_OK ? may_write_locked(token, actor, (*entry)->is_token, (*entry)->is_private) : rv;
}

static CK_RV set_locked(struct token *token, const struct actor *actor, CK_OBJECT_HANDLE handle,
	const CK_ATTRIBUTE *template, CK_ULONG count)
{
	struct buf attrs = BUF_INIT;
	struct entry *entry;
	CK_RV rv = get_writable_locked(token, actor, handle, &entry);

	if (rv != CKR_OK)
		return rv;
	attrs.secret = entry->is_private;
	buf_put(&attrs, entry->object->attrs.data, entry->object->attrs.len);
	rv = buf_failed(&attrs) ? CKR_HOST_MEMORY
		: template_set(entry->object->policy, token->login.who == LOGIN_SO, template, count, &attrs);
	if (rv == CKR_OK)
		rv = replace_locked(token, entry, &attrs);
	buf_free(&attrs);
	return rv;
}

CK_RV objects_copy(struct token *token, const struct actor *actor, CK_OBJECT_HANDLE handle,
	const CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *copy)
{
	struct object *object = NULL;
	struct buf attrs = BUF_INIT;
	CK_RV rv = objects_get(token, handle, &object);

	if (rv == CKR_OK && object->policy->class == CKO_HW_FEATURE)
		rv = CKR_ACTION_PROHIBITED;
	if (rv == CKR_OK) {
		attrs.secret = object->is_private;
		buf_put(&attrs, object->attrs.data, object->attrs.len);
		rv = buf_failed(&attrs) ? CKR_HOST_MEMORY : template_copy(object->policy,
			token_login_state(token) == LOGIN_SO, template, count, &attrs);
	}
	object_free(&object);
	if (rv == CKR_OK)
		rv = objects_create(token, actor, &attrs, 1, copy);
	buf_free(&attrs);
	return rv;
}

/* What another process has made of the object meanwhile is what is changed. */
CK_RV objects_set(struct token *token, const struct actor *actor, CK_OBJECT_HANDLE handle,
	const CK_ATTRIBUTE *template, CK_ULONG count)
{
	struct objstore_patience patience = { .tries = 0 };
	CK_RV rv = CKR_OK;

	if (handle == CLOCK_HANDLE)
		return CKR_ACTION_PROHIBITED;
	while (objstore_try(token->store, &patience, &rv)) {
		pthread_mutex_lock(&token->mutex);
		while ((rv = set_locked(token, actor, handle, template, count)) == OBJSTORE_OBJECT_CHANGED)
			if ((rv = set_look(token)) != CKR_OK)
				break;
		pthread_mutex_unlock(&token->mutex);
	}
	return rv;
}

static CK_RV destroy_locked(struct token *token, const struct actor *actor, CK_OBJECT_HANDLE handle)
{
	struct objstore_change change;
	struct entry *entry;
	CK_RV rv = get_writable_locked(token, actor, handle, &entry);

	if (rv != CKR_OK)
		return rv;
	if (!attrs_bool(&entry->object->attrs, CKA_DESTROYABLE))
		return CKR_ACTION_PROHIBITED;
	change = (struct objstore_change){ .id = entry->id };
	if (entry->is_token)
		rv = set_write(token, &change, 1);
	if (rv == CKR_OK)
		set_remove(&token->objects, entry);
	return rv;
}

CK_RV objects_destroy(struct token *token, const struct actor *actor, CK_OBJECT_HANDLE handle)
{
	struct objstore_patience patience = { .tries = 0 };
	CK_RV rv = CKR_OK;

	if (handle == CLOCK_HANDLE)
		return CKR_ACTION_PROHIBITED;
	while (objstore_try(token->store, &patience, &rv)) {
		pthread_mutex_lock(&token->mutex);
		rv = destroy_locked(token, actor, handle);
		pthread_mutex_unlock(&token->mutex);
	}
	return rv;
}
