/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 v2.40 base specification, 5.14: key management functions. */
#include "api/call.h"
#include "policy/template.h"

CK_RV C_GenerateKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR template,
	CK_ULONG count, CK_OBJECT_HANDLE_PTR key)
{
	struct call call;
	const struct mechanism *found;
	CK_RV rv = call_begin_objects(&call, __func__, session,
		mechanism != NULL && key != NULL && template_pointers(template, count));

	if (rv == CKR_OK)
		rv = mechanism_check(mechanism, CKF_GENERATE, &found, NULL);
	if (rv == CKR_OK)
		rv = secret_generate(call.token, &call.session->actor, template, count, key);
	return call_end(&call, rv);
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
	CK_ATTRIBUTE_PTR public_template, CK_ULONG public_count,
	CK_ATTRIBUTE_PTR private_template, CK_ULONG private_count,
	CK_OBJECT_HANDLE_PTR public_key, CK_OBJECT_HANDLE_PTR private_key)
{
	struct call call;
	const struct mechanism *found;
	CK_RV rv = call_begin_objects(&call, __func__, session, mechanism != NULL && public_key != NULL
		&& private_key != NULL && template_pointers(public_template, public_count)
		&& template_pointers(private_template, private_count));

	if (rv == CKR_OK)
		rv = mechanism_check(mechanism, CKF_GENERATE_KEY_PAIR, &found, NULL);
	if (rv == CKR_OK)
		rv = keys_generate(call.token, &call.session->actor, public_template, public_count,
			private_template, private_count, public_key, private_key);
	return call_end(&call, rv);
}

CK_RV C_WrapKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE wrapping_key,
	CK_OBJECT_HANDLE key, CK_BYTE_PTR wrapped, CK_ULONG_PTR wrapped_len)
{
	struct call call;
	CK_RV rv = call_begin_objects(&call, __func__, session, mechanism != NULL && wrapped_len != NULL);

	if (rv == CKR_OK)
		rv = key_wrap(
			call.session, mechanism, wrapping_key, key, (struct output){ wrapped, wrapped_len });
	return call_end(&call, rv);
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE unwrapping_key,
	CK_BYTE_PTR wrapped, CK_ULONG wrapped_len, CK_ATTRIBUTE_PTR template, CK_ULONG count,
	CK_OBJECT_HANDLE_PTR key)
{
	struct call call;
	CK_RV rv = call_begin_objects(&call, __func__, session, mechanism != NULL && wrapped != NULL
		&& key != NULL && template_pointers(template, count));

	if (rv == CKR_OK)
		rv = key_unwrap(
			call.session, mechanism, unwrapping_key, wrapped, wrapped_len, template, count, key);
	return call_end(&call, rv);
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE base_key,
	CK_ATTRIBUTE_PTR template, CK_ULONG count, CK_OBJECT_HANDLE_PTR key)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	(void)mechanism, (void)base_key, (void)template, (void)count, (void)key;
	return call_end(&call, rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv);
}
