/* SPDX-License-Identifier: BSD-2-Clause */
/* Mechanisms, their parameters, and the data that they work on. The input: as of fuzz_calls, without the
 * rest. */
#include "play.h"

static struct play_step_row steps[32];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	size_t n = 0;

	(void)argc, (void)argv;
	world_make();
	while (steps_data[n].step != NULL) {
		steps[n] = steps_data[n];
		n++;
	}
	steps[n] = (struct play_step_row){ step_login, 3 };
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	play_input(data, size, steps);
	return 0;
}
