/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each call to the system fails, of each operation: with TESTS_LONG in the environment with each error, else
 * with one of them, another at the next call.
 */
#include "operations.h"

#include "fake_tspi.h"
#include "syscalls.h"
#include "unit.h"

#define CALLS_MAX 1000
#define PATIENCE 60 /* seconds; a lock that is not let go of is waited for without an end */

static const struct {
	int error;
	const char *name;
	CK_RV reading, writing; /* the code where something was to be read, or written */
} errors[] = {
	{ ENOSPC, "ENOSPC", CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY },
	{ EIO, "EIO", CKR_DEVICE_ERROR, CKR_DEVICE_ERROR },
	{ EACCES, "EACCES", CKR_DEVICE_ERROR, CKR_TOKEN_WRITE_PROTECTED },
	{ EROFS, "EROFS", CKR_DEVICE_ERROR, CKR_TOKEN_WRITE_PROTECTED },
	{ EMFILE, "EMFILE", CKR_HOST_MEMORY, CKR_HOST_MEMORY },
};

struct fault {
	const struct operation *operation;
	const struct states *states;
	enum syscalls_fate fate;
	unsigned int nth;
	size_t error; /* which of them */
};

static void check_code(const struct fault *fault, CK_RV rv)
{
	enum syscalls_kind kind = syscalls_hit_kind();
	bool fits = rv == CKR_OK;

	if (kind != SYSCALLS_WRITES)
		fits = fits || rv == errors[fault->error].reading;
	if (kind != SYSCALLS_READS)
		fits = fits || rv == errors[fault->error].writing;
	TAP_CHECK(fits, "the code is 0x%lx", rv);
}

static bool check_text(const struct buf *text, const struct buf *expected, const char *whose)
{
	bool is = text_is(text, expected);

	TAP_CHECK(is, "%s state is not the one that the code says", whose);
	if (!is)
		text_complain(text, expected);
	return is;
}

/* What others see; the state after is TRUE. */
static bool check_state(const struct fault *fault, CK_RV rv)
{
	const struct operation *operation = fault->operation;
	const struct states *states = fault->states;
	struct buf text = BUF_INIT;
	bool after = rv == CKR_OK;

	if (operation->check != NULL)
		operation->check();
	if (rv != CKR_OK && stores_unchanged())
		return false;
	if (rv == CKR_OK)
		TAP_CHECK(!stores_copy_is_old(), "token.2 has an old content");
	stores_describe(operation->pins, &text);
	if (operation->effect_optional
		|| (rv != CKR_OK && operation->effect_stays && strcmp(syscalls_hit(), "fsync") == 0))
		after = text_is(&text, &states->after);
	/* What was to be set aside may have been. */
	if (rv == CKR_OK || !operation->sets_aside || !text_is(&text, &states->between[STATES_BETWEEN - 1]))
		check_text(&text, after ? &states->after : &states->before, "the store's");
	buf_free(&text);
	return after;
}

/* The process itself sees no other. */
static void check_seen(const struct fault *fault, struct token *token, bool after)
{
	const struct states *states = fault->states;
	struct buf text = BUF_INIT;

	stores_objects(token, &text);
	if (after || !fault->operation->sets_aside || !text_is(&text, &states->seen_after))
		check_text(&text, after ? &states->seen_after : &states->seen_before, "the process's");
	buf_free(&text);
}

/* Without a fault what did not come about does; then somebody else writes. */
static void check_next(const struct fault *fault, bool after)
{
	const struct operation *operation = fault->operation;
	struct buf text = BUF_INIT;
	CK_OBJECT_HANDLE handle;
	struct token *token;

	RV_MUST(token_open(&token), CKR_OK);
	if (!after) {
		operation->enter(token);
		RV_EQUAL(operation->act(token), CKR_OK);
	}
	RV_EQUAL(stores_write_object(token, &handle), CKR_OK);
	stores_check_clean();
	RV_EQUAL(stores_undo_object(token, handle), CKR_OK);
	token_close(&token);
	stores_describe_here(operation->pins, &text);
	check_text(&text, &fault->states->after, "the last");
	if (operation->check != NULL)
		operation->check();
	buf_free(&text);
}

/* False: there are fewer calls, and the operation went well. */
static bool fail(const struct fault *fault)
{
	unsigned int files = syscalls_open_files();
	struct token *token;
	bool after;
	CK_RV rv;

	operation_prepare(fault->operation);
	RV_MUST(token_open(&token), CKR_OK);
	fault->operation->enter(token);
	syscalls_arm(fault->fate, fault->nth, errors[fault->error].error);
	rv = fault->operation->act(token);
	syscalls_disarm();
	tap_about("%s%s at call %u, %s; 0x%lx", errors[fault->error].name,
		fault->fate == SYSCALLS_FAILED_HALF ? " after half" : "", fault->nth, syscalls_hit(), rv);
	if (syscalls_hit()[0] == '\0') {
		RV_EQUAL(rv, CKR_OK);
		token_close(&token);
		return false;
	}
	check_code(fault, rv);
	after = check_state(fault, rv);
	check_seen(fault, token, fault->operation->effect_optional ? rv == CKR_OK : after);
	token_close(&token);
	NUMBER_EQUAL(syscalls_open_files(), files);
	NUMBER_EQUAL(fake_open_keys(), 0);
	check_next(fault, after);
	return true;
}

static bool is_tried(size_t error, unsigned int nth)
{
	return getenv("TESTS_LONG") != NULL || error == nth % COUNT(errors);
}

/* A process for each call, so that what goes wrong there ends no other. */
static int fail_each(void *argument)
{
	struct fault *fault = argument;
	int faults = 0;

	alarm(PATIENCE);
	fault->fate = SYSCALLS_FAILED;
	for (fault->error = 0; fault->error < COUNT(errors); fault->error++) {
		if (!is_tried(fault->error, fault->nth))
			continue;
		if (!fail(fault))
			return 0;
		faults++;
	}
	fault->error = 0;
	fault->fate = SYSCALLS_FAILED_HALF;
	return syscalls_hit_write() && fail(fault) ? faults + 1 : faults;
}

static void each_fault(void)
{
	const struct operation *operation = operation_of_case();
	unsigned int calls = 0, faults = 0, wrong = 0;
	struct states states;
	int status;

	stores_make();
	states_find(operation, &states);
	do {
		struct fault fault = { .operation = operation, .states = &states, .nth = ++calls };

		status = tap_child_wait(tap_child_start(fail_each, &fault));
		if (status < TAP_CHILD_FAILED)
			faults += (unsigned int)status;
		else
			wrong++;
	} while (status != 0 && calls < CALLS_MAX);
	printf("# %s: %u calls to the system, %u faults that were dealt with\n", operation->name, calls - 1,
		faults);
	TAP_CHECK(calls > 1 && calls < CALLS_MAX, "%u calls", calls);
	TAP_CHECK(wrong == 0, "something is wrong where one of %u calls fails", wrong);
	states_free(&states);
}

int main(int argc, char **argv)
{
	struct tap_case *cases = operation_cases(each_fault);
	int status = cases != NULL ? tap_main(argc, argv, "faults", cases) : EXIT_FAILURE;

	stores_remove();
	free(cases);
	return status;
}
