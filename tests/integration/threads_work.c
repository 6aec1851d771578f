/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "threads_work.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct threads threads;

void threads_complain(const char *format, ...)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	va_list ap;

	pthread_mutex_lock(&mutex);
	va_start(ap, format);
	if (threads.complained < THREADS_COMPLAINTS)
		vsnprintf(threads.complaints[threads.complained], sizeof(threads.complaints[0]), format, ap);
	va_end(ap);
	threads.complained++;
	pthread_mutex_unlock(&mutex);
	threads.stop = true;
}

uint32_t threads_random(struct worker *w, uint32_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 17;
	w->random ^= w->random << 5;
	return w->random % below;
}

static void nap(long ms)
{
	const struct timespec pause = { 0, ms * 1000000 };

	nanosleep(&pause, NULL);
}

/* What the code of a call tells */

bool threads_is_token(unsigned int place)
{
	return place % 2 != 0;
}

bool threads_is_private(unsigned int place)
{
	return place >= THREADS_PLACES / 2;
}

void threads_clear(struct place *place)
{
	place->full = false;
	place->serial++;
	place->version = 0;
}

/* The private objects of sessions went with the login, all of a session's with the session. */
void threads_login_lost(struct worker *w)
{
	w->logged_in = false;
	for (unsigned int i = 0; i < THREADS_PLACES; i++)
		if (!threads_is_token(i) && (threads_is_private(i) || w->session == CK_INVALID_HANDLE))
			threads_clear(&w->places[i]);
}

static void session_lost(struct worker *w)
{
	w->session = CK_INVALID_HANDLE;
	threads_login_lost(w);
}

bool threads_login_ended(const struct worker *w)
{
	return threads.logouts.begun != w->logouts;
}

static bool is_excused(struct worker *w, CK_RV rv, bool needs_login)
{
	switch (rv) {
	case CKR_CRYPTOKI_NOT_INITIALIZED:
		session_lost(w);
		return threads.finalising;
	case CKR_SESSION_HANDLE_INVALID:
	case CKR_SESSION_CLOSED:
		session_lost(w);
		return threads.closings.begun != w->closings;
	case CKR_USER_NOT_LOGGED_IN:
	case CKR_KEY_HANDLE_INVALID:
	case CKR_OBJECT_HANDLE_INVALID:
	case CKR_OPERATION_NOT_INITIALIZED:
		if (!needs_login || !threads_login_ended(w))
			return false;
		threads_login_lost(w);
		return true;
	default:
		return false;
	}
}

bool threads_went(struct worker *w, CK_RV rv, bool needs_login, const char *what)
{
	if (rv == CKR_OK)
		return true;
	if (!is_excused(w, rv, needs_login))
		threads_complain("thread %u: %s gives %s, and nobody has ended the %s", w->number, what,
			p11_rv_name(rv), needs_login ? "login" : "session");
	return false;
}

/* What needs no login */

static bool task_digest(struct worker *w)
{
	CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
	unsigned char data[3000], expected[32], digest[32];
	CK_ULONG length = sizeof(digest);
	CK_RV rv = p11->C_DigestInit(w->session, &mechanism);

	memset(data, (int)threads_random(w, 256), sizeof(data));
	for (size_t at = 0; rv == CKR_OK && at < sizeof(data); at += 1000)
		rv = p11->C_DigestUpdate(w->session, data + at, 1000);
	if (rv == CKR_OK)
		rv = p11->C_DigestFinal(w->session, digest, &length);
	if (!threads_went(w, rv, false, "a digest"))
		return false;
	if (EVP_Digest(data, sizeof(data), expected, NULL, EVP_sha256(), NULL) != 1
		|| length != sizeof(digest) || memcmp(digest, expected, length) != 0)
		threads_complain("thread %u: a wrong digest", w->number);
	return true;
}

static bool task_random(struct worker *w)
{
	static const unsigned char nothing[32];
	unsigned char bytes[32] = { 0 };

	if (!threads_went(w, p11->C_GenerateRandom(w->session, bytes, sizeof(bytes)), false, "random"))
		return false;
	if (memcmp(bytes, nothing, sizeof(bytes)) == 0)
		threads_complain("thread %u: 32 random bytes are zero", w->number);
	return true;
}

static bool task_wait(struct worker *w)
{
	nap((long)threads_random(w, 20));
	return true;
}

/* Sessions and the login */

static bool open_session(struct worker *w, CK_FLAGS flags, CK_SESSION_HANDLE *session)
{
	CK_RV rv = p11->C_OpenSession(p11_slot, CKF_SERIAL_SESSION | flags, NULL, NULL, session);

	return threads_went(w, rv, false, "C_OpenSession");
}

static bool task_info(struct worker *w)
{
	CK_SESSION_INFO info = { .state = 99 };
	CK_TOKEN_INFO token;

	if (!threads_went(w, p11->C_GetSessionInfo(w->session, &info), false, "C_GetSessionInfo")
		|| !threads_went(w, p11->C_GetTokenInfo(p11_slot, &token), false, "C_GetTokenInfo"))
		return false;
	if (info.state != CKS_RW_USER_FUNCTIONS && w->logged_in && !threads_login_ended(w))
		threads_complain("thread %u: the session's state is %lu", w->number, info.state);
	return true;
}

/* One more that can only read, with the same login. */
static bool task_reader(struct worker *w)
{
	CK_SESSION_INFO info = { .state = 99 };
	CK_SESSION_HANDLE own = w->session, reader;
	bool done;

	if (!open_session(w, 0, &reader))
		return false;
	w->session = reader;
	done = threads_went(w, p11->C_GetSessionInfo(reader, &info), false, "C_GetSessionInfo");
	if (done && info.state != CKS_RO_USER_FUNCTIONS && w->logged_in && !threads_login_ended(w))
		threads_complain("thread %u: a reader's state is %lu", w->number, info.state);
	done = done && task_digest(w) && (!w->logged_in || threads_sign(w));
	if (w->session != CK_INVALID_HANDLE)
		done = threads_went(w, p11->C_CloseSession(reader), false, "C_CloseSession") && done;
	if (w->session != CK_INVALID_HANDLE)
		w->session = own;
	return done;
}

static bool task_close(struct worker *w)
{
	bool done = threads_went(w, p11->C_CloseSession(w->session), false, "C_CloseSession");

	session_lost(w);
	return done;
}

static bool task_login(struct worker *w)
{
	char pin[] = USER_PIN, label[] = THREADS_KEY;
	unsigned int logouts = threads.logouts.done;
	CK_ULONG count;
	CK_RV rv = p11->C_Login(w->session, CKU_USER, (CK_UTF8CHAR_PTR)pin, sizeof(pin) - 1);

	if (rv != CKR_USER_ALREADY_LOGGED_IN && !threads_went(w, rv, false, "C_Login"))
		return false;
	if (rv == CKR_OK && w->logged_in && !threads_login_ended(w))
		threads_complain("thread %u: C_Login knows of no login, and nobody has ended it", w->number);
	if (!w->logged_in || threads_login_ended(w))
		threads_login_lost(w);
	w->logged_in = true;
	w->logouts = logouts;
	if (!threads_search(w, CKO_PRIVATE_KEY, label, &w->key, &count))
		return false;
	if (count != 1 && !threads_login_ended(w))
		threads_complain("thread %u has logged in and finds %lu private keys", w->number, count);
	if (count != 1)
		threads_login_lost(w);
	return count == 1;
}

static bool task_logout(struct worker *w)
{
	bool held = w->logged_in;
	CK_RV rv;

	threads.logouts.begun++;
	rv = p11->C_Logout(w->session);
	if (rv == CKR_USER_NOT_LOGGED_IN && held && threads.logouts.begun == w->logouts + 1)
		threads_complain("thread %u: C_Logout knows of no login, which nobody else has ended",
			w->number);
	if (rv == CKR_USER_NOT_LOGGED_IN || threads_went(w, rv, false, "C_Logout"))
		threads_login_lost(w);
	threads.logouts.done++;
	return rv == CKR_OK;
}

static bool task_close_all(struct worker *w)
{
	bool done;

	if (w->number != 0)
		return false;
	threads.closings.begun++;
	threads.logouts.begun++;
	done = threads_went(w, p11->C_CloseAllSessions(p11_slot), false, "C_CloseAllSessions");
	threads.logouts.done++;
	threads.closings.done++;
	session_lost(w);
	return done;
}

/* The work */

static struct {
	const char *name;
	unsigned int weight;
	bool (*run)(struct worker *);
	atomic_uint done;
} tasks[] = {
	{ "sign", 30, threads_sign, 0 },
	{ "decrypt", 15, threads_decrypt, 0 },
	{ "generate a session pair", 1, threads_session_pair, 0 },
	{ "generate a token pair", 1, threads_token_pair, 0 },
	{ "objects", 30, threads_object, 0 },
	{ "digest", 15, task_digest, 0 },
	{ "random", 5, task_random, 0 },
	{ "wait", 15, task_wait, 0 },
	{ "look at session and token", 5, task_info, 0 },
	{ "open a second session", 5, task_reader, 0 },
	{ "close the session", 2, task_close, 0 },
	{ "log in", 5, task_login, 0 },
	{ "log out", 1, task_logout, 0 },
	{ "close all sessions", 4, task_close_all, 0 },
};
#define TASKS (sizeof(tasks) / sizeof(*tasks))

const char *threads_task(unsigned int task)
{
	return task < TASKS ? tasks[task].name : NULL;
}

unsigned int threads_done(unsigned int task)
{
	return tasks[task].done;
}

static unsigned int choose(struct worker *w)
{
	unsigned int all = 0, task = 0, at;

	for (size_t i = 0; i < TASKS; i++)
		all += tasks[i].weight;
	for (at = threads_random(w, all); at >= tasks[task].weight; task++)
		at -= tasks[task].weight;
	return task;
}

static void work_once(struct worker *w)
{
	unsigned int closings = threads.closings.done, task = choose(w);

	if (w->session == CK_INVALID_HANDLE) {
		w->closings = closings;
		if (!open_session(w, CKF_RW_SESSION, &w->session))
			return;
	}
	if (!w->logged_in && threads_random(w, 3) == 0)
		task_login(w);
	if (w->session == CK_INVALID_HANDLE)
		return;
	threads.at[w->number].task = task;
	tasks[task].done += tasks[task].run(w);
}

void *threads_work(void *number)
{
	struct worker w = { .number = *(unsigned int *)number };

	w.random = (w.number + 1) * 2654435761u ^ (uint32_t)time(NULL);
	w.random += w.random == 0;
	w.public = threads_public(threads.der, threads.der_length);
	if (w.public == NULL)
		threads_complain("thread %u cannot read the key for all", w.number);
	while (!threads.stop) {
		threads.at[w.number].rests = threads.rest;
		if (threads.rest)
			nap(5);
		else
			work_once(&w);
		threads.at[w.number].beats++;
	}
	EVP_PKEY_free(w.public);
	return NULL;
}
