/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/session.h"

#include <stdlib.h>

#include "session/operations.h"
#include "session/saved.h"
#include "tspi/tspi.h"

struct sessions {
	pthread_mutex_t mutex; /* guards the list and every session's references */
	/* While somebody works on what depends on which sessions there are, none is opened. */
	bool claimed;
	pthread_cond_t released;
	struct token *token;
	struct session *list;
	CK_SESSION_HANDLE last_handle;
	struct saved_states *saved;
};

CK_RV sessions_open(struct token *token, struct sessions **out)
{
	struct sessions *sessions = calloc(1, sizeof *sessions);

	*out = NULL;
	if (sessions == NULL)
		return CKR_HOST_MEMORY;
	sessions->saved = saved_new();
	if (sessions->saved == NULL) {
		free(sessions);
		return CKR_HOST_MEMORY;
	}
	pthread_mutex_init(&sessions->mutex, NULL);
	pthread_cond_init(&sessions->released, NULL);
	sessions->token = token;
	*out = sessions;
	return CKR_OK;
}

struct saved_states *sessions_saved(struct sessions *sessions)
{
	return sessions->saved;
}

static void count_locked(const struct sessions *sessions, CK_ULONG *all, CK_ULONG *read_write)
{
	*all = *read_write = 0;
	for (const struct session *s = sessions->list; s != NULL; s = s->next) {
		++*all;
		*read_write += s->actor.read_write ? 1 : 0;
	}
}

/* The chip may take its time, so the table is not kept locked meanwhile. */
static void claim_and_count(struct sessions *sessions, CK_ULONG *all, CK_ULONG *read_write)
{
	pthread_mutex_lock(&sessions->mutex);
	while (sessions->claimed)
		pthread_cond_wait(&sessions->released, &sessions->mutex);
	sessions->claimed = true;
	count_locked(sessions, all, read_write);
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

static void session_free(struct session *session)
{
	operations_end(session);
	pthread_mutex_destroy(&session->mutex);
	free(session);
}

static void unref(struct sessions *sessions, struct session *session)
{
	unsigned int left;

	pthread_mutex_lock(&sessions->mutex);
	left = --session->references;
	pthread_mutex_unlock(&sessions->mutex);
	if (left == 0)
		session_free(session);
}

void sessions_close(struct sessions **at)
{
	if (*at == NULL)
		return;
	session_close_all(*at);
	saved_free(&(*at)->saved);
	pthread_cond_destroy(&(*at)->released);
	pthread_mutex_destroy(&(*at)->mutex);
	free(*at);
	*at = NULL;
}

CK_RV session_open(struct sessions *sessions, CK_FLAGS flags, CK_SESSION_HANDLE *handle)
{
	bool read_write = (flags & CKF_RW_SESSION) != 0;
	struct session *session;

	if ((flags & CKF_SERIAL_SESSION) == 0)
		return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
	if (handle == NULL)
		return CKR_ARGUMENTS_BAD;
	if (!token_present(sessions->token))
		return CKR_TOKEN_NOT_PRESENT;
	session = calloc(1, sizeof *session);
	if (session == NULL)
		return CKR_HOST_MEMORY;
	pthread_mutex_init(&session->mutex, NULL);
	session->token = sessions->token;
	session->references = 1;
	pthread_mutex_lock(&sessions->mutex);
	while (sessions->claimed)
		pthread_cond_wait(&sessions->released, &sessions->mutex);
	if (!read_write && token_login_state(sessions->token) == LOGIN_SO) {
		pthread_mutex_unlock(&sessions->mutex);
		session_free(session);
		return CKR_SESSION_READ_WRITE_SO_EXISTS;
	}
	session->handle = session->actor.session = ++sessions->last_handle;
	session->actor.read_write = read_write;
	session->next = sessions->list;
	sessions->list = session;
	*handle = session->handle;
	pthread_mutex_unlock(&sessions->mutex);
	return CKR_OK;
}

/* Takes the session out of the list, so that no call finds it any more. */
static struct session *unlink_session(struct sessions *sessions, CK_SESSION_HANDLE handle, bool any)
{
	struct session **at, *session;

	pthread_mutex_lock(&sessions->mutex);
	for (at = &sessions->list; *at != NULL && !any && (*at)->handle != handle; at = &(*at)->next)
		;
	session = *at;
	if (session != NULL)
		*at = session->next;
	pthread_mutex_unlock(&sessions->mutex);
	return session;
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

static CK_RV close_one(struct sessions *sessions, CK_SESSION_HANDLE handle, bool any)
{
	struct session *session = unlink_session(sessions, handle, any);

	if (session == NULL)
		return CKR_SESSION_HANDLE_INVALID;
	pthread_mutex_lock(&session->mutex);
	session->closed = true;
	operations_end(session);
	pthread_mutex_unlock(&session->mutex);
	objects_end_session(sessions->token, session->handle);
	unref(sessions, session);
	logout_if_last(sessions);
	return CKR_OK;
}

CK_RV session_close(struct sessions *sessions, CK_SESSION_HANDLE handle)
{
	return close_one(sessions, handle, false);
}

void session_close_all(struct sessions *sessions)
{
	while (close_one(sessions, 0, true) == CKR_OK)
		;
}

CK_RV session_enter(struct sessions *sessions, CK_SESSION_HANDLE handle, struct session **out)
{
	struct session *session;
	bool closed;

	*out = NULL;
	pthread_mutex_lock(&sessions->mutex);
	for (session = sessions->list; session != NULL && session->handle != handle; session = session->next)
		;
	if (session != NULL)
		session->references++;
	pthread_mutex_unlock(&sessions->mutex);
	if (session == NULL)
		return CKR_SESSION_HANDLE_INVALID;
	pthread_mutex_lock(&session->mutex);
	closed = session->closed;
	if (closed) {
		pthread_mutex_unlock(&session->mutex);
		unref(sessions, session);
		return CKR_SESSION_HANDLE_INVALID;
	}
	*out = session;
	return CKR_OK;
}

void session_leave(struct sessions *sessions, struct session *session)
{
	pthread_mutex_unlock(&session->mutex);
	unref(sessions, session);
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
	count_locked(sessions, all, read_write);
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
	pthread_mutex_lock(&sessions->mutex);
	for (struct session *s = sessions->list; s != NULL; s = s->next)
		if (s != mine && pthread_mutex_trylock(&s->mutex) == 0) {
			operations_end_lost(s);
			pthread_mutex_unlock(&s->mutex);
		}
	pthread_mutex_unlock(&sessions->mutex);
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
