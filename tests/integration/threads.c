/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sixteen threads of one process that do whatever a program does with a token, at random, and end each
 * other's login and sessions. What one of them is told is right, or another has ended what it needed; and
 * nobody waits for ever. TESTS_SECONDS says how long.
 */
#define _GNU_SOURCE
#include "threads_work.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "p11_link.h"

/* So long without a step is a hang, however busy the machine and slow the build. */
#define PATIENCE_SECONDS 120
/* Between two rests. */
#define WORK_SECONDS 2

static pthread_t handles[THREADS];
static unsigned int numbers[THREADS];

static struct {
	unsigned int beats;
	double since; /* when beats was seen to grow */
} looks[THREADS];

/* The key for all, and what libcrypto needs to judge its work. */
static void begin(void)
{
	unsigned char text[] = THREADS_TEXT, *der = threads.der;
	CK_SESSION_HANDLE session = p11_new_token();
	struct p11_pair pair;
	EVP_PKEY *public;
	int length;

	RV_MUST(p11_generate(session, 1024, THREADS_KEY, true, true, &pair), CKR_OK);
	public = p11_read_public(session, pair.public);
	length = i2d_PUBKEY(public, NULL);
	MUST(length > 0 && length <= THREADS_MAX_DER);
	threads.der_length = (size_t)i2d_PUBKEY(public, &der);
	threads.sealed_length = p11_soft_encrypt(public, text, sizeof(text), threads.sealed);
	EVP_PKEY_free(public);
	p11_stop();
	link_set("PKCS11_TPM_IDLE", 1);
	p11_start();
}

static void look(void)
{
	for (unsigned int i = 0; i < THREADS && !threads.stop; i++) {
		unsigned int beats = threads.at[i].beats;
		double now = link_seconds();

		if (beats != looks[i].beats || looks[i].since == 0) {
			looks[i].beats = beats;
			looks[i].since = now;
		} else if (now - looks[i].since > PATIENCE_SECONDS) {
			threads_complain("thread %u has not got on for %d s: %s", i, PATIENCE_SECONDS,
				threads_task(threads.at[i].task));
		}
	}
}

static void work_for(double seconds)
{
	double end = link_seconds() + seconds;

	while (!threads.stop && link_seconds() < end) {
		look();
		link_sleep(0.02);
	}
}

static bool all_rest(void)
{
	for (int i = 0; i < THREADS; i++)
		if (!threads.at[i].rests)
			return false;
	return true;
}

/* Every other time the work goes on at about the time when the connection is closed, not after it. */
static unsigned int rest_for_idle(unsigned int number)
{
	unsigned int closed = 0;
	double end;

	threads.rest = true;
	while (!threads.stop && !all_rest())
		work_for(0.02);
	if (number % 2 != 0)
		work_for(0.9 + (number * 37 % 100) * 0.002);
	end = link_seconds() + PATIENCE_SECONDS;
	while (number % 2 == 0 && closed == 0 && !threads.stop) {
		closed = link_connections() == 0;
		work_for(0.02);
		if (link_seconds() > end)
			threads_complain("the connection stays open though nobody works");
	}
	threads.rest = false;
	return closed;
}

static bool all_done(void)
{
	for (unsigned int i = 0; threads_task(i) != NULL; i++)
		if (threads_done(i) == 0)
			return false;
	return true;
}

/* On a busy machine longer, until each of the tasks was done once. */
static void work(unsigned int seconds)
{
	double end = link_seconds() + seconds, latest = end + PATIENCE_SECONDS;
	unsigned int closed = 0, rests = 0;

	do {
		work_for(WORK_SECONDS);
		closed += rest_for_idle(rests++);
	} while (!threads.stop && (link_seconds() < end || (!all_done() && link_seconds() < latest)));
	work_for(WORK_SECONDS);
	printf("# %u s, %u rests in which the connection was closed", seconds, closed);
	for (unsigned int i = 0; threads_task(i) != NULL; i++)
		printf("%s %s: %u", i % 5 == 0 ? "\n#" : ",", threads_task(i), threads_done(i));
	printf("\n");
}

/* False: some hang, and are left alone. */
static bool end_threads(void)
{
	struct timespec until;
	bool all = true;

	threads.stop = true;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_SECONDS;
	for (unsigned int i = 0; i < THREADS; i++)
		if (pthread_timedjoin_np(handles[i], NULL, &until) != 0) {
			TAP_CHECK(false, "thread %u does not end: %s", i, threads_task(threads.at[i].task));
			all = false;
		}
	return all;
}

static void complaints_show(void)
{
	for (unsigned int i = 0; i < threads.complained && i < THREADS_COMPLAINTS; i++)
		TAP_CHECK(false, "%s", threads.complaints[i]);
}

static int judge(void *ignored)
{
	CK_SESSION_HANDLE session;
	CK_ULONG data;

	(void)ignored;
	p11_start();
	session = p11_open_user();
	CHECK(p11_label_signs(session, THREADS_KEY));
	data = p11_count(session, CKO_DATA, NULL);
	ULONG_EQUAL(data, threads.data);
	ULONG_EQUAL(p11_count(session, CKO_PRIVATE_KEY, THREADS_PAIR), threads.private_keys);
	ULONG_EQUAL(p11_count(session, CKO_PUBLIC_KEY, THREADS_PAIR), threads.public_keys);
	p11_stop();
	return 0;
}

static void *do_nothing(void *nothing)
{
	return nothing;
}

/* A sanitizer's own thread comes with the first of the program. */
static unsigned int threads_before(void)
{
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, do_nothing, NULL) == 0);
	pthread_join(thread, NULL);
	return link_threads(0);
}

/* C_Finalize comes while all are at work. */
static void sixteen_threads(void)
{
	unsigned int seconds = p11_seconds(), before = threads_before();

	alarm(seconds + 5 * PATIENCE_SECONDS);
	begin();
	for (unsigned int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		MUST(pthread_create(&handles[i], NULL, threads_work, &numbers[i]) == 0);
	}
	work(seconds);
	threads.finalising = true;
	RV_EQUAL(p11->C_Finalize(NULL), CKR_OK);
	if (!end_threads()) {
		complaints_show();
		return;
	}
	complaints_show();
	for (unsigned int i = 0; threads_task(i) != NULL && threads.complained == 0; i++)
		TAP_CHECK(threads_done(i) != 0, "nobody got to %s", threads_task(i));
	ULONG_EQUAL(link_connections(), 0);
	ULONG_EQUAL(link_threads(0), before);
	ULONG_EQUAL(judge(NULL), 0);
	ULONG_EQUAL(p11_in_child(judge, NULL), 0);
}

static const struct tap_case cases[] = {
	{ "sixteen threads at random", sixteen_threads },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "threads", cases);
}
