/* SPDX-License-Identifier: BSD-2-Clause */
/* Handles, and sessions that end while others use them. */
#include "p11.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MANY 65536
#define THREADS 4

static CK_SESSION_HANDLE *handles;

static CK_RV open_one(CK_SESSION_HANDLE *session)
{
	return p11->C_OpenSession(p11_slot, CKF_SERIAL_SESSION, NULL, NULL, session);
}

static int compare(const void *a, const void *b)
{
	CK_SESSION_HANDLE one = *(const CK_SESSION_HANDLE *)a, other = *(const CK_SESSION_HANDLE *)b;

	return one < other ? -1 : one > other;
}

/* A handle that was good once is never another session's. */
static void never_again(void)
{
	CK_SESSION_INFO info;
	size_t twice = 0, alive = 0;

	p11_fresh();
	p11_start();
	handles = calloc(MANY, sizeof *handles);
	MUST(handles != NULL);
	for (size_t i = 0; i < MANY; i++) {
		RV_MUST(open_one(&handles[i]), CKR_OK);
		RV_MUST(p11->C_CloseSession(handles[i]), CKR_OK);
	}
	qsort(handles, MANY, sizeof *handles, compare);
	RV_MUST(open_one(&(CK_SESSION_HANDLE){ 0 }), CKR_OK);
	for (size_t i = 0; i < MANY; i++) {
		twice += i > 0 && handles[i] == handles[i - 1];
		alive += p11->C_GetSessionInfo(handles[i], &info) != CKR_SESSION_HANDLE_INVALID;
	}
	ULONG_EQUAL(twice, 0);
	ULONG_EQUAL(alive, 0);
	RV_EQUAL(p11->C_GetSessionInfo(0, &info), CKR_SESSION_HANDLE_INVALID);
	RV_EQUAL(p11->C_CloseSession(0), CKR_SESSION_HANDLE_INVALID);
	RV_EQUAL(p11->C_GetSessionInfo((CK_SESSION_HANDLE)-1, &info), CKR_SESSION_HANDLE_INVALID);
	free(handles);
	p11_stop();
}

/* As many as there are places, and not one more. */
static void all_places(void)
{
	CK_SESSION_HANDLE first = 0, session;
	CK_TOKEN_INFO info;
	CK_SESSION_INFO one;

	p11_fresh();
	p11_start();
	for (size_t i = 0; i < MANY; i++) {
		RV_MUST(open_one(&session), CKR_OK);
		first = i == 0 ? session : first;
	}
	RV_EQUAL(open_one(&session), CKR_SESSION_COUNT);
	RV_EQUAL(p11->C_GetTokenInfo(p11_slot, &info), CKR_OK);
	ULONG_EQUAL(info.ulSessionCount, MANY);
	ULONG_EQUAL(info.ulRwSessionCount, 0);
	RV_EQUAL(p11->C_CloseSession(first), CKR_OK);
	RV_EQUAL(open_one(&session), CKR_OK);
	RV_EQUAL(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	RV_EQUAL(p11->C_GetSessionInfo(session, &one), CKR_SESSION_HANDLE_INVALID);
	RV_EQUAL(p11->C_GetTokenInfo(p11_slot, &info), CKR_OK);
	ULONG_EQUAL(info.ulSessionCount, 0);
	p11_stop();
}

static struct {
	atomic_bool stop;
	atomic_ulong good, wrong;
} race;

/* Every digest that is given is right; what is not given says that the session has gone. */
static void *digest_on(void *arg)
{
	static const unsigned char abc[] = { 0xba, 0x78, 0x16, 0xbf };
	CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 };
	CK_SESSION_HANDLE session = 0;
	CK_BYTE out[32], text[] = "abc";

	while (!atomic_load(&race.stop)) {
		CK_ULONG len = sizeof out;
		CK_RV rv = p11->C_DigestInit(session, &sha256);

		if (rv == CKR_OK)
			rv = p11->C_Digest(session, text, 3, out, &len);
		if (rv == CKR_OK)
			atomic_fetch_add(memcmp(out, abc, sizeof abc) == 0 ? &race.good : &race.wrong, 1);
		else if (rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_CRYPTOKI_NOT_INITIALIZED)
			open_one(&session);
		else
			atomic_fetch_add(&race.wrong, 1);
	}
	return arg;
}

static void *close_on(void *arg)
{
	while (!atomic_load(&race.stop))
		p11->C_CloseAllSessions(p11_slot);
	return arg;
}

static void run_race(bool finalises)
{
	int rounds = getenv("TESTS_LONG") != NULL ? 100 : 30;
	pthread_t threads[THREADS + 1];
	unsigned long before = 0;

	p11_fresh();
	p11_start();
	memset(&race, 0, sizeof race);
	for (size_t i = 0; i < THREADS; i++)
		MUST(pthread_create(&threads[i], NULL, digest_on, NULL) == 0);
	MUST(pthread_create(&threads[THREADS], NULL, finalises ? digest_on : close_on, NULL) == 0);
	for (int round = 0; round < rounds; round++) {
		while (atomic_load(&race.good) < before + 50)
			sched_yield();
		before = atomic_load(&race.good);
		if (finalises) {
			RV_EQUAL(p11->C_Finalize(NULL), CKR_OK);
			RV_MUST(p11->C_Initialize(NULL), CKR_OK);
		}
	}
	atomic_store(&race.stop, true);
	for (size_t i = 0; i <= THREADS; i++)
		pthread_join(threads[i], NULL);
	ULONG_EQUAL(atomic_load(&race.wrong), 0);
	p11_stop();
}

static void closed_in_use(void)
{
	run_race(false);
}

static void finalised_in_use(void)
{
	run_race(true);
}

static const struct tap_case cases[] = {
	{ "a handle is never another session's", never_again },
	{ "65536 sessions, and no more", all_places },
	{ "C_CloseAllSessions while others digest", closed_in_use },
	{ "C_Finalize and C_Initialize while others digest", finalised_in_use },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "sessions", cases);
}
