/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdbool.h>

#include <openssl/evp.h>

#include "policy/mechanisms.h"
#include "session/op_key.h"
#include "token/objects.h"
#include "token/token.h"
#include "util/buf.h"
#include "util/quicklock.h"

/*
 * The sessions of the process (PKCS#11 v2.40 base specification, 5.6), each with at most one
 * operation of each kind under way. Who is logged in is the token's to know; the rules that tie
 * logins to sessions are here.
 */

/* One-shot and multi-part calls never mix in one operation. */
enum op_mode { OP_FRESH, OP_ONE_SHOT, OP_PARTS };

struct digest_op {
	const struct mechanism *mechanism; /* NULL: none under way */
	enum op_mode mode;
	EVP_MD_CTX *md;
	bool needs_login; /* a private key went into it */
	unsigned long login;
};

enum signature_kind { SIGN, VERIFY, SIGN_RECOVER, VERIFY_RECOVER };
#define SIGNATURE_KINDS 4

struct signature_op {
	const struct mechanism *mechanism;
	enum op_mode mode;
	struct op_key key;
	size_t size; /* bytes of the signature */
	EVP_MAC_CTX *mac; /* of an HMAC */
	EVP_MD_CTX *md; /* of a mechanism with a digest */
	struct buf parts; /* of one without */
};

struct cipher_op {
	const struct mechanism *mechanism;
	struct op_key key;
	struct buf plain; /* decrypted already, but the caller's buffer was too small */
	bool has_plain;
};

struct find_op {
	bool active;
	CK_OBJECT_HANDLE *handles;
	size_t count, next;
};

/* A place for one session after the other; it is never freed, so its lock is enough to look at it. */
struct session {
	CK_SESSION_HANDLE handle; /* 0: no session is here */
	CK_ULONG number; /* of the place */
	unsigned long uses;
	struct actor actor;
	struct token *token;
	struct quicklock lock; /* held by the call that uses the session; guards all of it */
	struct digest_op digest;
	struct signature_op signatures[SIGNATURE_KINDS];
	struct cipher_op ciphers[2]; /* enum key_half */
	struct find_op find;
	unsigned long operations_begun;
	struct session *next_free; /* guarded by the table's mutex */
};

struct sessions;
struct saved_states;

/* The saved operation states of the process. */
struct saved_states *sessions_saved(struct sessions *sessions);

/* *sessions: NULL, or what an earlier sessions_close() has left. */
CK_RV sessions_open(struct token *token, struct sessions **sessions);

/* Ends all sessions, each after the call that uses it. Their places stay for good: who comes too late
   finds no session there. */
void sessions_close(struct sessions *sessions);

/* C_InitToken: CKR_SESSION_EXISTS, token_init()'s. */
CK_RV sessions_init_token(struct sessions *sessions, const CK_UTF8CHAR *pin, CK_ULONG pin_len,
	const CK_UTF8CHAR *label);

/* C_OpenSession, C_CloseSession, C_CloseAllSessions. With the last session the login ends.
   CKR_SESSION_COUNT: there are 65536. */
CK_RV session_open(struct sessions *sessions, CK_FLAGS flags, CK_SESSION_HANDLE *handle);
CK_RV session_close(struct sessions *sessions, CK_SESSION_HANDLE handle);
void session_close_all(struct sessions *sessions);

/* The session, locked; session_leave() lets go of it. CKR_SESSION_HANDLE_INVALID. Whoever has a session
   has the token: sessions_close() waits. */
CK_RV session_enter(struct sessions *sessions, CK_SESSION_HANDLE handle, struct session **session);
void session_leave(struct session *session);

void session_info(struct session *session, CK_SESSION_INFO *info);
void sessions_count(struct sessions *sessions, CK_ULONG *all, CK_ULONG *read_write);

/* C_Login. CKR_USER_TYPE_INVALID, CKR_SESSION_READ_ONLY_EXISTS, CKR_OPERATION_NOT_INITIALIZED,
   token_login()'s. */
CK_RV session_login(struct sessions *sessions, struct session *session, CK_USER_TYPE type,
	const CK_UTF8CHAR *pin, CK_ULONG pin_len);

/* C_Logout: operations with private keys end, and no auth stays in libtspi. */
CK_RV session_logout(struct sessions *sessions, struct session *session);

/* C_SetPIN, C_InitPIN. CKR_SESSION_READ_ONLY, token_set_pin()'s, token_init_pin()'s. */
CK_RV session_set_pin(struct session *session, const CK_UTF8CHAR *old_pin, CK_ULONG old_len,
	const CK_UTF8CHAR *new_pin, CK_ULONG new_len);
CK_RV session_init_pin(struct session *session, const CK_UTF8CHAR *pin, CK_ULONG pin_len);

#endif
