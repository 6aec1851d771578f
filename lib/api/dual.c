/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 v2.40 base specification, 5.13: dual-function cryptographic functions. No mechanism of a
   TPM 1.2 has parts to combine. */
#include "api/call.h"

CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len,
	CK_BYTE_PTR encrypted, CK_ULONG_PTR encrypted_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	(void)part, (void)part_len, (void)encrypted, (void)encrypted_len;
	return call_end(&call, rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv);
}

CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len,
	CK_BYTE_PTR data, CK_ULONG_PTR data_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	(void)part, (void)part_len, (void)data, (void)data_len;
	return call_end(&call, rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv);
}

CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len,
	CK_BYTE_PTR encrypted, CK_ULONG_PTR encrypted_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	(void)part, (void)part_len, (void)encrypted, (void)encrypted_len;
	return call_end(&call, rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv);
}

CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len,
	CK_BYTE_PTR data, CK_ULONG_PTR data_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	(void)part, (void)part_len, (void)data, (void)data_len;
	return call_end(&call, rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv);
}
