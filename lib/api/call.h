/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_CALL_H
#define API_CALL_H

#include "session/operations.h"
#include "session/session.h"
#include "token/keys.h"
#include "token/token.h"
#include "util/pkcs11.h"

/*
 * How every C_* function begins and ends. A call_begin*() that gives CKR_OK has made sure that the
 * library is initialised in this process and stays so until call_end(), whatever the others do; one
 * that does not has done nothing, and call_end() is called all the same:
 *
 *	struct call call;
 *	CK_RV rv = call_begin_session(&call, __func__, session);
 *
 *	if (rv == CKR_OK)
 *		rv = digest_update(call.session, part, part_len);
 *	return call_end(&call, rv);
 */

#define SLOT_ID 0

struct call {
	const char *name;
	bool entered; /* the library, without a session */
	bool guarded;
	int cancel_state; /* of the thread, before */
	struct token *token;
	struct sessions *sessions;
	struct session *session; /* locked */
};

/* CKR_CRYPTOKI_NOT_INITIALIZED. */
CK_RV call_begin(struct call *call, const char *name);

/* And the slot is ours: CKR_SLOT_ID_INVALID. */
CK_RV call_begin_slot(struct call *call, const char *name, CK_SLOT_ID slot);

/* And the session is there, and nobody else's until the end: CKR_SESSION_HANDLE_INVALID. */
CK_RV call_begin_session(struct call *call, const char *name, CK_SESSION_HANDLE session);

/* The same, unguarded, for what is over soon: it must not wait, touch files or the chip, or have libcrypto
   complain. */
CK_RV call_begin_bare(struct call *call, const char *name, CK_SESSION_HANDLE session);

/* And the pointers are there (CKR_ARGUMENTS_BAD), and who is logged in may touch objects and keys
   (CKR_PIN_EXPIRED): in this order, as the standard's chapter 5.1 has it. */
CK_RV call_begin_objects(struct call *call, const char *name, CK_SESSION_HANDLE session, bool pointers);

/* C_WaitForSlotEvent: returns when the library is finalised. */
CK_RV library_wait_stop(void);

/* Traces the call and lets go of everything; returns rv. */
CK_RV call_end(struct call *call, CK_RV rv);

/* C_Initialize and C_Finalize. */
CK_RV library_start(bool may_start_threads);
CK_RV library_stop(void);

#endif
