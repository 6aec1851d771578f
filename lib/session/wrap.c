/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/operations.h"

#include "policy/attrs.h"
#include "policy/template.h"
#include "token/keys.h"

/* May this key leave the token, and under that one? Keys in the chip never do. */
static CK_RV may_wrap(struct token *token, const struct object *key, CK_OBJECT_HANDLE wrapping_key)
{
	struct object *by = NULL;
	CK_RV rv;

	if (class_rule(key->policy, CKA_KEY_TYPE) == NULL)
		return CKR_KEY_HANDLE_INVALID;
	if (key->policy->class != CKO_SECRET_KEY)
		return CKR_KEY_NOT_WRAPPABLE;
	if (!attrs_bool(&key->attrs, CKA_EXTRACTABLE))
		return CKR_KEY_UNEXTRACTABLE;
	if (!attrs_bool(&key->attrs, CKA_WRAP_WITH_TRUSTED))
		return CKR_OK;
	rv = objects_get(token, wrapping_key, &by);
	if (rv == CKR_OK && !attrs_bool(&by->attrs, CKA_TRUSTED))
		rv = CKR_KEY_NOT_WRAPPABLE;
	object_free(&by);
	return rv;
}

/* Codes of keys and of encryption, as C_WrapKey and C_UnwrapKey call them. */
static CK_RV wrapping_code(CK_RV rv)
{
	static const CK_RV codes[][2] = {
		{ CKR_KEY_HANDLE_INVALID, CKR_WRAPPING_KEY_HANDLE_INVALID },
		{ CKR_KEY_TYPE_INCONSISTENT, CKR_WRAPPING_KEY_TYPE_INCONSISTENT },
		{ CKR_KEY_SIZE_RANGE, CKR_WRAPPING_KEY_SIZE_RANGE },
		{ CKR_DATA_LEN_RANGE, CKR_KEY_SIZE_RANGE },
	};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (codes[i][0] == rv)
			return codes[i][1];
	return rv;
}

static CK_RV unwrapping_code(CK_RV rv)
{
	static const CK_RV codes[][2] = {
		{ CKR_KEY_HANDLE_INVALID, CKR_UNWRAPPING_KEY_HANDLE_INVALID },
		{ CKR_KEY_TYPE_INCONSISTENT, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT },
		{ CKR_KEY_SIZE_RANGE, CKR_UNWRAPPING_KEY_SIZE_RANGE },
		{ CKR_ENCRYPTED_DATA_INVALID, CKR_WRAPPED_KEY_INVALID },
		{ CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_WRAPPED_KEY_LEN_RANGE },
	};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (codes[i][0] == rv)
			return codes[i][1];
	return rv;
}

CK_RV key_wrap(struct session *session, const CK_MECHANISM *wanted, CK_OBJECT_HANDLE wrapping_key,
	CK_OBJECT_HANDLE handle, struct output out)
{
	const struct mechanism *mechanism;
	struct object *key = NULL;
	struct op_key by = { 0 };
	struct buf wrapped = BUF_INIT;
	const uint8_t *value;
	size_t len;
	CK_RV rv;

	if ((rv = mechanism_check(wanted, CKF_WRAP, &mechanism, NULL)) != CKR_OK)
		return rv;
	rv = wrapping_code(op_key_open(session->token, wrapping_key, PUBLIC_HALF, CKA_WRAP, mechanism, &by));
	if (rv == CKR_OK && (rv = objects_get(session->token, handle, &key)) == CKR_OBJECT_HANDLE_INVALID)
		rv = CKR_KEY_HANDLE_INVALID;
	if (rv == CKR_OK)
		rv = may_wrap(session->token, key, wrapping_key);
	if (rv == CKR_OK && !output_asks(&out, by.size, &rv)) {
		if (!attrs_get(&key->attrs, CKA_VALUE, &value, &len))
			rv = CKR_KEY_NOT_WRAPPABLE;
		else if ((rv = wrapping_code(op_key_encrypt(&by, value, len, &wrapped))) == CKR_OK)
			output_give(&out, wrapped.data, wrapped.len);
	}
	op_key_close(&by);
	object_free(&key);
	buf_free(&wrapped);
	return rv;
}

CK_RV key_unwrap(struct session *session, const CK_MECHANISM *wanted, CK_OBJECT_HANDLE unwrapping_key,
	const CK_BYTE *wrapped, CK_ULONG wrapped_len, const CK_ATTRIBUTE *template, CK_ULONG count,
	CK_OBJECT_HANDLE *key)
{
	const struct mechanism *mechanism;
	struct op_key by = { 0 };
	struct buf value = { .secret = true };
	CK_RV rv;

	if ((rv = mechanism_check(wanted, CKF_UNWRAP, &mechanism, NULL)) != CKR_OK
		|| (rv = secret_check_template(session->token, &session->actor, template, count)) != CKR_OK)
		return rv;
	rv = op_key_open(session->token, unwrapping_key, PRIVATE_HALF, CKA_UNWRAP, mechanism, &by);
	if (rv == CKR_OK)
		rv = op_key_decrypt(&by, wrapped, wrapped_len, &value);
	rv = unwrapping_code(rv);
	if (rv == CKR_OK)
		rv = secret_unwrap(session->token, &session->actor, template, count, &value, key);
	op_key_close(&by);
	buf_free(&value);
	return rv;
}
