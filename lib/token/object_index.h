/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_OBJECT_INDEX_H
#define TOKEN_OBJECT_INDEX_H

#include "token/state.h"

/*
 * Which objects may have a CKA_ID, which is what most searches ask for. The first such search after a change
 * of the set makes the index, for little more work than a look at each object. With the token's mutex held.
 */

#define INDEX_END ((size_t)-1)

/* False: the set is small, or some object cannot be read just now or has gone, so each is to be
   looked at. CKR_HOST_MEMORY in *rv. */
bool index_make(struct token *token, CK_RV *rv);

/* The first entry's number, and that of the next, in their order. All that have the id are among them. */
size_t index_first(const struct objects *set, const void *id, size_t len);
size_t index_next(const struct objects *set, size_t at);

/* The set, or an object of it, is another one. */
void index_drop(struct objects *set);

void index_free(struct objects *set);

#endif
