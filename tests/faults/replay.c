/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLAYS 64

struct replay {
	CK_SESSION_HANDLE session; /* CK_INVALID_HANDLE: none */
	enum replay_kind kind;
	CK_MECHANISM mechanism;
	CK_OBJECT_HANDLE key;
	CK_BYTE *data;
	CK_ULONG data_len;
	bool parts; /* were given, if only an empty one */
};

static _Thread_local struct replay replays[REPLAYS];

static void *copy(const void *p, size_t n)
{
	void *to = malloc(n != 0 ? n : 1);

	if (to == NULL)
		abort();
	if (n != 0)
		memcpy(to, p, n);
	return to;
}

static struct replay *find(CK_SESSION_HANDLE session, enum replay_kind kind)
{
	for (struct replay *o = replays; o < replays + REPLAYS; o++)
		if (o->session == session && (session == CK_INVALID_HANDLE || o->kind == kind))
			return o;
	return NULL;
}

static void end(struct replay *o)
{
	free(o->mechanism.pParameter);
	free(o->data);
	memset(o, 0, sizeof *o);
}

void replay_begin(CK_SESSION_HANDLE session, enum replay_kind kind, const CK_MECHANISM *mechanism,
	CK_OBJECT_HANDLE key)
{
	struct replay *o;

	if ((o = find(session, kind)) != NULL)
		end(o);
	else
		o = find(CK_INVALID_HANDLE, kind);
	if (o != NULL && mechanism != NULL) {
		o->session = session;
		o->kind = kind;
		o->mechanism = *mechanism;
		if (mechanism->pParameter != NULL)
			o->mechanism.pParameter = copy(mechanism->pParameter, mechanism->ulParameterLen);
		o->key = key;
	}
}

struct replay *replay_of(CK_SESSION_HANDLE session, enum replay_kind kind)
{
	return session != CK_INVALID_HANDLE ? find(session, kind) : NULL;
}

void replay_went_on(struct replay *o, CK_RV rv, const CK_BYTE *part, CK_ULONG part_len)
{
	CK_BYTE *data;

	if (o == NULL)
		return;
	if (rv != CKR_OK) {
		replay_end(o);
		return;
	}
	data = realloc(o->data, o->data_len + part_len + 1);
	if (data == NULL)
		abort();
	if (part_len != 0)
		memcpy(data + o->data_len, part, part_len);
	o->data = data;
	o->data_len += part_len;
	o->parts = true;
}

void replay_end(struct replay *o)
{
	if (o != NULL)
		end(o);
}

void replays_end(CK_SESSION_HANDLE session)
{
	for (struct replay *o = replays; o < replays + REPLAYS; o++)
		if (session == CK_INVALID_HANDLE || o->session == session)
			end(o);
}

static CK_RV begin(const struct replay *o, CK_FUNCTION_LIST *module)
{
	const CK_C_SignInit begins[] = { [ENCRYPT] = module->C_EncryptInit, [DECRYPT] = module->C_DecryptInit,
		[SIGN] = module->C_SignInit, [SIGN_RECOVER] = module->C_SignRecoverInit,
		[VERIFY] = module->C_VerifyInit, [VERIFY_RECOVER] = module->C_VerifyRecoverInit };
	CK_MECHANISM mechanism = o->mechanism;

	if (o->kind == DIGEST)
		return module->C_DigestInit(o->session, &mechanism);
	return begins[o->kind](o->session, &mechanism, o->key);
}

static CK_RV go_on(const struct replay *o, CK_FUNCTION_LIST *module)
{
	const CK_C_SignUpdate updates[] = { [DIGEST] = module->C_DigestUpdate, [SIGN] = module->C_SignUpdate,
		[VERIFY] = module->C_VerifyUpdate };

	return updates[o->kind](o->session, o->data, o->data_len);
}

void replay_again(const struct replay *o, CK_FUNCTION_LIST *module)
{
	CK_RV rv = begin(o, module);

	if (rv == CKR_OK && o->parts)
		rv = go_on(o, module);
	/* Another thread may have closed it meanwhile. */
	if (rv == CKR_OK || rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_CRYPTOKI_NOT_INITIALIZED)
		return;
	printf("# what a failure has ended cannot be begun again: 0x%lx\n", rv);
	abort();
}
