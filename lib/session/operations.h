/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SESSION_OPERATIONS_H
#define SESSION_OPERATIONS_H

#include "session/session.h"

/*
 * The operations of a locked session (PKCS#11 v2.40 base specification, 5.7 to 5.13). Output follows
 * its chapter 5.2: a NULL buffer asks for a sufficient length, a small one gives
 * CKR_BUFFER_TOO_SMALL; neither ends the operation nor costs a signature. Every other answer of an
 * ending call ends it, and so does an error of an update.
 */

/* Where a call's output goes. len may be NULL, which is CKR_ARGUMENTS_BAD. */
struct output {
	CK_BYTE *p;
	CK_ULONG *len;
};

/* Ends whatever is under way; all but a search. */
void operations_end(struct session *session);
void operations_end_cryptographic(struct session *session);

/* Ends what works with a key that can no longer be seen. */
void operations_end_lost(struct session *session);

/* The key of the latest operation that asks for a context-specific login, which is good for that one
   alone; NULL: there is none. */
struct op_key *operations_asking_login(struct session *session);

/* True if the call only asks, or gives too little room: *rv is its answer, and the operation goes on. */
bool output_asks(const struct output *out, size_t needed, CK_RV *rv);
void output_give(const struct output *out, const void *p, size_t n);

CK_RV digest_init(struct session *session, const CK_MECHANISM *mechanism);
CK_RV digest(struct session *session, const CK_BYTE *p, CK_ULONG n, struct output out);
CK_RV digest_update(struct session *session, const CK_BYTE *p, CK_ULONG n);
/* Has the login ended that let a key be seen which went into the digest? */
bool digest_lost(struct token *token, const struct digest_op *op);
CK_RV digest_final(struct session *session, struct output out);
void digest_end(struct session *session);
/* With the session: lets go of what digest_end() keeps for the next digest. */
void digest_release(struct session *session);

/* C_DigestKey. CKR_KEY_HANDLE_INVALID, CKR_KEY_INDIGESTIBLE. */
CK_RV digest_key(struct session *session, CK_OBJECT_HANDLE key);

/* One engine signs, verifies and recovers. */
CK_RV signature_init(struct session *session, enum signature_kind kind, const CK_MECHANISM *mechanism,
	CK_OBJECT_HANDLE key);
CK_RV signature_update(struct session *session, enum signature_kind kind, const CK_BYTE *p, CK_ULONG n);
CK_RV sign(struct session *session, enum signature_kind kind, const CK_BYTE *p, CK_ULONG n,
	struct output out);
CK_RV sign_final(struct session *session, struct output out);
CK_RV verify(struct session *session, const CK_BYTE *p, CK_ULONG n, const CK_BYTE *signature,
	CK_ULONG signature_len);
CK_RV verify_final(struct session *session, const CK_BYTE *signature, CK_ULONG signature_len);
CK_RV verify_recover(struct session *session, const CK_BYTE *signature, CK_ULONG signature_len,
	struct output out);
void signature_end(struct session *session, enum signature_kind kind);

/* One engine encrypts (PUBLIC_HALF) and decrypts (PRIVATE_HALF). */
CK_RV cipher_init(struct session *session, enum key_half half, const CK_MECHANISM *mechanism,
	CK_OBJECT_HANDLE key);
CK_RV cipher(struct session *session, enum key_half half, const CK_BYTE *p, CK_ULONG n,
	struct output out);
void cipher_end(struct session *session, enum key_half half);

/* C_WrapKey, C_UnwrapKey. */
CK_RV key_wrap(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping_key,
	CK_OBJECT_HANDLE key, struct output out);
CK_RV key_unwrap(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE unwrapping_key,
	const CK_BYTE *wrapped, CK_ULONG wrapped_len, const CK_ATTRIBUTE *template, CK_ULONG count,
	CK_OBJECT_HANDLE *key);

CK_RV find_init(struct session *session, const CK_ATTRIBUTE *template, CK_ULONG count);
CK_RV find_next(struct session *session, CK_OBJECT_HANDLE *handles, CK_ULONG max, CK_ULONG *count);
CK_RV find_final(struct session *session);
void find_end(struct session *session);

#endif
