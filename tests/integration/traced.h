/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_TRACED_H
#define TESTS_INTEGRATION_TRACED_H

/*
 * A process whose system calls strace watches, and at one of them kills it or makes the call fail. It
 * is attached to when everything is prepared, so only the calls of the act itself are seen. libtspi's
 * and the module's other threads are left alone: the store is written by the thread that calls.
 */
#include "p11.h"

struct traced_work {
	void (*prepare)(void); /* initialises the module for itself */
	CK_RV (*act)(void);
	void (*after)(void); /* in the same process, when strace has let go of it; NULL: nothing */
};

/* Which calls are counted; those that a system does not have are passed over. */
#define TRACED_FILE_CALLS \
	"?open,?openat,?mkdir,?mkdirat,?fchmod,?fchmodat,?write,?pwrite64,?fsync,?fdatasync,?rename," \
	"?renameat,?renameat2,?unlink,?unlinkat,?fcntl,?ftruncate"
#define TRACED_WRITE_CALLS \
	"?mkdir,?mkdirat,?write,?pwrite64,?fsync,?fdatasync,?rename,?renameat,?renameat2,?unlink,?unlinkat," \
	"?ftruncate"

struct traced_call {
	char name[16];
	unsigned int number; /* the how manieth of that name, from 1 */
};

#define TRACED_MAX_CALLS 400
struct traced_calls {
	struct traced_call calls[TRACED_MAX_CALLS];
	size_t count;
	char last[120]; /* as strace shows it */
};

struct traced_end {
	int status; /* as tap_child_wait() has it */
	bool returned;
	CK_RV rv; /* of the act, if it returned */
};
#define TRACED_KILLED (128 + 9)

/* NULL if processes can be traced here, else why not. */
const char *traced_refusal(void);

/*
 * Runs the work with the calls of a list watched. inject is what strace does to them (the argument of
 * its option inject); NULL: nothing.
 */
void traced_run(const struct traced_work *work, const char *list, const char *inject,
	struct traced_calls *calls, struct traced_end *end);

#endif
