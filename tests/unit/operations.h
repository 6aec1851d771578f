/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_OPERATIONS_H
#define TESTS_UNIT_OPERATIONS_H

#include <stdbool.h>

#include "stores.h"
#include "tap.h"

/* What can be interrupted: each that writes to a store. */
struct operation {
	const char *name;
	const char *store; /* a prepared one */
	void (*prepare)(void); /* changes the files */
	void (*enter)(struct token *token); /* what comes before: a login, a search */
	CK_RV (*act)(struct token *token);
	bool pins; /* of PINs and the token's life: all that is to be known of them is looked at */
	const char *first; /* of two changes the line of the first, which a crash may leave alone */
	bool sets_aside; /* the whole store, which a crash may leave in between */
	bool effect_optional; /* CKR_OK does not say that it came about */
	bool effect_stays; /* where only the syncing fails, as what was there before is gone */
	void (*check)(void); /* of the files, at any time */
};

/* Up to the entry without a name. */
extern const struct operation operations[];

/* The store, ready for enter(). */
void operation_prepare(const struct operation *operation);

/* What is to be seen in the store of an operation. */
#define STATES_BETWEEN 3
struct states {
	struct buf before, after, between[STATES_BETWEEN];
	struct buf seen_before, seen_after; /* by the process itself */
	unsigned int unsynced; /* changes that a loss of power could undo afterwards */
};

/* Does it once, without fault; the store before is remembered. The caller frees *states. */
void states_find(const struct operation *operation, struct states *states);
void states_free(struct states *states);

/* An empty text is no state. */
bool text_is(const struct buf *text, const struct buf *expected);

/* Says on the standard output what is different. */
void text_complain(const struct buf *text, const struct buf *expected);

/* A case for each operation. The array is the caller's. */
struct tap_case *operation_cases(void (*run)(void));

/* The operation of the running case. */
const struct operation *operation_of_case(void);

#endif
