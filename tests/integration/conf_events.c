/* SPDX-License-Identifier: BSD-2-Clause */
/* C_WaitForSlotEvent, threads in one session, and what needs no chip. */
#define _GNU_SOURCE
#include "p11_conf.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void no_event(void)
{
	CK_SLOT_ID slot = 77;
	char word[] = "reserved";

	p11_fresh();
	RV_EQUAL(p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	p11_start();
	RV_EQUAL(p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
	RV_EQUAL(p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
	RV_EQUAL(p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, word), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_WaitForSlotEvent(0, &slot, word), CKR_ARGUMENTS_BAD);
	RV_MUST(p11_init_token(SO_DEFAULT, "event"), CKR_OK);
	RV_EQUAL(p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
}

struct waiter {
	pthread_t thread;
	CK_RV rv;
};

static void *wait_for_event(void *argument)
{
	struct waiter *waiter = argument;
	CK_SLOT_ID slot;

	waiter->rv = p11->C_WaitForSlotEvent(0, &slot, NULL);
	return NULL;
}

static bool ends_in_time(pthread_t thread, time_t seconds)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += seconds;
	return pthread_timedjoin_np(thread, NULL, &deadline) == 0;
}

static void blocking_ends_with_finalize(void)
{
	static struct waiter waiters[3];
	const struct timespec moment = { 0, 300000000 };
	CK_SESSION_HANDLE session;
	size_t i;

	session = p11_new_token();
	for (i = 0; i < COUNT_OF(waiters); i++) {
		waiters[i].rv = CKR_GENERAL_ERROR;
		MUST(pthread_create(&waiters[i].thread, NULL, wait_for_event, &waiters[i]) == 0);
	}
	nanosleep(&moment, NULL);
	/* Nobody has to wait for those that wait. */
	p11_data(session, "beside those that wait", false, false);
	ULONG_EQUAL(p11_state(session), CKS_RW_USER_FUNCTIONS);
	for (i = 0; i < COUNT_OF(waiters); i++)
		CHECK(pthread_tryjoin_np(waiters[i].thread, NULL) != 0);
	RV_EQUAL(p11->C_Finalize(NULL), CKR_OK);
	for (i = 0; i < COUNT_OF(waiters); i++) {
		MUST(ends_in_time(waiters[i].thread, 10));
		RV_EQUAL(waiters[i].rv, CKR_CRYPTOKI_NOT_INITIALIZED);
	}
	p11_start();
	RV_EQUAL(p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &(CK_SLOT_ID){ 0 }, NULL), CKR_NO_EVENT);
}

/* Threads that share one session get in each other's way; every answer is one the standard has for that. */

#define THREADS 2
#define ROUNDS 60

struct worker {
	pthread_t thread;
	CK_SESSION_HANDLE session;
	struct p11_pair pair;
	unsigned int good;
	CK_RV odd; /* the first answer that makes no sense */
	const char *where;
};

static void judge(struct worker *worker, CK_RV rv, const char *where)
{
	static const CK_RV sane[] = { CKR_OK, CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED };
	size_t i;

	for (i = 0; i < COUNT_OF(sane); i++)
		if (rv == sane[i])
			return;
	if (worker->odd == CKR_OK) {
		worker->odd = rv;
		worker->where = where;
	}
}

static void *work_in_the_session(void *argument)
{
	struct worker *worker = argument;
	CK_MECHANISM sign = { CKM_SHA256_RSA_PKCS, NULL, 0 }, digest = { CKM_SHA256, NULL, 0 };
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_TEXT(CKA_LABEL, "of two threads") };
	unsigned char text[] = "text", out[P11_MAX_BYTES];
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		CK_ULONG length = sizeof(out), count;
		CK_OBJECT_HANDLE object, found[4];
		CK_RV rv;

		judge(worker, p11->C_SignInit(worker->session, &sign, worker->pair.private), "C_SignInit");
		rv = p11->C_Sign(worker->session, text, 4, out, &length);
		judge(worker, rv, "C_Sign");
		if (rv == CKR_OK && length == 128)
			worker->good++;
		length = sizeof(out);
		judge(worker, p11->C_DigestInit(worker->session, &digest), "C_DigestInit");
		judge(worker, p11->C_DigestUpdate(worker->session, text, 4), "C_DigestUpdate");
		judge(worker, p11->C_DigestFinal(worker->session, out, &length), "C_DigestFinal");
		judge(worker, p11->C_FindObjectsInit(worker->session, t, 2), "C_FindObjectsInit");
		judge(worker, p11->C_FindObjects(worker->session, found, 4, &count), "C_FindObjects");
		judge(worker, p11->C_FindObjectsFinal(worker->session), "C_FindObjectsFinal");
		judge(worker, p11->C_CreateObject(worker->session, t, 2, &object), "C_CreateObject");
		judge(worker, p11->C_DestroyObject(worker->session, object), "C_DestroyObject");
	}
	return NULL;
}

static void two_threads_in_a_session(void)
{
	static struct worker workers[THREADS];
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned int i, good = 0;

	memset(workers, 0, sizeof(workers));
	for (i = 0; i < THREADS; i++) {
		workers[i].session = session;
		workers[i].pair = pair;
		MUST(pthread_create(&workers[i].thread, NULL, work_in_the_session, &workers[i]) == 0);
	}
	for (i = 0; i < THREADS; i++)
		MUST(pthread_join(workers[i].thread, NULL) == 0);
	for (i = 0; i < THREADS; i++) {
		tap_about("thread %u, %s", i, workers[i].odd == CKR_OK ? "" : workers[i].where);
		RV_EQUAL(workers[i].odd, CKR_OK);
		good += workers[i].good;
	}
	tap_about(NULL);
	CHECK(good > 0);
	ULONG_EQUAL(p11_count(session, CKO_DATA, "of two threads"), 0);
	/* Whatever one of them left active ends here. */
	RV_EQUAL(p11->C_CloseSession(session), CKR_OK);
	p11_open_user();
	CHECK(p11_label_signs(p11_open(), "shared 1024"));
}

/* One thread closes sessions under the feet of the other. */
static void *sign_until_closed(void *argument)
{
	struct worker *worker = argument;
	unsigned char text[] = "text", out[P11_MAX_BYTES];
	CK_RV rv = CKR_OK;

	while (rv == CKR_OK) {
		CK_ULONG length = sizeof(out);

		rv = p11_sign(worker->session, CKM_SHA256_RSA_PKCS, worker->pair.private, text, 4, out,
			&length);
	}
	worker->odd = rv;
	return NULL;
}

static void closed_while_signing(void)
{
	const struct timespec moment = { 0, 50000000 };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	int round;

	for (round = 0; round < 5; round++) {
		struct worker worker = { .session = p11_open(), .pair = pair };

		tap_about("round %d", round);
		MUST(pthread_create(&worker.thread, NULL, sign_until_closed, &worker) == 0);
		nanosleep(&moment, NULL);
		RV_EQUAL(p11->C_CloseSession(worker.session), CKR_OK);
		MUST(ends_in_time(worker.thread, 30));
		RV_ONE_OF(worker.odd, CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED);
	}
	CHECK(p11_signs(session, pair));
}

/* Queries and buffers that are too small cost no signature: they are answered while tcsd is stopped. */
static void queries_without_tcsd(void)
{
	char *control = getenv("WITH_SWTPM_CTL"), stop[] = "stop-tcsd", start[] = "start-tcsd";
	char *stop_tcsd[] = { control, stop, NULL }, *start_tcsd[] = { control, start, NULL };
	CK_MECHANISM sign = { CKM_SHA256_RSA_PKCS, NULL, 0 }, rsa = { CKM_RSA_PKCS, NULL, 0 };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char text[P11_MAX_BYTES] = "text", out[P11_MAX_BYTES];
	CK_ULONG length = 0;

	if (control == NULL) {
		tap_skip("nothing here stops tcsd");
		return;
	}
	RV_MUST(p11->C_SignInit(session, &sign, pair.private), CKR_OK);
	RV_MUST(p11->C_DecryptInit(session, &rsa, pair.private), CKR_OK);
	RV_MUST(p11->C_SignRecoverInit(session, &rsa, pair.private), CKR_OK);
	ULONG_EQUAL(p11_run_program(stop_tcsd), 0);
	RV_EQUAL(p11->C_Sign(session, text, 4, NULL, &length), CKR_OK);
	ULONG_EQUAL(length, 128);
	length = 5;
	RV_EQUAL(p11->C_Sign(session, text, 4, out, &length), CKR_BUFFER_TOO_SMALL);
	RV_EQUAL(p11->C_SignRecover(session, text, 4, NULL, &length), CKR_OK);
	length = 5;
	RV_EQUAL(p11->C_SignRecover(session, text, 4, out, &length), CKR_BUFFER_TOO_SMALL);
	RV_EQUAL(p11->C_Decrypt(session, text, 128, NULL, &length), CKR_OK);
	ULONG_EQUAL(p11_run_program(start_tcsd), 0);
}

static const struct tap_case cases[] = {
	{ "C_WaitForSlotEvent that does not block", no_event },
	{ "one that blocks ends with C_Finalize", blocking_ends_with_finalize },
	{ "two threads in one session", two_threads_in_a_session },
	{ "a session is closed while it signs", closed_while_signing },
	{ "queries and small buffers need no tcsd", queries_without_tcsd },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "events and threads", cases);
}
