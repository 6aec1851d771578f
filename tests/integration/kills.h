/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_KILLS_H
#define TESTS_INTEGRATION_KILLS_H

/* kill -9 at each of the calls that an act makes, and what a fresh process finds afterwards. */
#include "p11.h"
#include "traced.h"

/* What a check comes to. Half of it is allowed only where files[] has a number for it. */
enum found { FOUND_OLD = 10, FOUND_NEW, FOUND_HALF };
#define FOUNDS 3

struct kills {
	struct traced_work work;
	/* In a fresh process, not initialised yet; gives an enum found. *argument is an unsigned int, the
	   number of the kill: what takes long need not be looked at each time. */
	int (*check)(void *argument);
	unsigned int files[FOUNDS]; /* the objects that are there then */
};

/* A token with PINs of their own and something of everything: KILLS_OBJECTS objects. */
#define KILLS_OBJECTS 4
#define KILLS_LABEL "test token"
void kills_token(void);
/* All of it is there, whole, and as many objects more. The user is logged in. */
void kills_check_token(CK_SESSION_HANDLE session, CK_ULONG more);
/* C_FindObjects finds it once, with the value that p11_data() gives it. */
void kills_check_data(CK_SESSION_HANDLE session, const char *label);
bool kills_value_is(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, const char *expected);
void kills_check_key(CK_SESSION_HANDLE session);

/* The case: a token of its own for each kill. The calls are one of the lists in traced.h; without TESTS_LONG
   in the environment every other one of them, and the last. */
void kills_everywhere(const struct kills *kills, const char *list);

#endif
