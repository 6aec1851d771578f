/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "tap.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>

/* Generous: a key generation on a busy machine. A case that needs more hangs. */
#define CASE_SECONDS 300

static const char *only;
static const char *skipped;
static const char *current;
static char about[256];
static unsigned int number;
static unsigned int failed;
static bool in_child;

static void hang_handler(int signal_number)
{
	static const char bail_out[] = "Bail out! a case did not end in time: ";

	(void)signal_number;
	if (in_child)
		_exit(TAP_CHILD_HUNG);
	if (write(STDOUT_FILENO, bail_out, sizeof(bail_out) - 1) > 0 && current != NULL)
		(void)!write(STDOUT_FILENO, current, strlen(current));
	(void)!write(STDOUT_FILENO, "\n", 1);
	_exit(EXIT_FAILURE);
}

static void case_start(const CU_pTest test, const CU_pSuite suite)
{
	(void)suite;
	current = test->pName;
	skipped = NULL;
	about[0] = '\0';
	alarm(CASE_SECONDS);
}

static void print_failures(const CU_FailureRecord *failure, const char *where)
{
	for (; failure != NULL; failure = failure->pNext)
		printf("# %s%s:%u: %s\n", where, failure->strFileName, failure->uiLineNumber,
		       failure->strCondition);
}

static void case_complete(const CU_pTest test, const CU_pSuite suite,
			  const CU_pFailureRecord failure)
{
	alarm(0);
	number++;
	if (failure != NULL) {
		failed++;
		printf("not ok %u - %s: %s\n", number, suite->pName, test->pName);
		print_failures(failure, "");
	} else if (skipped != NULL) {
		printf("ok %u - %s: %s # SKIP %s\n", number, suite->pName, test->pName, skipped);
	} else {
		printf("ok %u - %s: %s\n", number, suite->pName, test->pName);
	}
	current = NULL;
}

static unsigned int register_cases(const char *suite_name, const struct tap_case *cases)
{
	unsigned int count = 0;
	CU_pSuite suite;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 0;
	suite = CU_add_suite(suite_name, NULL, NULL);
	for (; suite != NULL && cases->name != NULL; cases++) {
		if (only != NULL && strstr(cases->name, only) == NULL)
			continue;
		if (CU_add_test(suite, cases->name, cases->run) == NULL) {
			fprintf(stderr, "%s: %s\n", cases->name, CU_get_error_msg());
			return 0;
		}
		count++;
	}
	return count;
}

int tap_run(const char *suite, const struct tap_case *cases)
{
	struct sigaction hang = { .sa_handler = hang_handler };
	unsigned int count = register_cases(suite, cases);

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (count == 0) {
		printf("Bail out! %s has no case%s%s\n", suite, only == NULL ? "" : " named ",
		       only == NULL ? "" : only);
		return EXIT_FAILURE;
	}
	number = 0;
	failed = 0;
	sigaction(SIGALRM, &hang, NULL);
	CU_set_test_start_handler(case_start);
	CU_set_test_complete_handler(case_complete);
	printf("1..%u\n", count);
	if (CU_run_all_tests() != CUE_SUCCESS || number != count) {
		printf("Bail out! %s: %s\n", suite, CU_get_error_msg());
		failed++;
	}
	CU_cleanup_registry();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int tap_main(int argc, char **argv, const char *suite, const struct tap_case *cases)
{
	only = argc > 1 ? argv[1] : NULL;
	return tap_run(suite, cases);
}

void tap_skip(const char *reason)
{
	skipped = reason;
}

const char *tap_case_name(void)
{
	return current;
}

void tap_about(const char *format, ...)
{
	va_list ap;

	about[0] = '\0';
	if (format == NULL)
		return;
	va_start(ap, format);
	vsnprintf(about, sizeof(about), format, ap);
	va_end(ap);
}

void tap_check(bool holds, bool fatal, const char *file, int line, const char *format, ...)
{
	char what[512], text[800];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	if (about[0] != '\0')
		snprintf(text, sizeof(text), "%s [%s]", what, about);
	else
		snprintf(text, sizeof(text), "%s", what);
	CU_assertImplementation(holds ? CU_TRUE : CU_FALSE, (unsigned int)line, text, file, "",
				fatal ? CU_TRUE : CU_FALSE);
}

/*
 * A fatal assertion jumps back into CUnit's loop, where the child would go on with the cases that
 * are its parent's: so it gets a landing place of its own.
 */
static _Noreturn void child_main(int (*run)(void *), void *argument)
{
	unsigned int before = CU_get_number_of_failures();
	const CU_FailureRecord *failure;
	jmp_buf landing;
	int status = 0;

	in_child = true;
	alarm(CASE_SECONDS);
	CU_get_current_test()->pJumpBuf = &landing;
	if (setjmp(landing) == 0)
		status = run(argument);
	if (CU_get_number_of_failures() > before) {
		for (failure = CU_get_failure_list(); before > 0 && failure != NULL; before--)
			failure = failure->pNext;
		print_failures(failure, "in another process: ");
		status = TAP_CHILD_FAILED;
	}
	fflush(stdout);
	_exit(status);
}

pid_t tap_child_start(int (*run)(void *), void *argument)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0)
		child_main(run, argument);
	TAP_MUST(child > 0, "fork: %s", strerror(errno));
	return child;
}

int tap_child_wait(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
