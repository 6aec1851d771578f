/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill -9 at the calls of everything that writes objects, and of C_InitToken. Whoever comes next finds
 * each object old or new and whole, and a key that signs; after the next write nothing is left behind
 * (doc/FORMAT.md 6).
 */
#define _GNU_SOURCE
#include "kills.h"

#include <stdio.h>
#include <string.h>

static CK_SESSION_HANDLE session; /* of the writer */
static CK_OBJECT_HANDLE object;

static void prepare_user(void)
{
	p11_start();
	session = p11_open_user();
}

static void prepare_public(void)
{
	prepare_user();
	object = p11_find(session, CKO_DATA, "public");
}

static void prepare_private(void)
{
	prepare_user();
	object = p11_find(session, CKO_DATA, "private");
}

/* C_CreateObject */

static CK_RV create(bool is_private)
{
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, is_private),
		A_TEXT(CKA_LABEL, "created"),
		A_TEXT(CKA_VALUE, "value of created"),
	};

	return p11->C_CreateObject(session, TEMPLATE(t), &object);
}

static CK_RV create_public(void)
{
	return create(false);
}

static CK_RV create_private(void)
{
	return create(true);
}

static int check_created(void *argument)
{
	CK_ULONG count;

	(void)argument;
	prepare_user();
	count = p11_count(session, CKO_DATA, "created");
	TAP_CHECK(count <= 1, "%lu objects were created, not 1", count);
	if (count == 1)
		kills_check_data(session, "created");
	kills_check_token(session, count);
	return count == 0 ? FOUND_OLD : FOUND_NEW;
}

/* C_SetAttributeValue */

#define CHANGED "another value, longer than the one before"
#define APPLICATION "changed"

static CK_RV change(void)
{
	CK_ATTRIBUTE t[] = { A_TEXT(CKA_VALUE, CHANGED), A_TEXT(CKA_APPLICATION, APPLICATION) };

	return p11->C_SetAttributeValue(session, object, TEMPLATE(t));
}

static int check_changed(const char *label, const char *other)
{
	unsigned char application[100];
	bool is_new;

	prepare_user();
	object = p11_find(session, CKO_DATA, label);
	is_new = kills_value_is(session, object, CHANGED);
	if (!is_new)
		kills_check_data(session, label);
	/* Both attributes or none. */
	ULONG_EQUAL(p11_get_bytes(session, object, CKA_APPLICATION, application, sizeof(application)),
		is_new ? strlen(APPLICATION) : 0);
	kills_check_data(session, other);
	kills_check_key(session);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), KILLS_OBJECTS);
	return is_new ? FOUND_NEW : FOUND_OLD;
}

static int check_changed_public(void *argument)
{
	(void)argument;
	return check_changed("public", "private");
}

static int check_changed_private(void *argument)
{
	(void)argument;
	return check_changed("private", "public");
}

/* C_DestroyObject */

static CK_RV destroy(void)
{
	return p11->C_DestroyObject(session, object);
}

static int check_destroyed(void *argument)
{
	CK_ULONG count;

	(void)argument;
	prepare_user();
	count = p11_count(session, CKO_DATA, "private");
	if (count != 0)
		kills_check_data(session, "private");
	kills_check_data(session, "public");
	kills_check_key(session);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), KILLS_OBJECTS - 1 + count);
	return count == 0 ? FOUND_NEW : FOUND_OLD;
}

/* C_GenerateKeyPair */

static CK_RV generate(void)
{
	struct p11_pair pair;

	return p11_generate(session, 1024, "generated", true, true, &pair);
}

/* The private half is written first. It shows its modulus, so it is of use without the other. */
static int check_generated(void *argument)
{
	CK_ULONG private, public;
	struct p11_pair pair;

	(void)argument;
	prepare_user();
	private = p11_count(session, CKO_PRIVATE_KEY, "generated");
	public = p11_count(session, CKO_PUBLIC_KEY, "generated");
	TAP_CHECK(private <= 1 && public <= private, "%lu private and %lu public halves are there", private,
		public);
	if (private == 1) {
		pair.private = p11_find(session, CKO_PRIVATE_KEY, "generated");
		pair.public = public == 1 ? p11_find(session, CKO_PUBLIC_KEY, "generated") : pair.private;
		TAP_CHECK(p11_signs(session, pair), "the generated key does not sign");
	}
	kills_check_token(session, private + public);
	return private == 0 ? FOUND_OLD : public == 1 ? FOUND_NEW : FOUND_HALF;
}

/* C_InitToken of a used token */

#define NEW_LABEL "begun afresh"

static CK_RV init_token(void)
{
	return p11_init_token(SO_PIN, NEW_LABEL);
}

static bool label_is(const char *label)
{
	CK_TOKEN_INFO info;

	RV_MUST(p11->C_GetTokenInfo(p11_slot, &info), CKR_OK);
	return memcmp(info.label, label, strlen(label)) == 0 && info.label[strlen(label)] == ' ';
}

/* C_InitPIN makes a key, which takes its time. */
#define HELP_EACH 4

static void check_help(bool is_new)
{
	RV_EQUAL(p11_init_pin(session, "from the so"), CKR_OK);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, CKU_USER, "from the so"), CKR_OK);
	if (is_new)
		ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), 0);
	else
		kills_check_token(session, 0);
}

static int check_initialised(void *argument)
{
	const unsigned int *number = argument;
	bool is_new;

	p11_start();
	is_new = label_is(NEW_LABEL);
	CHECK(is_new || label_is(KILLS_LABEL));
	session = p11_open();
	if (is_new)
		ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), 0);
	RV_MUST(p11_login(session, CKU_USER, is_new ? USER_DEFAULT : USER_PIN), CKR_OK);
	if (!is_new)
		kills_check_token(session, 0);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	if (*number % HELP_EACH == 0)
		check_help(is_new);
	return is_new ? FOUND_NEW : FOUND_OLD;
}

/* The cases */

static void create_public_killed(void)
{
	static const struct kills kills = { { prepare_user, create_public, NULL }, check_created,
		{ 4, 5, 0 } };

	kills_everywhere(&kills, TRACED_FILE_CALLS);
}

static void create_private_killed(void)
{
	static const struct kills kills = { { prepare_user, create_private, NULL }, check_created,
		{ 4, 5, 0 } };

	kills_everywhere(&kills, TRACED_FILE_CALLS);
}

static void change_public_killed(void)
{
	static const struct kills kills = { { prepare_public, change, NULL }, check_changed_public,
		{ 4, 4, 0 } };

	kills_everywhere(&kills, TRACED_FILE_CALLS);
}

static void change_private_killed(void)
{
	static const struct kills kills = { { prepare_private, change, NULL }, check_changed_private,
		{ 4, 4, 0 } };

	kills_everywhere(&kills, TRACED_FILE_CALLS);
}

static void destroy_killed(void)
{
	static const struct kills kills = { { prepare_private, destroy, NULL }, check_destroyed,
		{ 4, 3, 0 } };

	kills_everywhere(&kills, TRACED_FILE_CALLS);
}

static void generate_killed(void)
{
	static const struct kills kills = { { prepare_user, generate, NULL }, check_generated, { 4, 6, 5 } };

	kills_everywhere(&kills, TRACED_FILE_CALLS);
}

static void init_token_killed(void)
{
	static const struct kills kills = { { p11_start, init_token, NULL }, check_initialised, { 4, 0, 0 } };

	kills_everywhere(&kills, TRACED_WRITE_CALLS);
}

static const struct tap_case cases[] = {
	{ "kill -9 at each call of C_CreateObject, a public object", create_public_killed },
	{ "kill -9 at each call of C_CreateObject, a private object", create_private_killed },
	{ "kill -9 at each call of C_SetAttributeValue, a public object", change_public_killed },
	{ "kill -9 at each call of C_SetAttributeValue, a private object", change_private_killed },
	{ "kill -9 at each call of C_DestroyObject", destroy_killed },
	{ "kill -9 at each call of C_GenerateKeyPair", generate_killed },
	{ "kill -9 at each writing call of C_InitToken", init_token_killed },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "crash", cases);
}
