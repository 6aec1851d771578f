/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/object.h"

#include <stdlib.h>

#include "policy/attrs.h"
#include "policy/template.h"
#include "util/crypto.h"
#include "util/log.h"

CK_RV object_new(struct buf *attrs, struct object **out)
{
	struct object *object;
	const struct class_policy *policy = NULL;

	*out = NULL;
	if (attrs_valid(attrs))
		policy = class_find(attrs_ulong(attrs, CKA_CLASS, CK_UNAVAILABLE_INFORMATION));
	if (policy == NULL || !template_fits(policy, attrs)) {
		log_error("an object of the store is none that this version knows");
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

/* Made once: it takes longer than to verify with it. Of two threads that make it, one keeps its own. */
CK_RV object_public_key(struct object *object, EVP_PKEY **key)
{
	const uint8_t *modulus, *exponent;
	size_t modulus_len, exponent_len;
	EVP_PKEY *public = atomic_load(&object->public), *first = NULL;

	*key = NULL;
	if (public == NULL) {
		if (!attrs_get(&object->attrs, CKA_MODULUS, &modulus, &modulus_len)
			|| !attrs_get(&object->attrs, CKA_PUBLIC_EXPONENT, &exponent, &exponent_len))
			return CKR_KEY_TYPE_INCONSISTENT;
		public = crypto_rsa_public(modulus, modulus_len, exponent, exponent_len);
		if (public == NULL)
			return CKR_HOST_MEMORY;
		if (!atomic_compare_exchange_strong(&object->public, &first, public)) {
			EVP_PKEY_free(public);
			public = first;
		}
	}
	if (EVP_PKEY_up_ref(public) != 1)
		return CKR_HOST_MEMORY;
	*key = public;
	return CKR_OK;
}

void object_free(struct object **at)
{
	struct object *object = *at;

	*at = NULL;
	if (object == NULL || atomic_fetch_sub(&object->references, 1) != 1)
		return;
	tspi_key_free(&object->key);
	EVP_PKEY_free(object->public);
	buf_free(&object->attrs);
	free(object);
}
