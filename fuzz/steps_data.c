/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations on data: 5.8 to 5.13, and random numbers. */
#include "play.h"

typedef CK_RV init_call(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
typedef CK_RV whole_call(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV part_call(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG);
typedef CK_RV final_call(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG_PTR);

#define NAMED(function) #function, function

static CK_RV digest_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
	(void)key;
	return C_DigestInit(session, mechanism);
}

static const struct {
	enum kind kind;
	const char *init_name;
	init_call *init;
	const char *whole_name;
	whole_call *whole; /* NULL: C_Verify */
	const char *part_name;
	part_call *part;
	const char *final_name;
	final_call *final;
} operations[] = {
	{ DIGEST, "C_DigestInit", digest_init, NAMED(C_Digest), NAMED(C_DigestUpdate), NAMED(C_DigestFinal) },
	{ SIGN, NAMED(C_SignInit), NAMED(C_Sign), NAMED(C_SignUpdate), NAMED(C_SignFinal) },
	{ VERIFY, NAMED(C_VerifyInit), NULL, NULL, NAMED(C_VerifyUpdate), NULL, NULL },
	{ SIGN_RECOVER, NAMED(C_SignRecoverInit), NAMED(C_SignRecover), NULL, NULL, NULL, NULL },
	{ VERIFY_RECOVER, NAMED(C_VerifyRecoverInit), NAMED(C_VerifyRecover), NULL, NULL, NULL, NULL },
	{ ENCRYPT, NAMED(C_EncryptInit), NAMED(C_Encrypt), NULL, NULL, NULL, NULL },
	{ DECRYPT, NAMED(C_DecryptInit), NAMED(C_Decrypt), NULL, NULL, NULL, NULL },
};

static void init(struct play *p)
{
	unsigned int which = fuzz_pick(p->r, COUNT(operations));
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_OBJECT_HANDLE key = pick_object(p);
	CK_MECHANISM *mechanism = pick_mechanism(p);
	CK_RV rv = fuzz_code(operations[which].init_name, operations[which].init(handle, mechanism, key));

	FUZZ_MUST(rv != CKR_OK || mechanism != NULL);
	rule_init(p, session, operations[which].kind, rv);
	if (rv == CKR_OK)
		session->private[operations[which].kind] =
			operations[which].kind != DIGEST && is_private(p, key);
	mechanism_free(mechanism);
}

/* Once, and after a query with one byte less than it gave, then with the very length. */
static void whole(struct play *p)
{
	unsigned int which = fuzz_pick(p->r, COUNT(operations));
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	struct bytes in = pick_bytes(p);
	struct room room = pick_room(p);
	bool goes_on = true;
	CK_RV rv;

	if (operations[which].whole == NULL)
		which = 0;
	for (int round = 0; goes_on && round < 3; round++) {
		rv = fuzz_code(operations[which].whole_name,
			operations[which].whole(handle, in.p, in.n, room.p, room.len));
		FUZZ_MUST(round < 2 || rv != CKR_BUFFER_TOO_SMALL);
		goes_on = room_end(&room, rv);
		rule_use(p, session, operations[which].kind, rv, goes_on);
		room = room_exact(room.now % 4096 - (round == 0 && room.now != 0));
	}
	(void)room_end(&room, CKR_GENERAL_ERROR);
	free(in.p);
}

static void part(struct play *p)
{
	unsigned int which = fuzz_pick(p->r, 3);
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	struct bytes in = pick_bytes(p);
	CK_RV rv = fuzz_code(operations[which].part_name, operations[which].part(handle, in.p, in.n));

	rule_use(p, session, operations[which].kind, rv, rv == CKR_OK);
	free(in.p);
}

static void final(struct play *p)
{
	unsigned int which = fuzz_pick(p->r, 2);
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	struct room room = pick_room(p);
	CK_RV rv =
		fuzz_code(operations[which].final_name, operations[which].final(handle, room.p, room.len));

	rule_use(p, session, operations[which].kind, rv, room_end(&room, rv));
}

static void verify(struct play *p)
{
	bool in_parts = fuzz_pick(p->r, 2);
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	struct bytes in = pick_bytes(p), signature = pick_bytes(p);
	CK_RV rv = in_parts ? CALL(C_VerifyFinal, handle, signature.p, signature.n)
			    : CALL(C_Verify, handle, in.p, in.n, signature.p, signature.n);

	rule_use(p, session, VERIFY, rv, false);
	free(in.p);
	free(signature.p);
}

/* What is signed verifies, and no other. */
void step_sign_and_verify(struct play *p)
{
	static const struct {
		enum world_object private, public;
	} pairs[] = { { WORLD_IMPORTED, WORLD_PUBLIC }, { WORLD_GENERATED, WORLD_GENERATED_PUBLIC },
		{ WORLD_OPEN_SECRET, WORLD_OPEN_SECRET }, { WORLD_SECRET, WORLD_SECRET } };
	unsigned int pair = fuzz_pick(p->r, COUNT(pairs));
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_MECHANISM *mechanism = pick_mechanism(p);
	struct bytes in = pick_bytes(p);
	CK_BYTE signature[256];
	CK_ULONG len = sizeof signature;
	CK_RV rv = CALL(C_SignInit, handle, mechanism, p->world[pairs[pair].private]);

	rule_init(p, session, SIGN, rv);
	if (rv == CKR_OK) {
		rv = CALL(C_Sign, handle, in.p, in.n, signature, &len);
		rule_use(p, session, SIGN, rv, false);
		if (rv == CKR_OK) {
			rv = CALL(C_VerifyInit, handle, mechanism, p->world[pairs[pair].public]);
			rule_init(p, session, VERIFY, rv);
			signature[len - 1] ^= (CK_BYTE)(in.n == 1);
			if (rv == CKR_OK) {
				rv = CALL(C_Verify, handle, in.p, in.n, signature, len);
				rule_use(p, session, VERIFY, rv, false);
				FUZZ_MUST(rv == (in.n == 1 ? CKR_SIGNATURE_INVALID : CKR_OK));
			}
		}
	}
	mechanism_free(mechanism);
	free(in.p);
}

/* What is encrypted is found again, even in too little room at first. */
void step_there_and_back(struct play *p)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	struct bytes in = pick_bytes(p);
	CK_BYTE encrypted[256], plain[256];
	CK_ULONG len = sizeof encrypted, plain_len = sizeof plain;
	CK_RV rv = CALL(C_EncryptInit, handle, &mechanism, p->world[WORLD_PUBLIC]);

	rule_init(p, session, ENCRYPT, rv);
	if (rv == CKR_OK) {
		rv = CALL(C_Encrypt, handle, in.p, in.n, encrypted, &len);
		rule_use(p, session, ENCRYPT, rv, false);
		FUZZ_MUST(rv != CKR_OK || len == 128);
		if (rv == CKR_OK
			&& CALL(C_DecryptInit, handle, &mechanism, p->world[WORLD_IMPORTED]) == CKR_OK) {
			session->kinds[DECRYPT] = YES;
			rv = CALL(C_Decrypt, handle, encrypted, len, plain, &plain_len);
			rule_use(p, session, DECRYPT, rv, false);
			FUZZ_MUST(rv != CKR_OK
				|| (plain_len == in.n && (in.n == 0 || memcmp(plain, in.p, in.n) == 0)));
		}
	}
	free(in.p);
}

static void digest_key(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_OBJECT_HANDLE key = pick_object(p);
	CK_RV rv = CALL(C_DigestKey, handle, key);

	rule_use(p, session, DIGEST, rv, rv == CKR_OK);
	if (rv == CKR_OK)
		session->private[DIGEST] = session->private[DIGEST] || is_private(p, key);
}

static void state_save(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	struct room room = pick_room(p);
	CK_RV rv = CALL(C_GetOperationState, handle, room.p, room.len);

	rule_session(p, session, rv);
	if (rv == CKR_OK && room.p != NULL && *room.len <= sizeof p->state)
		memcpy(p->state, room.p, p->state_len = *room.len);
	(void)room_end(&room, rv);
}

/* Whatever was under way in the session is not any more. */
static void digest_set(struct play_session *session)
{
	for (int kind = DIGEST; kind < KINDS; kind++)
		session->kinds[kind] = kind == DIGEST ? YES : NO;
	session->private[DIGEST] = false;
}

static void state_set(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	unsigned int how = fuzz_pick(p->r, 8);
	uint8_t *copy = fuzz_copy(p->state, p->state_len);
	CK_RV rv = CALL(C_SetOperationState, handle, how == 0 ? NULL : copy, p->state_len - (how == 1),
		how == 2 ? pick_object(p) : 0, how == 3 ? pick_object(p) : 0);

	rule_session(p, session, rv);
	if (rv == CKR_OK)
		digest_set(session);
	free(copy);
}

static void wrap(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_OBJECT_HANDLE by = pick_object(p), key = pick_object(p);
	CK_MECHANISM *mechanism = pick_mechanism(p);
	struct room room = pick_room(p);
	CK_RV rv = CALL(C_WrapKey, handle, mechanism, by, key, room.p, room.len);

	rule_session(p, session, rv);
	(void)room_end(&room, rv);
	mechanism_free(mechanism);
}

/* One time in two what has just been wrapped. */
void step_unwrap(struct play *p)
{
	CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 }, *mechanism;
	CK_BYTE wrapped[256];
	CK_ULONG len = sizeof wrapped;
	CK_OBJECT_HANDLE made = 0;
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	struct attributes t;
	struct bytes in;
	CK_RV rv;

	attributes_read(p->r, &t);
	if (fuzz_pick(p->r, 2) == 1
		&& CALL(C_WrapKey, handle, &rsa, p->world[WORLD_PUBLIC], p->world[WORLD_OPEN_SECRET], wrapped,
			   &len)
			== CKR_OK) {
		rv = CALL(C_UnwrapKey, handle, &rsa, p->world[WORLD_IMPORTED], wrapped, len, t.p, t.count,
			&made);
	} else {
		mechanism = pick_mechanism(p);
		in = pick_bytes(p);
		rv = CALL(C_UnwrapKey, handle, mechanism, pick_object(p), in.p, in.n, t.p, t.count, &made);
		mechanism_free(mechanism);
		free(in.p);
	}
	rule_session(p, session, rv);
	object_made(p, rv, made);
	attributes_free(&t);
}

static void numbers(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	struct bytes seed = pick_bytes(p);
	struct room room = room_exact(reader_u8(p->r));

	rule_session(p, session, CALL(C_SeedRandom, handle, seed.p, seed.n));
	rule_session(p, session, CALL(C_GenerateRandom, handle, room.p, room.given));
	(void)room_end(&room, CKR_GENERAL_ERROR);
	free(seed.p);
}

/* A digest that is saved in the midst goes on elsewhere. */
static void digest_moved(struct play *p)
{
	CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
	struct play_session *session, *other;
	CK_SESSION_HANDLE handle = pick_session(p, &session), to = pick_session(p, &other);
	struct bytes in = pick_bytes(p);
	CK_BYTE state[PLAY_STATE_MAX];
	CK_ULONG len = sizeof state;
	CK_RV rv = CALL(C_DigestInit, handle, &mechanism);

	rule_init(p, session, DIGEST, rv);
	if (rv == CKR_OK) {
		rv = CALL(C_DigestUpdate, handle, in.p, in.n);
		rule_use(p, session, DIGEST, rv, rv == CKR_OK);
	}
	if (rv == CKR_OK && CALL(C_GetOperationState, handle, state, &len) == CKR_OK) {
		rv = CALL(C_SetOperationState, to, state, len, 0, 0);
		rule_session(p, other, rv);
		if (rv == CKR_OK)
			digest_set(other);
	}
	free(in.p);
}

/* What the token has not. */
static void refused(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_BYTE in[] = { 1 }, out[64];
	CK_ULONG len = sizeof out;
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	CK_OBJECT_HANDLE key = 0;

	CALL(C_EncryptUpdate, handle, in, 1, out, &len);
	CALL(C_EncryptFinal, handle, out, &len);
	CALL(C_DecryptUpdate, handle, in, 1, out, &len);
	CALL(C_DecryptFinal, handle, out, &len);
	CALL(C_DigestEncryptUpdate, handle, in, 1, out, &len);
	CALL(C_DecryptDigestUpdate, handle, in, 1, out, &len);
	CALL(C_SignEncryptUpdate, handle, in, 1, out, &len);
	CALL(C_DecryptVerifyUpdate, handle, in, 1, out, &len);
	FUZZ_MUST(CALL(C_DeriveKey, handle, &mechanism, 1, NULL, 0, &key) != CKR_OK);
	FUZZ_MUST(len == sizeof out);
}

const struct play_step_row steps_data[] = {
	{ init, 8 },
	{ whole, 8 },
	{ part, 5 },
	{ final, 4 },
	{ verify, 4 },
	{ step_sign_and_verify, 4 },
	{ step_there_and_back, 1 },
	{ digest_key, 2 },
	{ state_save, 1 },
	{ state_set, 1 },
	{ wrap, 2 },
	{ step_unwrap, 2 },
	{ numbers, 1 },
	{ digest_moved, 2 },
	{ refused, 1 },
	{ NULL, 0 },
};
