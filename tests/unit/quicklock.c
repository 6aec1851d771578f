/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/quicklock.h"

#include <pthread.h>
#include <time.h>

#include "unit.h"

#define THREADS 4
#define ROUNDS 20000

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

static atomic_bool waiting, got_it;

static void *wait_for_it(void *ignored)
{
	(void)ignored;
	atomic_store(&waiting, true);
	quicklock_take(&lock);
	atomic_store(&got_it, true);
	quicklock_give(&lock);
	pthread_testcancel();
	return NULL;
}

/* One that waits gets the lock first, and ends when it has given that back. */
static void is_no_cancellation_point(void)
{
	static const struct timespec long_enough = { 0, 20000000 };
	pthread_t thread;
	void *result = NULL;

	quicklock_take(&lock);
	MUST(pthread_create(&thread, NULL, wait_for_it, NULL) == 0);
	while (!atomic_load(&waiting))
		nanosleep(&long_enough, NULL);
	MUST(pthread_cancel(thread) == 0);
	nanosleep(&long_enough, NULL);
	CHECK(!atomic_load(&got_it));
	quicklock_give(&lock);
	MUST(pthread_join(thread, &result) == 0);
	CHECK(atomic_load(&got_it));
	CHECK(result == PTHREAD_CANCELED);
	tries();
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "one thread at a time", excludes },
		{ "who tries does not wait", tries },
		{ "a thread that waits is not cancelled there", is_no_cancellation_point },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "quicklock", cases);
}
