/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill -9 at the writing calls of everything that changes a PIN, those of TrouSerS to its own key store
 * too. Afterwards one PIN is good, the old or the new, never both; the other role's is as it was; all
 * objects are there.
 */
#define _GNU_SOURCE
#include "kills.h"

#define NEW_PIN "new pin 2342"

static CK_SESSION_HANDLE session;

/* Logs in with the one PIN that is good, which costs one wrong try; that is forgiven. */
static int login_with_one(CK_USER_TYPE user, const char *old, const char *new)
{
	CK_RV rv_old = p11_login(session, user, old), rv_new;

	if (rv_old == CKR_OK)
		RV_EQUAL(p11->C_Logout(session), CKR_OK);
	rv_new = p11_login(session, user, new);
	TAP_MUST((rv_old == CKR_OK && rv_new == CKR_PIN_INCORRECT)
		|| (rv_old == CKR_PIN_INCORRECT && rv_new == CKR_OK), "the old PIN gives %s, the new one %s",
		p11_rv_name(rv_old), p11_rv_name(rv_new));
	p11_reset_lockout();
	if (rv_old == CKR_OK)
		RV_MUST(p11_login(session, user, old), CKR_OK);
	return rv_new == CKR_OK ? FOUND_NEW : FOUND_OLD;
}

/* What takes long is not done each time: C_InitPIN makes a key. */
#define FURTHER_EACH 4

/*
 * With what the crash left there the next change goes as usual, and the SO, when logged in, gives a new
 * PIN without anything being lost.
 */
static void check_next_change(CK_USER_TYPE user, const char *now)
{
	RV_EQUAL(p11_set_pin(session, now, "the next one"), CKR_OK);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, user, "the next one"), CKR_OK);
	if (user == CKU_USER) {
		kills_check_token(session, 0);
		RV_EQUAL(p11->C_Logout(session), CKR_OK);
		RV_MUST(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	}
	RV_EQUAL(p11_init_pin(session, "from the so"), CKR_OK);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, CKU_USER, "from the so"), CKR_OK);
	kills_check_token(session, 0);
}

static int check_user_pin(void *argument)
{
	const unsigned int *number = argument;
	int found;

	p11_start();
	session = p11_open();
	found = login_with_one(CKU_USER, USER_PIN, NEW_PIN);
	kills_check_token(session, 0);
	if (*number % FURTHER_EACH == 0) {
		check_next_change(CKU_USER, found == FOUND_NEW ? NEW_PIN : USER_PIN);
	} else {
		RV_EQUAL(p11->C_Logout(session), CKR_OK);
		RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	}
	return found;
}

static int check_so_pin(void *argument)
{
	const unsigned int *number = argument;
	int found;

	p11_start();
	session = p11_open_user();
	kills_check_token(session, 0);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	found = login_with_one(CKU_SO, SO_PIN, NEW_PIN);
	if (*number % FURTHER_EACH == 0)
		check_next_change(CKU_SO, found == FOUND_NEW ? NEW_PIN : SO_PIN);
	return found;
}

static void prepare_user(void)
{
	p11_start();
	session = p11_open_user();
}

static void prepare_so(void)
{
	p11_start();
	session = p11_open();
	RV_MUST(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
}

static CK_RV set_user_pin(void)
{
	return p11_set_pin(session, USER_PIN, NEW_PIN);
}

static CK_RV set_so_pin(void)
{
	return p11_set_pin(session, SO_PIN, NEW_PIN);
}

static CK_RV init_pin(void)
{
	return p11_init_pin(session, NEW_PIN);
}

static void user_pin_killed(void)
{
	static const struct kills kills = { { prepare_user, set_user_pin, NULL }, check_user_pin,
		{ 4, 4, 0 } };

	kills_everywhere(&kills, TRACED_WRITE_CALLS);
}

static void so_pin_killed(void)
{
	static const struct kills kills = { { prepare_so, set_so_pin, NULL }, check_so_pin, { 4, 4, 0 } };

	kills_everywhere(&kills, TRACED_WRITE_CALLS);
}

static void init_pin_killed(void)
{
	static const struct kills kills = { { prepare_so, init_pin, NULL }, check_user_pin, { 4, 4, 0 } };

	kills_everywhere(&kills, TRACED_WRITE_CALLS);
}

static const struct tap_case cases[] = {
	{ "kill -9 at each writing call of the user's C_SetPIN", user_pin_killed },
	{ "kill -9 at each writing call of the SO's C_SetPIN", so_pin_killed },
	{ "kill -9 at each writing call of C_InitPIN", init_pin_killed },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "crash of a PIN change", cases);
}
