/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OBJSTORE_STORE_H
#define OBJSTORE_STORE_H

#include <pthread.h>

#include "objstore/objstore.h"
#include "objstore/place.h"

/* What the files of this room share. */

#define OBJECTS_DIR "objects"

struct objstore {
	pthread_mutex_t mutex; /* guards all that follows, and stands before the lock file */
	int dir; /* -1: no store yet */
	int lock_fd; /* -1: not open */
	int pin_fd;
	pthread_mutex_t pin_mutex;
	char path[PLACE_PATH_MAX];
	struct objstore_id replaced; /* of the token file that was last read */
	bool litter; /* a reader saw what the next writer is to sweep away */
};

/* Opens the directory if it is not; with make, makes it. store->dir stays -1 with CKR_OK where there
   is no token. */
CK_RV store_find_locked(struct objstore *store, bool make);

/* The directory of the objects; *dir = -1 with CKR_OK: there is none. The caller closes *dir. */
CK_RV store_objects_open_locked(struct objstore *store, bool make, int *dir);

/* For a writer: removes from a directory what writers that died left behind, and the objects of a
   token that was replaced. Any other object that is not this token's may be a damaged one. */
void store_sweep_locked(int dir, const struct objstore_id *replaced);

/* For a writer: makes the second copy of the token file what the first one is, or the first what the
   second is where the first is damaged or missing. */
void store_mend_copies_locked(struct objstore *store);

/* Reads and checks the token file, from its second copy where the first is damaged. */
CK_RV store_token_read_locked(struct objstore *store, struct objstore_token *token);

/*
 * A writer's turn: the mutex, the lock file shared by the user's processes, and a generation that is
 * odd until store_write_end(), so that a reader never takes a change under way for the whole. Both
 * are called with the mutex held. begin sets step->before, end step->after.
 */
CK_RV store_write_begin(struct objstore *store, struct objstore_step *step);
void store_write_end(struct objstore *store, struct objstore_step *step);

/* *generation = 0: not known. */
CK_RV store_generation_read(int dir, uint64_t *generation);

#endif
