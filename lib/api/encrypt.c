/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 v2.40 base specification, 5.8: encryption functions. RSA_PKCS is single-part: no updates. */
#include "api/call.h"

CK_RV C_EncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
	struct call call;
	CK_RV rv = call_begin_objects(&call, __func__, session, mechanism != NULL);

	if (rv == CKR_OK)
		rv = cipher_init(call.session, PUBLIC_HALF, mechanism, key);
	return call_end(&call, rv);
}

CK_RV C_Encrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
	CK_BYTE_PTR encrypted, CK_ULONG_PTR encrypted_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = cipher(call.session, PUBLIC_HALF, data, data_len,
			(struct output){ encrypted, encrypted_len });
	return call_end(&call, rv);
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len,
	CK_BYTE_PTR encrypted, CK_ULONG_PTR encrypted_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	(void)part, (void)part_len, (void)encrypted, (void)encrypted_len;
	return call_end(&call, rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv);
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR encrypted, CK_ULONG_PTR encrypted_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	(void)encrypted, (void)encrypted_len;
	return call_end(&call, rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv);
}
