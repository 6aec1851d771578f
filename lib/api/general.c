/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 v2.40 base specification, 5.4: general-purpose functions. */
#include <string.h>

#include "api/call.h"
#include "config.h"
#include "util/padded.h"

static CK_FUNCTION_LIST function_list = {
	{ CRYPTOKI_VERSION_MAJOR, CRYPTOKI_VERSION_MINOR },
	C_Initialize, C_Finalize, C_GetInfo, C_GetFunctionList,
	C_GetSlotList, C_GetSlotInfo, C_GetTokenInfo, C_GetMechanismList, C_GetMechanismInfo,
	C_InitToken, C_InitPIN, C_SetPIN,
	C_OpenSession, C_CloseSession, C_CloseAllSessions, C_GetSessionInfo,
	C_GetOperationState, C_SetOperationState, C_Login, C_Logout,
	C_CreateObject, C_CopyObject, C_DestroyObject, C_GetObjectSize, C_GetAttributeValue,
	C_SetAttributeValue, C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal,
	C_EncryptInit, C_Encrypt, C_EncryptUpdate, C_EncryptFinal,
	C_DecryptInit, C_Decrypt, C_DecryptUpdate, C_DecryptFinal,
	C_DigestInit, C_Digest, C_DigestUpdate, C_DigestKey, C_DigestFinal,
	C_SignInit, C_Sign, C_SignUpdate, C_SignFinal, C_SignRecoverInit, C_SignRecover,
	C_VerifyInit, C_Verify, C_VerifyUpdate, C_VerifyFinal, C_VerifyRecoverInit, C_VerifyRecover,
	C_DigestEncryptUpdate, C_DecryptDigestUpdate, C_SignEncryptUpdate, C_DecryptVerifyUpdate,
	C_GenerateKey, C_GenerateKeyPair, C_WrapKey, C_UnwrapKey, C_DeriveKey,
	C_SeedRandom, C_GenerateRandom, C_GetFunctionStatus, C_CancelFunction, C_WaitForSlotEvent,
};

/* The library locks with the system's own primitives, or not at all. */
static CK_RV arguments_check(const CK_C_INITIALIZE_ARGS *args)
{
	int callbacks;

	if (args == NULL)
		return CKR_OK;
	callbacks = (args->CreateMutex != NULL) + (args->DestroyMutex != NULL)
		+ (args->LockMutex != NULL) + (args->UnlockMutex != NULL);
	if (args->pReserved != NULL || (callbacks != 0 && callbacks != 4))
		return CKR_ARGUMENTS_BAD;
	return callbacks == 4 && (args->flags & CKF_OS_LOCKING_OK) == 0 ? CKR_CANT_LOCK : CKR_OK;
}

CK_RV C_Initialize(CK_VOID_PTR args)
{
	const CK_C_INITIALIZE_ARGS *given = args;
	CK_RV rv = arguments_check(given);

	return rv == CKR_OK ? library_start(given == NULL
		|| (given->flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS) == 0) : rv;
}

CK_RV C_Finalize(CK_VOID_PTR reserved)
{
	return reserved == NULL ? library_stop() : CKR_ARGUMENTS_BAD;
}

CK_RV C_GetInfo(CK_INFO_PTR info)
{
	struct call call;
	CK_RV rv = call_begin(&call, __func__);

	if (rv == CKR_OK && info == NULL)
		rv = CKR_ARGUMENTS_BAD;
	if (rv == CKR_OK) {
		memset(info, 0, sizeof *info);
		info->cryptokiVersion.major = CRYPTOKI_VERSION_MAJOR;
		info->cryptokiVersion.minor = CRYPTOKI_VERSION_MINOR;
		PADDED(info->manufacturerID, "pkcs11_tpm");
		PADDED(info->libraryDescription, "PKCS#11 for TPM 1.2");
		info->libraryVersion.major = VERSION_MAJOR;
		info->libraryVersion.minor = VERSION_MINOR;
	}
	return call_end(&call, rv);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
	if (list == NULL)
		return CKR_ARGUMENTS_BAD;
	*list = &function_list;
	return CKR_OK;
}
