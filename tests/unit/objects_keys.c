/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys as objects that are made in the chip, and used; and other threads meanwhile. */
#include "token_keys.h"

#include <pthread.h>

#include "session/operations.h"

static const struct actor read_only_actor = { 1, false };

struct pair {
	CK_OBJECT_HANDLE public, private;
};

static CK_RV generate(struct token *token, const struct actor *who, bool on_token, bool private,
	struct pair *pair)
{
	CK_ATTRIBUTE publics[] = { A_ULONG(CKA_MODULUS_BITS, 1024), A_BOOL(CKA_TOKEN, on_token) };
	CK_ATTRIBUTE privates[] = { A_BOOL(CKA_PRIVATE, private), A_BOOL(CKA_TOKEN, on_token) };

	return keys_generate(token, who, TEMPLATE(publics), TEMPLATE(privates), &pair->public,
		&pair->private);
}

/* --- made in the chip --- */

static void generated(void)
{
	struct token *token = new_user(), *other = token_again();
	struct object *object;
	struct tspi_key *key;
	struct pair pair;

	RV_MUST(generate(token, &actor, true, true, &pair), CKR_OK);
	RV_MUST(objects_get(token, pair.private, &object), CKR_OK);
	fake_count_clear();
	RV_EQUAL(objects_key(token, object, &key), CKR_OK);
	NUMBER_EQUAL(fake_commands(), 0);
	tspi_key_free(&key);
	object_free(&object);
	for (int i = 0; i < 3; i++) {
		CHECK(pair_signs(token, pair.public, pair.private));
		NUMBER_EQUAL(fake_count(FAKE_LOAD), 1);
		NUMBER_EQUAL(fake_count(FAKE_SIGN), i + 1);
	}
	fake_evict();
	CHECK(pair_signs(token, pair.public, pair.private));
	NUMBER_EQUAL(fake_count(FAKE_LOAD), 2);
	RV_EQUAL(login(other, ROLE_USER, USER_PIN), CKR_OK);
	CHECK(pair_signs(other, only_key(other, CKO_PUBLIC_KEY), only_key(other, CKO_PRIVATE_KEY)));
	token_close(&other);
	token_close(&token);
	NUMBER_EQUAL(fake_open_keys(), 0);
}

/* A signature is as long as the key's modulus, not as what a file says of it. */
static void foreign_modulus(void)
{
	static const uint8_t other[256] = { 0xff };
	static const size_t lengths[] = { 64, 127, 128, 256, 0 };
	struct token *token = new_user();
	struct object *object, *forged;
	struct tspi_key *key;
	struct pair pair;

	RV_MUST(generate(token, &actor, true, true, &pair), CKR_OK);
	RV_MUST(objects_get(token, pair.private, &object), CKR_OK);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct buf attrs = { .secret = true };

		tap_about("%zu bytes", lengths[i]);
		buf_put(&attrs, object->attrs.data, object->attrs.len);
		attrs_put(&attrs, CKA_MODULUS, other, lengths[i]);
		RV_MUST(object_new(&attrs, &forged), CKR_OK);
		key = NULL;
		RV_EQUAL(objects_key(token, forged, &key), CKR_DEVICE_ERROR);
		CHECK(key == NULL);
		object_free(&forged);
	}
	object_free(&object);
	token_close(&token);
}

/* Without a login, in a read-only session, and before the token is initialised. */
static void generated_by_nobody(void)
{
	struct token *token = token_new();
	struct pair pair;

	RV_MUST(generate(token, &read_only_actor, false, false, &pair), CKR_OK);
	CHECK(pair_signs(token, pair.public, pair.private));
	RV_EQUAL(generate(token, &read_only_actor, false, true, &pair), CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(generate(token, &actor, true, false, &pair), CKR_TOKEN_WRITE_PROTECTED);
	NUMBER_EQUAL(find(token, NULL, NULL), 2);
	token_close(&token);
	NUMBER_EQUAL(fake_open_keys(), 0);
}

/* Never half a pair, and no long work of the chip's for what may not be made. */
static void no_half_pair(void)
{
	static const rlim_t limits[] = { 0, 16, 900 };
	struct token *token = new_user(), *other;
	struct pair pair;

	fake_fail(FAKE_CREATE, 1, CKR_DEVICE_ERROR);
	RV_EQUAL(generate(token, &actor, true, true, &pair), CKR_DEVICE_ERROR);
	fake_fail(FAKE_CREATE, 1, CKR_TOKEN_NOT_RECOGNIZED);
	RV_EQUAL(generate(token, &actor, true, true, &pair), CKR_DEVICE_ERROR);
	for (size_t i = 0; i < COUNT(limits); i++) {
		unit_limit_files(limits[i]);
		CHECK(generate(token, &actor, true, true, &pair) != CKR_OK);
		unit_limit_files(RLIM_INFINITY);
		NUMBER_EQUAL(find(token, NULL, NULL), 2);
	}
	fake_count_clear();
	RV_EQUAL(generate(token, &read_only_actor, true, true, &pair), CKR_SESSION_READ_ONLY);
	RV_EQUAL(token_logout(token), CKR_OK);
	RV_EQUAL(generate(token, &actor, true, true, &pair), CKR_USER_NOT_LOGGED_IN);
	NUMBER_EQUAL(fake_commands(), 0);
	other = token_again();
	RV_EQUAL(login(other, ROLE_USER, USER_PIN), CKR_OK);
	NUMBER_EQUAL(find(other, NULL, NULL), 2);
	token_close(&other);
	token_close(&token);
}

/* --- other threads meanwhile --- */

struct work {
	struct token *token;
	struct pair pair;
	CK_RV rv;
};

static void *generate_thread(void *argument)
{
	struct work *work = argument;

	work->rv = generate(work->token, &actor, true, true, &work->pair);
	return NULL;
}

static void digest_abc(struct session *session)
{
	CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
	CK_BYTE out[32];
	CK_ULONG len = sizeof out;
	uint8_t expected[32];

	RV_EQUAL(digest_init(session, &mechanism), CKR_OK);
	RV_EQUAL(digest(session, (const CK_BYTE *)"abc", 3, (struct output){ out, &len }), CKR_OK);
	CHECK(crypto_digest("SHA256", "abc", 3, expected, sizeof expected));
	BYTES_EQUAL(out, len, expected, sizeof expected);
}

/* What needs no chip goes on while the chip makes a key, for minutes on a real one. */
static void busy_chip(void)
{
	struct token *token = new_user();
	struct work work = { .token = token };
	static struct sessions *sessions; /* stays */
	struct session *session;
	CK_SESSION_HANDLE handle;
	CK_OBJECT_HANDLE public;
	CK_TOKEN_INFO info;
	struct object *object;
	pthread_t thread;

	RV_MUST(sessions_open(token, &sessions), CKR_OK);
	RV_MUST(session_open(sessions, CKF_SERIAL_SESSION | CKF_RW_SESSION, &handle), CKR_OK);
	RV_MUST(session_enter(sessions, handle, &session), CKR_OK);
	fake_hold_create(true);
	MUST(pthread_create(&thread, NULL, generate_thread, &work) == 0);
	fake_held();
	fake_count_clear();
	digest_abc(session);
	NUMBER_EQUAL(find(token, "public", &public), 1);
	NUMBER_EQUAL(find(token, NULL, NULL), 2);
	RV_EQUAL(objects_get(token, public, &object), CKR_OK);
	object_free(&object);
	data_object(token, "new", true, true);
	RV_EQUAL(token_info(token, &info), CKR_OK);
	CHECK(token_login_state(token) == LOGIN_USER && token_present(token));
	RV_EQUAL(objects_destroy(token, &actor, public), CKR_OK);
	NUMBER_EQUAL(fake_commands(), 0);
	fake_hold_create(false);
	pthread_join(thread, NULL);
	RV_EQUAL(work.rv, CKR_OK);
	CHECK(pair_signs(token, work.pair.public, work.pair.private));
	NUMBER_EQUAL(find(token, NULL, NULL), 4);
	session_leave(session);
	sessions_close(sessions);
	token_close(&token);
}

/* A login that ends while the chip makes a private key: there is nobody left whose it would be. */
static void logout_meanwhile(void)
{
	struct token *token = new_user();
	struct work work = { .token = token };
	pthread_t thread;

	fake_hold_create(true);
	MUST(pthread_create(&thread, NULL, generate_thread, &work) == 0);
	fake_held();
	RV_EQUAL(token_logout(token), CKR_OK);
	fake_hold_create(false);
	pthread_join(thread, NULL);
	RV_EQUAL(work.rv, CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_OK);
	NUMBER_EQUAL(find(token, NULL, NULL), 2);
	token_close(&token);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "a pair is made and signs", generated },
		{ "another modulus than the key has", foreign_modulus },
		{ "a session's pair without a login", generated_by_nobody },
		{ "never half a pair", no_half_pair },
		{ "other threads while a key is made", busy_chip },
		{ "a logout while a key is made", logout_meanwhile },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "objects_keys", cases));
}
