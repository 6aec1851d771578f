/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 v2.40 base specification, 5.12: functions for verifying signatures and MACs. */
#include "api/call.h"

CK_RV C_VerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
	struct call call;
	CK_RV rv = call_begin_objects(&call, __func__, session, mechanism != NULL);

	if (rv == CKR_OK)
		rv = signature_init(call.session, VERIFY, mechanism, key);
	return call_end(&call, rv);
}

CK_RV C_Verify(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
	CK_BYTE_PTR signature, CK_ULONG signature_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = verify(call.session, data, data_len, signature, signature_len);
	return call_end(&call, rv);
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = signature_update(call.session, VERIFY, part, part_len);
	return call_end(&call, rv);
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR signature, CK_ULONG signature_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = verify_final(call.session, signature, signature_len);
	return call_end(&call, rv);
}

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
	CK_OBJECT_HANDLE key)
{
	struct call call;
	CK_RV rv = call_begin_objects(&call, __func__, session, mechanism != NULL);

	if (rv == CKR_OK)
		rv = signature_init(call.session, VERIFY_RECOVER, mechanism, key);
	return call_end(&call, rv);
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE session, CK_BYTE_PTR signature, CK_ULONG signature_len,
	CK_BYTE_PTR data, CK_ULONG_PTR data_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = verify_recover(
			call.session, signature, signature_len, (struct output){ data, data_len });
	return call_end(&call, rv);
}
