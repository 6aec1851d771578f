/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 v2.40 base specification, 5.11: signing and MACing functions. */
#include "api/call.h"

CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
	struct call call;
	CK_RV rv = call_begin_objects(&call, __func__, session, mechanism != NULL);

	if (rv == CKR_OK)
		rv = signature_init(call.session, SIGN, mechanism, key);
	return call_end(&call, rv);
}

CK_RV C_Sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
	CK_BYTE_PTR signature, CK_ULONG_PTR signature_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = sign(call.session, SIGN, data, data_len, (struct output){ signature, signature_len });
	return call_end(&call, rv);
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = signature_update(call.session, SIGN, part, part_len);
	return call_end(&call, rv);
}

CK_RV C_SignFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR signature, CK_ULONG_PTR signature_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = sign_final(call.session, (struct output){ signature, signature_len });
	return call_end(&call, rv);
}

CK_RV C_SignRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
	struct call call;
	CK_RV rv = call_begin_objects(&call, __func__, session, mechanism != NULL);

	if (rv == CKR_OK)
		rv = signature_init(call.session, SIGN_RECOVER, mechanism, key);
	return call_end(&call, rv);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
	CK_BYTE_PTR signature, CK_ULONG_PTR signature_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = sign(call.session, SIGN_RECOVER, data, data_len,
			(struct output){ signature, signature_len });
	return call_end(&call, rv);
}
