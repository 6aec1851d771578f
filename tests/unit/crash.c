/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process is killed at each call to the system, and at each call of the chip, of each operation; without
 * TESTS_LONG in the environment at every other one.
 */
#include "operations.h"

#include <signal.h>

#include "fake_tspi.h"
#include "syscalls.h"
#include "unit.h"

#define COMPLETED 1
#define KILLED (128 + SIGKILL)
#define CALLS_MAX 1000

struct death {
	const struct operation *operation;
	enum syscalls_fate fate; /* SYSCALLS_COUNTED: it dies at a call of the chip */
	unsigned int nth;
};

static int die(void *argument)
{
	const struct death *death = argument;
	struct token *token;

	RV_MUST(token_open(&token), CKR_OK);
	death->operation->enter(token);
	if (death->fate == SYSCALLS_COUNTED)
		fake_fail(FAKE_ANY, death->nth, FAKE_DIE);
	syscalls_arm(death->fate, death->nth, 0);
	RV_MUST(death->operation->act(token), CKR_OK);
	syscalls_disarm();
	return COMPLETED;
}

/* --- what is to be there then --- */

static unsigned int complaints;

static void wrong_state(const struct buf *text, const struct buf *before, const struct buf *after)
{
	TAP_CHECK(false, "the state is neither the old one nor the new one");
	if (complaints++ != 0)
		return;
	printf("# against the state before:\n");
	text_complain(text, before);
	printf("# against the state after:\n");
	text_complain(text, after);
}

static void check_state(const struct states *states, const struct buf *text)
{
	bool known = text_is(text, &states->before) || text_is(text, &states->after);

	for (int i = 0; !known && i < STATES_BETWEEN; i++)
		known = text_is(text, &states->between[i]);
	if (!known)
		wrong_state(text, &states->before, &states->after);
}

/* --- the next writer --- */

struct next {
	const struct operation *operation;
	const struct states *states;
	const struct buf *text; /* the state that it finds */
};

static void next_initialises(const struct next *next)
{
	struct buf text = BUF_INIT;
	struct token *token;

	RV_MUST(token_open(&token), CKR_OK);
	RV_EQUAL(operations[0].act(token), CKR_OK);
	token_close(&token);
	stores_check_clean();
	stores_describe_here(next->operation->pins, &text);
	if (!text_is(&text, &next->states->after))
		wrong_state(&text, next->text, &next->states->after);
	if (next->operation->check != NULL)
		next->operation->check();
	buf_free(&text);
}

/* Apart from what it writes, which is taken back, nothing is to be another. */
static void next_writes(const struct next *next, bool object)
{
	struct buf text = BUF_INIT;
	struct token *token;
	CK_OBJECT_HANDLE handle;

	RV_MUST(token_open(&token), CKR_OK);
	if (object)
		RV_EQUAL(stores_write_object(token, &handle), CKR_OK);
	else
		RV_EQUAL(stores_write_token(), CKR_OK);
	stores_check_clean();
	if (object)
		RV_EQUAL(stores_undo_object(token, handle), CKR_OK);
	token_close(&token);
	stores_describe_here(next->operation->pins, &text);
	if (!text_is(&text, next->text))
		wrong_state(&text, next->text, &next->states->after);
	if (next->operation->check != NULL)
		next->operation->check();
	buf_free(&text);
}

static void next_writes_object(void *argument)
{
	next_writes(argument, true);
}

/* The store itself is of no use afterwards. */
static void check_after(const struct operation *operation, const struct states *states)
{
	struct buf text = BUF_INIT;
	struct next next = { operation, states, &text };

	if (operation->check != NULL)
		operation->check();
	stores_describe(operation->pins, &text);
	check_state(states, &text);
	if (operation->sets_aside
		|| (!unit_exists(stores_path("token")) && !unit_exists(stores_path("token.2")))) {
		next_initialises(&next);
	} else {
		stores_on_copy(next_writes_object, &next);
		next_writes(&next, false);
	}
	buf_free(&text);
}

/* --- each call --- */

/* False: there is no such call any more, and the operation was completed. */
static bool death_at(const struct operation *operation, const struct states *states, enum syscalls_fate fate,
	unsigned int nth)
{
	struct death death = { operation, fate, nth };
	bool chip = fate == SYSCALLS_COUNTED;
	int status;

	operation_prepare(operation);
	syscalls_arm(SYSCALLS_COUNTED, 0, 0);
	syscalls_disarm();
	status = tap_child_wait(tap_child_start(die, &death));
	tap_about("dead at call %u%s%s", nth, chip ? " of the chip" : ", ", syscalls_hit());
	TAP_CHECK(status == COMPLETED || status == (chip ? 0 : KILLED), "the status is %d", status);
	check_after(operation, states);
	return status != COMPLETED;
}

static void each_death(void)
{
	const struct operation *operation = operation_of_case();
	struct states states;
	unsigned int calls = 0, halves = 0, commands = 0, nth, step = getenv("TESTS_LONG") != NULL ? 1 : 2;

	stores_make();
	complaints = 0;
	states_find(operation, &states);
	TAP_CHECK(states.unsynced == 0, "a loss of power could undo %u changes", states.unsynced);
	for (nth = 1; nth < CALLS_MAX && death_at(operation, &states, SYSCALLS_KILLED, nth); nth += step) {
		calls++;
		if (!syscalls_hit_write())
			continue;
		halves++;
		death_at(operation, &states, SYSCALLS_KILLED_HALF, nth);
	}
	TAP_CHECK(calls != 0 && nth < CALLS_MAX, "%u calls", calls);
	for (nth = 1; nth < CALLS_MAX && death_at(operation, &states, SYSCALLS_COUNTED, nth); nth += step)
		commands++;
	printf("# %s: dead at %u calls to the system, in the midst of %u, at %u of the chip\n",
		operation->name, calls, halves, commands);
	states_free(&states);
}

int main(int argc, char **argv)
{
	struct tap_case *cases = operation_cases(each_death);
	int status = cases != NULL ? tap_main(argc, argv, "crash", cases) : EXIT_FAILURE;

	stores_remove();
	free(cases);
	return status;
}
