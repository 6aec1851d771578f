/* SPDX-License-Identifier: BSD-2-Clause */
/* The library, slots, tokens and sessions: 5.4 to 5.6, and what becomes of the chip. */
#include "play.h"

static const struct {
	const char *text;
	CK_ULONG len;
} pins[] = {
	{ USER_PIN, sizeof USER_PIN - 1 },
	{ SO_PIN, sizeof SO_PIN - 1 },
	{ "12345678", 8 },
	{ "87654321", 8 },
	{ "another pin", 11 },
	{ "", 0 },
	{ "a\0b\0c", 5 },
	{ "user pin 0816", 13 },
	{ "x", 1 },
};

/* As an allocation of the very size; one of 300 bytes is too long. */
static struct bytes pick_pin(struct play *p)
{
	struct bytes b = { NULL, 0 };
	unsigned int which = fuzz_pick(p->r, COUNT(pins) + 3);
	const uint8_t *raw;
	size_t n;

	if (which < COUNT(pins)) {
		b.n = pins[which].len;
		b.p = fuzz_copy(pins[which].text, b.n);
	} else if (which == COUNT(pins)) {
		b.n = fuzz_pick(p->r, 2) * 8;
	} else if (which == COUNT(pins) + 1) {
		b.n = 250 + fuzz_pick(p->r, 60);
		b.p = malloc(b.n);
		FUZZ_MUST(b.p != NULL);
		memset(b.p, 'x', b.n);
	} else {
		raw = fuzz_bytes(p->r, 255, &n);
		b.n = n;
		b.p = fuzz_copy(raw, n);
	}
	return b;
}

static CK_SLOT_ID pick_slot(struct play *p)
{
	static const CK_SLOT_ID slots[] = { 0, 0, 0, 0, 0, 1, CK_UNAVAILABLE_INFORMATION };

	return slots[fuzz_pick(p->r, COUNT(slots))];
}

void step_look(struct play *p)
{
	if (p->initialised)
		world_look(p->world);
	if (p->opened == 0)
		p->who = NOBODY; /* its session was the last */
}

void step_open(struct play *p)
{
	static const CK_FLAGS all_flags[] = { CKF_SERIAL_SESSION | CKF_RW_SESSION, CKF_SERIAL_SESSION,
		CKF_RW_SESSION, 0 };
	CK_FLAGS flags = all_flags[fuzz_pick(p->r, 16) % 9 % COUNT(all_flags)];
	struct play_session *session = &p->sessions[fuzz_pick(p->r, PLAY_SESSIONS)];
	CK_SLOT_ID slot = p->opened == 0 ? 0 : pick_slot(p);
	CK_SESSION_HANDLE handle = 0;
	CK_RV rv = CALL(C_OpenSession, slot, flags, NULL, NULL, &handle);

	if (rv != CKR_OK) {
		FUZZ_MUST((rv == CKR_CRYPTOKI_NOT_INITIALIZED) == !p->initialised);
		FUZZ_MUST(rv != CKR_SESSION_READ_WRITE_SO_EXISTS || p->who == CKU_SO);
		return;
	}
	FUZZ_MUST(slot == 0 && (flags & CKF_SERIAL_SESSION) != 0);
	FUZZ_MUST(p->who != CKU_SO || (flags & CKF_RW_SESSION) != 0);
	for (int i = 0; i < PLAY_SESSIONS; i++)
		FUZZ_MUST(!p->sessions[i].open || p->sessions[i].handle != handle);
	memset(session, 0, sizeof *session); /* one that was open is forgotten, but stays */
	session->handle = handle;
	session->open = true;
	session->read_write = (flags & CKF_RW_SESSION) != 0;
	p->opened++;
}

static void close_one(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_RV rv = CALL(C_CloseSession, handle);

	rule_session(p, session, rv);
	if (rv == CKR_OK)
		session_closed(p, session);
}

static void all_gone(struct play *p)
{
	for (int i = 0; i < PLAY_SESSIONS; i++) {
		p->sessions[i].open = false;
		memset(p->sessions[i].kinds, 0, sizeof p->sessions[i].kinds);
	}
	p->opened = 0;
	p->who = NOBODY;
}

static void close_all(struct play *p)
{
	CK_SLOT_ID slot = pick_slot(p);

	if (CALL(C_CloseAllSessions, slot) == CKR_OK) {
		FUZZ_MUST(slot == 0 && p->initialised);
		all_gone(p);
	}
}

/* What the state of a session has to be (5.6). */
static void info(struct play *p)
{
	static const CK_STATE states[3][2] = { { CKS_RO_PUBLIC_SESSION, CKS_RW_PUBLIC_SESSION },
		{ CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS }, { (CK_STATE)-1, CKS_RW_SO_FUNCTIONS } };
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_SESSION_INFO i = { .slotID = 77 };
	unsigned int row = p->who == NOBODY ? 0 : p->who == CKU_USER ? 1 : 2;
	CK_RV rv = CALL(C_GetSessionInfo, handle, fuzz_pick(p->r, 8) != 0 ? &i : NULL);

	rule_session(p, session, rv);
	if (rv == CKR_OK) {
		FUZZ_MUST(i.slotID == 0);
		FUZZ_MUST(((i.flags & CKF_RW_SESSION) != 0) == session->read_write);
		FUZZ_MUST(i.state == states[row][session->read_write]);
	}
}

void step_login(struct play *p)
{
	static const CK_USER_TYPE types[] = { CKU_USER, CKU_SO, CKU_CONTEXT_SPECIFIC, 3 };
	unsigned int how = fuzz_pick(p->r, 8);
	CK_USER_TYPE type = how < 3 ? CKU_USER : how == 3 ? CKU_SO : types[fuzz_pick(p->r, COUNT(types))];
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	struct bytes pin = pick_pin(p);
	CK_RV rv;

	/* Most often the right one. */
	if (how < 4) {
		free(pin.p);
		pin.n = strlen(how < 3 ? USER_PIN : SO_PIN);
		pin.p = fuzz_copy(how < 3 ? USER_PIN : SO_PIN, pin.n);
	}
	rv = CALL(C_Login, handle, type, pin.p, pin.n);
	free(pin.p);
	rule_session(p, session, rv);
	if (rv != CKR_OK || type == CKU_CONTEXT_SPECIFIC)
		return;
	FUZZ_MUST(p->who == NOBODY && (type == CKU_USER || type == CKU_SO));
	for (int i = 0; type == CKU_SO && i < PLAY_SESSIONS; i++)
		FUZZ_MUST(!p->sessions[i].open || p->sessions[i].read_write);
	p->who = type;
	rule_login_changed(p);
	step_look(p);
}

/* Handles of what was private stand for nothing any more. */
static void private_gone(struct play *p, CK_SESSION_HANDLE handle)
{
	CK_ULONG size;

	for (int i = 0; i < WORLD_OBJECTS; i++)
		if (is_private(p, p->world[i]))
			FUZZ_MUST(CALL(C_GetObjectSize, handle, p->world[i], &size)
				== CKR_OBJECT_HANDLE_INVALID);
}

void step_logout(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_RV rv = CALL(C_Logout, handle);

	rule_session(p, session, rv);
	if (session == NULL || !p->initialised)
		return;
	FUZZ_MUST((rv == CKR_OK) == (p->who != NOBODY) || rv == CKR_DEVICE_ERROR);
	if (rv == CKR_OK) {
		p->who = NOBODY;
		rule_login_changed(p);
		private_gone(p, handle);
	}
}

static void token_init(struct play *p)
{
	CK_UTF8CHAR label[32];
	struct bytes pin = pick_pin(p);
	bool has_label = fuzz_pick(p->r, 8) != 0;
	CK_RV rv;

	memset(label, 'l', sizeof label);
	rv = CALL(C_InitToken, pick_slot(p), pin.p, pin.n, has_label ? label : NULL);
	FUZZ_MUST(rv != CKR_OK || p->opened == 0);
	free(pin.p);
}

static void pin_set(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	struct bytes old_pin = pick_pin(p), new_pin = pick_pin(p);
	CK_RV rv = CALL(C_SetPIN, handle, old_pin.p, old_pin.n, new_pin.p, new_pin.n);

	rule_session(p, session, rv);
	FUZZ_MUST(rv != CKR_OK || session->read_write);
	free(old_pin.p);
	free(new_pin.p);
}

static void pin_init(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	struct bytes pin = pick_pin(p);
	CK_RV rv = CALL(C_InitPIN, handle, pin.p, pin.n);

	rule_session(p, session, rv);
	FUZZ_MUST(rv != CKR_OK || p->who == CKU_SO);
	free(pin.p);
}

/* Lists of numbers, after 5.2. */
static void lists(struct play *p)
{
	CK_ULONG room = fuzz_pick(p->r, 40), count = room, *list = calloc(room + 1, sizeof *list);
	CK_SLOT_ID slot = pick_slot(p);
	bool asks = fuzz_pick(p->r, 2), slots = fuzz_pick(p->r, 2);
	CK_RV rv;

	FUZZ_MUST(list != NULL);
	list[room] = 0xa5;
	rv = slots ? CALL(C_GetSlotList, fuzz_pick(p->r, 2) ? CK_TRUE : CK_FALSE, asks ? NULL : list, &count)
		   : CALL(C_GetMechanismList, slot, asks ? NULL : list, &count);
	FUZZ_MUST(list[room] == 0xa5);
	FUZZ_MUST(rv != CKR_BUFFER_TOO_SMALL || (!asks && count > room));
	FUZZ_MUST(rv != CKR_OK || asks || count <= room);
	free(list);
}

static void infos(struct play *p)
{
	CK_INFO info;
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;
	CK_MECHANISM_INFO mechanism;
	CK_FUNCTION_LIST *functions;
	CK_SLOT_ID id = pick_slot(p);
	bool null = fuzz_pick(p->r, 8) == 0;

	CALL(C_GetInfo, null ? NULL : &info);
	CALL(C_GetFunctionList, null ? NULL : &functions);
	CALL(C_GetSlotInfo, id, null ? NULL : &slot);
	if (CALL(C_GetTokenInfo, id, null ? NULL : &token) == CKR_OK)
		FUZZ_MUST(token.ulSessionCount == p->opened);
	CALL(C_GetMechanismInfo, id, reader_u16(p->r), null ? NULL : &mechanism);
	CALL(C_WaitForSlotEvent, CKF_DONT_BLOCK, null ? NULL : &id, NULL);
	CALL(C_GetFunctionStatus, 0);
	CALL(C_CancelFunction, 0);
}

static CK_RV callback(void *p)
{
	(void)p;
	return CKR_OK;
}

static CK_RV callback_create(void **p)
{
	*p = p;
	return CKR_OK;
}

static void library_start(struct play *p)
{
	unsigned int how = reader_u8(p->r);
	CK_C_INITIALIZE_ARGS args = { how & 1 ? callback_create : NULL, how & 2 ? callback : NULL,
		how & 4 ? callback : NULL, how & 8 ? callback : NULL,
		(how & 16 ? CKF_OS_LOCKING_OK : 0) | (how & 32 ? CKF_LIBRARY_CANT_CREATE_OS_THREADS : 0),
		how & 64 ? &how : NULL };
	CK_RV rv = CALL(C_Initialize, how & 128 ? NULL : &args);

	FUZZ_MUST(rv != CKR_OK || !p->initialised);
	p->initialised = p->initialised || rv == CKR_OK;
}

static void library_stop(struct play *p)
{
	CK_RV rv = CALL(C_Finalize, fuzz_pick(p->r, 4) == 0 ? p : NULL);

	FUZZ_MUST((rv == CKR_CRYPTOKI_NOT_INITIALIZED) == !p->initialised || rv == CKR_ARGUMENTS_BAD);
	if (rv == CKR_OK) {
		p->initialised = false;
		p->state_len = 0;
		all_gone(p);
	}
}

static void chip(struct play *p)
{
	static const CK_RV faults[] = { CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_HOST_MEMORY };
	unsigned int how = fuzz_pick(p->r, 8);

	if (how < 2)
		fake_absent(how == 0);
	else if (how < 4)
		fake_lock(how == 2);
	else if (how == 4)
		fake_evict();
	else
		fake_fail(FAKE_ANY, 1 + fuzz_pick(p->r, 6), faults[how - 5]);
}

const struct play_step_row steps_sessions[] = {
	{ step_open, 5 },
	{ close_one, 3 },
	{ close_all, 1 },
	{ info, 2 },
	{ step_login, 6 },
	{ step_logout, 2 },
	{ step_look, 1 },
	{ token_init, 1 },
	{ pin_set, 2 },
	{ pin_init, 1 },
	{ lists, 1 },
	{ infos, 1 },
	{ library_start, 1 },
	{ library_stop, 1 },
	{ chip, 2 },
	{ NULL, 0 },
};
