/* SPDX-License-Identifier: BSD-2-Clause */
/* Attribute templates of all calls that take one. The input: as of fuzz_calls, without what has none. */
#include "play.h"

static struct play_step_row steps[32];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct play_step_row logins[] = { { step_login, 2 }, { step_logout, 1 } };
	size_t n = 0;

	(void)argc, (void)argv;
	world_make();
	while (steps_objects[n].step != NULL) {
		steps[n] = steps_objects[n];
		n++;
	}
	memcpy(steps + n, logins, sizeof logins);
	steps[n + COUNT(logins)] = (struct play_step_row){ step_unwrap, 3 };
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	play_input(data, size, steps);
	return 0;
}
