/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of a token's states: in each state every call that can change it, the code it gives,
 * the state that it leaves, and the objects that are kept or gone.
 */
#include "p11.h"

#include <string.h>

#define NEW_SO_PIN "another so pin"
#define NEW_USER_PIN "another user pin"
#define THIRD_PIN "a third pin"

enum state {
	FRESH, /* no token file */
	DEFAULTS, /* I: both roles have their default PINs */
	SO_OWN, /* S */
	USER_OWN, /* U */
	NO_SO_COPY, /* SU, and the SO cannot reach the user's objects yet */
	BOTH_OWN, /* SU */
};

enum step {
	INIT_DEFAULT,
	INIT_OWN,
	INIT_OTHER,
	SO_SETPIN,
	SO_INITPIN,
	USER_SETPIN,
	PUBLIC_SETPIN,
};

struct cell {
	const char *name;
	enum state before;
	enum step step;
	CK_RV rv;
	enum state after;
	/* The PINs afterwards, and whether the objects are still there. */
	const char *so;
	const char *user;
	bool kept;
};

#define D_SO SO_DEFAULT
#define D_USER USER_DEFAULT
#define OK CKR_OK
#define WRONG CKR_PIN_INCORRECT
#define NO_PIN CKR_USER_PIN_NOT_INITIALIZED
#define REJECTED CKR_FUNCTION_REJECTED

static const struct cell cells[] = {
	{ "fresh, C_InitToken 87654321", FRESH, INIT_DEFAULT, OK, DEFAULTS, D_SO, D_USER, false },
	{ "fresh, C_InitToken other PIN", FRESH, INIT_OTHER, OK, SO_OWN, NEW_SO_PIN, D_USER,
	  false },
	{ "fresh, SO C_SetPIN", FRESH, SO_SETPIN, NO_PIN, FRESH, NULL, NULL, false },
	{ "fresh, SO C_InitPIN", FRESH, SO_INITPIN, NO_PIN, FRESH, NULL, NULL, false },
	{ "fresh, user C_SetPIN", FRESH, USER_SETPIN, NO_PIN, FRESH, NULL, NULL, false },
	{ "fresh, public C_SetPIN", FRESH, PUBLIC_SETPIN, NO_PIN, FRESH, NULL, NULL, false },

	{ "I, C_InitToken 87654321", DEFAULTS, INIT_DEFAULT, OK, DEFAULTS, D_SO, D_USER, false },
	{ "I, C_InitToken other PIN", DEFAULTS, INIT_OTHER, OK, SO_OWN, NEW_SO_PIN, D_USER, false },
	{ "I, SO C_SetPIN", DEFAULTS, SO_SETPIN, OK, SO_OWN, NEW_SO_PIN, D_USER, true },
	{ "I, SO C_InitPIN", DEFAULTS, SO_INITPIN, OK, USER_OWN, D_SO, NEW_USER_PIN, true },
	{ "I, user C_SetPIN", DEFAULTS, USER_SETPIN, OK, USER_OWN, D_SO, NEW_USER_PIN, true },
	{ "I, public C_SetPIN", DEFAULTS, PUBLIC_SETPIN, OK, USER_OWN, D_SO, NEW_USER_PIN, true },

	{ "S, C_InitToken 87654321", SO_OWN, INIT_DEFAULT, WRONG, SO_OWN, SO_PIN, D_USER, true },
	{ "S, C_InitToken SO PIN", SO_OWN, INIT_OWN, OK, SO_OWN, SO_PIN, D_USER, false },
	{ "S, C_InitToken other PIN", SO_OWN, INIT_OTHER, WRONG, SO_OWN, SO_PIN, D_USER, true },
	{ "S, SO C_SetPIN", SO_OWN, SO_SETPIN, OK, SO_OWN, NEW_SO_PIN, D_USER, true },
	{ "S, SO C_InitPIN", SO_OWN, SO_INITPIN, OK, BOTH_OWN, SO_PIN, NEW_USER_PIN, true },
	{ "S, user C_SetPIN", SO_OWN, USER_SETPIN, OK, BOTH_OWN, SO_PIN, NEW_USER_PIN, true },
	{ "S, public C_SetPIN", SO_OWN, PUBLIC_SETPIN, OK, BOTH_OWN, SO_PIN, NEW_USER_PIN, true },

	{ "U, C_InitToken 87654321", USER_OWN, INIT_DEFAULT, OK, DEFAULTS, D_SO, D_USER, false },
	{ "U, C_InitToken other PIN", USER_OWN, INIT_OTHER, WRONG, USER_OWN, D_SO, USER_PIN, true },
	{ "U, SO C_SetPIN", USER_OWN, SO_SETPIN, OK, NO_SO_COPY, NEW_SO_PIN, USER_PIN, true },
	{ "U, SO C_InitPIN", USER_OWN, SO_INITPIN, CKR_PIN_EXPIRED, USER_OWN, D_SO, USER_PIN,
	  true },
	{ "U, user C_SetPIN", USER_OWN, USER_SETPIN, OK, USER_OWN, D_SO, NEW_USER_PIN, true },
	{ "U, public C_SetPIN", USER_OWN, PUBLIC_SETPIN, OK, USER_OWN, D_SO, NEW_USER_PIN, true },

	{ "SU without SO copy, C_InitToken 87654321", NO_SO_COPY, INIT_DEFAULT, WRONG, NO_SO_COPY,
	  SO_PIN, USER_PIN, true },
	{ "SU without SO copy, C_InitToken SO PIN", NO_SO_COPY, INIT_OWN, OK, SO_OWN, SO_PIN,
	  D_USER, false },
	{ "SU without SO copy, C_InitToken other PIN", NO_SO_COPY, INIT_OTHER, WRONG, NO_SO_COPY,
	  SO_PIN, USER_PIN, true },
	{ "SU without SO copy, SO C_SetPIN", NO_SO_COPY, SO_SETPIN, OK, NO_SO_COPY, NEW_SO_PIN,
	  USER_PIN, true },
	{ "SU without SO copy, SO C_InitPIN", NO_SO_COPY, SO_INITPIN, REJECTED, NO_SO_COPY, SO_PIN,
	  USER_PIN, true },
	{ "SU without SO copy, user C_SetPIN", NO_SO_COPY, USER_SETPIN, OK, BOTH_OWN, SO_PIN,
	  NEW_USER_PIN, true },
	{ "SU without SO copy, public C_SetPIN", NO_SO_COPY, PUBLIC_SETPIN, OK, BOTH_OWN, SO_PIN,
	  NEW_USER_PIN, true },

	{ "SU, C_InitToken 87654321", BOTH_OWN, INIT_DEFAULT, WRONG, BOTH_OWN, SO_PIN, USER_PIN,
	  true },
	{ "SU, C_InitToken SO PIN", BOTH_OWN, INIT_OWN, OK, SO_OWN, SO_PIN, D_USER, false },
	{ "SU, C_InitToken other PIN", BOTH_OWN, INIT_OTHER, WRONG, BOTH_OWN, SO_PIN, USER_PIN,
	  true },
	{ "SU, SO C_SetPIN", BOTH_OWN, SO_SETPIN, OK, BOTH_OWN, NEW_SO_PIN, USER_PIN, true },
	{ "SU, SO C_InitPIN", BOTH_OWN, SO_INITPIN, OK, BOTH_OWN, SO_PIN, NEW_USER_PIN, true },
	{ "SU, user C_SetPIN", BOTH_OWN, USER_SETPIN, OK, BOTH_OWN, SO_PIN, NEW_USER_PIN, true },
	{ "SU, public C_SetPIN", BOTH_OWN, PUBLIC_SETPIN, OK, BOTH_OWN, SO_PIN, NEW_USER_PIN,
	  true },
};

#define CELLS (sizeof(cells) / sizeof(*cells))

/* Those of the manual page's steps, and by the same bits those of the other states. */
static const CK_FLAGS flags_of[] = {
	[FRESH] = 0x880045,    [DEFAULTS] = 0x880445, [SO_OWN] = 0x80445,
	[USER_OWN] = 0x80044d, [NO_SO_COPY] = 0x44d,  [BOTH_OWN] = 0x44d,
};

static bool has_user(enum state state)
{
	return state >= USER_OWN;
}

static bool has_so(enum state state)
{
	return state == SO_OWN || state == NO_SO_COPY || state == BOTH_OWN;
}

/* Building a state */

static void set_own_pin(CK_USER_TYPE user, const char *old, const char *new)
{
	CK_SESSION_HANDLE session = p11_open();

	RV_MUST(p11_login(session, user, old), CKR_OK);
	RV_MUST(p11_set_pin(session, old, new), CKR_OK);
	RV_MUST(p11->C_CloseSession(session), CKR_OK);
}

static void build_user_objects(void)
{
	CK_SESSION_HANDLE session;
	struct p11_pair pair;

	set_own_pin(CKU_USER, USER_DEFAULT, USER_PIN);
	session = p11_open_user();
	p11_data(session, "private thing", true, true);
	RV_MUST(p11_generate(session, 1024, "key", true, true, &pair), CKR_OK);
	RV_MUST(p11->C_CloseSession(session), CKR_OK);
}

static void build(enum state state)
{
	CK_SESSION_HANDLE session;

	p11_fresh();
	p11_start();
	if (state == FRESH)
		return;
	RV_MUST(p11_init_token(SO_DEFAULT, "states"), CKR_OK);
	session = p11_open();
	p11_data(session, "public thing", true, false);
	RV_MUST(p11->C_CloseSession(session), CKR_OK);
	if (state == SO_OWN || state == BOTH_OWN)
		set_own_pin(CKU_SO, SO_DEFAULT, SO_PIN);
	if (has_user(state))
		build_user_objects();
	if (state == NO_SO_COPY)
		set_own_pin(CKU_SO, SO_DEFAULT, SO_PIN);
}

/* Taking a step */

static CK_RV logged_in_set_pin(CK_USER_TYPE user, const char *old, const char *new)
{
	CK_SESSION_HANDLE session = p11_open();
	CK_RV rv = p11_login(session, user, old);

	return rv != CKR_OK ? rv : p11_set_pin(session, old, new);
}

static CK_RV so_init_pin(const char *so, const char *new)
{
	CK_SESSION_HANDLE session = p11_open();
	CK_RV rv = p11_login(session, CKU_SO, so);

	if (rv != CKR_OK) {
		RV_ONE_OF(p11_init_pin(session, new), CKR_USER_NOT_LOGGED_IN,
			  CKR_USER_PIN_NOT_INITIALIZED);
		return rv;
	}
	return p11_init_pin(session, new);
}

static CK_RV take_step(const struct cell *cell)
{
	const char *so = has_so(cell->before) ? SO_PIN : SO_DEFAULT;
	const char *user = has_user(cell->before) ? USER_PIN : USER_DEFAULT;

	switch (cell->step) {
	case INIT_DEFAULT:
		return p11_init_token(SO_DEFAULT, "again");
	case INIT_OWN:
		return p11_init_token(so, "again");
	case INIT_OTHER:
		return p11_init_token(NEW_SO_PIN, "again");
	case SO_SETPIN:
		return logged_in_set_pin(CKU_SO, so, NEW_SO_PIN);
	case SO_INITPIN:
		return so_init_pin(so, NEW_USER_PIN);
	case USER_SETPIN:
		return logged_in_set_pin(CKU_USER, user, NEW_USER_PIN);
	case PUBLIC_SETPIN:
		return p11_set_pin(p11_open(), user, NEW_USER_PIN);
	}
	return CKR_GENERAL_ERROR;
}

/* The process ends without C_Finalize: what a call returned must be on disk. */
static int step_in_child(void *argument)
{
	const struct cell *cell = *(const struct cell **)argument;

	p11_start();
	RV_EQUAL(take_step(cell), cell->rv);
	return 0;
}

/* Looking at the result */

static void check_logins(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *right,
			 bool is_default)
{
	static const char *const candidates[2][3] = {
		[CKU_SO] = { SO_DEFAULT, SO_PIN, NEW_SO_PIN },
		[CKU_USER] = { USER_DEFAULT, USER_PIN, NEW_USER_PIN },
	};
	size_t i;

	p11_reset_lockout();
	for (i = 0; i < 3; i++)
		if (strcmp(candidates[user][i], right) != 0)
			RV_EQUAL(p11_login(session, user, candidates[user][i]), CKR_PIN_INCORRECT);
	RV_MUST(p11_login(session, user, right), CKR_OK);
	RV_EQUAL(p11->C_FindObjectsInit(session, NO_TEMPLATE),
		 is_default ? CKR_PIN_EXPIRED : CKR_OK);
	if (!is_default)
		RV_EQUAL(p11->C_FindObjectsFinal(session), CKR_OK);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
}

static void check_fresh(CK_SESSION_HANDLE session)
{
	RV_EQUAL(p11_login(session, CKU_SO, SO_DEFAULT), CKR_USER_PIN_NOT_INITIALIZED);
	RV_EQUAL(p11_login(session, CKU_USER, USER_DEFAULT), CKR_USER_PIN_NOT_INITIALIZED);
	RV_EQUAL(p11_login(session, CKU_USER, NEW_USER_PIN), CKR_USER_PIN_NOT_INITIALIZED);
}

/* Must come before the user's next login, which would add the copy. */
static void check_so_reach(CK_SESSION_HANDLE session, const struct cell *cell)
{
	if (cell->after != NO_SO_COPY && cell->after != USER_OWN)
		return;
	RV_MUST(p11_login(session, CKU_SO, cell->so), CKR_OK);
	RV_EQUAL(p11_init_pin(session, THIRD_PIN),
		 cell->after == NO_SO_COPY ? CKR_FUNCTION_REJECTED : CKR_PIN_EXPIRED);
	RV_MUST(p11->C_Logout(session), CKR_OK);
}

static void check_private_objects(CK_SESSION_HANDLE session, bool expected, const char *pin)
{
	RV_MUST(p11_login(session, CKU_USER, pin), CKR_OK);
	ULONG_EQUAL(p11_count(session, CKO_DATA, "private thing"), expected);
	ULONG_EQUAL(p11_count(session, CKO_PRIVATE_KEY, "key"), expected);
	ULONG_EQUAL(p11_count(session, CKO_PUBLIC_KEY, "key"), expected);
	if (expected)
		CHECK(p11_label_signs(session, "key"));
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
}

/*
 * The SO's copy of the master key opens the same objects; the replaced PIN opens nothing. The user
 * must not have logged in since the step, which would add a missing copy.
 */
static void check_so_copy(const struct cell *cell)
{
	CK_SESSION_HANDLE session;

	p11_reset_lockout();
	p11_start();
	session = p11_open();
	RV_MUST(p11_login(session, CKU_SO, cell->so), CKR_OK);
	RV_MUST(p11_init_pin(session, THIRD_PIN), CKR_OK);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_USER, cell->user), CKR_PIN_INCORRECT);
	check_private_objects(session, cell->kept && has_user(cell->before), THIRD_PIN);
}

/* With a default PIN nothing can be searched: the user gets one of his own to look around. */
static void check_emptied(CK_SESSION_HANDLE session)
{
	RV_MUST(p11_set_pin(session, USER_DEFAULT, THIRD_PIN), CKR_OK);
	RV_MUST(p11_login(session, CKU_USER, THIRD_PIN), CKR_OK);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), 0);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
}

static void check_state(const struct cell *cell)
{
	CK_FLAGS ignored = cell->rv == CKR_PIN_INCORRECT ? CKF_SO_PIN_COUNT_LOW : 0;
	bool had_private = has_user(cell->before);
	CK_SESSION_HANDLE session;

	p11_start();
	ULONG_EQUAL(p11_flags() & ~ignored, flags_of[cell->after]);
	session = p11_open();
	if (cell->after == FRESH) {
		check_fresh(session);
		return;
	}
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "public thing"), cell->kept);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "private thing"), 0);
	check_logins(session, CKU_SO, cell->so, !has_so(cell->after));
	check_so_reach(session, cell);
	check_logins(session, CKU_USER, cell->user, !has_user(cell->after));
	if (has_user(cell->after))
		check_private_objects(session, cell->kept && had_private, cell->user);
	if (!cell->kept)
		check_emptied(session);
}

static void reach(const struct cell *cell)
{
	build(cell->before);
	p11_stop();
	ULONG_EQUAL(p11_in_child(step_in_child, &cell), 0);
}

static void run_cell(void)
{
	const struct cell *cell;

	for (cell = cells; cell < cells + CELLS; cell++)
		if (strcmp(cell->name, tap_case_name()) == 0)
			break;
	if (cell->after == BOTH_OWN) {
		reach(cell);
		check_so_copy(cell);
	}
	reach(cell);
	check_state(cell);
}

int main(int argc, char **argv)
{
	static struct tap_case cases[CELLS + 1];
	size_t i;

	for (i = 0; i < CELLS; i++)
		cases[i] = (struct tap_case) { cells[i].name, run_cell };
	return p11_main(argc, argv, "token states", cases);
}
