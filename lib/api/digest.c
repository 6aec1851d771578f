/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 v2.40 base specification, 5.10: message digesting functions. */
#include "api/call.h"

CK_RV C_DigestInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism)
{
	struct call call;
	CK_RV rv = call_begin_bare(&call, __func__, session);

	if (rv == CKR_OK && mechanism == NULL)
		rv = CKR_ARGUMENTS_BAD;
	if (rv == CKR_OK)
		rv = token_check_expired(call.token);
	if (rv == CKR_OK)
		rv = digest_init(call.session, mechanism);
	return call_end(&call, rv);
}

CK_RV C_Digest(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
	CK_BYTE_PTR digest_value, CK_ULONG_PTR digest_value_len)
{
	struct call call;
	CK_RV rv = call_begin_bare(&call, __func__, session);

	if (rv == CKR_OK)
		rv = digest(call.session, data, data_len, (struct output){ digest_value, digest_value_len });
	return call_end(&call, rv);
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len)
{
	struct call call;
	CK_RV rv = call_begin_bare(&call, __func__, session);

	if (rv == CKR_OK)
		rv = digest_update(call.session, part, part_len);
	return call_end(&call, rv);
}

CK_RV C_DigestKey(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = digest_key(call.session, key);
	return call_end(&call, rv);
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR digest_value,
	CK_ULONG_PTR digest_value_len)
{
	struct call call;
	CK_RV rv = call_begin_bare(&call, __func__, session);

	if (rv == CKR_OK)
		rv = digest_final(call.session, (struct output){ digest_value, digest_value_len });
	return call_end(&call, rv);
}
