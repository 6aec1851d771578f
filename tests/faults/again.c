/* SPDX-License-Identifier: BSD-2-Clause */
/* Each function of the module, called until nothing fails in it. */
#include "again.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "codes.h"
#include "replay.h"
#include "plan.h"

/* What may come of a fault. Any other code says something of the caller's doing, or of the token, and
   the caller has to see it. */
static const CK_RV of_faults[] = { CKR_HOST_MEMORY, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_GENERAL_ERROR,
	CKR_FUNCTION_FAILED, CKR_TOKEN_WRITE_PROTECTED, CKR_CANT_LOCK };

static CK_FUNCTION_LIST *module;

struct attempt {
	const char *function;
	struct replay *replay; /* what the call goes on with */
	CK_ULONG *length, length_before;
	bool again;
};

static struct attempt attempt_begin(const char *function, CK_ULONG *length)
{
	struct attempt a = { .function = function, .length = length };

	if (length != NULL)
		a.length_before = *length;
	plan_arm(function);
	return a;
}

static bool is_of_fault(CK_RV rv)
{
	for (size_t i = 0; i < sizeof of_faults / sizeof *of_faults; i++)
		if (rv == of_faults[i])
			return true;
	return false;
}

/* True: nothing has come about, and the call is to be made once more. */
static bool attempt_failed(struct attempt *a, CK_RV rv)
{
	const char *hit = a->again ? NULL : plan_disarm();

	if (hit == NULL)
		return false;
	printf("# %s: %s failed: 0x%lx\n", a->function, hit, rv);
	if (!codes_listed(a->function, rv)) {
		printf("# and the standard does not list that code\n");
		abort();
	}
	if (!is_of_fault(rv))
		return false;
	a->again = true;
	if (a->length != NULL)
		*a->length = a->length_before;
	if (a->replay != NULL)
		replay_again(a->replay, module);
	return true;
}

#define TRY(function, length, call)                                                                          \
	struct attempt a = attempt_begin(#function, length);                                                 \
	CK_RV rv;                                                                                            \
	do                                                                                                   \
		rv = module->function call;                                                                  \
	while (attempt_failed(&a, rv));

/* A call that begins, or goes on with, an operation; without one, nothing fails. */
#define TRY_OPERATION(function, kind, length, call)                                                          \
	struct replay *replay = replay_of(session, kind);                                                    \
	struct attempt a = { .again = true };                                                                \
	CK_RV rv;                                                                                            \
	if (replay != NULL) {                                                                                \
		a = attempt_begin(#function, length);                                                        \
		a.replay = replay;                                                                           \
	}                                                                                                    \
	do                                                                                                   \
		rv = module->function call;                                                                  \
	while (attempt_failed(&a, rv));

#define PLAIN(function, parameters, call)                                                                    \
	static CK_RV again_##function parameters                                                             \
	{                                                                                                    \
		TRY(function, NULL, call)                                                                    \
		return rv;                                                                                   \
	}

#define WITH_LENGTH(function, parameters, call, length)                                                      \
	static CK_RV again_##function parameters                                                             \
	{                                                                                                    \
		TRY(function, length, call)                                                                  \
		return rv;                                                                                   \
	}

/* After which no operation of a session can be told to be under way. */
#define ENDS_ALL(function, session, parameters, call)                                                        \
	static CK_RV again_##function parameters                                                             \
	{                                                                                                    \
		TRY(function, NULL, call)                                                                    \
		replays_end(session);                                                                        \
		return rv;                                                                                   \
	}

#define BEGINS(function, kind)                                                                               \
	static CK_RV again_##function(                                                                       \
		CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)                 \
	{                                                                                                    \
		TRY(function, NULL, (session, mechanism, key))                                               \
		if (rv == CKR_OK)                                                                            \
			replay_begin(session, kind, mechanism, key);                                         \
		return rv;                                                                                   \
	}

#define GOES_ON(function, kind)                                                                              \
	static CK_RV again_##function(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len)        \
	{                                                                                                    \
		TRY_OPERATION(function, kind, NULL, (session, part, part_len))                               \
		replay_went_on(replay, rv, part, part_len);                                                  \
		return rv;                                                                                   \
	}

#define ENDS(function, kind, parameters, call, uses, length)                                                 \
	static CK_RV again_##function parameters                                                             \
	{                                                                                                    \
		TRY_OPERATION(function, kind, length, call)                                                  \
		if (rv != CKR_BUFFER_TOO_SMALL && (rv != CKR_OK || (uses)))                                  \
			replay_end(replay);                                                                  \
		return rv;                                                                                   \
	}

#define ENDS_ONE_SHOT(function, kind)                                                                        \
	ENDS(function, kind,                                                                                 \
		(CK_SESSION_HANDLE session, CK_BYTE_PTR p, CK_ULONG n, CK_BYTE_PTR out,                      \
			CK_ULONG_PTR out_len),                                                               \
		(session, p, n, out, out_len), out != NULL, out_len)

#define ENDS_FINAL(function, kind)                                                                           \
	ENDS(function, kind, (CK_SESSION_HANDLE session, CK_BYTE_PTR out, CK_ULONG_PTR out_len),             \
		(session, out, out_len), out != NULL, out_len)

ENDS_ALL(C_Initialize, CK_INVALID_HANDLE, (CK_VOID_PTR arguments), (arguments))
ENDS_ALL(C_Finalize, CK_INVALID_HANDLE, (CK_VOID_PTR reserved), (reserved))
PLAIN(C_GetInfo, (CK_INFO_PTR info), (info))
WITH_LENGTH(C_GetSlotList, (CK_BBOOL present, CK_SLOT_ID_PTR list, CK_ULONG_PTR count),
	(present, list, count), count)
PLAIN(C_GetSlotInfo, (CK_SLOT_ID slot, CK_SLOT_INFO_PTR info), (slot, info))
PLAIN(C_GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info), (slot, info))
WITH_LENGTH(C_GetMechanismList, (CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count),
	(slot, list, count), count)
PLAIN(C_GetMechanismInfo, (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info),
	(slot, type, info))
ENDS_ALL(C_InitToken, CK_INVALID_HANDLE,
	(CK_SLOT_ID slot, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len, CK_UTF8CHAR_PTR label),
	(slot, pin, pin_len, label))
PLAIN(C_InitPIN, (CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len), (session, pin, pin_len))
PLAIN(C_SetPIN,
	(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR old, CK_ULONG old_len, CK_UTF8CHAR_PTR new,
		CK_ULONG new_len),
	(session, old, old_len, new, new_len))
PLAIN(C_OpenSession,
	(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
		CK_SESSION_HANDLE_PTR session),
	(slot, flags, application, notify, session))
ENDS_ALL(C_CloseSession, session, (CK_SESSION_HANDLE session), (session))
ENDS_ALL(C_CloseAllSessions, CK_INVALID_HANDLE, (CK_SLOT_ID slot), (slot))
PLAIN(C_GetSessionInfo, (CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info), (session, info))
WITH_LENGTH(C_GetOperationState, (CK_SESSION_HANDLE session, CK_BYTE_PTR state, CK_ULONG_PTR state_len),
	(session, state, state_len), state_len)
ENDS_ALL(C_SetOperationState, session,
	(CK_SESSION_HANDLE session, CK_BYTE_PTR state, CK_ULONG state_len, CK_OBJECT_HANDLE encryption,
		CK_OBJECT_HANDLE authentication),
	(session, state, state_len, encryption, authentication))
ENDS_ALL(C_Login, CK_INVALID_HANDLE,
	(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len),
	(session, user, pin, pin_len))
ENDS_ALL(C_Logout, CK_INVALID_HANDLE, (CK_SESSION_HANDLE session), (session))

PLAIN(C_CreateObject,
	(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count, CK_OBJECT_HANDLE_PTR object),
	(session, template, count, object))
PLAIN(C_CopyObject,
	(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR template, CK_ULONG count,
		CK_OBJECT_HANDLE_PTR copy),
	(session, object, template, count, copy))
PLAIN(C_DestroyObject, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object), (session, object))
PLAIN(C_GetObjectSize, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ULONG_PTR size),
	(session, object, size))
PLAIN(C_SetAttributeValue,
	(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR template, CK_ULONG count),
	(session, object, template, count))
PLAIN(C_FindObjectsInit, (CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count),
	(session, template, count))
PLAIN(C_FindObjects,
	(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR found, CK_ULONG room, CK_ULONG_PTR count),
	(session, found, room, count))
PLAIN(C_FindObjectsFinal, (CK_SESSION_HANDLE session), (session))

BEGINS(C_EncryptInit, ENCRYPT)
ENDS_ONE_SHOT(C_Encrypt, ENCRYPT)
BEGINS(C_DecryptInit, DECRYPT)
ENDS_ONE_SHOT(C_Decrypt, DECRYPT)
GOES_ON(C_DigestUpdate, DIGEST)
ENDS_ONE_SHOT(C_Digest, DIGEST)
ENDS_FINAL(C_DigestFinal, DIGEST)
BEGINS(C_SignInit, SIGN)
ENDS_ONE_SHOT(C_Sign, SIGN)
GOES_ON(C_SignUpdate, SIGN)
ENDS_FINAL(C_SignFinal, SIGN)
BEGINS(C_SignRecoverInit, SIGN_RECOVER)
ENDS_ONE_SHOT(C_SignRecover, SIGN_RECOVER)
BEGINS(C_VerifyInit, VERIFY)
GOES_ON(C_VerifyUpdate, VERIFY)
ENDS(C_Verify, VERIFY,
	(CK_SESSION_HANDLE session, CK_BYTE_PTR p, CK_ULONG n, CK_BYTE_PTR signature, CK_ULONG signature_len),
	(session, p, n, signature, signature_len), true, NULL)
ENDS(C_VerifyFinal, VERIFY, (CK_SESSION_HANDLE session, CK_BYTE_PTR signature, CK_ULONG signature_len),
	(session, signature, signature_len), true, NULL)
BEGINS(C_VerifyRecoverInit, VERIFY_RECOVER)
ENDS_ONE_SHOT(C_VerifyRecover, VERIFY_RECOVER)

static CK_RV again_C_DigestInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism)
{
	TRY(C_DigestInit, NULL, (session, mechanism))
	if (rv == CKR_OK)
		replay_begin(session, DIGEST, mechanism, CK_INVALID_HANDLE);
	return rv;
}

/* What was digested of a key cannot be told again. */
static CK_RV again_C_DigestKey(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	TRY_OPERATION(C_DigestKey, DIGEST, NULL, (session, key))
	replay_end(replay);
	return rv;
}

PLAIN(C_GenerateKey,
	(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR template, CK_ULONG count,
		CK_OBJECT_HANDLE_PTR key),
	(session, mechanism, template, count, key))
PLAIN(C_GenerateKeyPair,
	(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR public,
		CK_ULONG public_count, CK_ATTRIBUTE_PTR private, CK_ULONG private_count,
		CK_OBJECT_HANDLE_PTR public_key, CK_OBJECT_HANDLE_PTR private_key),
	(session, mechanism, public, public_count, private, private_count, public_key, private_key))
WITH_LENGTH(C_WrapKey,
	(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE wrapping,
		CK_OBJECT_HANDLE key, CK_BYTE_PTR wrapped, CK_ULONG_PTR wrapped_len),
	(session, mechanism, wrapping, key, wrapped, wrapped_len), wrapped_len)
PLAIN(C_UnwrapKey,
	(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE unwrapping,
		CK_BYTE_PTR wrapped, CK_ULONG wrapped_len, CK_ATTRIBUTE_PTR template, CK_ULONG count,
		CK_OBJECT_HANDLE_PTR key),
	(session, mechanism, unwrapping, wrapped, wrapped_len, template, count, key))
PLAIN(C_SeedRandom, (CK_SESSION_HANDLE session, CK_BYTE_PTR seed, CK_ULONG n), (session, seed, n))
PLAIN(C_GenerateRandom, (CK_SESSION_HANDLE session, CK_BYTE_PTR out, CK_ULONG n), (session, out, n))

/* The lengths of a template go in and come out. */
static CK_RV again_C_GetAttributeValue(
	CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR template, CK_ULONG count)
{
	struct attempt a;
	CK_ULONG *lengths = template != NULL && count != 0 ? malloc(count * sizeof *lengths) : NULL;
	CK_RV rv;

	if (lengths != NULL)
		for (CK_ULONG i = 0; i < count; i++)
			lengths[i] = template[i].ulValueLen;
	a = attempt_begin("C_GetAttributeValue", NULL);
	rv = module->C_GetAttributeValue(session, object, template, count);
	if (attempt_failed(&a, rv)) {
		if (lengths != NULL)
			for (CK_ULONG i = 0; i < count; i++)
				template[i].ulValueLen = lengths[i];
		rv = module->C_GetAttributeValue(session, object, template, count);
	}
	free(lengths);
	return rv;
}

#define SET(function) list.function = again_##function

CK_FUNCTION_LIST *faults_list(CK_FUNCTION_LIST *real)
{
	static CK_FUNCTION_LIST list;

	module = real;
	list = *real;
	SET(C_Initialize), SET(C_Finalize), SET(C_GetInfo);
	SET(C_GetSlotList), SET(C_GetSlotInfo), SET(C_GetTokenInfo), SET(C_GetMechanismList),
		SET(C_GetMechanismInfo);
	SET(C_InitToken), SET(C_InitPIN), SET(C_SetPIN);
	SET(C_OpenSession), SET(C_CloseSession), SET(C_CloseAllSessions), SET(C_GetSessionInfo);
	SET(C_GetOperationState), SET(C_SetOperationState), SET(C_Login), SET(C_Logout);
	SET(C_CreateObject), SET(C_CopyObject), SET(C_DestroyObject), SET(C_GetObjectSize);
	SET(C_GetAttributeValue), SET(C_SetAttributeValue);
	SET(C_FindObjectsInit), SET(C_FindObjects), SET(C_FindObjectsFinal);
	SET(C_EncryptInit), SET(C_Encrypt), SET(C_DecryptInit), SET(C_Decrypt);
	SET(C_DigestInit), SET(C_Digest), SET(C_DigestUpdate), SET(C_DigestKey), SET(C_DigestFinal);
	SET(C_SignInit), SET(C_Sign), SET(C_SignUpdate), SET(C_SignFinal), SET(C_SignRecoverInit),
		SET(C_SignRecover);
	SET(C_VerifyInit), SET(C_Verify), SET(C_VerifyUpdate), SET(C_VerifyFinal);
	SET(C_VerifyRecoverInit), SET(C_VerifyRecover);
	SET(C_GenerateKey), SET(C_GenerateKeyPair), SET(C_WrapKey), SET(C_UnwrapKey);
	SET(C_SeedRandom), SET(C_GenerateRandom);
	return &list;
}
