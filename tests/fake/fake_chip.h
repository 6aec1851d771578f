/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAKE_CHIP_H
#define TESTS_FAKE_CHIP_H

#include <pthread.h>

#include "fake_tspi.h"

/* The state of the fake, which tests set and ask, and what becomes of a command in it. */

#define REGISTRY_MAX 64

struct fake_chip {
	unsigned int counts[FAKE_FUNCTIONS];
	struct {
		unsigned int nth;
		CK_RV rv;
		bool stays;
	} faults[FAKE_FUNCTIONS + 1];
	bool locked, absent;
	bool pin_key; /* one was loaded, and the connection has not been closed since */
	uint32_t serial;
	unsigned int epoch, tries, next_in_pool;
	uint8_t registry[REGISTRY_MAX][TSPI_UUID_LEN];
	unsigned int registered;
};

extern struct fake_chip chip;
extern pthread_mutex_t chip_mutex; /* one command at a time */

/* Counts the call, and says what is to become of it. */
CK_RV chip_command_locked(enum fake_function function);
CK_RV chip_command(enum fake_function function);

/* Waits while fake_hold_create() says so. */
void chip_gate_pass(void);

#endif
