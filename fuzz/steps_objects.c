/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects, and the making of keys: 5.7 and 5.13. */
#include "play.h"

static void create(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_OBJECT_HANDLE made = 0;
	struct attributes t;
	CK_RV rv;

	attributes_read(p->r, &t);
	rv = CALL(C_CreateObject, handle, t.p, t.count, &made);
	rule_session(p, session, rv);
	object_made(p, rv, made);
	attributes_free(&t);
}

static void copy(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_OBJECT_HANDLE from = pick_object(p), made = 0;
	struct attributes t;
	CK_RV rv;

	attributes_read(p->r, &t);
	rv = CALL(C_CopyObject, handle, from, t.p, t.count, &made);
	rule_session(p, session, rv);
	object_made(p, rv, made);
	attributes_free(&t);
}

static void set(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_OBJECT_HANDLE object = pick_object(p);
	struct attributes t;

	attributes_read(p->r, &t);
	rule_session(p, session, CALL(C_SetAttributeValue, handle, object, t.p, t.count));
	attributes_free(&t);
}

static void get(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_OBJECT_HANDLE object = pick_object(p);
	struct attributes t;
	CK_RV rv;

	attributes_read_rooms(p->r, &t);
	rv = CALL(C_GetAttributeValue, handle, object, t.p, t.count);
	rule_session(p, session, rv);
	attributes_check_rooms(&t, rv);
	attributes_free(&t);
}

static void destroy(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_OBJECT_HANDLE object = pick_object(p);
	CK_ULONG size = 0;
	CK_RV rv = CALL(C_DestroyObject, handle, object);

	rule_session(p, session, rv);
	if (rv == CKR_OK)
		FUZZ_MUST(CALL(C_GetObjectSize, handle, object, &size) == CKR_OBJECT_HANDLE_INVALID);
}

static void size(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_ULONG size = 0;

	rule_session(
		p, session, CALL(C_GetObjectSize, handle, pick_object(p), fuzz_pick(p->r, 8) ? &size : NULL));
}

/* --- searches --- */

static void find_init(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	struct attributes t;

	attributes_read(p->r, &t);
	rule_init(p, session, FIND, CALL(C_FindObjectsInit, handle, t.p, t.count));
	attributes_free(&t);
}

/* Nobody but the user sees what is private. */
static void found_check(struct play *p, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object)
{
	CK_BBOOL private = CK_FALSE;
	CK_ATTRIBUTE a = { CKA_PRIVATE, &private, 1 };

	FUZZ_MUST(object != 0);
	if (CALL(C_GetAttributeValue, handle, object, &a, 1) == CKR_OK)
		FUZZ_MUST(!private || p->who == CKU_USER);
	object_made(p, CKR_OK, object);
}

static void find(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_ULONG max = fuzz_pick(p->r, 20), count = 4711;
	bool null = fuzz_pick(p->r, 8) == 0;
	CK_OBJECT_HANDLE *objects = calloc(max + 1, sizeof *objects);
	CK_RV rv;

	FUZZ_MUST(objects != NULL);
	objects[max] = 0xa5;
	rv = CALL(C_FindObjects, handle, null ? NULL : objects, max, fuzz_pick(p->r, 8) ? &count : NULL);
	rule_use(p, session, FIND, rv, true);
	FUZZ_MUST(objects[max] == 0xa5);
	FUZZ_MUST(rv != CKR_OK || (count <= max && (!null || count == 0)));
	for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
		found_check(p, handle, objects[i]);
	free(objects);
}

static void find_final(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);

	rule_use(p, session, FIND, CALL(C_FindObjectsFinal, handle), false);
}

/* A whole search, a few at a time: each object once, and nothing behind what there is room for. */
static void find_all(struct play *p)
{
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_ULONG room = 1 + fuzz_pick(p->r, 3), got = 1, all = 0, last = 0;
	CK_OBJECT_HANDLE some[4];
	CK_RV rv = CALL(C_FindObjectsInit, handle, NULL, 0);

	rule_init(p, session, FIND, rv);
	while (rv == CKR_OK && got != 0) {
		some[room] = 0xa5;
		rv = CALL(C_FindObjects, handle, some, room, &got);
		FUZZ_MUST(rv == CKR_OK && got <= room && some[room] == 0xa5);
		for (CK_ULONG i = 0; i < got; i++, all++) {
			FUZZ_MUST(all == 0 || some[i] > last);
			last = some[i];
			found_check(p, handle, some[i]);
		}
	}
	if (rv == CKR_OK)
		rule_use(p, session, FIND, CALL(C_FindObjectsFinal, handle), false);
}

/* --- keys --- */

static void generate(struct play *p)
{
	CK_MECHANISM secret = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_OBJECT_HANDLE made = 0;
	CK_MECHANISM *other = pick_mechanism(p);
	struct attributes t;
	CK_RV rv;

	attributes_read(p->r, &t);
	rv = CALL(C_GenerateKey, handle, fuzz_pick(p->r, 8) != 0 ? &secret : other, t.p, t.count, &made);
	rule_session(p, session, rv);
	object_made(p, rv, made);
	attributes_free(&t);
	mechanism_free(other);
}

static void generate_pair(struct play *p)
{
	CK_MECHANISM rsa = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	struct play_session *session;
	CK_SESSION_HANDLE handle = pick_session(p, &session);
	CK_OBJECT_HANDLE public = 0, private = 0;
	CK_MECHANISM *other = pick_mechanism(p);
	struct attributes t, u;
	CK_RV rv;

	attributes_read(p->r, &t);
	attributes_read(p->r, &u);
	rv = CALL(C_GenerateKeyPair, handle, fuzz_pick(p->r, 8) != 0 ? &rsa : other, t.p, t.count, u.p,
		u.count, &public, &private);
	rule_session(p, session, rv);
	object_made(p, rv, public);
	object_made(p, rv, private);
	FUZZ_MUST(rv != CKR_OK || public != private);
	attributes_free(&t);
	attributes_free(&u);
	mechanism_free(other);
}

const struct play_step_row steps_objects[] = {
	{ create, 5 },
	{ copy, 3 },
	{ set, 3 },
	{ get, 4 },
	{ destroy, 2 },
	{ size, 1 },
	{ find_init, 3 },
	{ find, 3 },
	{ find_final, 2 },
	{ generate, 2 },
	{ generate_pair, 2 },
	{ find_all, 2 },
	{ NULL, 0 },
};
