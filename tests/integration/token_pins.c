/* SPDX-License-Identifier: BSD-2-Clause */
/* PINs: the steps of the manual page, what a PIN may be, who may be logged in beside whom. */
#include "p11.h"

#include <string.h>

#define LONG_PIN 256

static unsigned char long_pin[LONG_PIN + 1];

static void start_fresh(void)
{
	p11_fresh();
	p11_start();
}

static void start_with_defaults(void)
{
	start_fresh();
	RV_MUST(p11_init_token(SO_DEFAULT, "pins"), CKR_OK);
}

/* A new token on which nobody is logged in, and a session. */
static CK_SESSION_HANDLE start_public(void)
{
	CK_SESSION_HANDLE session = p11_new_token();

	RV_MUST(p11->C_Logout(session), CKR_OK);
	return session;
}

/* The steps of the manual page */

static void fresh_has_no_pin(void)
{
	CK_SESSION_HANDLE session;

	start_fresh();
	ULONG_EQUAL(p11_flags(), 0x880045);
	session = p11_open();
	RV_EQUAL(p11_login(session, CKU_SO, SO_DEFAULT), CKR_USER_PIN_NOT_INITIALIZED);
	RV_EQUAL(p11_login(session, CKU_USER, USER_DEFAULT), CKR_USER_PIN_NOT_INITIALIZED);
	RV_EQUAL(p11_set_pin(session, USER_DEFAULT, USER_PIN), CKR_USER_PIN_NOT_INITIALIZED);
	ULONG_EQUAL(p11_state(session), CKS_RW_PUBLIC_SESSION);
	ULONG_EQUAL(p11_flags(), 0x880045);
}

/* As pktool goes about it: no logout, and the flags are read between the steps. */
static void flags_of_manual_page(void)
{
	CK_SESSION_HANDLE session;

	start_fresh();
	ULONG_EQUAL(p11_flags(), 0x880045);
	RV_EQUAL(p11_init_token(SO_DEFAULT, "tpm/somebody"), CKR_OK);
	ULONG_EQUAL(p11_flags(), 0x880445);

	session = p11_open();
	RV_EQUAL(p11_login(session, CKU_SO, SO_DEFAULT), CKR_OK);
	RV_EQUAL(p11_set_pin(session, SO_DEFAULT, SO_PIN), CKR_OK);
	RV_EQUAL(p11->C_CloseSession(session), CKR_OK);
	ULONG_EQUAL(p11_flags(), 0x80445);

	session = p11_open();
	RV_EQUAL(p11_login(session, CKU_USER, USER_DEFAULT), CKR_OK);
	RV_EQUAL(p11_set_pin(session, USER_DEFAULT, USER_PIN), CKR_OK);
	RV_EQUAL(p11->C_CloseSession(session), CKR_OK);
	ULONG_EQUAL(p11_flags(), 0x44d);

	session = p11_open();
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	ULONG_EQUAL(p11_flags(), 0x44d);
}

struct things {
	CK_OBJECT_HANDLE data;
	struct p11_pair pair;
};

static void check_key_calls(CK_SESSION_HANDLE session, const struct things *things, CK_RV expected)
{
	CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 }, sha = { CKM_SHA256, NULL, 0 };

	RV_EQUAL(p11->C_SignInit(session, &rsa, things->pair.private), expected);
	RV_EQUAL(p11->C_VerifyInit(session, &rsa, things->pair.public), expected);
	RV_EQUAL(p11->C_EncryptInit(session, &rsa, things->pair.public), expected);
	RV_EQUAL(p11->C_DecryptInit(session, &rsa, things->pair.private), expected);
	RV_EQUAL(p11->C_DigestInit(session, &sha), expected);
	RV_EQUAL(p11->C_FindObjectsInit(session, NO_TEMPLATE), expected);
}

static void check_expired(CK_SESSION_HANDLE session, const struct things *things)
{
	unsigned char random[20] = { 0 };
	struct p11_pair pair;
	CK_OBJECT_HANDLE object;
	CK_ATTRIBUTE data[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, false) };

	check_key_calls(session, things, CKR_PIN_EXPIRED);
	RV_EQUAL(p11->C_CreateObject(session, TEMPLATE(data), &object), CKR_PIN_EXPIRED);
	RV_EQUAL(p11->C_DestroyObject(session, things->data), CKR_PIN_EXPIRED);
	RV_EQUAL(p11_generate(session, 512, "expired", false, false, &pair), CKR_PIN_EXPIRED);
	RV_EQUAL(p11->C_GenerateRandom(session, random, sizeof(random)), CKR_OK);
	RV_EQUAL(p11->C_SeedRandom(session, random, sizeof(random)), CKR_OK);
}

static void expire(CK_USER_TYPE user, const char *pin, CK_STATE state)
{
	CK_SESSION_HANDLE session;
	struct things things;

	start_with_defaults();
	session = p11_open();
	things.data = p11_data(session, "made without a login", true, false);
	RV_MUST(p11_generate(session, 512, "made without a login", false, false, &things.pair),
		CKR_OK);

	RV_MUST(p11_login(session, user, pin), CKR_OK);
	ULONG_EQUAL(p11_state(session), state);
	check_expired(session, &things);

	RV_MUST(p11->C_Logout(session), CKR_OK);
	check_key_calls(session, &things, CKR_OK);
	RV_EQUAL(p11->C_DestroyObject(session, things.data), CKR_OK);
}

static void user_default_expires(void)
{
	expire(CKU_USER, USER_DEFAULT, CKS_RW_USER_FUNCTIONS);
}

static void so_default_expires(void)
{
	expire(CKU_SO, SO_DEFAULT, CKS_RW_SO_FUNCTIONS);
}

static void set_pin_ends_expiry(void)
{
	CK_SESSION_HANDLE session;
	struct p11_pair pair;

	start_with_defaults();
	session = p11_open();
	RV_MUST(p11_login(session, CKU_USER, USER_DEFAULT), CKR_OK);
	RV_MUST(p11_set_pin(session, USER_DEFAULT, USER_PIN), CKR_OK);
	p11_data(session, "private", true, true);
	RV_MUST(p11_generate(session, 1024, "private", true, true, &pair), CKR_OK);
	CHECK(p11_signs(session, pair));
}

static void public_user_set_pin(void)
{
	CK_SESSION_HANDLE session;

	start_with_defaults();
	session = p11_open();
	RV_EQUAL(p11_set_pin(session, USER_DEFAULT, USER_PIN), CKR_OK);
	ULONG_EQUAL(p11_state(session), CKS_RW_PUBLIC_SESSION);
	ULONG_EQUAL(p11_flags(), 0x80044d);
	RV_EQUAL(p11_set_pin(session, USER_PIN, "the second"), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_PIN_INCORRECT);
	RV_EQUAL(p11_login(session, CKU_USER, "the second"), CKR_OK);
}

static int use_new_pin(void *argument)
{
	CK_SESSION_HANDLE session;

	(void)argument;
	p11_start();
	session = p11_open();
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_PIN_INCORRECT);
	RV_MUST(p11_login(session, CKU_USER, "from the so"), CKR_OK);
	p11_find(session, CKO_DATA, "private data");
	CHECK(p11_label_signs(session, "generated"));
	CHECK(p11_label_signs(session, "imported"));
	return 0;
}

static void so_gives_new_pin(void)
{
	CK_SESSION_HANDLE session = p11_new_token();
	CK_OBJECT_HANDLE key;
	CK_ATTRIBUTE more[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "imported") };
	struct p11_pair pair;

	p11_data(session, "private data", true, true);
	RV_MUST(p11_generate(session, 2048, "generated", true, true, &pair), CKR_OK);
	RV_MUST(p11_import(session, p11_soft_key(1024), CKO_PUBLIC_KEY, TEMPLATE(more), &key),
		CKR_OK);
	RV_MUST(p11_import(session, p11_soft_key(1024), CKO_PRIVATE_KEY, TEMPLATE(more), &key),
		CKR_OK);
	RV_MUST(p11->C_Logout(session), CKR_OK);

	RV_MUST(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	RV_EQUAL(p11_init_pin(session, "from the so"), CKR_OK);
	ULONG_EQUAL(p11_in_child(use_new_pin, NULL), 0);
}

/* The user was first: the SO reaches the user's objects after the user's next login. */
static void so_comes_later(void)
{
	CK_SESSION_HANDLE session;
	struct p11_pair pair;

	start_with_defaults();
	session = p11_open();
	RV_MUST(p11_login(session, CKU_USER, USER_DEFAULT), CKR_OK);
	RV_MUST(p11_set_pin(session, USER_DEFAULT, USER_PIN), CKR_OK);
	RV_MUST(p11_generate(session, 1024, "kept", true, true, &pair), CKR_OK);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, CKU_SO, SO_DEFAULT), CKR_OK);
	RV_MUST(p11_set_pin(session, SO_DEFAULT, SO_PIN), CKR_OK);
	RV_EQUAL(p11_init_pin(session, "from the so"), CKR_FUNCTION_REJECTED);
	RV_MUST(p11->C_Logout(session), CKR_OK);

	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	RV_EQUAL(p11_init_pin(session, "from the so"), CKR_OK);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_PIN_INCORRECT);
	RV_MUST(p11_login(session, CKU_USER, "from the so"), CKR_OK);
	CHECK(p11_label_signs(session, "kept"));
}

static void so_sees_nothing_private(void)
{
	CK_SESSION_HANDLE session = p11_new_token();
	CK_OBJECT_HANDLE object;
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_PRIVATE, true) };

	p11_data(session, "private data", true, true);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "private data"), 0);
	RV_EQUAL(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_USER_NOT_LOGGED_IN);
}

/* What a PIN may be */

static void pin_lengths(void)
{
	static const CK_ULONG lengths[] = { 0, LONG_PIN + 1 };
	CK_UTF8CHAR user[] = USER_PIN, so[] = SO_PIN;
	CK_ULONG user_length = sizeof(user) - 1, so_length = sizeof(so) - 1;
	CK_SESSION_HANDLE session = start_public();
	size_t i;

	for (i = 0; i < 2; i++) {
		CK_ULONG n = lengths[i];

		tap_about("a PIN of %lu bytes", n);
		RV_EQUAL(p11->C_Login(session, CKU_USER, long_pin, n), CKR_PIN_LEN_RANGE);
		RV_EQUAL(p11->C_Login(session, CKU_SO, long_pin, n), CKR_PIN_LEN_RANGE);
		RV_EQUAL(p11->C_SetPIN(session, user, user_length, long_pin, n), CKR_PIN_LEN_RANGE);
		RV_ONE_OF(p11->C_SetPIN(session, long_pin, n, user, user_length), CKR_PIN_LEN_RANGE,
			  CKR_PIN_INCORRECT);
		RV_MUST(p11->C_Login(session, CKU_SO, so, so_length), CKR_OK);
		RV_EQUAL(p11->C_InitPIN(session, long_pin, n), CKR_PIN_LEN_RANGE);
		RV_EQUAL(p11->C_SetPIN(session, so, so_length, long_pin, n), CKR_PIN_LEN_RANGE);
		RV_MUST(p11->C_Logout(session), CKR_OK);
		RV_EQUAL(p11->C_Login(session, CKU_USER, user, user_length), CKR_OK);
		RV_EQUAL(p11->C_Logout(session), CKR_OK);
	}
}

static void init_token_lengths(void)
{
	CK_UTF8CHAR label[] = "label";

	start_fresh();
	RV_ONE_OF(p11->C_InitToken(p11_slot, long_pin, 0, label), CKR_PIN_LEN_RANGE,
		  CKR_PIN_INCORRECT);
	RV_ONE_OF(p11->C_InitToken(p11_slot, long_pin, LONG_PIN + 1, label), CKR_PIN_LEN_RANGE,
		  CKR_PIN_INCORRECT);
	RV_EQUAL(p11->C_InitToken(p11_slot, NULL, 0, label), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_InitToken(p11_slot, long_pin, 8, NULL), CKR_ARGUMENTS_BAD);
	ULONG_EQUAL(p11_flags(), 0x880045);
}

static void null_pins(void)
{
	CK_UTF8CHAR user[] = USER_PIN;
	CK_ULONG length = sizeof(user) - 1;
	CK_SESSION_HANDLE session = start_public();

	RV_EQUAL(p11->C_Login(session, CKU_USER, NULL, 0), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_Login(session, CKU_USER, NULL, 8), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_SetPIN(session, NULL, 0, user, length), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_SetPIN(session, user, length, NULL, 8), CKR_ARGUMENTS_BAD);
	RV_MUST(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	RV_EQUAL(p11->C_InitPIN(session, NULL, 8), CKR_ARGUMENTS_BAD);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	ULONG_EQUAL(p11_flags(), 0x44d);
}

static void default_is_no_new_pin(void)
{
	CK_UTF8CHAR with_nul[] = { 'a', 'b', 0, 'c', 'd' };
	CK_SESSION_HANDLE session = start_public();

	RV_EQUAL(p11_set_pin(session, USER_PIN, USER_DEFAULT), CKR_PIN_INVALID);
	RV_MUST(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	RV_EQUAL(p11_set_pin(session, SO_PIN, SO_DEFAULT), CKR_PIN_INVALID);
	RV_EQUAL(p11_init_pin(session, USER_DEFAULT), CKR_PIN_INVALID);
	RV_EQUAL(p11->C_InitPIN(session, with_nul, sizeof(with_nul)), CKR_PIN_INVALID);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
}

static void first_pin_is_not_default(void)
{
	CK_SESSION_HANDLE session;

	start_with_defaults();
	session = p11_open();
	RV_EQUAL(p11_set_pin(session, USER_DEFAULT, USER_DEFAULT), CKR_PIN_INVALID);
	RV_MUST(p11_login(session, CKU_SO, SO_DEFAULT), CKR_OK);
	RV_EQUAL(p11_set_pin(session, SO_DEFAULT, SO_DEFAULT), CKR_PIN_INVALID);
	RV_EQUAL(p11_init_pin(session, USER_DEFAULT), CKR_PIN_INVALID);
	ULONG_EQUAL(p11_flags(), 0x880445);
}

/* Only its own role's default is forbidden. */
static void default_of_other_role(void)
{
	CK_SESSION_HANDLE session;

	start_with_defaults();
	session = p11_open();
	RV_EQUAL(p11_set_pin(session, USER_DEFAULT, SO_DEFAULT), CKR_OK);
	RV_MUST(p11_login(session, CKU_SO, SO_DEFAULT), CKR_OK);
	RV_EQUAL(p11_set_pin(session, SO_DEFAULT, USER_DEFAULT), CKR_OK);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_SO, USER_DEFAULT), CKR_OK);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_USER, SO_DEFAULT), CKR_OK);
	ULONG_EQUAL(p11_flags(), 0x44d);
}

static void shortest_and_longest_pin(void)
{
	CK_UTF8CHAR user[] = USER_PIN, one[] = { 0xff };
	CK_SESSION_HANDLE session = start_public();

	RV_EQUAL(p11->C_SetPIN(session, user, sizeof(user) - 1, one, 1), CKR_OK);
	RV_EQUAL(p11->C_Login(session, CKU_USER, one, 1), CKR_OK);
	RV_EQUAL(p11->C_SetPIN(session, one, 1, long_pin, LONG_PIN), CKR_OK);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11->C_Login(session, CKU_USER, long_pin, LONG_PIN - 1), CKR_PIN_INCORRECT);
	RV_EQUAL(p11->C_Login(session, CKU_USER, long_pin, LONG_PIN), CKR_OK);
}

static void new_pin_may_be_old(void)
{
	CK_SESSION_HANDLE session = start_public();

	RV_EQUAL(p11_set_pin(session, USER_PIN, USER_PIN), CKR_OK);
	RV_MUST(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	RV_EQUAL(p11_set_pin(session, SO_PIN, SO_PIN), CKR_OK);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
}

static void set_pin_needs_old(void)
{
	CK_SESSION_HANDLE session = start_public();

	RV_EQUAL(p11_set_pin(session, "wrong", "new"), CKR_PIN_INCORRECT);
	RV_EQUAL(p11_login(session, CKU_USER, "new"), CKR_PIN_INCORRECT);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	RV_EQUAL(p11_set_pin(session, "wrong", "new"), CKR_PIN_INCORRECT);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
}

/* Sessions and roles */

static void read_only_session(void)
{
	CK_SESSION_HANDLE session;

	p11_new_token();
	RV_MUST(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	session = p11_open_ro();
	RV_EQUAL(p11_set_pin(session, USER_PIN, "new"), CKR_SESSION_READ_ONLY);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	ULONG_EQUAL(p11_state(session), CKS_RO_USER_FUNCTIONS);
	RV_EQUAL(p11_set_pin(session, USER_PIN, "new"), CKR_SESSION_READ_ONLY);
}

static void init_pin_is_for_so(void)
{
	CK_SESSION_HANDLE session = start_public();

	RV_EQUAL(p11_init_pin(session, "new"), CKR_USER_NOT_LOGGED_IN);
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	RV_EQUAL(p11_init_pin(session, "new"), CKR_USER_NOT_LOGGED_IN);
}

static void one_login_at_a_time(void)
{
	CK_SESSION_HANDLE session = start_public(), second = p11_open();

	RV_EQUAL(p11->C_Logout(session), CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_USER_ALREADY_LOGGED_IN);
	RV_EQUAL(p11_login(second, CKU_USER, USER_PIN), CKR_USER_ALREADY_LOGGED_IN);
	RV_EQUAL(p11_login(second, CKU_SO, SO_PIN), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
	ULONG_EQUAL(p11_state(second), CKS_RW_USER_FUNCTIONS);
	RV_EQUAL(p11->C_Logout(second), CKR_OK);
	ULONG_EQUAL(p11_state(session), CKS_RW_PUBLIC_SESSION);
	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	RV_EQUAL(p11_login(second, CKU_SO, SO_PIN), CKR_USER_ALREADY_LOGGED_IN);
	RV_EQUAL(p11_login(second, CKU_USER, USER_PIN), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
}

static void so_and_read_only_sessions(void)
{
	CK_SESSION_HANDLE session = start_public(), read_only = p11_open_ro();

	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_SESSION_READ_ONLY_EXISTS);
	RV_EQUAL(p11_login(read_only, CKU_SO, SO_PIN), CKR_SESSION_READ_ONLY_EXISTS);
	RV_EQUAL(p11->C_CloseSession(read_only), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	RV_EQUAL(p11->C_OpenSession(p11_slot, CKF_SERIAL_SESSION, NULL, NULL, &read_only),
		 CKR_SESSION_READ_WRITE_SO_EXISTS);
}

static void user_types(void)
{
	CK_SESSION_HANDLE session = start_public();

	RV_EQUAL(p11_login(session, 9, USER_PIN), CKR_USER_TYPE_INVALID);
	RV_EQUAL(p11_login(session, CKU_CONTEXT_SPECIFIC, USER_PIN), CKR_OPERATION_NOT_INITIALIZED);
	ULONG_EQUAL(p11_state(session), CKS_RW_PUBLIC_SESSION);
}

static void init_token_needs_no_session(void)
{
	CK_SESSION_HANDLE session = p11_new_token();

	p11_data(session, "kept", true, true);
	RV_EQUAL(p11_init_token(SO_PIN, "new"), CKR_SESSION_EXISTS);
	p11_find(session, CKO_DATA, "kept");
	RV_EQUAL(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	RV_EQUAL(p11_init_token(SO_PIN, "new"), CKR_OK);
	ULONG_EQUAL(p11_flags(), 0x80445);
}

static const struct tap_case cases[] = {
	{ "a fresh token has no PINs", fresh_has_no_pin },
	{ "the flags at each step of the manual page", flags_of_manual_page },
	{ "the user's default PIN logs in and has expired", user_default_expires },
	{ "the SO's default PIN logs in and has expired", so_default_expires },
	{ "C_SetPIN ends the expiry in the same session", set_pin_ends_expiry },
	{ "the user's C_SetPIN from a public session", public_user_set_pin },
	{ "the SO gives the user a new PIN and nothing is lost", so_gives_new_pin },
	{ "an SO who comes later reaches the objects after the user's login", so_comes_later },
	{ "the SO sees and makes nothing private", so_sees_nothing_private },
	{ "PINs of 0 and 257 bytes", pin_lengths },
	{ "C_InitToken with PINs of 0 and 257 bytes, without PIN, without label",
	  init_token_lengths },
	{ "PINs that are NULL", null_pins },
	{ "a default PIN or one with NUL cannot be chosen", default_is_no_new_pin },
	{ "the first own PIN cannot be the default", first_pin_is_not_default },
	{ "the default PIN of the other role can be chosen", default_of_other_role },
	{ "PINs of 1 and 256 bytes", shortest_and_longest_pin },
	{ "the new PIN may be the old one", new_pin_may_be_old },
	{ "C_SetPIN with a wrong old PIN changes nothing", set_pin_needs_old },
	{ "C_SetPIN in a read-only session", read_only_session },
	{ "C_InitPIN is for the SO only", init_pin_is_for_so },
	{ "one login at a time", one_login_at_a_time },
	{ "the SO and read-only sessions", so_and_read_only_sessions },
	{ "user types", user_types },
	{ "C_InitToken needs all sessions closed", init_token_needs_no_session },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	memset(long_pin, 'p', sizeof(long_pin));
	return p11_main(argc, argv, "token PINs", cases);
}
