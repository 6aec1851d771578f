/* SPDX-License-Identifier: BSD-2-Clause */
#include "api/call.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <openssl/err.h>

#include "tspi/tspi.h"
#include "util/log.h"
#include "util/secmem.h"

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t idle;
	bool initialised, stopping, watches_fork;
	unsigned int calls; /* under way, but for those that have a session */
	unsigned long stops;
	struct token *token;
	_Atomic(struct sessions *) sessions; /* stays when the library is finalised */
} library = { .mutex = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER };

/*
 * The child is simply not initialised. What it has inherited may be locked by threads that it does
 * not have, so it is left where it is; only its secrets go.
 */
static void after_fork_in_child(void)
{
	static const pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static const pthread_cond_t idle = PTHREAD_COND_INITIALIZER;

	if (library.token != NULL)
		token_abandon(library.token);
	tspi_forget();
	secmem_forget();
	memcpy(&library.mutex, &mutex, sizeof mutex);
	memcpy(&library.idle, &idle, sizeof idle);
	library.initialised = library.stopping = false;
	library.calls = 0;
	library.token = NULL;
	library.sessions = NULL;
}

static CK_RV start_locked(bool may_start_threads)
{
	struct sessions *sessions = library.sessions;
	CK_RV rv;

	if (library.initialised)
		return CKR_CRYPTOKI_ALREADY_INITIALIZED;
	log_start();
	tspi_start(may_start_threads);
	if (!library.watches_fork && pthread_atfork(NULL, NULL, after_fork_in_child) != 0)
		return CKR_HOST_MEMORY;
	library.watches_fork = true;
	if ((rv = token_open(&library.token)) != CKR_OK)
		return rv;
	rv = sessions_open(library.token, &sessions);
	library.sessions = sessions;
	if (rv != CKR_OK) {
		token_close(&library.token);
		return rv;
	}
	library.initialised = true;
	return CKR_OK;
}

CK_RV library_start(bool may_start_threads)
{
	int cancel_state;
	CK_RV rv;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	pthread_mutex_lock(&library.mutex);
	while (library.stopping)
		pthread_cond_wait(&library.idle, &library.mutex);
	rv = start_locked(may_start_threads);
	pthread_mutex_unlock(&library.mutex);
	pthread_setcancelstate(cancel_state, NULL);
	return rv;
}

/* New calls are refused at once; those under way are waited for. */
static CK_RV stop(void)
{
	struct token *token;

	pthread_mutex_lock(&library.mutex);
	if (!library.initialised) {
		pthread_mutex_unlock(&library.mutex);
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	}
	library.initialised = false;
	library.stopping = true;
	library.stops++;
	pthread_cond_broadcast(&library.idle);
	while (library.calls != 0)
		pthread_cond_wait(&library.idle, &library.mutex);
	token = library.token;
	library.token = NULL; /* a child forked from here on finds nothing half closed */
	pthread_mutex_unlock(&library.mutex);
	sessions_close(library.sessions);
	token_close(&token);
	tspi_stop();
	pthread_mutex_lock(&library.mutex);
	library.stopping = false;
	pthread_cond_broadcast(&library.idle);
	pthread_mutex_unlock(&library.mutex);
	return CKR_OK;
}

CK_RV library_stop(void)
{
	int cancel_state;
	CK_RV rv;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	rv = stop();
	pthread_setcancelstate(cancel_state, NULL);
	return rv;
}

static void unlock(void *mutex)
{
	pthread_mutex_unlock(mutex);
}

/* It counts as no call under way, or C_Finalize would wait for it in turn; and the thread may be
   cancelled. */
CK_RV library_wait_stop(void)
{
	unsigned long stops;

	pthread_mutex_lock(&library.mutex);
	pthread_cleanup_push(unlock, &library.mutex);
	stops = library.stops;
	while (library.initialised && library.stops == stops)
		pthread_cond_wait(&library.idle, &library.mutex);
	pthread_cleanup_pop(1);
	return CKR_CRYPTOKI_NOT_INITIALIZED;
}

static bool is_initialised(void)
{
	bool initialised;

	pthread_mutex_lock(&library.mutex);
	initialised = library.initialised;
	pthread_mutex_unlock(&library.mutex);
	return initialised;
}

/*
 * What libcrypto puts into the thread's error queue for us must not reach the host program. And if that
 * cancels the thread, it ends when the call has: in it, it has locks, and may have half of tcsd's answer.
 */
static void guard(struct call *call)
{
	call->guarded = true;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &call->cancel_state);
	ERR_set_mark();
}

CK_RV call_begin(struct call *call, const char *name)
{
	memset(call, 0, sizeof *call);
	call->name = name;
	pthread_mutex_lock(&library.mutex);
	if (library.initialised) {
		library.calls++;
		call->entered = true;
		call->token = library.token;
		call->sessions = library.sessions;
	}
	pthread_mutex_unlock(&library.mutex);
	if (!call->entered)
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	guard(call);
	return CKR_OK;
}

CK_RV call_begin_slot(struct call *call, const char *name, CK_SLOT_ID slot)
{
	CK_RV rv = call_begin(call, name);

	return rv == CKR_OK && slot != SLOT_ID ? CKR_SLOT_ID_INVALID : rv;
}

/* The session alone keeps the library as it is: this is one lock, and most of what a short call costs. */
CK_RV call_begin_bare(struct call *call, const char *name, CK_SESSION_HANDLE session)
{
	CK_RV rv = CKR_CRYPTOKI_NOT_INITIALIZED;

	memset(call, 0, sizeof *call);
	call->name = name;
	call->sessions = atomic_load_explicit(&library.sessions, memory_order_acquire);
	if (call->sessions != NULL)
		rv = session_enter(call->sessions, session, &call->session);
	if (rv == CKR_OK)
		call->token = call->session->token;
	else if (!is_initialised())
		rv = CKR_CRYPTOKI_NOT_INITIALIZED;
	return rv;
}

CK_RV call_begin_session(struct call *call, const char *name, CK_SESSION_HANDLE session)
{
	CK_RV rv = call_begin_bare(call, name, session);

	if (rv == CKR_OK)
		guard(call);
	return rv;
}

CK_RV call_begin_objects(struct call *call, const char *name, CK_SESSION_HANDLE session, bool pointers)
{
	CK_RV rv = call_begin_session(call, name, session);

	if (rv == CKR_OK && !pointers)
		return CKR_ARGUMENTS_BAD;
	return rv == CKR_OK ? token_check_expired(call->token) : rv;
}

static void library_leave(void)
{
	pthread_mutex_lock(&library.mutex);
	if (--library.calls == 0)
		pthread_cond_broadcast(&library.idle);
	pthread_mutex_unlock(&library.mutex);
}

CK_RV call_end(struct call *call, CK_RV rv)
{
	if (call->guarded)
		tspi_rest();
	if (call->session != NULL)
		session_leave(call->session);
	if (call->guarded)
		ERR_pop_to_mark();
	if (call->entered)
		library_leave();
	log_debug("%s: 0x%lx", call->name, rv);
	if (call->guarded)
		pthread_setcancelstate(call->cancel_state, NULL);
	return rv;
}
