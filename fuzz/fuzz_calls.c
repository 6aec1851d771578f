/* SPDX-License-Identifier: BSD-2-Clause */
/* Sequences of all calls. The input: steps, and what each wants to know. */
#include "play.h"

#define STEPS_MAX 64

static struct play_step_row all[STEPS_MAX];

static size_t steps_add(size_t at, const struct play_step_row *rows)
{
	while (rows->step != NULL && at < STEPS_MAX - 1)
		all[at++] = *rows++;
	return at;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	world_make();
	steps_add(steps_add(steps_add(0, steps_sessions), steps_objects), steps_data);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	play_input(data, size, all);
	return 0;
}
