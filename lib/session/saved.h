/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SESSION_SAVED_H
#define SESSION_SAVED_H

#include "session/operations.h"

/*
 * C_GetOperationState and C_SetOperationState (PKCS#11 v2.40 base specification, 5.6). libcrypto
 * gives no digest's inner state away, so what a caller gets is the name of a copy that is kept here
 * for the process; the latest SAVED_MAX of them.
 */
#define SAVED_MAX 64

struct saved_states;

struct saved_states *saved_new(void);
void saved_free(struct saved_states **states);

/* At a logout: forgets the digests that a private key went into. */
void saved_end_lost(struct saved_states *states, struct token *token);

/* CKR_OPERATION_NOT_INITIALIZED, CKR_STATE_UNSAVEABLE. */
CK_RV saved_get(struct saved_states *states, struct session *session, struct output out);

/* CKR_SAVED_STATE_INVALID, CKR_KEY_NOT_NEEDED. What was under way in the session ends, but for a
   search. */
CK_RV saved_set(struct saved_states *states, struct session *session, const CK_BYTE *state,
	CK_ULONG state_len, bool has_keys);

#endif
