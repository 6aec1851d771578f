/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake_chip.h"

#include <string.h>
#include <unistd.h>

struct fake_chip chip = { .epoch = 1 };
pthread_mutex_t chip_mutex = PTHREAD_MUTEX_INITIALIZER;

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool hold, held;
} gate = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false };

/* --- what tests say and ask --- */

void fake_reset(void)
{
	uint32_t serial = chip.serial + 1;

	memset(&chip, 0, sizeof chip);
	chip.serial = serial;
	chip.epoch = 1;
	fake_hold_create(false);
}

unsigned int fake_count(enum fake_function function)
{
	return chip.counts[function];
}

void fake_count_clear(void)
{
	memset(chip.counts, 0, sizeof chip.counts);
}

unsigned int fake_commands(void)
{
	unsigned int all = 0;

	for (int i = 0; i < FAKE_REGISTRY_ADD; i++)
		all += chip.counts[i];
	return all;
}

void fake_fail(enum fake_function function, unsigned int nth, CK_RV rv)
{
	chip.faults[function].nth = nth;
	chip.faults[function].rv = rv;
	chip.faults[function].stays = false;
}

void fake_fail_on(enum fake_function function, unsigned int nth, CK_RV rv)
{
	fake_fail(function, nth, rv);
	chip.faults[function].stays = true;
}

bool fake_fail_pending(void)
{
	for (int i = 0; i <= FAKE_FUNCTIONS; i++)
		if (chip.faults[i].nth != 0)
			return true;
	return false;
}

void fake_fail_clear(void)
{
	memset(chip.faults, 0, sizeof chip.faults);
}

void fake_lock(bool locked)
{
	chip.locked = locked;
}

void fake_exchange(void)
{
	chip.serial++;
	chip.epoch++;
}

void fake_absent(bool absent)
{
	chip.absent = absent;
	chip.epoch++;
}

void fake_evict(void)
{
	chip.epoch++;
}

unsigned int fake_tries(void)
{
	return chip.tries;
}

bool fake_pin_key_loaded(void)
{
	return chip.pin_key;
}

void fake_hold_create(bool hold)
{
	pthread_mutex_lock(&gate.mutex);
	gate.hold = hold;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.mutex);
}

void fake_held(void)
{
	pthread_mutex_lock(&gate.mutex);
	while (!gate.held)
		pthread_cond_wait(&gate.changed, &gate.mutex);
	pthread_mutex_unlock(&gate.mutex);
}

/* --- what becomes of a command --- */

static CK_RV fault_take(int at)
{
	unsigned int *nth = &chip.faults[at].nth;

	if (*nth == 0 || (*nth > 1 && (*nth)--))
		return CKR_OK;
	*nth = chip.faults[at].stays ? 1 : 0;
	if (chip.faults[at].rv == FAKE_DIE)
		_exit(0);
	return chip.faults[at].rv;
}

CK_RV chip_command_locked(enum fake_function function)
{
	CK_RV one, any;

	chip.counts[function]++;
	one = fault_take((int)function);
	any = fault_take(FAKE_ANY);
	if (one != CKR_OK || any != CKR_OK)
		return one != CKR_OK ? one : any;
	return chip.absent ? CKR_DEVICE_ERROR : CKR_OK;
}

CK_RV chip_command(enum fake_function function)
{
	CK_RV rv;

	pthread_mutex_lock(&chip_mutex);
	rv = chip_command_locked(function);
	pthread_mutex_unlock(&chip_mutex);
	return rv;
}

void chip_gate_pass(void)
{
	pthread_mutex_lock(&gate.mutex);
	while (gate.hold) {
		gate.held = true;
		pthread_cond_broadcast(&gate.changed);
		pthread_cond_wait(&gate.changed, &gate.mutex);
	}
	gate.held = false;
	pthread_mutex_unlock(&gate.mutex);
}
