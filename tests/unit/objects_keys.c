/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys in the chip as objects: made, imported, used; and other threads meanwhile. */
#include "token.h"

#include <pthread.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "policy/attrs.h"
#include "session/operations.h"
#include "util/crypto.h"

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

/* The private half signs, and libcrypto finds it good with the modulus of the public one. */
static bool pair_signs(struct token *token, CK_OBJECT_HANDLE public, CK_OBJECT_HANDLE private)
{
	static const uint8_t text[] = "the very bytes";
	struct object *halves[2] = { NULL, NULL };
	struct tspi_key *key = NULL;
	uint8_t signature[256];
	const uint8_t *modulus;
	EVP_PKEY *verifier;
	EVP_PKEY_CTX *ctx;
	size_t len;
	bool ok;

	RV_MUST(objects_get(token, public, &halves[0]), CKR_OK);
	RV_MUST(objects_get(token, private, &halves[1]), CKR_OK);
	RV_MUST(objects_key(token, halves[1], &key), CKR_OK);
	MUST(attrs_get(&halves[0]->attrs, CKA_MODULUS, &modulus, &len) && len == 128);
	verifier = crypto_rsa_public(modulus, len, tspi_exponent, sizeof tspi_exponent);
	ctx = EVP_PKEY_CTX_new(verifier, NULL);
	ok = tspi_key_sign(key, text, sizeof text, signature, sizeof signature) == CKR_OK
		&& EVP_PKEY_verify_init(ctx) == 1
		&& EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1
		&& EVP_PKEY_verify(ctx, signature, len, text, sizeof text) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(verifier);
	tspi_key_free(&key);
	object_free(&halves[0]);
	object_free(&halves[1]);
	return ok;
}

/* The one key of that class on the token. */
static CK_OBJECT_HANDLE only_key(struct token *token, CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, class) };
	CK_OBJECT_HANDLE *handles, handle;
	size_t count;

	RV_MUST(objects_find(token, template, 1, &handles, &count), CKR_OK);
	TAP_CHECK(count == 1, "%zu keys of class %lu", count, class);
	handle = count == 1 ? handles[0] : 0;
	free(handles);
	return handle;
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

/* Without a login, in a read-only session, and before the token is initialised. */
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

/* --- imported --- */

static EVP_PKEY *soft_key;

static CK_ULONG number_of(const char *name, uint8_t out[128])
{
	BIGNUM *n = NULL;
	int len;

	MUST(EVP_PKEY_get_bn_param(soft_key, name, &n) == 1);
	len = BN_bn2bin(n, out);
	BN_clear_free(n);
	return (CK_ULONG)len;
}

static CK_RV import_half(struct token *token, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *handle)
{
	uint8_t modulus[128], prime[128], exponent[] = { 0, 1, 0, 1 };
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, class), A_ULONG(CKA_KEY_TYPE, CKK_RSA),
		{ CKA_MODULUS, modulus, number_of(OSSL_PKEY_PARAM_RSA_N, modulus) },
		{ CKA_PUBLIC_EXPONENT, exponent, sizeof exponent },
		A_BOOL(CKA_TOKEN, true), { CKA_PRIME_1, prime, number_of(OSSL_PKEY_PARAM_RSA_FACTOR1,
			prime) } };

	return keys_create_object(token, &actor, template, class == CKO_PRIVATE_KEY ? 6 : 5, handle);
}

static void imported(void)
{
	struct token *token = new_user(), *other = token_again();
	CK_OBJECT_HANDLE private, public;

	RV_MUST(import_half(token, CKO_PUBLIC_KEY, &public), CKR_OK);
	RV_MUST(import_half(token, CKO_PRIVATE_KEY, &private), CKR_OK);
	CHECK(pair_signs(token, public, private));
	fake_evict();
	CHECK(pair_signs(token, public, private));
	RV_EQUAL(login(other, ROLE_USER, USER_PIN), CKR_OK);
	CHECK(pair_signs(other, only_key(other, CKO_PUBLIC_KEY), only_key(other, CKO_PRIVATE_KEY)));
	token_close(&other);
	token_close(&token);
	NUMBER_EQUAL(fake_open_keys(), 0);
}

static void import_refused(void)
{
	uint8_t modulus[128], prime[128];
	CK_ULONG modulus_len = number_of(OSSL_PKEY_PARAM_RSA_N, modulus);
	CK_ULONG prime_len = number_of(OSSL_PKEY_PARAM_RSA_FACTOR1, prime);
	CK_ATTRIBUTE good[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, CKK_RSA),
		{ CKA_MODULUS, modulus, modulus_len }, A_TEXT(CKA_PUBLIC_EXPONENT, "\1\0\1"),
		{ CKA_PRIME_1, prime, prime_len }, A_BOOL(CKA_TOKEN, true) };
	const struct {
		CK_ATTRIBUTE wrong;
		CK_RV rv;
	} rows[] = {
		{ { CKA_PRIME_1, modulus, prime_len }, CKR_ATTRIBUTE_VALUE_INVALID },
		{ { CKA_PRIME_1, modulus, modulus_len }, CKR_ATTRIBUTE_VALUE_INVALID },
		{ A_TEXT(CKA_PRIME_1, ""), CKR_ATTRIBUTE_VALUE_INVALID },
		{ A_TEXT(CKA_PRIME_1, "\1"), CKR_ATTRIBUTE_VALUE_INVALID },
		{ A_TEXT(CKA_PUBLIC_EXPONENT, "\3"), CKR_ATTRIBUTE_VALUE_INVALID },
		{ A_TEXT(CKA_PUBLIC_EXPONENT, ""), CKR_ATTRIBUTE_VALUE_INVALID },
		{ { CKA_MODULUS, modulus, modulus_len - 1 }, CKR_ATTRIBUTE_VALUE_INVALID },
		{ A_TEXT(CKA_MODULUS, ""), CKR_ATTRIBUTE_VALUE_INVALID },
		{ A_ULONG(CKA_KEY_TYPE, CKK_EC), CKR_ATTRIBUTE_VALUE_INVALID },
	};
	struct token *token = new_user();
	CK_OBJECT_HANDLE handle;

	fake_count_clear();
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_ATTRIBUTE template[COUNT(good)];

		tap_about("row %zu", i);
		for (size_t a = 0; a < COUNT(good); a++)
			template[a] = good[a].type == rows[i].wrong.type ? rows[i].wrong : good[a];
		RV_EQUAL(keys_create_object(token, &actor, TEMPLATE(template), &handle), rows[i].rv);
	}
	NUMBER_EQUAL(fake_commands(), 0);
	NUMBER_EQUAL(find(token, NULL, NULL), 2);
	RV_EQUAL(keys_create_object(token, &actor, TEMPLATE(good), &handle), CKR_OK);
	token_close(&token);
}

/* Whatever call of the chip fails, nothing half made is left, and the next try works. */
static void import_faults(void)
{
	for (unsigned int nth = 1;; nth++) {
		struct token *token = new_user();
		CK_OBJECT_HANDLE private, public;
		bool reached;

		tap_about("call %u", nth);
		fake_fail(FAKE_ANY, nth, CKR_DEVICE_ERROR);
		reached = import_half(token, CKO_PRIVATE_KEY, &private) != CKR_OK;
		CHECK(reached == !fake_fail_pending());
		fake_fail_clear();
		NUMBER_EQUAL(find(token, NULL, NULL), reached ? 2 : 3);
		if (reached)
			RV_EQUAL(import_half(token, CKO_PRIVATE_KEY, &private), CKR_OK);
		RV_EQUAL(import_half(token, CKO_PUBLIC_KEY, &public), CKR_OK);
		CHECK(pair_signs(token, public, private));
		token_close(&token);
		NUMBER_EQUAL(fake_open_keys(), 0);
		if (!reached || nth == 50)
			break;
	}
}

/* --- the parent of imported keys --- */

static struct buf parent_there;

/* Behind everybody's back. */
static void set_parent(void)
{
	struct objstore_token on_disk;
	struct objstore *store;
	struct token_file file;
	struct buf body = BUF_INIT;

	memset(&file, 0, sizeof file);
	RV_MUST(objstore_open(&store), CKR_OK);
	RV_MUST(objstore_token_read(store, &on_disk), CKR_OK);
	MUST(token_file_decode(&on_disk.body, &file) == CKR_OK);
	buf_free(&file.import_parent);
	buf_put(&file.import_parent, parent_there.data, parent_there.len);
	MUST(token_file_encode(&file, &body));
	RV_MUST(objstore_token_switch(store, &on_disk, &on_disk.id, &body), CKR_OK);
	buf_free(&on_disk.body);
	buf_free(&body);
	token_file_free(&file);
	objstore_close(&store);
}

static void check_parent(void)
{
	struct objstore_token on_disk;
	struct objstore *store;
	struct token_file file;

	memset(&file, 0, sizeof file);
	RV_MUST(objstore_open(&store), CKR_OK);
	RV_MUST(objstore_token_read(store, &on_disk), CKR_OK);
	MUST(token_file_decode(&on_disk.body, &file) == CKR_OK);
	BYTES_EQUAL(file.import_parent.data, file.import_parent.len, parent_there.data, parent_there.len);
	buf_free(&on_disk.body);
	token_file_free(&file);
	objstore_close(&store);
}

struct work {
	struct token *token;
	CK_OBJECT_HANDLE handle;
	struct pair pair;
	CK_RV rv;
};

static void *import_thread(void *argument)
{
	struct work *work = argument;

	work->rv = import_half(work->token, CKO_PRIVATE_KEY, &work->handle);
	return NULL;
}

/* Of two processes that make one, both use the one that was there first. */
static void one_parent(void)
{
	struct token *token = new_user();
	struct work work = { .token = token };
	CK_OBJECT_HANDLE public;
	pthread_t thread;

	RV_MUST(tspi_key_create(TSPI_STORAGE, 2048, NULL, &parent_there), CKR_OK);
	fake_hold_create(true);
	MUST(pthread_create(&thread, NULL, import_thread, &work) == 0);
	fake_held();
	set_parent();
	fake_hold_create(false);
	pthread_join(thread, NULL);
	RV_EQUAL(work.rv, CKR_OK);
	check_parent();
	RV_EQUAL(import_half(token, CKO_PUBLIC_KEY, &public), CKR_OK);
	CHECK(pair_signs(token, public, work.handle));
	buf_free(&parent_there);
	token_close(&token);
}

/* A prime is wrapped to no key that is not the chip's own, however it came into the token file. */
static void wrong_parent(void)
{
	static const enum tspi_usage usages[] = { TSPI_STORAGE, TSPI_STORAGE, TSPI_LEGACY, TSPI_BIND };

	for (size_t i = 0; i < COUNT(usages); i++) {
		struct token *token = new_user();
		CK_OBJECT_HANDLE handle;

		tap_about("row %zu", i);
		RV_MUST(tspi_key_create(usages[i], 2048, NULL, &parent_there), CKR_OK);
		if (i == 0)
			parent_there.data[43 + 100] ^= 1; /* the modulus is somebody else's */
		if (i == 1)
			parent_there.data[9] |= 2; /* migratable */
		set_parent();
		RV_EQUAL(import_half(token, CKO_PRIVATE_KEY, &handle), CKR_DEVICE_ERROR);
		NUMBER_EQUAL(find(token, NULL, NULL), 2);
		check_parent();
		buf_free(&parent_there);
		token_close(&token);
	}
}

/* --- other threads meanwhile --- */

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
		{ "a key is imported and signs", imported },
		{ "keys that are not imported", import_refused },
		{ "faults in an import", import_faults },
		{ "one parent for imported keys", one_parent },
		{ "parents that are not the chip's", wrong_parent },
		{ "other threads while a key is made", busy_chip },
		{ "a logout while a key is made", logout_meanwhile },
		{ NULL, NULL },
	};
	int status;

	soft_key = EVP_RSA_gen(1024);
	status = soft_key != NULL ? tap_main(argc, argv, "objects_keys", cases) : EXIT_FAILURE;
	EVP_PKEY_free(soft_key);
	return unit_end(status);
}
