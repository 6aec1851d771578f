/* SPDX-License-Identifier: BSD-2-Clause */
/* PINs and the token's life where the chip fails, the process dies, or the disk is full. */
#include "token.h"

/* --- the chip, or libcrypto, fails at each call in turn, or the process dies there --- */

struct fault_kind {
	void (*set)(unsigned int nth);
	bool (*end)(void); /* has there been an nth call? */
	CK_RV code;
};

static void chip_set(unsigned int nth)
{
	fake_fail(FAKE_ANY, nth, CKR_DEVICE_ERROR);
}

static bool chip_end(void)
{
	bool reached = !fake_fail_pending();

	fake_fail_clear();
	return reached;
}

static const struct fault_kind chip = { chip_set, chip_end, CKR_DEVICE_ERROR };

static unsigned int derivations_left, derivations_failed;

bool __wrap_crypto_derive(const uint8_t *key, const uint8_t *salt, size_t salt_len, const char *purpose,
	uint8_t *out);
bool __real_crypto_derive(const uint8_t *key, const uint8_t *salt, size_t salt_len, const char *purpose,
	uint8_t *out);

bool __wrap_crypto_derive(const uint8_t *key, const uint8_t *salt, size_t salt_len, const char *purpose,
	uint8_t *out)
{
	if (derivations_left != 0 && --derivations_left == 0) {
		derivations_failed++;
		return false;
	}
	return __real_crypto_derive(key, salt, salt_len, purpose, out);
}

static void derivation_set(unsigned int nth)
{
	derivations_left = nth;
}

static bool derivation_end(void)
{
	bool reached = derivations_left == 0;

	derivations_left = 0;
	return reached;
}

static const struct fault_kind derivation = { derivation_set, derivation_end, CKR_HOST_MEMORY };

struct fault_case {
	void (*make)(struct token *token);
	void (*enter)(struct token *token); /* the login that act needs */
	CK_RV (*act)(struct token *token);
	void (*check_old)(void);
	void (*check_new)(void);
};

/* The old state or the new one, and nothing between; the login stays. False: there is no such call. */
static bool fault_at(const struct fault_case *c, const struct fault_kind *kind, unsigned int nth)
{
	struct token *token = token_new();
	enum login who;
	bool reached;
	CK_RV rv;

	c->make(token);
	c->enter(token);
	who = token_login_state(token);
	tap_about("call %u", nth);
	kind->set(nth);
	rv = c->act(token);
	reached = kind->end();
	CHECK(!fake_pin_key_loaded());
	TAP_CHECK(reached || rv == CKR_OK, "without a fault the code is 0x%lx", rv);
	TAP_CHECK(rv == CKR_OK || rv == kind->code, "with a fault the code is 0x%lx", rv);
	NUMBER_EQUAL(token_login_state(token), who);
	if (rv == CKR_OK)
		c->check_new();
	else
		c->check_old();
	token_close(&token);
	NUMBER_EQUAL(fake_open_keys(), 0);
	return reached;
}

struct death {
	const struct fault_case *c;
	unsigned int nth;
};

static int die(void *argument)
{
	const struct death *death = argument;
	struct token *token = token_again();

	death->c->enter(token);
	fake_fail(FAKE_ANY, death->nth, FAKE_DIE);
	death->c->act(token);
	return 1;
}

/* What was written when the process died decides whether it is the old state or the new one. */
static void death_at(const struct fault_case *c, unsigned int nth, bool (*is_new)(void))
{
	struct death death = { c, nth };
	struct token *token = token_new();

	c->make(token);
	token_close(&token);
	tap_about("dead at call %u", nth);
	NUMBER_EQUAL(tap_child_wait(tap_child_start(die, &death)), 0);
	if (is_new())
		c->check_new();
	else
		c->check_old();
}

static bool pin_is(enum role role, const char *pin)
{
	struct token *token = token_again();
	bool is = login(token, role, pin) == CKR_OK;

	token_close(&token);
	return is;
}

static void each_fault(const struct fault_case *c, bool (*is_new)(void))
{
	unsigned int calls = 0, derivations = 0;

	while (derivations < 100 && fault_at(c, &derivation, derivations + 1))
		derivations++;
	TAP_CHECK(derivations < 100, "%u derivations", derivations);
	while (calls < 100 && fault_at(c, &chip, calls + 1))
		calls++;
	TAP_CHECK(calls != 0 && calls < 100, "%u calls of the chip", calls);
	for (unsigned int nth = 1; nth <= calls; nth++)
		death_at(c, nth, is_new);
}

/* C_InitToken of a used token */

static void nothing(struct token *token)
{
	(void)token;
}

static CK_RV empty_it(struct token *token)
{
	return init_token(token, SO_PIN);
}

static void check_emptied(void)
{
	struct token *token = token_again();

	check_login(ROLE_SO, SO_PIN, CKR_OK);
	check_login(ROLE_USER, USER_PIN, CKR_PIN_INCORRECT);
	RV_EQUAL(login(token, ROLE_USER, USER_DEFAULT), CKR_OK);
	RV_EQUAL(set_pin(token, USER_DEFAULT, USER_PIN), CKR_OK);
	NUMBER_EQUAL(find(token, NULL, NULL), 0);
	token_close(&token);
}

static bool user_is_default(void)
{
	return pin_is(ROLE_USER, USER_DEFAULT);
}

static void init_token_faults(void)
{
	static const struct fault_case c = { make_used, nothing, empty_it, check_as_made, check_emptied };

	each_fault(&c, user_is_default);
}

/* C_InitToken of a fresh one */

static void check_uninitialised(void)
{
	check_login(ROLE_SO, SO_PIN, CKR_USER_PIN_NOT_INITIALIZED);
}

static bool so_is_own(void)
{
	return pin_is(ROLE_SO, SO_PIN);
}

static void check_so_own(void)
{
	check_login(ROLE_SO, SO_PIN, CKR_OK);
	check_login(ROLE_SO, SO_DEFAULT, CKR_PIN_INCORRECT);
}

static void first_init_token_faults(void)
{
	static const struct fault_case c = { nothing, nothing, empty_it, check_uninitialised,
		check_so_own };

	each_fault(&c, so_is_own);
}

/* C_SetPIN of the user: the first, and another */

static void make_without_user(struct token *token)
{
	RV_MUST(init_token(token, SO_PIN), CKR_OK);
	data_object(token, "public", true, false);
}

static void enter_by_default(struct token *token)
{
	RV_MUST(login(token, ROLE_USER, USER_DEFAULT), CKR_OK);
}

static CK_RV first_pin(struct token *token)
{
	return set_pin(token, USER_DEFAULT, NEW_PIN);
}

static void check_default_pin(void)
{
	check_login(ROLE_USER, USER_DEFAULT, CKR_OK);
	check_login(ROLE_USER, NEW_PIN, CKR_PIN_INCORRECT);
}

static void check_first_pin(void)
{
	struct token *token = token_again();

	check_login(ROLE_USER, USER_DEFAULT, CKR_PIN_INCORRECT);
	RV_EQUAL(login(token, ROLE_USER, NEW_PIN), CKR_OK);
	NUMBER_EQUAL(find(token, "public", NULL), 1);
	data_object(token, "private", true, true);
	token_close(&token);
	check_user(NEW_PIN, 1);
}

static bool user_is_new(void)
{
	return pin_is(ROLE_USER, NEW_PIN);
}

static void first_pin_faults(void)
{
	static const struct fault_case c = { make_without_user, enter_by_default, first_pin,
		check_default_pin, check_first_pin };

	derivations_failed = 0;
	each_fault(&c, user_is_new);
	CHECK(derivations_failed >= 2); /* of the master key's check value and the key of private objects */
}

static void enter_user(struct token *token)
{
	RV_MUST(login(token, ROLE_USER, USER_PIN), CKR_OK);
}

static CK_RV next_pin(struct token *token)
{
	return set_pin(token, USER_PIN, NEW_PIN);
}

static void check_new_pin(void)
{
	check_user(NEW_PIN, 1);
	check_login(ROLE_USER, USER_PIN, CKR_PIN_INCORRECT);
}

static void next_pin_faults(void)
{
	static const struct fault_case c = { make_used, enter_user, next_pin, check_as_made, check_new_pin };

	each_fault(&c, user_is_new);
}

/* C_SetPIN and C_InitPIN of the SO */

static void enter_so(struct token *token)
{
	RV_MUST(login(token, ROLE_SO, SO_PIN), CKR_OK);
}

static CK_RV so_pin(struct token *token)
{
	return set_pin(token, SO_PIN, NEW_PIN);
}

/* The SO can still give the user a new PIN. */
static void check_so_new(void)
{
	struct token *token = token_again();

	check_login(ROLE_SO, SO_PIN, CKR_PIN_INCORRECT);
	check_user(USER_PIN, 1);
	RV_EQUAL(login(token, ROLE_SO, NEW_PIN), CKR_OK);
	RV_EQUAL(init_pin(token, "yet another"), CKR_OK);
	token_close(&token);
	check_user("yet another", 1);
}

static bool so_is_new(void)
{
	return pin_is(ROLE_SO, NEW_PIN);
}

static void so_pin_faults(void)
{
	static const struct fault_case c = { make_used, enter_so, so_pin, check_as_made, check_so_new };

	each_fault(&c, so_is_new);
}

static CK_RV give_pin(struct token *token)
{
	return init_pin(token, NEW_PIN);
}

static void init_pin_faults(void)
{
	static const struct fault_case c = { make_used, enter_so, give_pin, check_as_made, check_new_pin };

	each_fault(&c, user_is_new);
}

/* --- the disk fails --- */

/* Where nothing came of a new key, it is not left in the registry. */
static void full_disk(void)
{
	static const struct fault_case rows[] = {
		{ nothing, nothing, empty_it, check_uninitialised, NULL },
		{ make_used, nothing, empty_it, check_as_made, NULL },
		{ make_without_user, enter_by_default, first_pin, check_default_pin, NULL },
		{ make_used, enter_user, next_pin, check_as_made, NULL },
		{ make_used, enter_so, so_pin, check_as_made, NULL },
		{ make_used, enter_so, give_pin, check_as_made, NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct token *token = token_new();
		unsigned int registered;

		rows[i].make(token);
		rows[i].enter(token);
		registered = fake_registry_count();
		tap_about("row %zu", i);
		unit_limit_files(100);
		CHECK(rows[i].act(token) != CKR_OK);
		unit_limit_files(RLIM_INFINITY);
		NUMBER_EQUAL(fake_registry_count(), registered);
		rows[i].check_old();
		token_close(&token);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "faults in the first C_InitToken", first_init_token_faults },
		{ "faults in C_InitToken of a used token", init_token_faults },
		{ "faults in the user's first C_SetPIN", first_pin_faults },
		{ "faults in another C_SetPIN", next_pin_faults },
		{ "faults in the SO's C_SetPIN", so_pin_faults },
		{ "faults in C_InitPIN", init_pin_faults },
		{ "a full disk", full_disk },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "token_faults", cases));
}
