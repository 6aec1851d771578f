/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OBJSTORE_OBJSTORE_H
#define OBJSTORE_OBJSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "util/buf.h"
#include "util/pkcs11.h"

/*
 * A user's token on disk: the token file and one file an object, each whole, old or new, whatever
 * happens (doc/FORMAT.md). What is in them is the token's business; here it is bytes.
 *
 * Errors, everywhere (each logged here):
 *   CKR_DEVICE_MEMORY          no room on the disk
 *   CKR_TOKEN_WRITE_PROTECTED  the place cannot be written to
 *   CKR_DEVICE_ERROR           the place is refused (owner, mode, link), a file is damaged, or an
 *                              input/output error
 *   CKR_HOST_MEMORY
 */

/* None of these leaves the token room. Somebody else changed the token file, or the object, meanwhile: */
#define OBJSTORE_CHANGED (CKR_VENDOR_DEFINED | 1UL)
#define OBJSTORE_OBJECT_CHANGED (CKR_VENDOR_DEFINED | 2UL)

/* Another process writes just now; nothing was done. See objstore_try(). */
#define OBJSTORE_BUSY (CKR_VENDOR_DEFINED | 4UL)

/* The object is there but none that can be used, until somebody changes it. */
#define OBJSTORE_UNUSABLE (CKR_VENDOR_DEFINED | 3UL)

#define OBJSTORE_ID_LEN 16
#define OBJSTORE_KEY_LEN 32

struct objstore_id {
	uint8_t bytes[OBJSTORE_ID_LEN];
};

struct objstore;

/* Touches no file yet: the place is looked for when it is needed. The caller closes *store. */
CK_RV objstore_open(struct objstore **store);
void objstore_close(struct objstore **store);

/* In the child after a fork: closes what it inherited, so that the parent's locks end with the parent.
   Touches no lock; the store is of no use afterwards. */
void objstore_abandon(struct objstore *store);

/*
 * Whoever is to write and holds what others need, as a mutex, goes
 *
 *     for (struct objstore_patience p = { .tries = 0 }; objstore_try(store, &p, &rv);) {
 *             ... lock; rv = ... objstore_write() ...; unlock ...
 *     }
 *
 * and is OBJSTORE_BUSY no more the second time, for which objstore_try() waits, with no lock of this
 * process held: CKR_DEVICE_ERROR, logged, after a minute in all. The loop ends with any other rv, and is
 * not to be left by itself.
 */
struct objstore_patience {
	unsigned int tries;
	bool waited; /* the lock file is kept for this thread */
	struct timespec since;
};
bool objstore_try(struct objstore *store, struct objstore_patience *patience, CK_RV *rv);

/*
 * A number that is another one after each change to the store by anybody, so that an unchanged one
 * makes a look at the files needless. *generation = 0: not known, look.
 */
CK_RV objstore_generation(struct objstore *store, uint64_t *generation);

/* --- the token file --- */

struct objstore_token {
	bool exists;
	bool damaged; /* both of its copies are, so it cannot be read */
	struct objstore_id id;
	struct objstore_id replaced; /* the id of the token that was there before this one */
	uint64_t sequence;
	struct buf body;
};

/* Reads it; without a token exists is FALSE and the rest empty. CKR_DEVICE_ERROR also where damaged
   is TRUE afterwards. The caller frees token->body. */
CK_RV objstore_token_read(struct objstore *store, struct objstore_token *token);

/*
 * Replaces the token file by one with the given id and body (both copies), making the store if need
 * be; with a new id every object of the old one is gone. OBJSTORE_CHANGED, and nothing done, unless
 * the file is still the one that current says.
 */
CK_RV objstore_token_switch(struct objstore *store, const struct objstore_token *current,
	const struct objstore_id *id, const struct buf *body);

/* Moves the token file, which may be damaged, and its objects to aside.<time> in the store: there is no
   token afterwards. */
CK_RV objstore_set_aside(struct objstore *store, const struct objstore_token *current);

/* One process of the user's at a time between these two. Blocks. Fine without a store, or with one that
   can only be read. */
CK_RV objstore_pin_lock(struct objstore *store);
void objstore_pin_unlock(struct objstore *store);

/* A few bytes that all processes see and that may be lost; zeros if there are none. */
#define OBJSTORE_NOTE_LEN 2
void objstore_note_read(struct objstore *store, uint8_t note[OBJSTORE_NOTE_LEN]);
void objstore_note_write(struct objstore *store, const uint8_t note[OBJSTORE_NOTE_LEN]);

/* Writes 16 bytes that are this user's and this place's, the same each time, to out. */
CK_RV objstore_place_digest(struct objstore *store, uint8_t out[16]);

/* --- objects --- */

/* Tells one content of a file from every other. */
struct objstore_stamp {
	uint64_t inode, size, seconds, nanoseconds;
};

/*
 * All objects, of whatever token id, in no order, as they were at some moment since the call, when the
 * generation was *generation (0: not known). The caller frees *ids with free().
 */
CK_RV objstore_list(struct objstore *store, struct objstore_id **ids, size_t *count,
	uint64_t *generation);

/* What objstore_read() would set *stamp to, without reading. False: there is no such object. */
bool objstore_stamp(struct objstore *store, const struct objstore_id *id, struct objstore_stamp *stamp);

/*
 * Reads an object of the token. With key NULL the body of a private object is left empty.
 * CKR_OBJECT_HANDLE_INVALID: there is no such object of this token (not logged). OBJSTORE_UNUSABLE: it
 * was damaged, and is in the directory damaged/ now, or it is refused, or of a newer version.
 */
CK_RV objstore_read(struct objstore *store, const struct objstore_id *token_id,
	const struct objstore_id *id, const uint8_t *key, bool *is_private, struct objstore_stamp *stamp,
	struct buf *body);

struct objstore_change {
	struct objstore_id id;
	bool is_private;
	const struct buf *body; /* NULL: remove */
	const struct objstore_stamp *expected; /* what is there now; NULL: nothing, or to be removed anyway */
	struct objstore_stamp stamp; /* set by objstore_write() */
};

/* The generation before and after a change of ours: 0 where not known. */
struct objstore_step {
	uint64_t before, after;
};

/*
 * Makes all the changes or none; only a crash in their midst can leave the first few of them. key
 * may be NULL where no body is private. A removal of what is not there is fine. OBJSTORE_CHANGED:
 * the token has another id by now. OBJSTORE_OBJECT_CHANGED: an object is not as expected. OBJSTORE_BUSY:
 * this, alone of all, does not wait for other processes.
 */
CK_RV objstore_write(struct objstore *store, const struct objstore_id *token_id, const uint8_t *key,
	struct objstore_change *changes, size_t count, struct objstore_step *step);

#endif
