/* SPDX-License-Identifier: BSD-2-Clause */
/* What another process does in the midst of a call: at the making of a key, and behind a list of the
   store. */
#include "session/saved.h"
#include "token.h"

#define MANY 70 /* enough for an index of them */

CK_RV __real_tspi_key_create(enum tspi_usage usage, unsigned int bits, const uint8_t *auth, struct buf *blob);
CK_RV __wrap_tspi_key_create(enum tspi_usage usage, unsigned int bits, const uint8_t *auth, struct buf *blob);
CK_RV __real_objstore_list(struct objstore *store, struct objstore_id **ids, size_t *count,
	uint64_t *generation);
CK_RV __wrap_objstore_list(struct objstore *store, struct objstore_id **ids, size_t *count,
	uint64_t *generation);

static void (*at_create)(void), (*at_list)(void);

/* Once, so that what is done there may come by again. */
static void pass(void (**at)(void))
{
	void (*act)(void) = *at;

	*at = NULL;
	if (act != NULL)
		act();
}

CK_RV __wrap_tspi_key_create(enum tspi_usage usage, unsigned int bits, const uint8_t *auth, struct buf *blob)
{
	pass(&at_create);
	return __real_tspi_key_create(usage, bits, auth, blob);
}

CK_RV __wrap_objstore_list(struct objstore *store, struct objstore_id **ids, size_t *count,
	uint64_t *generation)
{
	CK_RV rv = __real_objstore_list(store, ids, count, generation);

	pass(&at_list);
	return rv;
}

/* --- another process --- */

static void token_initialised(void)
{
	struct token *other = token_again();

	RV_EQUAL(init_token(other, SO_PIN), CKR_OK);
	token_close(&other);
}

static void object_destroyed(void)
{
	struct token *other = token_again();
	CK_OBJECT_HANDLE handle;

	NUMBER_EQUAL(find(other, "destroyed", &handle), 1);
	RV_EQUAL(objects_destroy(other, &actor, handle), CKR_OK);
	token_close(&other);
}

static void object_made(void)
{
	struct token *other = token_again();

	data_object(other, "new", true, false);
	token_close(&other);
}

/* --- the cases --- */

static struct token *with_many(void)
{
	struct token *token = token_new();
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
		A_BOOL(CKA_TOKEN, true), A_BOOL(CKA_PRIVATE, false), A_TEXT(CKA_VALUE, "value"),
		A_TEXT(CKA_ID, "id"), A_TEXT(CKA_LABEL, "destroyed") };
	CK_OBJECT_HANDLE handle;

	make_used(token);
	for (int i = 0; i < MANY; i++)
		RV_MUST(keys_create_object(token, &actor, template, i == 0 ? 7 : 6, &handle), CKR_OK);
	return token;
}

static size_t find_id(struct token *token, char *id, CK_ULONG len)
{
	CK_ATTRIBUTE template[] = { { CKA_ID, id, len } };
	CK_OBJECT_HANDLE *handles;
	size_t count;

	RV_EQUAL(objects_find(token, TEMPLATE(template), &handles, &count), CKR_OK);
	free(handles);
	return count;
}

static CK_RV generate(struct token *token, bool private, CK_OBJECT_HANDLE handles[2])
{
	CK_ATTRIBUTE publics[] = { A_ULONG(CKA_MODULUS_BITS, 512), A_BOOL(CKA_TOKEN, true) };
	CK_ATTRIBUTE privates[] = { A_BOOL(CKA_TOKEN, true), A_BOOL(CKA_PRIVATE, private) };

	return keys_generate(token, &actor, TEMPLATE(publics), TEMPLATE(privates), &handles[0], &handles[1]);
}

/* The pair is the new token's, and the old one's objects are gone. */
static void pair_of_new_token(void)
{
	struct token *token = with_many(), *other;
	CK_OBJECT_HANDLE handles[2];
	struct object *object;

	at_create = token_initialised;
	RV_EQUAL(generate(token, false, handles), CKR_OK);
	NUMBER_EQUAL(find(token, NULL, NULL), 2);
	for (int i = 0; i < 2; i++) {
		RV_EQUAL(objects_get(token, handles[i], &object), CKR_OK);
		MUST(object != NULL);
		NUMBER_EQUAL(object->policy->class, i == 0 ? CKO_PUBLIC_KEY : CKO_PRIVATE_KEY);
		object_free(&object);
	}
	other = token_again();
	NUMBER_EQUAL(find(other, NULL, NULL), 2);
	token_close(&other);
	token_close(&token);
}

/* With the old token the login has ended, so no half of the pair is kept. */
static void private_pair_of_new_token(void)
{
	struct token *token = with_many();
	CK_OBJECT_HANDLE handles[2];

	RV_MUST(login(token, ROLE_USER, USER_PIN), CKR_OK);
	at_create = token_initialised;
	RV_EQUAL(generate(token, true, handles), CKR_USER_NOT_LOGGED_IN);
	NUMBER_EQUAL(find(token, NULL, NULL), 0);
	token_close(&token);
}

static void index_without_object(void)
{
	char id[] = "id";
	struct token *token = with_many();

	NUMBER_EQUAL(find_id(token, id, 2), MANY);
	object_made();
	at_list = object_destroyed;
	NUMBER_EQUAL(find_id(token, id, 2), MANY - 1);
	CHECK(at_list == NULL);
	NUMBER_EQUAL(find_id(token, id, 2), MANY - 1);
	NUMBER_EQUAL(find(token, "destroyed", NULL), 0);
	token_close(&token);
}

/* --- a login that another process ends --- */

static void key_use(struct token *token, CK_OBJECT_HANDLE handle)
{
	struct object *object = NULL;
	struct tspi_key *key = NULL;
	uint8_t signature[64];

	RV_MUST(objects_get(token, handle, &object), CKR_OK);
	RV_MUST(objects_key(token, object, &key), CKR_OK);
	RV_EQUAL(tspi_key_sign(key, (const uint8_t *)"text", 4, signature, sizeof signature), CKR_OK);
	tspi_key_free(&key);
	object_free(&object);
}

/* Whoever has noticed it closes the connection: no auth of that login stays in libtspi. */
static void connection_of_old_login(void)
{
	CK_ATTRIBUTE publics[] = { A_ULONG(CKA_MODULUS_BITS, 512) };
	CK_ATTRIBUTE privates[] = { A_BOOL(CKA_PRIVATE, false) };
	CK_OBJECT_HANDLE public, private;
	struct token *token = token_new();

	make_used(token);
	RV_MUST(login(token, ROLE_USER, USER_PIN), CKR_OK);
	RV_MUST(keys_generate(token, &actor, TEMPLATE(publics), TEMPLATE(privates), &public, &private),
		CKR_OK);
	token_initialised();
	key_use(token, private);
	fake_count_clear();
	tspi_rest();
	key_use(token, private);
	NUMBER_EQUAL(fake_count(FAKE_LOAD), 0);
	CHECK(token_login_state(token) == LOGIN_NONE);
	tspi_rest();
	key_use(token, private);
	NUMBER_EQUAL(fake_count(FAKE_LOAD), 1);
	tspi_rest();
	key_use(token, private);
	NUMBER_EQUAL(fake_count(FAKE_LOAD), 1);
	token_close(&token);
}

/* --- a digest with a private key in it, whose login another process ends --- */

static struct sessions *sessions; /* stays */
static CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 };
static CK_BYTE state[64], out[64];
static CK_ULONG state_len, out_len;

static CK_OBJECT_HANDLE private_key(struct token *token)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_VALUE_LEN, 32), A_BOOL(CKA_PRIVATE, true) };
	CK_OBJECT_HANDLE handle = 0;

	RV_MUST(secret_generate(token, &actor, TEMPLATE(template), &handle), CKR_OK);
	return handle;
}

static CK_RV begin(struct session *session)
{
	return digest_init(session, &sha256);
}

static CK_RV whole(struct session *session)
{
	return digest(session, (const CK_BYTE *)"abc", 3, (struct output){ out, &out_len });
}

static CK_RV update(struct session *session)
{
	return digest_update(session, (const CK_BYTE *)"abc", 3);
}

static CK_RV final(struct session *session)
{
	return digest_final(session, (struct output){ out, &out_len });
}

/* With a key of the next login. */
static CK_RV key(struct session *session)
{
	RV_MUST(login(session->token, ROLE_USER, USER_DEFAULT), CKR_OK);
	return digest_key(session, private_key(session->token));
}

static CK_RV save(struct session *session)
{
	return saved_get(sessions_saved(sessions), session, (struct output){ out, &out_len });
}

static CK_RV set_saved(struct session *session)
{
	return saved_set(sessions_saved(sessions), session, state, state_len, false);
}

static void digest_of_old_login(void)
{
	static const struct {
		const char *name;
		CK_RV (*act)(struct session *session);
		CK_RV rv;
	} rows[] = {
		{ "C_DigestInit", begin, CKR_OK }, { "C_Digest", whole, CKR_OPERATION_NOT_INITIALIZED },
		{ "C_DigestUpdate", update, CKR_OPERATION_NOT_INITIALIZED },
		{ "C_DigestFinal", final, CKR_OPERATION_NOT_INITIALIZED },
		{ "C_DigestKey", key, CKR_OPERATION_NOT_INITIALIZED },
		{ "C_GetOperationState", save, CKR_OPERATION_NOT_INITIALIZED },
		{ "C_SetOperationState", set_saved, CKR_SAVED_STATE_INVALID },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct token *token = token_new();
		struct session *session;
		CK_SESSION_HANDLE handle;

		tap_about("%s", rows[i].name);
		make_used(token);
		RV_MUST(sessions_open(token, &sessions), CKR_OK);
		RV_MUST(session_open(sessions, CKF_SERIAL_SESSION | CKF_RW_SESSION, &handle), CKR_OK);
		RV_MUST(session_enter(sessions, handle, &session), CKR_OK);
		RV_MUST(login(token, ROLE_USER, USER_PIN), CKR_OK);
		RV_MUST(digest_init(session, &sha256), CKR_OK);
		RV_MUST(digest_key(session, private_key(token)), CKR_OK);
		state_len = out_len = sizeof state;
		RV_MUST(saved_get(sessions_saved(sessions), session, (struct output){ state, &state_len }),
			CKR_OK);
		token_initialised();
		CHECK(token_login_state(token) == LOGIN_NONE);
		RV_EQUAL(rows[i].act(session), rows[i].rv);
		session_leave(session);
		sessions_close(sessions);
		token_close(&token);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "C_InitToken while a pair is made", pair_of_new_token },
		{ "C_InitToken while a private pair is made", private_pair_of_new_token },
		{ "an object is destroyed between list and read", index_without_object },
		{ "the connection when a login ends", connection_of_old_login },
		{ "a digest whose login ends", digest_of_old_login },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "meanwhile", cases));
}
