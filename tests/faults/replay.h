/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAULTS_REPLAY_H
#define TESTS_FAULTS_REPLAY_H

#include <p11-kit/pkcs11.h>

/*
 * The operations that are under way, with all that was given to them: one that has ended by a failure is
 * begun and brought to the same point again. Each thread knows those that it has begun.
 */
enum replay_kind { ENCRYPT, DECRYPT, DIGEST, SIGN, SIGN_RECOVER, VERIFY, VERIFY_RECOVER };

struct replay;

void replay_begin(CK_SESSION_HANDLE session, enum replay_kind kind, const CK_MECHANISM *mechanism,
	CK_OBJECT_HANDLE key);

/* NULL: none that is known. */
struct replay *replay_of(CK_SESSION_HANDLE session, enum replay_kind kind);

/* A call has handed it a part, and ended it if rv says so. NULL-safe, as is the next. */
void replay_went_on(struct replay *replay, CK_RV rv, const CK_BYTE *part, CK_ULONG part_len);
void replay_end(struct replay *replay);

/* All of a session, or of every one (CK_INVALID_HANDLE). */
void replays_end(CK_SESSION_HANDLE session);

/* It has failed. Ends the process if it had not ended by that. */
void replay_again(const struct replay *replay, CK_FUNCTION_LIST *module);

#endif
