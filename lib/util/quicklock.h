/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_QUICKLOCK_H
#define UTIL_QUICKLOCK_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * A lock for what one thread uses at a time as a rule, as a session: where nobody else wants it, it costs a
 * third of a mutex, as only one of its two instructions locks the bus. Whoever finds it taken looks again
 * every so often, a millisecond apart in the end: nothing for what threads vie for. No order among those who
 * wait, and a thread that has it must not take it again. All zeros: free.
 */
struct quicklock {
	atomic_bool taken;
};

static inline bool quicklock_try(struct quicklock *lock)
{
	return !atomic_exchange_explicit(&lock->taken, true, memory_order_acquire);
}

/* Waits until the lock is free. No place where a thread is cancelled. */
void quicklock_wait(struct quicklock *lock);

static inline void quicklock_take(struct quicklock *lock)
{
	if (!quicklock_try(lock))
		quicklock_wait(lock);
}

static inline void quicklock_give(struct quicklock *lock)
{
	atomic_store_explicit(&lock->taken, false, memory_order_release);
}

#endif
