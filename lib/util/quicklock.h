/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_QUICKLOCK_H
#define UTIL_QUICKLOCK_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * A lock for what one thread uses at a time as a rule, as a session: where nobody else wants it, it costs a
 * third of a mutex, as only one of its instructions locks the bus. Those who wait get it in the order in
 * which they came, so that a thread that takes it again and again keeps nobody out; they look every so often,
 * a millisecond apart in the end: nothing for what threads vie for. A thread that has it must not take it
 * again. All zeros: free.
 */
struct quicklock {
	atomic_uint next; /* the number that the next one to come draws */
	atomic_uint now;  /* the number of the one who has it, or may have it */
};

/* True: the caller has it. False: another one has, or waits. */
static inline bool quicklock_try(struct quicklock *lock)
{
	unsigned int mine = atomic_load_explicit(&lock->now, memory_order_acquire);

	return atomic_compare_exchange_strong_explicit(&lock->next, &mine, mine + 1, memory_order_relaxed,
		memory_order_relaxed);
}

/* Waits until that number's turn. No place where a thread is cancelled. */
void quicklock_wait(struct quicklock *lock, unsigned int mine);

static inline void quicklock_take(struct quicklock *lock)
{
	unsigned int mine = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);

	if (atomic_load_explicit(&lock->now, memory_order_acquire) != mine)
		quicklock_wait(lock, mine);
}

static inline void quicklock_give(struct quicklock *lock)
{
	unsigned int mine = atomic_load_explicit(&lock->now, memory_order_relaxed);

	atomic_store_explicit(&lock->now, mine + 1, memory_order_release);
}

#endif
