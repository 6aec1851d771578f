/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TSPI_KEEPER_H
#define TSPI_KEEPER_H

#include <stdbool.h>

/*
 * The thread that looks after the connection while there is one: it interrupts work for which tcsd keeps
 * silent, and closes the connection when nobody has used it for a while. libtspi can do neither.
 */

struct keeper_duties {
	/* Called while work is under way: ends it with a failure of communication. Must not block. */
	void (*interrupt)(void);
	/* Closes the connection unless somebody uses it at this moment. */
	void (*close_idle)(void);
};

/* may_start FALSE: no thread is ever started. */
void keeper_configure(const struct keeper_duties *duties, bool may_start);

/* Around each work with the connection, from its opening on; never two at a time. */
void keeper_work_begin(void);
void keeper_work_end(void);

/* Was the work interrupted that is under way, or ended last? */
bool keeper_interrupted(void);

/* Is nobody there to close an idle connection, or shall it be closed at once? */
bool keeper_absent(void);

/* How long a connection, and tcsd's silence, may last. */
unsigned int keeper_timeout_ms(void);

/* Ends the thread. Called without a lock that its duties take. */
void keeper_stop(void);

/* In the child after a fork. */
void keeper_forget(void);

#endif
