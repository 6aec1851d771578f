/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/session.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "session/operations.h"
#include "session/saved.h"
#include "tspi/tspi.h"

#define BLOCK_PLACES 64
#define BLOCKS_MAX 1024
#define PLACES_MAX ((CK_ULONG)BLOCK_PLACES * BLOCKS_MAX)

struct sessions {
	pthread_mutex_t mutex; /* guards the counts and the free places */
	/* While somebody works on what depends on which sessions there are, none is opened. */
	bool claimed;
	pthread_cond_t released;
	struct token *token;
	CK_ULONG all, read_write;
	struct session *free;
	size_t made; /* blocks */
	_Atomic(struct session *) blocks[BLOCKS_MAX];
	struct saved_states *saved;
};

static struct sessions *table_new(void)
{
	struct sessions *sessions = calloc(1, sizeof *sessions);

	if (sessions == NULL)
		return NULL;
	pthread_mutex_init(&sessions->mutex, NULL);
	pthread_cond_init(&sessions->released, NULL);
	return sessions;
}

CK_RV sessions_open(struct token *token, struct sessions **at)
{
	if (*at == NULL && (*at = table_new()) == NULL)
		return CKR_HOST_MEMORY;
	(*at)->token = token;
	(*at)->saved = saved_new();
	return (*at)->saved != NULL ? CKR_OK : CKR_HOST_MEMORY;
}

struct saved_states *sessions_saved(struct sessions *sessions)
{
	return sessions->saved;
}

/* The chip may take its time, so the table is not kept locked meanwhile. */
static void claim_and_count(struct sessions *sessions, CK_ULONG *all, CK_ULONG *read_write)
{
	pthread_mutex_lock(&sessions->mutex);
	while (sessions->claimed)
		pthread_cond_wait(&sessions->released, &sessions->mutex);
	sessions->claimed = true;
	*all = sessions->all;
	*read_write = sessions->read_write;
	pthread_mutex_unlock(&sessions->mutex);
}

static void release(struct sessions *sessions)
{
	pthread_mutex_lock(&sessions->mutex);
	sessions->claimed = false;
	pthread_cond_broadcast(&sessions->released);
	pthread_mutex_unlock(&sessions->mutex);
}

CK_RV sessions_init_token(struct sessions *sessions, const CK_UTF8CHAR *pin, CK_ULONG pin_len,
	const CK_UTF8CHAR *label)
{
	CK_ULONG all, read_write;
	CK_RV rv;

	claim_and_count(sessions, &all, &read_write);
	rv = all != 0 ? CKR_SESSION_EXISTS : token_init(sessions->token, pin, pin_len, label);
	release(sessions);
	return rv;
}

/* --- places --- */

/* A handle is how often its place was used, then the place's number. */
static CK_SESSION_HANDLE handle_next(struct session *session, CK_ULONG number)
{
	CK_SESSION_HANDLE handle;

	do
		handle = (CK_ULONG)++session->uses * PLACES_MAX + number;
	while (handle < PLACES_MAX);
	return handle;
}

static struct session *place_get(struct sessions *sessions, CK_ULONG number)
{
	struct session *block = atomic_load_explicit(&sessions->blocks[number / BLOCK_PLACES],
		memory_order_acquire);

	return block != NULL ? &block[number % BLOCK_PLACES] : NULL;
}

static CK_RV block_make_locked(struct sessions *sessions)
{
	struct session *block;

	if (sessions->made == BLOCKS_MAX)
		return CKR_SESSION_COUNT;
	block = calloc(BLOCK_PLACES, sizeof *block);
	if (block == NULL)
		return CKR_HOST_MEMORY;
	for (size_t i = BLOCK_PLACES; i-- > 0;) {
		block[i].number = sessions->made * BLOCK_PLACES + i;
		block[i].next_free = sessions->free;
		sessions->free = &block[i];
	}
	atomic_store_explicit(&sessions->blocks[sessions->made++], block, memory_order_release);
	return CKR_OK;
}

static CK_RV place_take(struct sessions *sessions, bool read_write, struct session **session)
{
	CK_RV rv = CKR_OK;

	pthread_mutex_lock(&sessions->mutex);
	while (sessions->claimed)
		pthread_cond_wait(&sessions->released, &sessions->mutex);
	if (!read_write && token_login_state(sessions->token) == LOGIN_SO)
		rv = CKR_SESSION_READ_WRITE_SO_EXISTS;
	else if (sessions->free == NULL)
		rv = block_make_locked(sessions);
	if (rv == CKR_OK) {
		*session = sessions->free;
		sessions->free = (*session)->next_free;
		sessions->all++;
		sessions->read_write += read_write ? 1 : 0;
	}
	pthread_mutex_unlock(&sessions->mutex);
	return rv;
}

static void place_give_back(struct sessions *sessions, struct session *session, bool read_write)
{
	pthread_mutex_lock(&sessions->mutex);
	session->next_free = sessions->free;
	sessions->free = session;
	sessions->all--;
	sessions->read_write -= read_write ? 1 : 0;
	pthread_mutex_unlock(&sessions->mutex);
}

/* --- sessions --- */

CK_RV session_open(struct sessions *sessions, CK_FLAGS flags, CK_SESSION_HANDLE *handle)
{
	bool read_write = (flags & CKF_RW_SESSION) != 0;
	struct session *session;
	CK_RV rv;

	if ((flags & CKF_SERIAL_SESSION) == 0)
		return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
	if (handle == NULL)
		return CKR_ARGUMENTS_BAD;
	if (!token_present(sessions->token))
		return CKR_TOKEN_NOT_PRESENT;
	if ((rv = place_take(sessions, read_write, &session)) != CKR_OK)
		return rv;
	quicklock_take(&session->lock);
	*handle = session->handle = session->actor.session = handle_next(session, session->number);
	session->actor.read_write = read_write;
	session->token = sessions->token;
	quicklock_give(&session->lock);
	return CKR_OK;
}

/* Nobody may open a session and log in between the look and the logout. */
static void logout_if_last(struct sessions *sessions)
{
	CK_ULONG all, read_write;

	claim_and_count(sessions, &all, &read_write);
	if (all == 0 && token_logout(sessions->token) == CKR_OK) {
		saved_end_lost(sessions->saved, sessions->token);
		tspi_close();
	}
	release(sessions);
}

/* handle: 0 for whatever session is there. */
static CK_RV place_clear(struct sessions *sessions, struct session *session, CK_SESSION_HANDLE handle)
{
	CK_SESSION_HANDLE found;
	bool read_write;

	if (session == NULL)
		return CKR_SESSION_HANDLE_INVALID;
	quicklock_take(&session->lock);
	found = session->handle;
	if (found == 0 || (handle != 0 && found != handle)) {
		quicklock_give(&session->lock);
		return CKR_SESSION_HANDLE_INVALID;
	}
	session->handle = 0;
	read_write = session->actor.read_write;
	operations_end(session);
	digest_release(session);
	quicklock_give(&session->lock);
	objects_end_session(sessions->token, found);
	place_give_back(sessions, session, read_write);
	logout_if_last(sessions);
	return CKR_OK;
}

CK_RV session_close(struct sessions *sessions, CK_SESSION_HANDLE handle)
{
	return handle == 0 ? CKR_SESSION_HANDLE_INVALID
		: place_clear(sessions, place_get(sessions, handle % PLACES_MAX), handle);
}

void session_close_all(struct sessions *sessions)
{
	struct session *session;

	for (CK_ULONG i = 0; i < PLACES_MAX && (session = place_get(sessions, i)) != NULL; i++)
		place_clear(sessions, session, 0);
}

void sessions_close(struct sessions *sessions)
{
	session_close_all(sessions);
	saved_free(&sessions->saved);
}

CK_RV session_enter(struct sessions *sessions, CK_SESSION_HANDLE handle, struct session **out)
{
	struct session *session = place_get(sessions, handle % PLACES_MAX);

	*out = NULL;
	if (session == NULL || handle == 0)
		return CKR_SESSION_HANDLE_INVALID;
	quicklock_take(&session->lock);
	if (session->handle != handle) {
		quicklock_give(&session->lock);
		return CKR_SESSION_HANDLE_INVALID;
	}
	*out = session;
	return CKR_OK;
}

void session_leave(struct session *session)
{
	quicklock_give(&session->lock);
}

void session_info(struct session *session, CK_SESSION_INFO *info)
{
	static const CK_STATE states[][2] = {
		[LOGIN_NONE] = { CKS_RO_PUBLIC_SESSION, CKS_RW_PUBLIC_SESSION },
		[LOGIN_USER] = { CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS },
		[LOGIN_SO] = { CKS_RW_SO_FUNCTIONS, CKS_RW_SO_FUNCTIONS },
	};

	info->slotID = 0;
	info->state = states[token_login_state(session->token)][session->actor.read_write];
	info->flags = CKF_SERIAL_SESSION | (session->actor.read_write ? CKF_RW_SESSION : 0);
	info->ulDeviceError = 0;
}

void sessions_count(struct sessions *sessions, CK_ULONG *all, CK_ULONG *read_write)
{
	pthread_mutex_lock(&sessions->mutex);
	*all = sessions->all;
	*read_write = sessions->read_write;
	pthread_mutex_unlock(&sessions->mutex);
}

/* A read-only session must not come in between. */
static CK_RV so_login(struct sessions *sessions, const CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
	CK_ULONG all, read_write;
	CK_RV rv;

	claim_and_count(sessions, &all, &read_write);
	rv = read_write != all ? CKR_SESSION_READ_ONLY_EXISTS
		: token_login(sessions->token, ROLE_SO, pin, pin_len);
	release(sessions);
	return rv;
}

/* Good for the one operation that waits for it. */
static CK_RV context_login(struct session *session, const CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
	struct op_key *key;
	CK_RV rv;

	if (pin == NULL)
		return CKR_ARGUMENTS_BAD;
	operations_end_lost(session);
	key = operations_asking_login(session);
	if (key == NULL)
		return CKR_OPERATION_NOT_INITIALIZED;
	rv = token_check_pin(session->token, pin, pin_len);
	if (rv == CKR_OK)
		key->authenticated = true;
	return rv;
}

CK_RV session_login(struct sessions *sessions, struct session *session, CK_USER_TYPE type,
	const CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
	if (type == CKU_CONTEXT_SPECIFIC)
		return context_login(session, pin, pin_len);
	if (type == CKU_USER)
		return token_login(session->token, ROLE_USER, pin, pin_len);
	return type == CKU_SO ? so_login(sessions, pin, pin_len) : CKR_USER_TYPE_INVALID;
}

/* Another session that is in the midst of a call finds out for itself. */
static void end_lost_elsewhere(struct sessions *sessions, const struct session *mine)
{
	struct session *s;

	for (CK_ULONG i = 0; i < PLACES_MAX && (s = place_get(sessions, i)) != NULL; i++)
		if (s != mine && quicklock_try(&s->lock)) {
			if (s->handle != 0)
				operations_end_lost(s);
			quicklock_give(&s->lock);
		}
}

CK_RV session_logout(struct sessions *sessions, struct session *session)
{
	CK_RV rv = token_logout(sessions->token);

	if (rv != CKR_OK)
		return rv;
	operations_end_lost(session);
	end_lost_elsewhere(sessions, session);
	saved_end_lost(sessions->saved, sessions->token);
	tspi_close();
	return CKR_OK;
}

CK_RV session_set_pin(struct session *session, const CK_UTF8CHAR *old_pin, CK_ULONG old_len,
	const CK_UTF8CHAR *new_pin, CK_ULONG new_len)
{
	if (old_pin == NULL || new_pin == NULL)
		return CKR_ARGUMENTS_BAD;
	if (!session->actor.read_write)
		return CKR_SESSION_READ_ONLY;
	return token_set_pin(session->token, old_pin, old_len, new_pin, new_len);
}

CK_RV session_init_pin(struct session *session, const CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
	if (pin == NULL)
		return CKR_ARGUMENTS_BAD;
	if (!session->actor.read_write)
		return CKR_SESSION_READ_ONLY;
	return token_init_pin(session->token, pin, pin_len);
}
