/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/op_key.h"

#include <string.h>

#include "policy/attrs.h"
#include "util/crypto.h"

static const CK_OBJECT_CLASS wanted_class[] = {
	[PRIVATE_HALF] = CKO_PRIVATE_KEY, [PUBLIC_HALF] = CKO_PUBLIC_KEY,
};

static bool mechanism_allowed(const struct object *object, CK_MECHANISM_TYPE type)
{
	const uint8_t *list;
	size_t len;

	if (!attrs_get(&object->attrs, CKA_ALLOWED_MECHANISMS, &list, &len) || len == 0)
		return true;
	for (size_t at = 0; at + ATTRS_ULONG_LEN <= len; at += ATTRS_ULONG_LEN)
		if (attrs_decode_ulong(list + at) == type)
			return true;
	return false;
}

static CK_RV check(const struct object *object, CK_ATTRIBUTE_TYPE use, const struct mechanism *mechanism,
	struct op_key *key)
{
	const uint8_t *modulus;

	if (object->policy->class != wanted_class[key->direction])
		return CKR_KEY_TYPE_INCONSISTENT;
	if (!attrs_bool(&object->attrs, use))
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	if (!mechanism_allowed(object, mechanism->type))
		return CKR_MECHANISM_INVALID;
	if (!attrs_get(&object->attrs, CKA_MODULUS, &modulus, &key->size)
		|| key->size < PKCS1_OVERHEAD + mechanism->prefix_len + mechanism->digest_len)
		return CKR_KEY_SIZE_RANGE;
	return CKR_OK;
}

static CK_RV open_private(struct token *token, struct object *object, CK_ATTRIBUTE_TYPE use,
	struct op_key *key)
{
	struct tspi_key_info info;
	const uint8_t *blob;
	size_t len;

	/* A key that was made to sign only stays so, whatever its attributes came to say. */
	if (use != CKA_SIGN && attrs_get(&object->attrs, ATTR_KEY_BLOB, &blob, &len)
		&& tspi_blob_info(blob, len, &info) && info.usage == TSPI_SIGNING)
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	return objects_key(token, object, &key->private);
}

static CK_RV open_public(const struct object *object, struct op_key *key)
{
	const uint8_t *modulus, *exponent;
	size_t modulus_len, exponent_len;

	if (!attrs_get(&object->attrs, CKA_MODULUS, &modulus, &modulus_len)
		|| !attrs_get(&object->attrs, CKA_PUBLIC_EXPONENT, &exponent, &exponent_len))
		return CKR_KEY_TYPE_INCONSISTENT;
	key->public = crypto_rsa_public(modulus, modulus_len, exponent, exponent_len);
	return key->public != NULL ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV op_key_open(struct token *token, CK_OBJECT_HANDLE handle, enum direction direction,
	CK_ATTRIBUTE_TYPE use, const struct mechanism *mechanism, struct op_key *key)
{
	struct object *object = NULL;
	CK_RV rv;

	memset(key, 0, sizeof *key);
	key->direction = direction;
	key->login = token_login_number(token);
	rv = objects_get(token, handle, &object);
	if (rv == CKR_OBJECT_HANDLE_INVALID)
		rv = CKR_KEY_HANDLE_INVALID;
	if (rv == CKR_OK)
		rv = check(object, use, mechanism, key);
	if (rv == CKR_OK) {
		key->needs_login = object->is_private;
		rv = direction == PRIVATE_HALF ? open_private(token, object, use, key)
			: open_public(object, key);
	}
	object_free(&object);
	return rv;
}

bool op_key_lost(struct token *token, const struct op_key *key)
{
	return key->needs_login && key->login != token_login_number(token);
}

void op_key_close(struct op_key *key)
{
	tspi_key_free(&key->private);
	EVP_PKEY_free(key->public);
	memset(key, 0, sizeof *key);
}

CK_RV op_key_code(CK_RV rv)
{
	return rv == CKR_TOKEN_NOT_RECOGNIZED ? CKR_DEVICE_ERROR : rv;
}
