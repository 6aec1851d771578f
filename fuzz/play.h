/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FUZZ_PLAY_H
#define FUZZ_PLAY_H

#include "attributes.h"

#include "fuzz.h"
#include "world.h"

/* A sequence of calls, and what has to be true of them meanwhile. */

#define PLAY_SESSIONS 4
#define PLAY_OBJECTS 16
#define PLAY_STATE_MAX 64

enum kind { FIND, DIGEST, SIGN, VERIFY, SIGN_RECOVER, VERIFY_RECOVER, ENCRYPT, DECRYPT, KINDS };

/* Whether an operation is under way. PERHAPS: since a login began or ended. */
enum under_way { NO, YES, PERHAPS };

struct play_session {
	CK_SESSION_HANDLE handle; /* stays when it is closed */
	bool open, read_write;
	enum under_way kinds[KINDS];
	bool private[KINDS]; /* with a key that only the user sees */
};

struct play {
	struct reader *r;
	bool initialised;
	struct play_session sessions[PLAY_SESSIONS];
	CK_ULONG opened; /* all of them, forgotten ones too */
	CK_USER_TYPE who;
	CK_OBJECT_HANDLE world[WORLD_OBJECTS], made[PLAY_OBJECTS];
	unsigned int made_count;
	uint8_t state[PLAY_STATE_MAX];
	CK_ULONG state_len;
};
#define NOBODY ((CK_USER_TYPE)-1)

/* One call, or a few. */
typedef void play_step(struct play *p);
struct play_step_row {
	play_step *step;
	unsigned int weight;
};

/* Plays the whole input, taking steps from the table (up to one without a step). */
void play_input(const uint8_t *data, size_t size, const struct play_step_row *steps);

/* Plays what is left of one. */
void play_rest(struct reader *r, const struct play_step_row *steps);

/* --- picks --- */

/* A session, NULL: a handle that is none. */
CK_SESSION_HANDLE pick_session(struct play *p, struct play_session **session);
CK_OBJECT_HANDLE pick_object(struct play *p);
bool is_private(const struct play *p, CK_OBJECT_HANDLE object);
void object_made(struct play *p, CK_RV rv, CK_OBJECT_HANDLE object);

/* Bytes that go in. May be NULL with a length. */
struct bytes {
	uint8_t *p;
	CK_ULONG n;
};
struct bytes pick_bytes(struct play *p);

/* A mechanism with a parameter; free with mechanism_free(). May be NULL. */
CK_MECHANISM *pick_mechanism(struct play *p);
void mechanism_free(CK_MECHANISM *mechanism);

/* Room for bytes that come out, after chapter 5.2. */
struct room {
	CK_BYTE *p;
	CK_ULONG *len, given, now;
};
struct room pick_room(struct play *p);
struct room room_exact(CK_ULONG n);

/* Frees it. True: the call has only asked, or gave too little room. */
bool room_end(struct room *room, CK_RV rv);

/* --- rules --- */

/* A call that has a session handle has come back. session NULL: it was none. */
void rule_session(const struct play *p, const struct play_session *session, CK_RV rv);
void rule_init(const struct play *p, struct play_session *session, enum kind kind, CK_RV rv);
/* goes_on: the operation is still under way if rv is CKR_OK. */
void rule_use(const struct play *p, struct play_session *session, enum kind kind, CK_RV rv, bool goes_on);
void rule_login_changed(struct play *p);
void session_closed(struct play *p, struct play_session *session);

/* Steps: each room of calls has its table. */
extern const struct play_step_row steps_sessions[], steps_objects[], steps_data[];

/* What of these a target has to name. */
play_step step_open, step_login, step_logout, step_look, step_unwrap, step_sign_and_verify,
	step_there_and_back;

#endif
