/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OBJSTORE_STORE_H
#define OBJSTORE_STORE_H

#include <pthread.h>
#include <sys/stat.h>

#include "objstore/objstore.h"
#include "objstore/place.h"

/* What the files of this room share. */

#define OBJECTS_DIR "objects"
#define OBJECT_NAME_LEN (2 * OBJSTORE_ID_LEN + 1)

struct objstore {
	pthread_mutex_t mutex; /* guards all that follows, and stands before the lock file */
	int dir; /* -1: no store yet */
	int objects; /* the directory of the objects as it was last listed, to read them from; -1: none */
	int lock_fd; /* -1: not open */
	bool locked; /* the lock file is, by this process */
	unsigned int waiters; /* threads that have waited for it: it stays locked for their turns */
	int pin_fd;
	pthread_mutex_t pin_mutex;
	char path[PLACE_PATH_MAX];
	struct objstore_id replaced; /* of the token file that was last read */
};

/* Opens the directory if it is not; with make, makes it. store->dir stays -1 with CKR_OK where there
   is no token. */
CK_RV store_find_locked(struct objstore *store, bool make);

/* The directory of the objects; *dir = -1 with CKR_OK: there is none. The caller closes *dir. */
CK_RV store_objects_open_locked(struct objstore *store, bool make, int *dir);

/* The name of an object's file; and back: false if it is none. */
void store_object_name(const struct objstore_id *id, char name[OBJECT_NAME_LEN]);
bool store_object_id(const char *name, struct objstore_id *id);

/* Zeros, where no token was replaced, are no token's id. */
bool store_is_replaced(const struct objstore_id *token_id, const struct objstore_id *replaced);

void store_stamp(const struct stat *st, struct objstore_stamp *stamp);

/* False: there is no such object. */
bool store_stamp_read(int dir, const struct objstore_id *id, struct objstore_stamp *stamp);

/* In a turn: removes temporaries from a directory and, unless replaced is NULL, the objects of the
   token of that id. Any other object that is not this token's may be a damaged one. */
CK_RV store_sweep(int dir, const struct objstore_id *replaced);

/* In a turn: makes the second copy of the token file what the first one is, or the first what the
   second is where the first is damaged or missing. */
void store_mend_copies_locked(struct objstore *store);

/* Reads and checks the token file, from its second copy where the first is damaged. */
CK_RV store_token_read_locked(struct objstore *store, struct objstore_token *token);

/* In a turn: OBJSTORE_CHANGED unless the token has this id. Mends its copies. */
CK_RV store_token_is_locked(struct objstore *store, const struct objstore_id *token_id);

/* Locks a lock file; OBJSTORE_BUSY, and nothing logged, where another process has. Does not wait. */
CK_RV store_lock_try(int fd, const char *name);

/* The lock of the writers, which is the process's: the mutex keeps its threads apart. OBJSTORE_BUSY, and
   nothing logged: another process has it. It stays locked while a thread that waited for it has its turn
   to come. */
CK_RV store_lock_take_locked(struct objstore *store);
void store_lock_give_locked(struct objstore *store);
void store_lock_close(struct objstore *store);

/*
 * A turn: nobody else writes until it ends. If it is to write, the generation is odd meanwhile, so
 * that no reader takes a change under way for the whole. It does not wait: OBJSTORE_BUSY while another
 * process is in its turn. One that begins with an odd generation cleans
 * up first, as a writer has died or failed; set unclean to hand that on to the next. Both are called
 * with the mutex held.
 */
struct objstore_turn {
	struct objstore_step step;
	bool unclean;
};

CK_RV store_turn_begin(struct objstore *store, bool writes, struct objstore_turn *turn);
void store_turn_end(struct objstore *store, struct objstore_turn *turn);

/* *generation = 0: not known. */
CK_RV store_generation_read(int dir, uint64_t *generation);

#endif
