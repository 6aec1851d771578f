/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/object.h"

#include <stdlib.h>

#include "policy/attrs.h"
#include "util/log.h"

CK_RV object_new(struct buf *attrs, struct object **out)
{
	struct object *object;
	const struct class_policy *policy = NULL;

	*out = NULL;
	if (attrs_valid(attrs))
		policy = class_find(attrs_ulong(attrs, CKA_CLASS, CK_UNAVAILABLE_INFORMATION));
	if (policy == NULL) {
		log_error("an object of the store is of no class that this version knows");
		buf_free(attrs);
		return CKR_DEVICE_ERROR;
	}
	object = calloc(1, sizeof *object);
	if (object == NULL) {
		buf_free(attrs);
		return CKR_HOST_MEMORY;
	}
	atomic_init(&object->references, 1);
	object->policy = policy;
	object->is_token = attrs_bool(attrs, CKA_TOKEN);
	object->is_private = attrs_bool(attrs, CKA_PRIVATE);
	object->attrs.secret = object->is_private;
	if (attrs->secret == object->is_private)
		buf_move(&object->attrs, attrs);
	else
		buf_put(&object->attrs, attrs->data, attrs->len);
	buf_free(attrs);
	if (buf_failed(&object->attrs)) {
		object_free(&object);
		return CKR_HOST_MEMORY;
	}
	*out = object;
	return CKR_OK;
}

struct object *object_ref(struct object *object)
{
	atomic_fetch_add(&object->references, 1);
	return object;
}

void object_free(struct object **at)
{
	struct object *object = *at;

	*at = NULL;
	if (object == NULL || atomic_fetch_sub(&object->references, 1) != 1)
		return;
	tspi_key_free(&object->key);
	buf_free(&object->attrs);
	free(object);
}
