/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_OBJECT_SET_H
#define TOKEN_OBJECT_SET_H

#include "token/object.h"
#include "token/state.h"

/* The objects that can be seen now, and how they follow the store. All with the token's mutex held. */

/* Of the clock, which is always there. */
#define CLOCK_HANDLE 1

/* A token object is read when it is first needed, and again when its file is another one. */
struct entry {
	CK_OBJECT_HANDLE handle;
	struct object *object; /* NULL: not read yet */
	bool is_token, is_private;
	bool unreadable; /* logged once, and left out until its file changes */
	CK_SESSION_HANDLE session; /* of a session object */
	struct objstore_id id; /* of a token object */
	struct objstore_stamp stamp;
	bool seen; /* by the look at the store that is under way */
};

/* A new entry with the next handle; NULL: no memory. */
struct entry *set_add(struct objects *set);

struct entry *set_find(struct objects *set, CK_OBJECT_HANDLE handle);
void set_remove(struct objects *set, struct entry *entry);
void set_forget_session(struct objects *set, CK_SESSION_HANDLE session);

/* Reads the entry's object if that has not been done. */
CK_RV set_read(struct token *token, struct entry *entry);

/* After this the set is what the store was at some moment since the call. */
CK_RV set_look(struct token *token);

/* Writes to the store; a change of our own needs no look afterwards. CKR_TOKEN_WRITE_PROTECTED: the
   token is another one by now, and what was the old one's is no longer in the set.
   OBJSTORE_OBJECT_CHANGED: look, and try again with what is there now. OBJSTORE_BUSY: see objstore_try(). */
CK_RV set_write(struct token *token, struct objstore_change *changes, size_t count);

#endif
