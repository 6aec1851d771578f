/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/link.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <tss/tpm_error.h>
#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "tspi/keeper.h"
#include "tspi/port.h"
#include "tspi/srk.h"
#include "tspi/tspi.h"
#include "tspi/wire.h"
#include "util/log.h"
#include "util/signals.h"

#define PRESENT_MS 1000
#define ALIVE_MS 1000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct link the_link;
static atomic_bool is_open;
static struct link_object *objects;
static atomic_bool expired;

static pthread_mutex_t seen_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t retired_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct link_object *retired;

static bool lost(TSS_RESULT result)
{
	return ERROR_LAYER(result) != TSS_LAYER_TPM && ERROR_CODE(result) == TSS_E_COMM_FAILURE;
}

static int64_t elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)(now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

/* tcsd has few places, so a program that opens session after session must not knock each time. */
bool tspi_present(void)
{
	static struct timespec seen;
	enum port_state state;
	bool ok;

	pthread_mutex_lock(&seen_mutex);
	ok = seen.tv_sec != 0 && elapsed_ms(&seen) < PRESENT_MS;
	if (!ok && ((state = port_look()) == PORT_ANSWERS || state == PORT_BUSY)) {
		ok = true;
		clock_gettime(CLOCK_MONOTONIC, &seen);
	} else if (!ok) {
		ok = state == PORT_UNABLE || state == PORT_NO_MEMORY;
	}
	pthread_mutex_unlock(&seen_mutex);
	return ok;
}

/* --- the connection --- */

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

void link_free_all(const struct link *link)
{
	Tspi_Context_FreeMemory(link->context, NULL);
}

/* The packet asks tcsd for a key that is not there; the chip hears nothing of it. */
void link_overwrite_packet(const struct link *link)
{
	BYTE nothing[512] = { 0 };
	TSS_HKEY none;

	Tspi_Context_GetKeyByPublicInfo(link->context, TSS_PS_TYPE_SYSTEM, TSS_ALG_RSA, sizeof nothing,
		nothing, &none);
}

/* Tspi_Context_Close asks tcsd once more, and must not wait for one that has stopped. */
static void link_close(void)
{
	int copy;

	bury_retired();
	while (objects != NULL)
		link_object_drop(objects);
	if (the_link.context != 0) {
		if (!keeper_interrupted() && !port_alive(ALIVE_MS))
			wire_cut();
		copy = wire_copy();
		srk_flush(&the_link);
		link_free_all(&the_link);
		Tspi_Context_Close(the_link.context);
		wire_end(copy);
	}
	memset(&the_link, 0, sizeof the_link);
	is_open = false;
	expired = false;
}

static TSS_RESULT link_open(bool with_srk)
{
	TSS_RESULT r;

	wire_expect();
	if ((r = Tspi_Context_Create(&the_link.context)) != TSS_SUCCESS)
		the_link.context = 0;
	else if (lost(r = Tspi_Context_Connect(the_link.context, NULL)))
		wire_none();
	else if (r == TSS_SUCCESS
		&& (r = Tspi_Context_GetTpmObject(the_link.context, &the_link.tpm)) == TSS_SUCCESS) {
		is_open = true;
		wire_found();
		if (with_srk)
			r = srk_open(&the_link);
	}
	if (r != TSS_SUCCESS)
		link_close();
	return r;
}

/* libtspi gives what libcrypto has allocated to free(): a host with an allocator of its own in libcrypto
   (stunnel) would be aborted. */
static bool allocator_fits(void)
{
	CRYPTO_malloc_fn allocate;
	CRYPTO_realloc_fn reallocate;
	CRYPTO_free_fn release;

	CRYPTO_get_mem_functions(&allocate, &reallocate, &release);
	if (allocate == CRYPTO_malloc && release == CRYPTO_free)
		return true;
	log_error("this program has changed how OpenSSL allocates memory, with which TrouSerS cannot work:"
		" let p11-kit server run the module");
	return false;
}

/* A port that refuses means no tcsd; one that accepts and hangs up, a tcsd whose places are taken. */
static TSS_RESULT look_result(enum port_state state)
{
	static const TSS_RESULT results[] = {
		[PORT_ANSWERS] = TSS_SUCCESS,
		[PORT_BUSY] = TSP_ERROR(TSS_E_COMM_FAILURE),
		[PORT_REFUSES] = TSP_ERROR(TSS_E_NO_CONNECTION),
		[PORT_FOREIGN] = TSP_ERROR(TSS_E_CONNECTION_FAILED),
		[PORT_UNABLE] = TSP_ERROR(TSS_E_CONNECTION_BROKEN),
		[PORT_NO_MEMORY] = TSP_ERROR(TSS_E_OUTOFMEMORY),
	};

	return results[state];
}

static TSS_RESULT link_need(bool with_srk)
{
	struct timespec start, pause = { 0, 10000000 };
	TSS_RESULT r;

	if (the_link.context != 0 && (the_link.srk != 0 || !with_srk))
		return TSS_SUCCESS;
	if (the_link.context != 0)
		link_close();
	if (!allocator_fits())
		return TSP_ERROR(TSS_E_NOTIMPL);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		r = look_result(port_find());
		if (r == TSS_SUCCESS)
			r = link_open(with_srk);
		if (!lost(r) || keeper_interrupted() || elapsed_ms(&start) > (int64_t)keeper_timeout_ms())
			return r;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 400000000)
			pause.tv_nsec *= 2;
	}
}

/* Everything that may write to tcsd's socket stands between these two. */
static void enter(struct signals *held)
{
	pthread_mutex_lock(&mutex);
	signals_hold(held);
}

static void leave(const struct signals *held)
{
	signals_release(held);
	pthread_mutex_unlock(&mutex);
}

static TSS_RESULT run(link_work *work, void *arg, bool with_srk)
{
	struct signals held;
	TSS_RESULT r = TSS_SUCCESS;

	enter(&held);
	keeper_work_begin();
	bury_retired();
	for (int tries = 0; tries < 3; tries++) {
		if ((r = link_need(with_srk)) != TSS_SUCCESS)
			break;
		r = work(&the_link, arg);
		if (!lost(r))
			break;
		link_close();
		if (keeper_interrupted())
			break;
	}
	if (expired)
		link_close();
	if (lost(r) && keeper_interrupted())
		r = TSP_ERROR(TSS_E_TIMEOUT);
	keeper_work_end();
	leave(&held);
	return r;
}

TSS_RESULT link_run(link_work *work, void *arg)
{
	return run(work, arg, true);
}

TSS_RESULT link_run_bare(link_work *work, void *arg)
{
	return run(work, arg, false);
}

void link_expire(void)
{
	expired = true;
}

void tspi_close_soon(void)
{
	if (is_open)
		link_expire();
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
	struct signals held;

	enter(&held);
	if (is_open) {
		keeper_work_begin();
		link_close();
		keeper_work_end();
	} else {
		bury_retired();
	}
	leave(&held);
}

/* Never waits for work of another thread: whoever does it closes the connection, or keeps it busy. */
static void close_idle(void)
{
	struct signals held;

	if (pthread_mutex_trylock(&mutex) != 0)
		return;
	signals_hold(&held);
	if (is_open)
		link_close();
	leave(&held);
}

void tspi_start(bool may_start_threads)
{
	static const struct keeper_duties duties = { wire_cut, close_idle };

	keeper_configure(&duties, may_start_threads);
}

void tspi_rest(void)
{
	if (is_open && (expired || keeper_absent()))
		close_idle();
}

void tspi_stop(void)
{
	tspi_close();
	keeper_stop();
}

/* Closing the inherited context would break the parent's; its objects stay where they are. */
void tspi_forget(void)
{
	static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	memcpy(&mutex, &fresh, sizeof mutex);
	memcpy(&retired_mutex, &fresh, sizeof retired_mutex);
	memcpy(&seen_mutex, &fresh, sizeof seen_mutex);
	keeper_forget();
	retired = NULL;
	memset(&the_link, 0, sizeof the_link);
	is_open = expired = false;
	port_forget();
	wire_forget();
	objects = NULL;
}
