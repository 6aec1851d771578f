/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAULTS_PLAN_H
#define TESTS_FAULTS_PLAN_H

#include <stdbool.h>

/*
 * What is to fail, and when: points are calls that the module makes of others. Within one call of a C_*
 * function, in the thread that makes it, at most one point fails; which one is drawn by the seed
 * (FAULTS_SEED, a number) from those that calls of that function have passed so far.
 */

enum fault_kind { FAULT_MEMORY, FAULT_READ, FAULT_WRITE, FAULT_CRYPTO, FAULT_CHIP };
#define FAULT_KINDS 5

/* The call begins: one point in it may fail. Not in every call. */
void plan_arm(const char *function);

/* It is over. What failed, or NULL. */
const char *plan_disarm(void);

/* Is this point to fail? If so errno is set as a failure of its kind sets it. */
bool plan_hit(enum fault_kind kind, const char *name);

/* Below sides, by the seed. */
unsigned int plan_draw(unsigned int sides);

#endif
