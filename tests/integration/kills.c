/* SPDX-License-Identifier: BSD-2-Clause */
#include "kills.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_LABEL "kept key"

static char base[600]; /* the directory of the first token, of which the others are copies */

static void base_make(void)
{
	CK_SESSION_HANDLE session = p11_new_token();
	struct p11_pair pair;

	p11_data(session, "public", true, false);
	p11_data(session, "private", true, true);
	RV_MUST(p11_generate(session, 1024, KEY_LABEL, true, true, &pair), CKR_OK);
	p11_stop();
	snprintf(base, sizeof(base), "%s", p11_directory());
}

/* The keys of the chip lie in files, so a copy is a token like the first. */
void kills_token(void)
{
	char program[] = "cp", option[] = "-a", from[700], to[600];
	char *argv[] = { program, option, from, to, NULL };

	if (base[0] == '\0')
		base_make();
	p11_new_place();
	snprintf(from, sizeof(from), "%s/.", base);
	snprintf(to, sizeof(to), "%s", p11_directory());
	ULONG_EQUAL(p11_run_program(argv), 0);
}

bool kills_value_is(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, const char *expected)
{
	unsigned char value[300];
	size_t length = p11_get_bytes(session, object, CKA_VALUE, value, sizeof(value));

	return length == strlen(expected) && memcmp(value, expected, length) == 0;
}

void kills_check_data(CK_SESSION_HANDLE session, const char *label)
{
	CK_OBJECT_HANDLE object = p11_find(session, CKO_DATA, label);
	char expected[100];

	snprintf(expected, sizeof(expected), "value of %s", label);
	TAP_CHECK(object != CK_INVALID_HANDLE && kills_value_is(session, object, expected),
		"%s has another value", label);
}

void kills_check_key(CK_SESSION_HANDLE session)
{
	TAP_CHECK(p11_label_signs(session, KEY_LABEL), "the token's key does not sign any more");
}

void kills_check_token(CK_SESSION_HANDLE session, CK_ULONG more)
{
	kills_check_data(session, "public");
	kills_check_data(session, "private");
	kills_check_key(session);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), KILLS_OBJECTS + more);
}

/* A program that does nothing but write, and has not looked at the store before. */
static void check_next_write(unsigned int expected)
{
	unsigned int objects, temporaries;
	unsigned char *generation;
	CK_SESSION_HANDLE session;
	char path[700];
	size_t length;

	p11_start();
	session = p11_open();
	RV_EQUAL(p11->C_DestroyObject(session, p11_data(session, "afterwards", true, false)), CKR_OK);
	p11_stop();
	p11_count_store(&objects, &temporaries);
	TAP_CHECK(objects == expected, "%u objects have files after the next write, not %u", objects,
		expected);
	TAP_CHECK(temporaries == 0, "%u temporaries are there after the next write", temporaries);

	/* Odd, it would make every search look at all the files. */
	snprintf(path, sizeof(path), "%s/generation", p11_store());
	generation = p11_read_file(path, &length);
	CHECK(generation != NULL && length == 8 && (generation[7] & 1) == 0);
	free(generation);
}

static void kill_at(const struct kills *kills, const char *list, const struct traced_call *call,
	unsigned int number, unsigned int found[FOUNDS])
{
	struct traced_calls calls;
	struct traced_end end;
	char inject[60];
	int status;

	kills_token();
	snprintf(inject, sizeof(inject), "%s:signal=KILL:when=%u", call->name, call->number);
	traced_run(&kills->work, list, inject, &calls, &end);
	tap_about("killed at %s %u, %s", call->name, call->number, calls.last);
	TAP_CHECK(end.status == TRACED_KILLED, "the writer ended with status %d", end.status);
	status = p11_in_child(kills->check, &number);
	if (status < FOUND_OLD || status > FOUND_HALF) {
		TAP_CHECK(false, "the check ended with status %d", status);
		return;
	}
	found[status - FOUND_OLD]++;
	TAP_CHECK(status != FOUND_HALF || kills->files[2] != 0, "half of it was done");
	TAP_CHECK(!end.returned || status == FOUND_NEW, "what was acknowledged is not there");
	check_next_write(kills->files[status - FOUND_OLD]);
}

void kills_everywhere(const struct kills *kills, const char *list)
{
	unsigned int found[FOUNDS] = { 0, 0, 0 }, number = 0, step = getenv("TESTS_LONG") != NULL ? 1 : 2;
	const char *refusal = traced_refusal();
	struct traced_calls calls;
	struct traced_end end;

	if (refusal != NULL) {
		tap_skip(refusal);
		return;
	}
	kills_token();
	traced_run(&kills->work, list, NULL, &calls, &end);
	TAP_MUST(end.status == 0 && end.rv == CKR_OK, "not killed, it ended with status %d and %s",
		end.status, p11_rv_name(end.rv));
	ULONG_EQUAL(p11_in_child(kills->check, &number), FOUND_NEW);
	check_next_write(kills->files[1]);
	for (size_t at = (calls.count - 1) % step; at < calls.count; at += step)
		kill_at(kills, list, &calls.calls[at], number++, found);
	tap_about(NULL);
	printf("# killed at %u of %zu calls: %u times old, %u new, %u half\n", number, calls.count, found[0],
		found[1], found[2]);
	/* With nothing but one of them the calls would not have been those of the store. */
	CHECK(found[0] > 0 && found[1] > 0);
}
