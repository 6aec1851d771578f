/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/quicklock.h"

#include <limits.h>
#include <pthread.h>
#include <time.h>

#include "unit.h"

#define THREADS 4
#define ROUNDS 2000

static struct quicklock lock;
static long counted;

static void *count(void *ignored)
{
	(void)ignored;
	for (int i = 0; i < ROUNDS; i++) {
		quicklock_take(&lock);
		counted++;
		quicklock_give(&lock);
	}
	return NULL;
}

static void excludes(void)
{
	pthread_t threads[THREADS];

	counted = 0;
	for (size_t i = 0; i < THREADS; i++)
		MUST(pthread_create(&threads[i], NULL, count, NULL) == 0);
	for (size_t i = 0; i < THREADS; i++)
		MUST(pthread_join(threads[i], NULL) == 0);
	NUMBER_EQUAL(counted, (long)THREADS * ROUNDS);
}

static void tries(void)
{
	CHECK(quicklock_try(&lock));
	CHECK(!quicklock_try(&lock));
	quicklock_give(&lock);
	CHECK(quicklock_try(&lock));
	quicklock_give(&lock);
}

static const struct timespec a_while = { 0, 20000000 };
static unsigned int order[THREADS]; /* who got the lock */
static unsigned int got;

static void *wait_for_it(void *who)
{
	quicklock_take(&lock);
	order[got++] = *(unsigned int *)who;
	quicklock_give(&lock);
	pthread_testcancel();
	return NULL;
}

static pthread_t start_waiting(unsigned int *who)
{
	unsigned int before = atomic_load(&lock.next);
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, wait_for_it, who) == 0);
	while (atomic_load(&lock.next) == before)
		nanosleep(&a_while, NULL);
	return thread;
}

/* Who gives the lock and takes it at once comes after those who were there before. */
static void in_turn(void)
{
	unsigned int numbers[THREADS];
	pthread_t threads[THREADS];

	got = 0;
	quicklock_take(&lock);
	for (unsigned int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		threads[i] = start_waiting(&numbers[i]);
	}
	CHECK(!quicklock_try(&lock));
	NUMBER_EQUAL(got, 0);
	quicklock_give(&lock);
	quicklock_take(&lock);
	NUMBER_EQUAL(got, THREADS);
	for (unsigned int i = 0; i < THREADS; i++)
		NUMBER_EQUAL(order[i], i);
	quicklock_give(&lock);
	for (size_t i = 0; i < THREADS; i++)
		MUST(pthread_join(threads[i], NULL) == 0);
}

/* The numbers begin anew some day. */
static void wraps(void)
{
	atomic_store(&lock.next, UINT_MAX - 1);
	atomic_store(&lock.now, UINT_MAX - 1);
	tries();
	in_turn();
	tries();
}

/* One that waits gets the lock first, and ends when it has given that back. */
static void is_no_cancellation_point(void)
{
	unsigned int who = 0;
	pthread_t thread;
	void *result = NULL;

	got = 0;
	quicklock_take(&lock);
	thread = start_waiting(&who);
	MUST(pthread_cancel(thread) == 0);
	nanosleep(&a_while, NULL);
	NUMBER_EQUAL(got, 0);
	quicklock_give(&lock);
	MUST(pthread_join(thread, &result) == 0);
	NUMBER_EQUAL(got, 1);
	CHECK(result == PTHREAD_CANCELED);
	tries();
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "one thread at a time", excludes },
		{ "who tries does not wait", tries },
		{ "those who wait get it in turn", in_turn },
		{ "more turns than there are numbers", wraps },
		{ "a thread that waits is not cancelled there", is_no_cancellation_point },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "quicklock", cases);
}
