/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/quicklock.h"

#include <pthread.h>
#include <time.h>

#define PAUSE_FIRST_NS 10000
#define PAUSE_LAST_NS 1000000

void quicklock_wait(struct quicklock *lock, unsigned int mine)
{
	struct timespec pause = { 0, PAUSE_FIRST_NS };
	int cancel_state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	do {
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < PAUSE_LAST_NS)
			pause.tv_nsec *= 2;
	} while (atomic_load_explicit(&lock->now, memory_order_acquire) != mine);
	pthread_setcancelstate(cancel_state, NULL);
}
