/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_SYSCALLS_H
#define TESTS_UNIT_SYSCALLS_H

#include <stdbool.h>

/*
 * Every function through which lib/objstore reaches the system, wrapped by the linker (SYSCALLS_WRAPPED
 * in Makefile.am, which tests/check-syscalls compares with the objects). While armed, calls are
 * counted, and at the nth of them something happens. Nothing is synced for real, as a process that
 * is killed leaves the system's cache behind, whole. PBKDF2 is made cheap, and the log is not written.
 */

enum syscalls_fate {
	SYSCALLS_COUNTED,
	SYSCALLS_KILLED, /* the process is, before the call */
	SYSCALLS_KILLED_HALF, /* a write has written half when the process is killed */
	SYSCALLS_FAILED, /* the call is not made, and gives the error */
	SYSCALLS_FAILED_HALF /* a write writes half; what is written next gives the error */
};

void syscalls_arm(enum syscalls_fate fate, unsigned int nth, int error);
void syscalls_disarm(void);

/* What happened in this process or in one that it forked, since the last arming. */
unsigned int syscalls_count(void);

/* The name of the call that it happened to; "": none, as there were fewer calls. */
const char *syscalls_hit(void);

/* Is that call one that writes? */
bool syscalls_hit_write(void);

/* Is it one for reading, where a file may not be read, or one for writing, where it may not be written? */
enum syscalls_kind { SYSCALLS_READS, SYSCALLS_WRITES, SYSCALLS_NEITHER };
enum syscalls_kind syscalls_hit_kind(void);

/* Since the last arming: files that got their names before they were synced, and directories that have
   been changed and not been synced yet. What a loss of power could undo. Removals count only if it is
   said so, as what the dead left may well come back. */
unsigned int syscalls_unsynced(void);
void syscalls_count_removals(bool count);

unsigned int syscalls_open_files(void);

#endif
