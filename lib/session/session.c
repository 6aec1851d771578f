/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/session.h"

#include <stdlib.h>

#include "session/operations.h"

struct sessions {
	pthread_mutex_t mutex; /* guards the list and every session's references */
	struct token *token;
	struct session *list;
	CK_SESSION_HANDLE last_handle;
};

CK_RV sessions_open(struct token *token, struct sessions **out)
{
	struct sessions *sessions = calloc(1, sizeof *sessions);

	*out = sessions;
	if (sessions == NULL)
		return CKR_HOST_MEMORY;
	pthread_mutex_init(&sessions->mutex, NULL);
	sessions->token = token;
	return CKR_OK;
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
	if (!read_write && token_login_state(sessions->token) == LOGIN_SO)
		return CKR_SESSION_READ_WRITE_SO_EXISTS;
	session = calloc(1, sizeof *session);
	if (session == NULL)
		return CKR_HOST_MEMORY;
	pthread_mutex_init(&session->mutex, NULL);
	session->token = sessions->token;
	session->references = 1;
	pthread_mutex_lock(&sessions->mutex);
	session->handle = session->actor.session = ++sessions->last_handle;
	session->actor.read_write = read_write;
	session->next = sessions->list;
	sessions->list = session;
	*handle = session->handle;
	pthread_mutex_unlock(&sessions->mutex);
	return CKR_OK;
}

/* Takes the session out of the list, so that no call finds it any more. */
static struct session *unlink_session(struct sessions *sessions, CK_SESSION_HANDLE handle, bool any,
	bool *last)
{
	struct session **at, *session;

	pthread_mutex_lock(&sessions->mutex);
	for (at = &sessions->list; *at != NULL && !any && (*at)->handle != handle; at = &(*at)->next)
		;
	session = *at;
	if (session != NULL)
		*at = session->next;
	*last = sessions->list == NULL;
	pthread_mutex_unlock(&sessions->mutex);
	return session;
}

static CK_RV close_one(struct sessions *sessions, CK_SESSION_HANDLE handle, bool any)
{
	bool last;
	struct session *session = unlink_session(sessions, handle, any, &last);

	if (session == NULL)
		return CKR_SESSION_HANDLE_INVALID;
	pthread_mutex_lock(&session->mutex);
	session->closed = true;
	operations_end(session);
	pthread_mutex_unlock(&session->mutex);
	objects_end_session(sessions->token, session->handle);
	unref(sessions, session);
	if (last)
		token_logout(sessions->token);
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
	*all = *read_write = 0;
	pthread_mutex_lock(&sessions->mutex);
	for (const struct session *s = sessions->list; s != NULL; s = s->next) {
		++*all;
		*read_write += s->actor.read_write ? 1 : 0;
	}
	pthread_mutex_unlock(&sessions->mutex);
}

CK_RV session_login(struct sessions *sessions, struct session *session, CK_USER_TYPE type,
	const CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
	CK_ULONG all, read_write;

	/* No key asks for a login of its own, so no operation can be waiting for one. */
	if (type == CKU_CONTEXT_SPECIFIC)
		return CKR_OPERATION_NOT_INITIALIZED;
	if (type != CKU_USER && type != CKU_SO)
		return CKR_USER_TYPE_INVALID;
	sessions_count(sessions, &all, &read_write);
	if (type == CKU_SO && read_write != all)
		return CKR_SESSION_READ_ONLY_EXISTS;
	return token_login(session->token, type == CKU_USER ? ROLE_USER : ROLE_SO, pin, pin_len);
}

CK_RV session_set_pin(struct session *session, const CK_UTF8CHAR *old_pin, CK_ULONG old_len,
	const CK_UTF8CHAR *new_pin, CK_ULONG new_len)
{
	if (!session->actor.read_write)
		return CKR_SESSION_READ_ONLY;
	return token_set_pin(session->token, old_pin, old_len, new_pin, new_len);
}

CK_RV session_init_pin(struct session *session, const CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
	if (!session->actor.read_write)
		return CKR_SESSION_READ_ONLY;
	return token_init_pin(session->token, pin, pin_len);
}
