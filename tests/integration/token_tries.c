/* SPDX-License-Identifier: BSD-2-Clause */
/* Wrong PINs: counted by the chip alone, told apart from a lockout, seen by every process. */
#define _GNU_SOURCE
#include "p11.h"

#include <time.h>
#include <unistd.h>

/* swtpm answers that many wrong PINs as such, then it locks. */
#define SWTPM_TRIES 6
#define LOCKOUT_SECONDS 20

static const struct timespec pause_between = { 0, 100000000 };

static CK_SESSION_HANDLE start_public(void)
{
	CK_SESSION_HANDLE session = p11_new_token();

	RV_MUST(p11->C_Logout(session), CKR_OK);
	return session;
}

struct role {
	CK_USER_TYPE user;
	const char *pin;
	const char *default_pin;
	CK_FLAGS count_low;
	CK_FLAGS locked;
};

static const struct role roles[] = {
	{ CKU_USER, USER_PIN, USER_DEFAULT, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_LOCKED },
	{ CKU_SO, SO_PIN, SO_DEFAULT, CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_LOCKED },
};

static void wrong_then_right(void)
{
	CK_SESSION_HANDLE session = start_public();
	size_t i;

	for (i = 0; i < 2; i++) {
		RV_EQUAL(p11_login(session, roles[i].user, "wrong"), CKR_PIN_INCORRECT);
		ULONG_EQUAL(p11_state(session), CKS_RW_PUBLIC_SESSION);
		RV_EQUAL(p11_login(session, roles[i].user, roles[i].pin), CKR_OK);
		RV_EQUAL(p11->C_Logout(session), CKR_OK);
		RV_EQUAL(p11_login(session, roles[i].user, roles[i].default_pin),
			 CKR_PIN_INCORRECT);
		RV_EQUAL(p11_login(session, roles[i].user, roles[i].pin), CKR_OK);
		RV_EQUAL(p11->C_Logout(session), CKR_OK);
	}
}

static int wrong_login(void *argument)
{
	const struct role *role = *(const struct role **)argument;

	p11_start();
	RV_EQUAL(p11_login(p11_open(), role->user, "wrong"), CKR_PIN_INCORRECT);
	return 0;
}

static int right_login(void *argument)
{
	const struct role *role = *(const struct role **)argument;

	p11_start();
	RV_EQUAL(p11_login(p11_open(), role->user, role->pin), CKR_OK);
	return 0;
}

static void count_low_across_processes(void)
{
	const CK_FLAGS counts = CKF_USER_PIN_COUNT_LOW | CKF_SO_PIN_COUNT_LOW;
	const struct role *role;

	start_public();
	ULONG_EQUAL(p11_flags() & counts, 0);
	for (role = roles; role < roles + 2; role++) {
		ULONG_EQUAL(p11_in_child(wrong_login, &role), 0);
		ULONG_EQUAL(p11_flags() & counts, role->count_low);
		ULONG_EQUAL(p11_in_child(right_login, &role), 0);
		ULONG_EQUAL(p11_flags() & counts, 0);
	}
}

static void count_low_at_home(void)
{
	CK_SESSION_HANDLE session = start_public();

	RV_EQUAL(p11_login(session, CKU_USER, "wrong"), CKR_PIN_INCORRECT);
	ULONG_EQUAL(p11_flags(), 0x44d | CKF_USER_PIN_COUNT_LOW);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	ULONG_EQUAL(p11_flags(), 0x44d);
}

static void init_token_counts(void)
{
	start_public();
	RV_MUST(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	RV_EQUAL(p11_init_token("wrong", "label"), CKR_PIN_INCORRECT);
	ULONG_EQUAL(p11_flags(), 0x44d | CKF_SO_PIN_COUNT_LOW);
	RV_EQUAL(p11_init_token(SO_PIN, "label"), CKR_OK);
	ULONG_EQUAL(p11_flags(), 0x80445);
}

/* Wrong PINs were tried on the old token, not on the new one. */
static void init_token_forgets(void)
{
	CK_SESSION_HANDLE session = start_public();

	RV_EQUAL(p11_login(session, CKU_USER, "wrong"), CKR_PIN_INCORRECT);
	RV_MUST(p11->C_CloseSession(session), CKR_OK);
	RV_EQUAL(p11_init_token(SO_PIN, "label"), CKR_OK);
	ULONG_EQUAL(p11_flags(), 0x80445);
}

/*
 * Wrong PINs until the chip locks: each costs one try, no more and no less. The first lockout lasts
 * up to a second, the next two, so on a busy machine they may end before they were seen.
 */
static void lock(CK_SESSION_HANDLE session, const struct role *role)
{
	unsigned int tries = 0;
	CK_RV rv;

	while ((rv = p11_login(session, role->user, "wrong")) == CKR_PIN_INCORRECT && tries < 50)
		tries++;
	RV_EQUAL(rv, CKR_PIN_LOCKED);
	TAP_CHECK(tries >= SWTPM_TRIES && tries <= SWTPM_TRIES + 2,
		  "the chip locked after %u wrong PINs, not %d", tries, SWTPM_TRIES);
}

/* Two more wrong PINs, each after the lockout before it: the last one lasts four seconds. */
static void lock_for_seconds(CK_SESSION_HANDLE session, const struct role *role)
{
	time_t end = time(NULL) + LOCKOUT_SECONDS;
	unsigned int more = 0;
	CK_RV rv;

	lock(session, role);
	while (more < 2 && time(NULL) < end) {
		nanosleep(&pause_between, NULL);
		rv = p11_login(session, role->user, "wrong");
		if (RV_ONE_OF(rv, CKR_PIN_LOCKED, CKR_PIN_INCORRECT) == CKR_PIN_INCORRECT)
			more++;
	}
	ULONG_EQUAL(more, 2);
}

static int look_at_flags(void *argument)
{
	const struct role *role = *(const struct role **)argument;

	p11_start();
	ULONG_EQUAL(p11_flags() & role->locked, role->locked);
	return 0;
}

static void lock_and_reset(const struct role *role)
{
	CK_SESSION_HANDLE session = start_public();

	lock_for_seconds(session, role);
	RV_EQUAL(p11_login(session, role->user, role->pin), CKR_PIN_LOCKED);
	ULONG_EQUAL(p11_flags() & role->locked, role->locked);
	ULONG_EQUAL(p11_in_child(look_at_flags, &role), 0);
	p11_reset_lockout();
	RV_EQUAL(p11_login(session, role->user, role->pin), CKR_OK);
	ULONG_EQUAL(p11_flags(), 0x44d);
}

static void user_locked(void)
{
	lock_and_reset(&roles[0]);
}

static void so_locked(void)
{
	lock_and_reset(&roles[1]);
}

/* The lockout is the chip's: it meets the other role and C_SetPIN as well. */
static void locked_for_all(void)
{
	CK_SESSION_HANDLE session = start_public();

	lock_for_seconds(session, &roles[0]);
	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_PIN_LOCKED);
	RV_EQUAL(p11_set_pin(session, USER_PIN, "new"), CKR_PIN_LOCKED);
	p11_reset_lockout();
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
}

static void lockout_ends(void)
{
	CK_SESSION_HANDLE session = start_public();
	time_t end = time(NULL) + LOCKOUT_SECONDS;
	CK_RV rv;

	lock(session, &roles[0]);
	while ((rv = p11_login(session, CKU_USER, USER_PIN)) == CKR_PIN_LOCKED && time(NULL) < end)
		nanosleep(&pause_between, NULL);
	RV_EQUAL(rv, CKR_OK);
	ULONG_EQUAL(p11_flags(), 0x44d);
}

/* As ssh-agent and p11tool do it to every token. */
static void wrong_pin_while_logged_in_elsewhere(void)
{
	const struct role *role = &roles[0];
	CK_SESSION_HANDLE session = p11_new_token();
	struct p11_pair pair;

	RV_MUST(p11_generate(session, 1024, "key", true, true, &pair), CKR_OK);
	CHECK(p11_signs(session, pair));
	ULONG_EQUAL(p11_in_child(wrong_login, &role), 0);
	CHECK(p11_signs(session, pair));
	ULONG_EQUAL(p11_in_child(right_login, &role), 0);
	CHECK(p11_signs(session, pair));
}

static const struct tap_case cases[] = {
	{ "a wrong PIN, then the right one", wrong_then_right },
	{ "a wrong PIN is shown in the flags until a good login", count_low_at_home },
	{ "a wrong PIN is seen by other processes until a good login", count_low_across_processes },
	{ "a wrong PIN of C_InitToken is counted and shown", init_token_counts },
	{ "C_InitToken forgets the wrong PINs of the user", init_token_forgets },
	{ "a wrong PIN elsewhere does not disturb who is logged in",
	  wrong_pin_while_logged_in_elsewhere },
	{ "wrong user PINs lock the chip, a reset unlocks it", user_locked },
	{ "wrong SO PINs lock the chip, a reset unlocks it", so_locked },
	{ "a lockout meets both roles and C_SetPIN", locked_for_all },
	{ "a lockout ends by itself", lockout_ends },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "wrong PINs", cases);
}
