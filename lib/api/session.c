/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 v2.40 base specification, 5.6: session management functions. */
#include "api/call.h"
#include "session/saved.h"

CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
	CK_SESSION_HANDLE_PTR session)
{
	struct call call;
	CK_RV rv = call_begin_slot(&call, __func__, slot);

	(void)application, (void)notify; /* the token never calls back */
	if (rv == CKR_OK)
		rv = session_open(call.sessions, flags, session);
	return call_end(&call, rv);
}

CK_RV C_CloseSession(CK_SESSION_HANDLE session)
{
	struct call call;
	CK_RV rv = call_begin(&call, __func__);

	if (rv == CKR_OK)
		rv = session_close(call.sessions, session);
	return call_end(&call, rv);
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slot)
{
	struct call call;
	CK_RV rv = call_begin_slot(&call, __func__, slot);

	if (rv == CKR_OK)
		session_close_all(call.sessions);
	return call_end(&call, rv);
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK && info == NULL)
		rv = CKR_ARGUMENTS_BAD;
	if (rv == CKR_OK)
		session_info(call.session, info);
	return call_end(&call, rv);
}

CK_RV C_GetOperationState(CK_SESSION_HANDLE session, CK_BYTE_PTR state, CK_ULONG_PTR state_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = state_len == NULL ? CKR_ARGUMENTS_BAD
			: saved_get(sessions_saved(call.sessions), call.session,
				(struct output){ state, state_len });
	return call_end(&call, rv);
}

CK_RV C_SetOperationState(CK_SESSION_HANDLE session, CK_BYTE_PTR state, CK_ULONG state_len,
	CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = state == NULL ? CKR_ARGUMENTS_BAD
			: saved_set(sessions_saved(call.sessions), call.session, state, state_len,
				encryption_key != 0 || authentication_key != 0);
	return call_end(&call, rv);
}

CK_RV C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE type, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = session_login(call.sessions, call.session, type, pin, pin_len);
	return call_end(&call, rv);
}

CK_RV C_Logout(CK_SESSION_HANDLE session)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = session_logout(call.sessions, call.session);
	return call_end(&call, rv);
}
