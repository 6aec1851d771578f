/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_STORES_H
#define TESTS_UNIT_STORES_H

#include <stdbool.h>

#include "token/token.h"
#include "util/buf.h"

/*
 * Stores that are prepared once and copied for each try, and what a user can tell of one, as text: the
 * PINs, the objects and their values. All stores are of one chip, but "exchanged".
 */

/* "none", "fresh" (SO's PIN), "used" (both PINs, objects), "so default", "no copy", "exchanged",
   "damaged" (an object of each kind), "litter" (what dead writers leave). Nothing the second time. */
void stores_make(void);
void stores_remove(void);

/* Makes them in an empty place; for stores_make(). */
void stores_make_all(void);

/* The names of a prepared one's objects, in the order of the directory. */
size_t stores_object_names(const char *store, char names[][33], size_t room);

/* A copy of that one becomes the store of everybody who opens one from now on. */
void stores_take(const char *name);

/* The paths of the store as it is, and of the prepared one. Good for eight calls. */
const char *stores_path(const char *name);
const char *stores_prepared(const char *store, const char *name);

/* Appends the objects that can be seen now, a line each. Those made by an operation, whose labels begin
   with "made", are described by what they are; any other by all its bytes. */
void stores_objects(struct token *token, struct buf *text);

/* Appends all that can be found out about the store as it is, which is only looked at. pins: which PINs
   work, and whether the SO can give the user a new one with nothing lost. */
void stores_describe(bool pins, struct buf *text);

/* The same without a copy, quicker: to look is to write as well. */
void stores_describe_here(bool pins, struct buf *text);

/* Keeps the store as it is for comparison; is it, but for what changes with every turn, still the same? */
void stores_remember(void);
bool stores_unchanged(void);

/* Is token.2 what token was then, while token is another: a copy that an old PIN opens? */
bool stores_copy_is_old(void);

/* Runs a function on a copy of the store, which becomes the store meanwhile. */
void stores_on_copy(void (*run)(void *), void *argument);

/* A change by another process: an object that anybody can make, and its end; the token file, written anew. */
CK_RV stores_write_object(struct token *token, CK_OBJECT_HANDLE *handle);
CK_RV stores_undo_object(struct token *token, CK_OBJECT_HANDLE handle);
CK_RV stores_write_token(void);

/* After a write that went well: nothing is left of writers that died or of a token that was replaced. */
void stores_check_clean(void);

/* How many files of the store, wherever in it, have the content of that file. */
unsigned int stores_count_content(const char *path);

/* The damaged object of "damaged". */
const char *stores_damaged(bool private);

/* Each object of the prepared store is somewhere in the store, or what was set aside of it; token_too: and
   its token file. */
void stores_check_kept(const char *prepared, bool token_too);

#endif
