/* SPDX-License-Identifier: BSD-2-Clause */
#include "play.h"

#include "policy/mechanisms.h"

#define GUARD 16
#define GUARD_BYTE 0xa5
#define STEPS_MAX 40

/* --- picks --- */

CK_SESSION_HANDLE pick_session(struct play *p, struct play_session **session)
{
	static const CK_SESSION_HANDLE none[] = { 0, CK_UNAVAILABLE_INFORMATION, 4711, 1 << 16 };
	unsigned int which = fuzz_pick(p->r, 16);

	*session = NULL;
	if (which < 2)
		return none[which + 2 * fuzz_pick(p->r, 2)];
	/* Most often one that is open. */
	for (unsigned int i = 0; which >= 6 && i < PLAY_SESSIONS && !p->sessions[which % PLAY_SESSIONS].open;
		i++)
		which++;
	if (p->sessions[which % PLAY_SESSIONS].open)
		*session = &p->sessions[which % PLAY_SESSIONS];
	return p->sessions[which % PLAY_SESSIONS].handle;
}

CK_OBJECT_HANDLE pick_object(struct play *p)
{
	static const CK_OBJECT_HANDLE none[] = { 0, CK_UNAVAILABLE_INFORMATION, 4711, 1 };
	unsigned int which = fuzz_pick(p->r, 32);

	if (which < 20)
		return p->world[which % WORLD_OBJECTS];
	if (which < 28 && p->made_count != 0)
		return p->made[which % p->made_count];
	return none[which % COUNT(none)];
}

/* Of those that the world has. */
bool is_private(const struct play *p, CK_OBJECT_HANDLE object)
{
	static const enum world_object private[] = { WORLD_DATA, WORLD_SECRET, WORLD_GENERATED,
		WORLD_CAREFUL };

	for (size_t i = 0; i < COUNT(private); i++)
		if (object != 0 && p->world[private[i]] == object)
			return true;
	return false;
}

void object_made(struct play *p, CK_RV rv, CK_OBJECT_HANDLE object)
{
	if (rv != CKR_OK)
		return;
	FUZZ_MUST(object != 0);
	if (p->made_count < PLAY_OBJECTS)
		p->made[p->made_count++] = object;
}

struct bytes pick_bytes(struct play *p)
{
	struct bytes b = { NULL, 0 };
	unsigned int how = fuzz_pick(p->r, 16);
	const uint8_t *from;
	size_t n;

	if (how == 0) {
		b.n = fuzz_pick(p->r, 3);
	} else if (how < 4) {
		n = reader_u16(p->r) % 700;
		b.p = malloc(n + 1);
		FUZZ_MUST(b.p != NULL);
		memset(b.p, (int)how, n);
		b.n = n;
	} else if (how < 6) { /* as long as the signatures and ciphertexts here */
		b.n = how == 4 ? 64 : 128;
		b.p = calloc(1, b.n);
		FUZZ_MUST(b.p != NULL);
		b.p[1] = reader_u8(p->r);
	} else {
		from = fuzz_bytes(p->r, 255, &n);
		b.p = fuzz_copy(from, n);
		b.n = n;
	}
	return b;
}

CK_MECHANISM *pick_mechanism(struct play *p)
{
	static const CK_MECHANISM_TYPE others[] = { CKM_RSA_PKCS_PSS, CKM_RSA_PKCS_OAEP, CKM_AES_CBC,
		CKM_RSA_9796, CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA, CKM_VENDOR_DEFINED | 1,
		CK_UNAVAILABLE_INFORMATION };
	CK_MECHANISM *m = calloc(1, sizeof *m);
	unsigned int which = reader_u8(p->r), how = fuzz_pick(p->r, 16);
	CK_ULONG number;
	size_t n = 0;

	FUZZ_MUST(m != NULL);
	m->mechanism =
		which < 224 ? mechanisms[which % MECHANISMS_COUNT].type : others[which % COUNT(others)];
	if (how == 0) {
		free(m);
		return NULL;
	}
	if (how == 1) {
		m->ulParameterLen = reader_u8(p->r);
	} else if (how < 4) {
		const uint8_t *from = fuzz_bytes(p->r, 255, &n);

		m->pParameter = fuzz_copy(from, n);
		m->ulParameterLen = n;
	} else if (mechanism_find(m->mechanism) != NULL && mechanism_find(m->mechanism)->has_length) {
		number = how == 4 ? reader_u32(p->r) : reader_u8(p->r) % 72;
		m->pParameter = fuzz_copy(&number, sizeof number);
		m->ulParameterLen = sizeof number;
	}
	return m;
}

void mechanism_free(CK_MECHANISM *mechanism)
{
	if (mechanism != NULL)
		free(mechanism->pParameter);
	free(mechanism);
}

/* --- rooms --- */

struct room room_exact(CK_ULONG n)
{
	struct room room = { malloc(n + GUARD), malloc(sizeof(CK_ULONG)), n, 0 };

	FUZZ_MUST(room.p != NULL && room.len != NULL);
	memset(room.p, GUARD_BYTE, n + GUARD);
	*room.len = n;
	return room;
}

struct room pick_room(struct play *p)
{
	static const CK_ULONG sizes[] = { 0, 1, 16, 19, 20, 32, 63, 64, 65, 127, 128, 129, 256, 300 };
	unsigned int how = fuzz_pick(p->r, 32);
	struct room room = room_exact(how < 8 ? reader_u8(p->r) : sizes[how % COUNT(sizes)]);

	if (how % 8 == 7) {
		free(room.p);
		room.p = NULL;
	}
	if (how == 31) {
		free(room.len);
		room.len = NULL;
	}
	return room;
}

bool room_end(struct room *room, CK_RV rv)
{
	bool asked = room->p == NULL && rv == CKR_OK;

	room->now = room->len != NULL ? *room->len : 0;
	for (CK_ULONG i = 0; room->p != NULL && i < GUARD; i++)
		FUZZ_MUST(room->p[room->given + i] == GUARD_BYTE);
	FUZZ_MUST(room->len != NULL || rv != CKR_OK);
	if (rv == CKR_BUFFER_TOO_SMALL)
		FUZZ_MUST(room->p != NULL && room->now > room->given);
	if (rv == CKR_OK && room->p != NULL)
		FUZZ_MUST(room->now <= room->given);
	free(room->p);
	free(room->len);
	room->p = NULL;
	room->len = NULL;
	return asked || rv == CKR_BUFFER_TOO_SMALL;
}

/* --- rules --- */

void rule_session(const struct play *p, const struct play_session *session, CK_RV rv)
{
	if (!p->initialised)
		FUZZ_MUST(rv == CKR_CRYPTOKI_NOT_INITIALIZED);
	else if (session == NULL)
		FUZZ_MUST(rv == CKR_SESSION_HANDLE_INVALID);
	else
		FUZZ_MUST(rv != CKR_SESSION_HANDLE_INVALID && rv != CKR_CRYPTOKI_NOT_INITIALIZED);
}

void rule_init(const struct play *p, struct play_session *session, enum kind kind, CK_RV rv)
{
	enum under_way *now;

	rule_session(p, session, rv);
	if (session == NULL)
		return;
	now = &session->kinds[kind];
	if (rv == CKR_OK) {
		FUZZ_MUST(*now != YES);
		*now = YES;
		session->private[kind] = false;
	}
	FUZZ_MUST(rv != CKR_OPERATION_ACTIVE || *now != NO);
}

void rule_use(const struct play *p, struct play_session *session, enum kind kind, CK_RV rv, bool goes_on)
{
	enum under_way *now;

	rule_session(p, session, rv);
	if (session == NULL)
		return;
	now = &session->kinds[kind];
	if (*now == NO)
		FUZZ_MUST(rv == CKR_OPERATION_NOT_INITIALIZED || rv == CKR_ARGUMENTS_BAD);
	if (!goes_on)
		*now = NO;
}

void rule_login_changed(struct play *p)
{
	for (int i = 0; i < PLAY_SESSIONS; i++)
		for (int kind = 0; kind < KINDS; kind++) {
			struct play_session *session = &p->sessions[i];

			if (session->kinds[kind] == YES)
				session->kinds[kind] =
					p->who == NOBODY && session->private[kind] ? NO : PERHAPS;
		}
}

void session_closed(struct play *p, struct play_session *session)
{
	session->open = false;
	memset(session->kinds, 0, sizeof session->kinds);
	if (--p->opened == 0)
		p->who = NOBODY;
}

/* --- the whole --- */

void play_rest(struct reader *r, const struct play_step_row *steps)
{
	struct play p = { .r = r, .initialised = true, .who = NOBODY };
	unsigned int weights = 0;

	for (size_t i = 0; steps[i].step != NULL; i++)
		weights += steps[i].weight;
	world_begin();
	step_open(&p);
	step_look(&p);
	for (unsigned int n = 0; r->left != 0 && n < STEPS_MAX; n++) {
		unsigned int which = fuzz_pick(r, weights);
		size_t i = 0;

		while (which >= steps[i].weight)
			which -= steps[i++].weight;
		steps[i].step(&p);
	}
	world_end();
}

void play_input(const uint8_t *data, size_t size, const struct play_step_row *steps)
{
	struct reader r;

	reader_init(&r, data, size);
	play_rest(&r, steps);
}
