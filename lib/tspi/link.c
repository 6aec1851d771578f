/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/link.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "tspi/tspi.h"
#include "util/env.h"
#include "util/log.h"

#define CONNECT_DEADLINE_MS 60000
#define PROBE_MS 1000
#define PRESENT_MS 1000
#define DEFAULT_PORT "30003"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct link the_link;
static struct link_object *objects;
static bool expired;

static pthread_mutex_t seen_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t retired_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct link_object *retired;

static TSS_UUID srk_uuid = TSS_UUID_SRK;

static bool lost(TSS_RESULT result)
{
	return ERROR_LAYER(result) != TSS_LAYER_TPM && ERROR_CODE(result) == TSS_E_COMM_FAILURE;
}

static long elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)(now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

/* A refused Tspi_Context_Connect closes its descriptor twice, so it must never be refused. */
static bool answers(const struct addrinfo *address)
{
	int fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
	struct pollfd waiting = { fd, POLLOUT, 0 };
	socklen_t len = sizeof(int);
	int failed = 0;
	bool ok;

	if (fd < 0)
		return false;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	ok = connect(fd, address->ai_addr, address->ai_addrlen) == 0;
	if (!ok && errno == EINPROGRESS)
		ok = poll(&waiting, 1, PROBE_MS) == 1
			&& getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) == 0 && failed == 0;
	close(fd);
	return ok;
}

static bool port_answers(void)
{
	const char *host = env_get("TSS_TCSD_HOSTNAME"), *port = env_get("TSS_TCSD_PORT");
	struct addrinfo hints, *found = NULL;
	bool ok = false;

	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	if (getaddrinfo(host != NULL ? host : "localhost", port != NULL ? port : DEFAULT_PORT, &hints,
			&found) != 0)
		return false;
	for (const struct addrinfo *a = found; a != NULL && !ok; a = a->ai_next)
		ok = answers(a);
	freeaddrinfo(found);
	return ok;
}

/* tcsd has few places, so a program that opens session after session must not knock each time. */
bool tspi_present(void)
{
	static struct timespec seen;
	bool ok;

	pthread_mutex_lock(&seen_mutex);
	ok = seen.tv_sec != 0 && elapsed_ms(&seen) < PRESENT_MS;
	if (!ok && (ok = port_answers()))
		clock_gettime(CLOCK_MONOTONIC, &seen);
	pthread_mutex_unlock(&seen_mutex);
	return ok;
}

static TSS_RESULT srk_open(struct link *link)
{
	BYTE well_known[] = TSS_WELL_KNOWN_SECRET;
	TSS_HPOLICY policy;
	TSS_RESULT r;

	if ((r = Tspi_Context_LoadKeyByUUID(link->context, TSS_PS_TYPE_SYSTEM, srk_uuid,
			&link->srk)) != TSS_SUCCESS
		|| (r = Tspi_GetPolicyObject(link->srk, TSS_POLICY_USAGE, &policy)) != TSS_SUCCESS)
		return r;
	return Tspi_Policy_SetSecret(policy, TSS_SECRET_MODE_SHA1, sizeof well_known, well_known);
}

static void bury_retired(void)
{
	struct link_object *next, *object;

	pthread_mutex_lock(&retired_mutex);
	object = retired;
	retired = NULL;
	pthread_mutex_unlock(&retired_mutex);
	for (; object != NULL; object = next) {
		next = object->next_retired;
		link_object_drop(object);
		free(object->memory);
	}
}

static void link_close(void)
{
	bury_retired();
	while (objects != NULL)
		link_object_drop(objects);
	if (the_link.context != 0)
		Tspi_Context_Close(the_link.context);
	memset(&the_link, 0, sizeof the_link);
	expired = false;
}

static TSS_RESULT link_open(void)
{
	TSS_RESULT r;

	if ((r = Tspi_Context_Create(&the_link.context)) != TSS_SUCCESS)
		the_link.context = 0;
	else if ((r = Tspi_Context_Connect(the_link.context, NULL)) == TSS_SUCCESS
		&& (r = Tspi_Context_GetTpmObject(the_link.context, &the_link.tpm)) == TSS_SUCCESS)
		r = srk_open(&the_link);
	if (r != TSS_SUCCESS)
		link_close();
	return r;
}

/* A port that refuses means no tcsd; one that accepts and hangs up, a tcsd whose places are taken. */
static TSS_RESULT link_need(void)
{
	struct timespec start, pause = { 0, 10000000 };
	TSS_RESULT r;

	if (the_link.context != 0)
		return TSS_SUCCESS;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		if (!port_answers())
			return TSP_ERROR(TSS_E_COMM_FAILURE);
		r = link_open();
		if (!lost(r) || elapsed_ms(&start) > CONNECT_DEADLINE_MS)
			return r;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 400000000)
			pause.tv_nsec *= 2;
	}
}

/* libtspi writes to its socket without MSG_NOSIGNAL, and the host program must not die of it. */
static bool sigpipe_hold(sigset_t *before)
{
	sigset_t pipe_only, pending;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, before);
	sigpending(&pending);
	return sigismember(&pending, SIGPIPE) == 1;
}

static void sigpipe_release(const sigset_t *before, bool was_pending)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe_only, pending;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	if (!was_pending && sigismember(&pending, SIGPIPE) == 1)
		while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* Everything that may write to tcsd's socket stands between these two. */
static void enter(sigset_t *before, bool *was_pending)
{
	pthread_mutex_lock(&mutex);
	*was_pending = sigpipe_hold(before);
}

static void leave(const sigset_t *before, bool was_pending)
{
	sigpipe_release(before, was_pending);
	pthread_mutex_unlock(&mutex);
}

TSS_RESULT link_run(link_work *work, void *arg)
{
	sigset_t before;
	bool was_pending;
	TSS_RESULT r = TSS_SUCCESS;

	enter(&before, &was_pending);
	bury_retired();
	for (int tries = 0; tries < 3; tries++) {
		if ((r = link_need()) != TSS_SUCCESS)
			break;
		r = work(&the_link, arg);
		if (!lost(r))
			break;
		link_close();
	}
	if (expired)
		link_close();
	leave(&before, was_pending);
	return r;
}

void link_expire(void)
{
	expired = true;
}

void link_object_add(struct link_object *object, TSS_HOBJECT handle, TSS_HPOLICY policy)
{
	object->handle = handle;
	object->policy = policy;
	object->next = objects;
	object->at = &objects;
	if (objects != NULL)
		objects->at = &object->next;
	objects = object;
}

void link_object_drop(struct link_object *object)
{
	if (object->handle == 0)
		return;
	if (object->policy != 0) {
		Tspi_Policy_FlushSecret(object->policy);
		Tspi_Context_CloseObject(the_link.context, object->policy);
	}
	Tspi_Context_CloseObject(the_link.context, object->handle);
	object->handle = 0;
	*object->at = object->next;
	if (object->next != NULL)
		object->next->at = object->at;
}

void link_object_retire(struct link_object *object, void *memory)
{
	object->memory = memory;
	pthread_mutex_lock(&retired_mutex);
	object->next_retired = retired;
	retired = object;
	pthread_mutex_unlock(&retired_mutex);
}

void tspi_close(void)
{
	sigset_t before;
	bool was_pending;

	enter(&before, &was_pending);
	link_close();
	leave(&before, was_pending);
}

/* Closing the inherited context would break the parent's; its objects stay where they are. */
void tspi_forget(void)
{
	static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	memcpy(&mutex, &fresh, sizeof mutex);
	memcpy(&retired_mutex, &fresh, sizeof retired_mutex);
	memcpy(&seen_mutex, &fresh, sizeof seen_mutex);
	retired = NULL;
	memset(&the_link, 0, sizeof the_link);
	objects = NULL;
}
