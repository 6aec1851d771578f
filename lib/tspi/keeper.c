/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/keeper.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "tspi/port.h"
#include "util/log.h"
#include "util/setting.h"
#include "util/signals.h"

#define TIMEOUT_S 60
#define IDLE_S 5
#define SETTING_MAX 86400
#define WORK_MS 600000u /* however alive tcsd is: the making of a key takes minutes */

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed; /* waits by CLOCK_MONOTONIC */
	const struct keeper_duties *duties;
	bool may_start, condition_made;
	pthread_t thread;
	bool exists; /* the thread is to be joined */
	bool runs, stopping;
	bool working, interrupted;
	unsigned long work; /* its number */
	uint64_t timeout, idle; /* ms, like all times here */
	uint64_t since; /* work began, or ended, then */
	uint64_t alive; /* tcsd was, at that time */
	uint64_t wakes; /* when the thread looks next */
} keeper = { .mutex = PTHREAD_MUTEX_INITIALIZER, .may_start = true };

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t probe_ms(void)
{
	return keeper.timeout / 4 + 1;
}

static void wait_until_locked(uint64_t time)
{
	struct timespec at = { (time_t)(time / 1000), (long)(time % 1000) * 1000000 };

	keeper.wakes = time;
	pthread_cond_timedwait(&keeper.changed, &keeper.mutex, &at);
}

/* tcsd serves one command after the other, so a long one of another process is no silence. */
static void watch_locked(void)
{
	uint64_t now = now_ms(), next = keeper.alive + probe_ms();
	unsigned long work = keeper.work;
	bool alive;

	if (now >= next && !keeper.interrupted) {
		pthread_mutex_unlock(&keeper.mutex);
		alive = port_alive((unsigned int)probe_ms());
		pthread_mutex_lock(&keeper.mutex);
		if (!keeper.working || keeper.work != work)
			return;
		if (alive)
			keeper.alive = now;
		next = now + probe_ms();
		now = now_ms();
		keeper.interrupted = now - keeper.alive >= keeper.timeout || now - keeper.since >= WORK_MS;
	}
	/* Once is not enough where the work was just about to open its next socket. */
	if (keeper.interrupted) {
		keeper.duties->interrupt();
		next = now + probe_ms();
	}
	wait_until_locked(next);
}

/* True: the connection is closed, and the thread has nothing to do any more. */
static bool rest_locked(void)
{
	unsigned long work = keeper.work;

	if (now_ms() < keeper.since + keeper.idle) {
		wait_until_locked(keeper.since + keeper.idle);
		return false;
	}
	pthread_mutex_unlock(&keeper.mutex);
	keeper.duties->close_idle();
	pthread_mutex_lock(&keeper.mutex);
	return !keeper.working && keeper.work == work;
}

static void *keep(void *arg)
{
	bool done = false;

	(void)arg;
	pthread_mutex_lock(&keeper.mutex);
	while (!keeper.stopping && !done) {
		if (keeper.working)
			watch_locked();
		else
			done = rest_locked();
	}
	keeper.runs = false;
	pthread_mutex_unlock(&keeper.mutex);
	return NULL;
}

static bool condition_make_locked(void)
{
	pthread_condattr_t attributes;

	if (keeper.condition_made)
		return true;
	if (pthread_condattr_init(&attributes) != 0)
		return false;
	keeper.condition_made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0
		&& pthread_cond_init(&keeper.changed, &attributes) == 0;
	pthread_condattr_destroy(&attributes);
	return keeper.condition_made;
}

static void start_locked(void)
{
	sigset_t before;

	if (keeper.runs || !keeper.may_start || !condition_make_locked())
		return;
	if (keeper.exists)
		pthread_join(keeper.thread, NULL);
	signals_block_all(&before);
	keeper.exists = keeper.runs = pthread_create(&keeper.thread, NULL, keep, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!keeper.runs)
		log_debug("no thread can be had: the connection is closed after each call");
}

void keeper_configure(const struct keeper_duties *duties, bool may_start)
{
	pthread_mutex_lock(&keeper.mutex);
	keeper.duties = duties;
	keeper.may_start = may_start;
	keeper.stopping = false;
	keeper.timeout = 1000 * (uint64_t)setting_number("PKCS11_TPM_TIMEOUT", TIMEOUT_S, SETTING_MAX);
	if (keeper.timeout == 0)
		keeper.timeout = 1000;
	keeper.idle = 1000 * (uint64_t)setting_number("PKCS11_TPM_IDLE", IDLE_S, SETTING_MAX);
	pthread_mutex_unlock(&keeper.mutex);
}

static void wake_before_locked(uint64_t time)
{
	if (keeper.runs && keeper.wakes > time)
		pthread_cond_signal(&keeper.changed);
}

void keeper_work_begin(void)
{
	pthread_mutex_lock(&keeper.mutex);
	keeper.work++;
	keeper.working = true;
	keeper.interrupted = false;
	keeper.since = keeper.alive = now_ms();
	start_locked();
	wake_before_locked(keeper.since + probe_ms());
	pthread_mutex_unlock(&keeper.mutex);
}

void keeper_work_end(void)
{
	pthread_mutex_lock(&keeper.mutex);
	keeper.working = false;
	keeper.since = now_ms();
	wake_before_locked(keeper.since + keeper.idle);
	pthread_mutex_unlock(&keeper.mutex);
}

bool keeper_interrupted(void)
{
	bool interrupted;

	pthread_mutex_lock(&keeper.mutex);
	interrupted = keeper.interrupted;
	pthread_mutex_unlock(&keeper.mutex);
	return interrupted;
}

bool keeper_absent(void)
{
	bool absent;

	pthread_mutex_lock(&keeper.mutex);
	absent = !keeper.runs || keeper.idle == 0;
	pthread_mutex_unlock(&keeper.mutex);
	return absent;
}

unsigned int keeper_timeout_ms(void)
{
	unsigned int timeout;

	pthread_mutex_lock(&keeper.mutex);
	timeout = (unsigned int)keeper.timeout;
	pthread_mutex_unlock(&keeper.mutex);
	return timeout;
}

void keeper_stop(void)
{
	bool exists;

	pthread_mutex_lock(&keeper.mutex);
	keeper.stopping = true;
	if (keeper.runs)
		pthread_cond_signal(&keeper.changed);
	exists = keeper.exists;
	keeper.exists = false;
	pthread_mutex_unlock(&keeper.mutex);
	if (exists)
		pthread_join(keeper.thread, NULL);
}

void keeper_forget(void)
{
	static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	memcpy(&keeper.mutex, &fresh, sizeof keeper.mutex);
	keeper.condition_made = keeper.exists = keeper.runs = keeper.working = keeper.stopping = false;
}
