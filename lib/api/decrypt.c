/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 v2.40 base specification, 5.9: decryption functions. RSA_PKCS is single-part: no updates. */
#include "api/call.h"

CK_RV C_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
	struct call call;
	CK_RV rv = call_begin_objects(&call, __func__, session, mechanism != NULL);

	if (rv == CKR_OK)
		rv = cipher_init(call.session, PRIVATE_HALF, mechanism, key);
	return call_end(&call, rv);
}

CK_RV C_Decrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR encrypted, CK_ULONG encrypted_len,
	CK_BYTE_PTR data, CK_ULONG_PTR data_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = cipher(call.session, PRIVATE_HALF, encrypted, encrypted_len,
			(struct output){ data, data_len });
	return call_end(&call, rv);
}

CK_RV C_DecryptUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len,
	CK_BYTE_PTR data, CK_ULONG_PTR data_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	(void)part, (void)part_len, (void)data, (void)data_len;
	return call_end(&call, rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv);
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG_PTR data_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	(void)data, (void)data_len;
	return call_end(&call, rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv);
}
