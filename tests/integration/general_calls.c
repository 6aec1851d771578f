/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions themselves: what is exported, what each says before C_Initialize, sessions. */
#define _GNU_SOURCE
#include "p11.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTED(function) { #function, offsetof(CK_FUNCTION_LIST, function) }

/* Those of version 2.40, in the order of its list. */
static const struct {
	const char *name;
	size_t offset;
} functions[] = {
	LISTED(C_Initialize),
	LISTED(C_Finalize),
	LISTED(C_GetInfo),
	LISTED(C_GetFunctionList),
	LISTED(C_GetSlotList),
	LISTED(C_GetSlotInfo),
	LISTED(C_GetTokenInfo),
	LISTED(C_GetMechanismList),
	LISTED(C_GetMechanismInfo),
	LISTED(C_InitToken),
	LISTED(C_InitPIN),
	LISTED(C_SetPIN),
	LISTED(C_OpenSession),
	LISTED(C_CloseSession),
	LISTED(C_CloseAllSessions),
	LISTED(C_GetSessionInfo),
	LISTED(C_GetOperationState),
	LISTED(C_SetOperationState),
	LISTED(C_Login),
	LISTED(C_Logout),
	LISTED(C_CreateObject),
	LISTED(C_CopyObject),
	LISTED(C_DestroyObject),
	LISTED(C_GetObjectSize),
	LISTED(C_GetAttributeValue),
	LISTED(C_SetAttributeValue),
	LISTED(C_FindObjectsInit),
	LISTED(C_FindObjects),
	LISTED(C_FindObjectsFinal),
	LISTED(C_EncryptInit),
	LISTED(C_Encrypt),
	LISTED(C_EncryptUpdate),
	LISTED(C_EncryptFinal),
	LISTED(C_DecryptInit),
	LISTED(C_Decrypt),
	LISTED(C_DecryptUpdate),
	LISTED(C_DecryptFinal),
	LISTED(C_DigestInit),
	LISTED(C_Digest),
	LISTED(C_DigestUpdate),
	LISTED(C_DigestKey),
	LISTED(C_DigestFinal),
	LISTED(C_SignInit),
	LISTED(C_Sign),
	LISTED(C_SignUpdate),
	LISTED(C_SignFinal),
	LISTED(C_SignRecoverInit),
	LISTED(C_SignRecover),
	LISTED(C_VerifyInit),
	LISTED(C_Verify),
	LISTED(C_VerifyUpdate),
	LISTED(C_VerifyFinal),
	LISTED(C_VerifyRecoverInit),
	LISTED(C_VerifyRecover),
	LISTED(C_DigestEncryptUpdate),
	LISTED(C_DecryptDigestUpdate),
	LISTED(C_SignEncryptUpdate),
	LISTED(C_DecryptVerifyUpdate),
	LISTED(C_GenerateKey),
	LISTED(C_GenerateKeyPair),
	LISTED(C_WrapKey),
	LISTED(C_UnwrapKey),
	LISTED(C_DeriveKey),
	LISTED(C_SeedRandom),
	LISTED(C_GenerateRandom),
	LISTED(C_GetFunctionStatus),
	LISTED(C_CancelFunction),
	LISTED(C_WaitForSlotEvent),
};

#define FUNCTIONS (sizeof(functions) / sizeof(*functions))

static void function_list(void)
{
	CK_FUNCTION_LIST *again = NULL;
	void *listed, *exported;
	size_t i;

	p11_fresh();
	RV_EQUAL(p11->C_GetFunctionList(&again), CKR_OK);
	CHECK(again == p11);
	RV_EQUAL(p11->C_GetFunctionList(NULL), CKR_ARGUMENTS_BAD);
	ULONG_EQUAL(p11->version.major, 2);
	ULONG_EQUAL(p11->version.minor, 40);
	ULONG_EQUAL(FUNCTIONS, 68);
	for (i = 0; i < FUNCTIONS; i++) {
		memcpy(&listed, (char *)p11 + functions[i].offset, sizeof(listed));
		exported = dlsym(p11_module, functions[i].name);
		TAP_CHECK(listed != NULL, "%s is not in the list", functions[i].name);
		TAP_CHECK(exported == listed, "%s is exported as %p and listed as %p",
			  functions[i].name, exported, listed);
	}
}

static bool is_function(const char *name)
{
	size_t i;

	for (i = 0; i < FUNCTIONS; i++)
		if (strcmp(functions[i].name, name) == 0)
			return true;
	return false;
}

/* Symbols of type A name versions, not functions. */
static void exports(void)
{
	char command[700], line[300], name[256], type;
	unsigned int count = 0;
	FILE *nm;

	if (system("nm --version >/dev/null 2>&1") != 0) {
		tap_skip("there is no nm to list the exported symbols with");
		return;
	}
	snprintf(command, sizeof(command), "nm -D --defined-only '%s'",
		 getenv("PKCS11_TPM_MODULE"));
	nm = popen(command, "r");
	MUST(nm != NULL);
	while (fgets(line, sizeof(line), nm) != NULL) {
		if (sscanf(line, "%*x %c %255[^@\n]", &type, name) != 2 || type == 'A')
			continue;
		TAP_CHECK(is_function(name), "%s is exported", name);
		count++;
	}
	ULONG_EQUAL(pclose(nm), 0);
	ULONG_EQUAL(count, FUNCTIONS);
	CHECK(dlsym(p11_module, "C_GetInterface") == NULL);
	CHECK(dlsym(p11_module, "C_GetInterfaceList") == NULL);
}

/*
 * Every function that takes a session, with nothing else: the session is looked at first. The
 * functions that are not supported say so to a good session only.
 */
static void call_objects(CK_SESSION_HANDLE s, CK_RV rv)
{
	RV_EQUAL(p11->C_CreateObject(s, NULL, 1, NULL), rv);
	RV_EQUAL(p11->C_DestroyObject(s, 0), rv);
	RV_EQUAL(p11->C_GetAttributeValue(s, 0, NULL, 1), rv);
	RV_EQUAL(p11->C_SetAttributeValue(s, 0, NULL, 1), rv);
	RV_EQUAL(p11->C_FindObjectsInit(s, NULL, 1), rv);
	RV_EQUAL(p11->C_FindObjects(s, NULL, 1, NULL), rv);
	RV_EQUAL(p11->C_FindObjectsFinal(s), rv);
	RV_EQUAL(p11->C_GenerateKeyPair(s, NULL, NULL, 1, NULL, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_SeedRandom(s, NULL, 1), rv);
	RV_EQUAL(p11->C_GenerateRandom(s, NULL, 1), rv);
	RV_EQUAL(p11->C_CopyObject(s, 0, NULL, 1, NULL), rv);
	RV_EQUAL(p11->C_GetObjectSize(s, 0, NULL), rv);
	RV_EQUAL(p11->C_GenerateKey(s, NULL, NULL, 1, NULL), rv);
	RV_EQUAL(p11->C_WrapKey(s, NULL, 0, 0, NULL, NULL), rv);
	RV_EQUAL(p11->C_UnwrapKey(s, NULL, 0, NULL, 1, NULL, 1, NULL), rv);
}

static void call_operations(CK_SESSION_HANDLE s, CK_RV rv)
{
	RV_EQUAL(p11->C_EncryptInit(s, NULL, 0), rv);
	RV_EQUAL(p11->C_Encrypt(s, NULL, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_DecryptInit(s, NULL, 0), rv);
	RV_EQUAL(p11->C_Decrypt(s, NULL, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_DigestInit(s, NULL), rv);
	RV_EQUAL(p11->C_Digest(s, NULL, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_DigestUpdate(s, NULL, 1), rv);
	RV_EQUAL(p11->C_DigestFinal(s, NULL, NULL), rv);
	RV_EQUAL(p11->C_SignInit(s, NULL, 0), rv);
	RV_EQUAL(p11->C_Sign(s, NULL, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_SignUpdate(s, NULL, 1), rv);
	RV_EQUAL(p11->C_SignFinal(s, NULL, NULL), rv);
	RV_EQUAL(p11->C_VerifyInit(s, NULL, 0), rv);
	RV_EQUAL(p11->C_Verify(s, NULL, 1, NULL, 1), rv);
	RV_EQUAL(p11->C_VerifyUpdate(s, NULL, 1), rv);
	RV_EQUAL(p11->C_VerifyFinal(s, NULL, 1), rv);
	RV_EQUAL(p11->C_GetOperationState(s, NULL, NULL), rv);
	RV_EQUAL(p11->C_SetOperationState(s, NULL, 1, 0, 0), rv);
	RV_EQUAL(p11->C_DigestKey(s, 0), rv);
	RV_EQUAL(p11->C_SignRecoverInit(s, NULL, 0), rv);
	RV_EQUAL(p11->C_SignRecover(s, NULL, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_VerifyRecoverInit(s, NULL, 0), rv);
	RV_EQUAL(p11->C_VerifyRecover(s, NULL, 1, NULL, NULL), rv);
}

static void call_session_functions(CK_SESSION_HANDLE s, CK_RV rv)
{
	RV_EQUAL(p11->C_InitPIN(s, NULL, 1), rv);
	RV_EQUAL(p11->C_SetPIN(s, NULL, 1, NULL, 1), rv);
	RV_EQUAL(p11->C_CloseSession(s), rv);
	RV_EQUAL(p11->C_GetSessionInfo(s, NULL), rv);
	RV_EQUAL(p11->C_Login(s, CKU_USER, NULL, 1), rv);
	RV_EQUAL(p11->C_Logout(s), rv);
}

static void call_unsupported(CK_SESSION_HANDLE s, CK_RV rv)
{
	RV_EQUAL(p11->C_EncryptUpdate(s, NULL, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_EncryptFinal(s, NULL, NULL), rv);
	RV_EQUAL(p11->C_DecryptUpdate(s, NULL, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_DecryptFinal(s, NULL, NULL), rv);
	RV_EQUAL(p11->C_DigestEncryptUpdate(s, NULL, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_DecryptDigestUpdate(s, NULL, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_SignEncryptUpdate(s, NULL, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_DecryptVerifyUpdate(s, NULL, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_DeriveKey(s, NULL, 0, NULL, 1, NULL), rv);
}

static void check_not_initialised(void)
{
	const CK_RV rv = CKR_CRYPTOKI_NOT_INITIALIZED;

	call_session_functions(1, rv);
	call_objects(1, rv);
	call_operations(1, rv);
	call_unsupported(1, rv);
	RV_EQUAL(p11->C_Finalize(NULL), rv);
	RV_EQUAL(p11->C_GetInfo(NULL), rv);
	RV_EQUAL(p11->C_GetSlotList(CK_TRUE, NULL, NULL), rv);
	RV_EQUAL(p11->C_GetSlotInfo(0, NULL), rv);
	RV_EQUAL(p11->C_GetTokenInfo(0, NULL), rv);
	RV_EQUAL(p11->C_GetMechanismList(0, NULL, NULL), rv);
	RV_EQUAL(p11->C_GetMechanismInfo(0, 0, NULL), rv);
	RV_EQUAL(p11->C_InitToken(0, NULL, 1, NULL), rv);
	RV_EQUAL(p11->C_OpenSession(0, 0, NULL, NULL, NULL), rv);
	RV_EQUAL(p11->C_CloseAllSessions(0), rv);
	RV_EQUAL(p11->C_WaitForSlotEvent(0, NULL, NULL), rv);
	RV_EQUAL(p11->C_GetFunctionStatus(1), rv);
	RV_EQUAL(p11->C_CancelFunction(1), rv);
}

static void not_initialised(void)
{
	p11_fresh();
	check_not_initialised();
	p11_start();
	p11_stop();
	tap_about("after C_Finalize");
	check_not_initialised();
}

static void bad_sessions(void)
{
	CK_SESSION_HANDLE closed, open;

	p11_fresh();
	p11_start();
	closed = p11_open();
	RV_EQUAL(p11->C_CloseSession(closed), CKR_OK);
	open = p11_open();
	CHECK(closed != open);
	call_session_functions(0, CKR_SESSION_HANDLE_INVALID);
	call_session_functions(closed, CKR_SESSION_HANDLE_INVALID);
	call_objects(closed, CKR_SESSION_HANDLE_INVALID);
	call_operations(closed, CKR_SESSION_HANDLE_INVALID);
	call_unsupported(closed, CKR_SESSION_HANDLE_INVALID);
	call_operations(0xffffffff, CKR_SESSION_HANDLE_INVALID);
	RV_EQUAL(p11->C_GetSessionInfo(open, NULL), CKR_ARGUMENTS_BAD);
}

static void unsupported(void)
{
	p11_fresh();
	p11_start();
	call_unsupported(p11_open(), CKR_FUNCTION_NOT_SUPPORTED);
}

static void legacy_calls(void)
{
	CK_SESSION_HANDLE session;

	p11_fresh();
	p11_start();
	session = p11_open();
	RV_EQUAL(p11->C_GetFunctionStatus(session), CKR_FUNCTION_NOT_PARALLEL);
	RV_EQUAL(p11->C_CancelFunction(session), CKR_FUNCTION_NOT_PARALLEL);
	RV_EQUAL(p11->C_GetFunctionStatus(0), CKR_FUNCTION_NOT_PARALLEL);
	RV_EQUAL(p11->C_CancelFunction(0), CKR_FUNCTION_NOT_PARALLEL);
}

/* Sessions */

static void session_states(void)
{
	CK_SESSION_HANDLE read_only, session;
	CK_SESSION_INFO info;

	p11_new_token();
	RV_EQUAL(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	read_only = p11_open_ro();
	session = p11_open();
	ULONG_EQUAL(p11_state(read_only), CKS_RO_PUBLIC_SESSION);
	ULONG_EQUAL(p11_state(session), CKS_RW_PUBLIC_SESSION);
	RV_EQUAL(p11->C_GetSessionInfo(read_only, &info), CKR_OK);
	ULONG_EQUAL(info.flags, CKF_SERIAL_SESSION);
	ULONG_EQUAL(info.slotID, p11_slot);
	RV_EQUAL(p11->C_GetSessionInfo(session, &info), CKR_OK);
	ULONG_EQUAL(info.flags, CKF_SERIAL_SESSION | CKF_RW_SESSION);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	ULONG_EQUAL(p11_state(read_only), CKS_RO_USER_FUNCTIONS);
	ULONG_EQUAL(p11_state(session), CKS_RW_USER_FUNCTIONS);
	ULONG_EQUAL(p11_state(p11_open_ro()), CKS_RO_USER_FUNCTIONS);
	RV_EQUAL(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	session = p11_open();
	ULONG_EQUAL(p11_state(session), CKS_RW_PUBLIC_SESSION);
	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	ULONG_EQUAL(p11_state(session), CKS_RW_SO_FUNCTIONS);
	ULONG_EQUAL(p11_state(p11_open()), CKS_RW_SO_FUNCTIONS);
}

static void session_flags(void)
{
	CK_SESSION_HANDLE session;

	p11_fresh();
	p11_start();
	RV_EQUAL(p11->C_OpenSession(p11_slot, 0, NULL, NULL, &session),
		 CKR_SESSION_PARALLEL_NOT_SUPPORTED);
	RV_EQUAL(p11->C_OpenSession(p11_slot, CKF_RW_SESSION, NULL, NULL, &session),
		 CKR_SESSION_PARALLEL_NOT_SUPPORTED);
	RV_EQUAL(p11->C_OpenSession(p11_slot, CKF_SERIAL_SESSION, NULL, NULL, NULL),
		 CKR_ARGUMENTS_BAD);
}

static void closing_logs_out(void)
{
	CK_SESSION_HANDLE first = p11_new_token(), second = p11_open();

	RV_EQUAL(p11->C_CloseSession(first), CKR_OK);
	ULONG_EQUAL(p11_state(second), CKS_RW_USER_FUNCTIONS);
	RV_EQUAL(p11->C_CloseSession(second), CKR_OK);
	RV_EQUAL(p11->C_CloseSession(second), CKR_SESSION_HANDLE_INVALID);
	ULONG_EQUAL(p11_state(p11_open()), CKS_RW_PUBLIC_SESSION);

	first = p11_open();
	RV_EQUAL(p11_login(first, CKU_USER, USER_PIN), CKR_OK);
	RV_EQUAL(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	RV_EQUAL(p11->C_CloseSession(first), CKR_SESSION_HANDLE_INVALID);
	RV_EQUAL(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	ULONG_EQUAL(p11_state(p11_open()), CKS_RW_PUBLIC_SESSION);
}

static void many_sessions(void)
{
	static CK_SESSION_HANDLE sessions[300];
	size_t i, j;

	p11_fresh();
	p11_start();
	for (i = 0; i < 300; i++) {
		sessions[i] = i % 2 == 0 ? p11_open() : p11_open_ro();
		for (j = 0; j < i; j++)
			TAP_CHECK(sessions[i] != sessions[j], "handle %lu is used again",
				  sessions[i]);
		if (i % 3 == 0)
			RV_EQUAL(p11->C_CloseSession(sessions[i]), CKR_OK);
	}
	for (i = 0; i < 300; i++)
		RV_EQUAL(p11->C_CloseSession(sessions[i]),
			 i % 3 == 0 ? CKR_SESSION_HANDLE_INVALID : CKR_OK);
}

/* A session that has been counted has been counted right. */
static void session_counts(void)
{
	CK_TOKEN_INFO info;

	p11_fresh();
	p11_start();
	p11_open();
	p11_open_ro();
	p11_open_ro();
	RV_MUST(p11->C_GetTokenInfo(p11_slot, &info), CKR_OK);
	TAP_CHECK(info.ulSessionCount == 3 || info.ulSessionCount == CK_UNAVAILABLE_INFORMATION,
		  "ulSessionCount is %lu", info.ulSessionCount);
	TAP_CHECK(info.ulRwSessionCount == 1 || info.ulRwSessionCount == CK_UNAVAILABLE_INFORMATION,
		  "ulRwSessionCount is %lu", info.ulRwSessionCount);
}

static const struct tap_case cases[] = {
	{ "the function list is whole and is what is exported", function_list },
	{ "nothing but the functions of 2.40 is exported", exports },
	{ "every function before C_Initialize and after C_Finalize", not_initialised },
	{ "a session handle that is bad comes first", bad_sessions },
	{ "functions that are not supported", unsupported },
	{ "C_GetFunctionStatus and C_CancelFunction", legacy_calls },
	{ "the states of sessions", session_states },
	{ "flags of C_OpenSession", session_flags },
	{ "closing the last session logs out", closing_logs_out },
	{ "three hundred sessions, no handle twice", many_sessions },
	{ "the number of sessions in the token info", session_counts },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "calls", cases);
}
