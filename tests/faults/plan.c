/* SPDX-License-Identifier: BSD-2-Clause */
#include "plan.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS 68
#define FIRST_GUESS 8 /* points of a kind, while nobody knows */

struct passed {
	const char *function;
	unsigned int most[FAULT_KINDS];
};

static _Thread_local struct {
	bool armed;
	struct passed *passed;
	unsigned int count[FAULT_KINDS];
	enum fault_kind kind;
	unsigned int nth;
	const char *hit;
} plan;

/* Of each thread, so that what one draws does not depend on the others. */
static _Thread_local struct passed functions[FUNCTIONS];
static _Thread_local uint64_t state;
static atomic_uint threads;

/* xorshift64*: the same numbers on every system. */
unsigned int plan_draw(unsigned int sides)
{
	if (state == 0) {
		const char *seed = getenv("FAULTS_SEED");

		state = 0x9e3779b97f4a7c15u * (strtoull(seed != NULL ? seed : "1", NULL, 10) + 1)
			+ atomic_fetch_add(&threads, 1);
	}
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned int)((state * 0x2545f4914f6cdd1du) >> 33) % sides;
}

/* Of AddressSanitizer, where the program is built with it. */
void __sanitizer_print_stack_trace(void) __attribute__((weak));

static struct passed *passed_of(const char *function)
{
	struct passed *p = functions;

	while (p->function != NULL && strcmp(p->function, function) != 0)
		p++;
	if (p->function == NULL) {
		p->function = function;
		for (int kind = 0; kind < FAULT_KINDS; kind++)
			p->most[kind] = FIRST_GUESS;
	}
	return p;
}

void plan_arm(const char *function)
{
	memset(&plan, 0, sizeof plan);
	plan.passed = passed_of(function);
	plan.kind = (enum fault_kind)plan_draw(FAULT_KINDS);
	plan.nth = plan.passed->most[plan.kind] != 0 ? 1 + plan_draw(plan.passed->most[plan.kind]) : 0;
	if (plan_draw(2) == 0)
		plan.nth = 0;
	plan.armed = true;
}

const char *plan_disarm(void)
{
	plan.armed = false;
	for (int kind = 0; kind < FAULT_KINDS; kind++)
		if (plan.hit == NULL || plan.count[kind] > plan.passed->most[kind])
			plan.passed->most[kind] = plan.count[kind];
	return plan.hit;
}

/* A file that cannot be read for what it is, as one on a bad sector, is left out of searches: that is no
   fault of the moment. */
static int errno_of(enum fault_kind kind)
{
	static const int reading[] = { EMFILE, ENFILE, ENOMEM };
	static const int writing[] = { EIO, ENOSPC, EDQUOT, EACCES, EROFS };

	switch (kind) {
	case FAULT_READ:
		return reading[plan_draw(sizeof reading / sizeof *reading)];
	case FAULT_WRITE:
		return writing[plan_draw(sizeof writing / sizeof *writing)];
	default:
		return ENOMEM;
	}
}

bool plan_hit(enum fault_kind kind, const char *name)
{
	if (!plan.armed || ++plan.count[kind] != plan.nth || kind != plan.kind)
		return false;
	plan.hit = name;
	if (getenv("FAULTS_TRACE") != NULL && __sanitizer_print_stack_trace != NULL)
		__sanitizer_print_stack_trace();
	errno = errno_of(kind);
	return true;
}
