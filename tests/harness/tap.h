/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_HARNESS_TAP_H
#define TESTS_HARNESS_TAP_H

/*
 * CUnit's assertions, reported in the Test Anything Protocol that Automake's tap-driver.sh reads:
 * one line a case, and below a failed one its assertions as "# file:line: what".
 */
#include <stdbool.h>
#include <sys/types.h>

#include <CUnit/CUnit.h>

struct tap_case {
	const char *name;
	void (*run)(void);
};

/* Runs the cases up to the entry whose name is NULL. The result is main()'s. */
int tap_run(const char *suite, const struct tap_case *cases);

/* The same; a word on the command line chooses the cases whose name contains it. */
int tap_main(int argc, char **argv, const char *suite, const struct tap_case *cases);

/* The case counts as skipped, unless an assertion of it fails. The case returns by itself. */
void tap_skip(const char *reason);

/* The name of the running case: one function can serve the rows of a table. */
const char *tap_case_name(void);

/* Named in each failure from here to the end of the case, or to the next call. NULL: nothing. */
void tap_about(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An assertion that words its own failure. A fatal one ends the case. */
void tap_check(bool holds, bool fatal, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/*
 * Runs a part of the case in a forked process, where assertions work as they do here. What comes
 * back is what it returned (0 to 95), TAP_CHILD_FAILED if an assertion failed in it, or 128 and
 * the signal that ended it.
 */
#define TAP_CHILD_FAILED 96
#define TAP_CHILD_HUNG 97
pid_t tap_child_start(int (*run)(void *), void *argument);
int tap_child_wait(pid_t child);

#define TAP_CHECK(holds, ...) tap_check((holds), false, __FILE__, __LINE__, __VA_ARGS__)
#define TAP_MUST(holds, ...) tap_check((holds), true, __FILE__, __LINE__, __VA_ARGS__)

#endif
