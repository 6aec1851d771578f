/* SPDX-License-Identifier: BSD-2-Clause */
/* PINs and the token's life where the chip fails, is locked, is another one or is not there. */
#include "token.h"

#include <dirent.h>

/* --- the chip fails at each call in turn, or the process dies there --- */

struct fault_case {
	void (*make)(struct token *token);
	void (*enter)(struct token *token); /* the login that act needs */
	CK_RV (*act)(struct token *token);
	void (*check_old)(void);
	void (*check_new)(void);
};

/* The old state or the new one, and nothing between. False: there is no such call any more. */
static bool fault_at(const struct fault_case *c, unsigned int nth)
{
	struct token *token = token_new();
	bool reached;
	CK_RV rv;

	c->make(token);
	c->enter(token);
	tap_about("call %u", nth);
	fake_fail(FAKE_ANY, nth, CKR_DEVICE_ERROR);
	rv = c->act(token);
	reached = !fake_fail_pending();
	fake_fail_clear();
	CHECK(!fake_pin_key_loaded());
	TAP_CHECK(reached || rv == CKR_OK, "without a fault the code is 0x%lx", rv);
	TAP_CHECK(rv == CKR_OK || rv == CKR_DEVICE_ERROR, "with a fault the code is 0x%lx", rv);
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
	unsigned int calls = 0;

	while (fault_at(c, calls + 1) && calls < 100)
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

static void check_used(void)
{
	check_user(USER_PIN, 1);
	check_login(ROLE_SO, SO_PIN, CKR_OK);
	check_login(ROLE_USER, USER_DEFAULT, CKR_PIN_INCORRECT);
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
	static const struct fault_case c = { make_used, nothing, empty_it, check_used, check_emptied };

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

	each_fault(&c, user_is_new);
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
	static const struct fault_case c = { make_used, enter_user, next_pin, check_used, check_new_pin };

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
	static const struct fault_case c = { make_used, enter_so, so_pin, check_used, check_so_new };

	each_fault(&c, so_is_new);
}

static CK_RV give_pin(struct token *token)
{
	return init_pin(token, NEW_PIN);
}

static void init_pin_faults(void)
{
	static const struct fault_case c = { make_used, enter_so, give_pin, check_used, check_new_pin };

	each_fault(&c, user_is_new);
}

/* --- the disk fails --- */

/* Where nothing came of a new key, it is not left in the registry. */
static void full_disk(void)
{
	static const struct fault_case rows[] = {
		{ nothing, nothing, empty_it, check_uninitialised, NULL },
		{ make_used, nothing, empty_it, check_used, NULL },
		{ make_without_user, enter_by_default, first_pin, check_default_pin, NULL },
		{ make_used, enter_user, next_pin, check_used, NULL },
		{ make_used, enter_so, so_pin, check_used, NULL },
		{ make_used, enter_so, give_pin, check_used, NULL },
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

/* --- the chip is locked, another, or not there --- */

#define LOCKED_FLAGS (CKF_USER_PIN_LOCKED | CKF_SO_PIN_LOCKED)
#define LOW_FLAGS (CKF_USER_PIN_COUNT_LOW | CKF_SO_PIN_COUNT_LOW)

static void lockout(void)
{
	struct token *token = token_new(), *other;
	struct buf before;

	make_used(token);
	other = token_again();
	RV_MUST(login(other, ROLE_SO, SO_PIN), CKR_OK);
	before = token_bytes();
	fake_lock(true);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_PIN_LOCKED);
	NUMBER_EQUAL(token_flags(token) & LOCKED_FLAGS, CKF_USER_PIN_LOCKED);
	RV_EQUAL(login(token, ROLE_USER, USER_DEFAULT), CKR_PIN_LOCKED);
	RV_EQUAL(login(token, ROLE_SO, SO_PIN), CKR_PIN_LOCKED);
	NUMBER_EQUAL(token_flags(other) & LOCKED_FLAGS, LOCKED_FLAGS);
	RV_EQUAL(set_pin(token, USER_PIN, NEW_PIN), CKR_PIN_LOCKED);
	RV_EQUAL(set_pin(other, SO_PIN, NEW_PIN), CKR_PIN_LOCKED);
	RV_EQUAL(init_pin(other, NEW_PIN), CKR_PIN_LOCKED);
	RV_EQUAL(init_token(token, SO_PIN), CKR_PIN_LOCKED);
	NUMBER_EQUAL(fake_tries(), 0);
	check_bytes(&before);
	fake_lock(false);
	check_used();
	CHECK((token_flags(token) & CKF_SO_PIN_LOCKED) == 0);
	check_user(USER_PIN, 1);
	NUMBER_EQUAL(token_flags(token) & (LOCKED_FLAGS | LOW_FLAGS), 0);
	token_close(&other);
	token_close(&token);
}

/* A wrong PIN costs one try and is shown to all processes; the default one, which no key has, none. */
static void wrong_pin(void)
{
	struct token *token = token_new(), *other;

	make_used(token);
	other = token_again();
	RV_EQUAL(login(token, ROLE_USER, "wrong"), CKR_PIN_INCORRECT);
	NUMBER_EQUAL(fake_tries(), 1);
	NUMBER_EQUAL(token_flags(other) & LOW_FLAGS, CKF_USER_PIN_COUNT_LOW);
	RV_EQUAL(set_pin(token, "wrong", NEW_PIN), CKR_PIN_INCORRECT);
	NUMBER_EQUAL(fake_tries(), 2);
	RV_EQUAL(login(token, ROLE_SO, "wrong"), CKR_PIN_INCORRECT);
	RV_EQUAL(init_token(token, "wrong"), CKR_PIN_INCORRECT);
	NUMBER_EQUAL(fake_tries(), 4);
	NUMBER_EQUAL(token_flags(other) & LOW_FLAGS, LOW_FLAGS);
	RV_EQUAL(login(token, ROLE_USER, USER_DEFAULT), CKR_PIN_INCORRECT);
	RV_EQUAL(login(token, ROLE_SO, SO_DEFAULT), CKR_PIN_INCORRECT);
	RV_EQUAL(init_token(token, SO_DEFAULT), CKR_PIN_INCORRECT);
	NUMBER_EQUAL(fake_tries(), 4);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_OK);
	NUMBER_EQUAL(token_flags(other) & LOW_FLAGS, CKF_SO_PIN_COUNT_LOW);
	RV_EQUAL(token_logout(token), CKR_OK);
	RV_EQUAL(login(token, ROLE_SO, SO_PIN), CKR_OK);
	NUMBER_EQUAL(token_flags(other) & LOW_FLAGS, 0);
	NUMBER_EQUAL(fake_tries(), 4);
	CHECK(!fake_pin_key_loaded());
	token_close(&other);
	token_close(&token);
}

static unsigned int stores_aside(void)
{
	DIR *stream = opendir(unit_path("store"));
	unsigned int count = 0;
	char name[300];

	MUST(stream != NULL);
	for (struct dirent *d; (d = readdir(stream)) != NULL;)
		if (strncmp(d->d_name, "aside.", 6) == 0) {
			snprintf(name, sizeof name, "store/%.200s/token", d->d_name);
			CHECK(unit_exists(unit_path(name)));
			count++;
		}
	closedir(stream);
	return count;
}

static void check_exchanged(const char *pin, bool so_default)
{
	struct token *token = token_new(), *so;
	struct buf before;

	make_used(token);
	so = token_again();
	RV_MUST(login(so, ROLE_SO, SO_PIN), CKR_OK);
	before = token_bytes();
	fake_exchange();
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(login(token, ROLE_USER, "wrong"), CKR_DEVICE_ERROR);
	RV_EQUAL(login(token, ROLE_USER, USER_DEFAULT), CKR_DEVICE_ERROR);
	RV_EQUAL(login(token, ROLE_SO, SO_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(set_pin(token, USER_PIN, NEW_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(set_pin(so, SO_PIN, NEW_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(init_pin(so, NEW_PIN), CKR_DEVICE_ERROR);
	NUMBER_EQUAL(fake_tries(), 0);
	check_bytes(&before);
	NUMBER_EQUAL(find(token, "public", NULL), 1);
	NUMBER_EQUAL(token_flags(token) & (LOCKED_FLAGS | LOW_FLAGS), 0);
	RV_EQUAL(init_token(token, pin), CKR_OK);
	NUMBER_EQUAL(stores_aside(), 1);
	NUMBER_EQUAL(find(token, NULL, NULL), 0);
	NUMBER_EQUAL(find(so, NULL, NULL), 0);
	CHECK(token_login_state(so) == LOGIN_NONE);
	check_login(ROLE_SO, pin, CKR_OK);
	check_login(ROLE_SO, SO_DEFAULT, so_default ? CKR_OK : CKR_PIN_INCORRECT);
	check_login(ROLE_USER, USER_DEFAULT, CKR_OK);
	token_close(&so);
	token_close(&token);
}

static void exchanged(void)
{
	check_exchanged("first pin on the new chip", false);
	check_exchanged(SO_DEFAULT, true);
}

/* An initialised token is there without tcsd, but for what needs the chip. */
static void absent(void)
{
	struct token *token = token_new();
	CK_TOKEN_INFO info;
	struct buf before;

	fake_absent(true);
	CHECK(!token_present(token));
	RV_EQUAL(token_info(token, &info), CKR_TOKEN_NOT_PRESENT);
	RV_EQUAL(init_token(token, SO_PIN), CKR_DEVICE_ERROR);
	CHECK(!token_present(token));
	fake_absent(false);
	CHECK(token_present(token));
	make_used(token);
	before = token_bytes();
	fake_absent(true);
	CHECK(token_present(token));
	RV_EQUAL(token_info(token, &info), CKR_OK);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(login(token, ROLE_SO, SO_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(set_pin(token, USER_PIN, NEW_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(init_token(token, SO_PIN), CKR_DEVICE_ERROR);
	NUMBER_EQUAL(token_flags(token) & (LOCKED_FLAGS | LOW_FLAGS), 0);
	check_bytes(&before);
	fake_absent(false);
	check_used();
	token_close(&token);
}

/* --- what it costs --- */

static void costs(void)
{
	static const size_t counts[] = { 0, 1, 40 };
	struct token *token = token_new(), *other;
	CK_TOKEN_INFO info;
	size_t made = 0;

	make_used(token);
	for (size_t i = 0; i < COUNT(counts); i++) {
		tap_about("%zu more objects", counts[i]);
		RV_MUST(login(token, ROLE_USER, USER_PIN), CKR_OK);
		for (; made < counts[i]; made++)
			data_object(token, "one of many", true, true);
		other = token_again();
		fake_count_clear();
		RV_EQUAL(login(other, ROLE_USER, USER_PIN), CKR_OK);
		NUMBER_EQUAL(fake_count(FAKE_LOAD), 1);
		NUMBER_EQUAL(fake_count(FAKE_UNBIND), 1);
		NUMBER_EQUAL(fake_commands(), 2);
		fake_count_clear();
		NUMBER_EQUAL(find(other, NULL, NULL), 2 + counts[i]);
		NUMBER_EQUAL(find(other, "one of many", NULL), counts[i]);
		RV_EQUAL(token_info(other, &info), CKR_OK);
		CHECK(token_present(other));
		RV_EQUAL(token_logout(other), CKR_OK);
		NUMBER_EQUAL(find(other, NULL, NULL), 1);
		token_close(&other);
		RV_EQUAL(token_logout(token), CKR_OK);
		NUMBER_EQUAL(fake_commands(), 0);
		NUMBER_EQUAL(fake_count(FAKE_REGISTRY_ADD) + fake_count(FAKE_REGISTRY_DROP), 0);
	}
	token_close(&token);
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
		{ "a lockout", lockout },
		{ "wrong PINs", wrong_pin },
		{ "the chip is exchanged", exchanged },
		{ "tcsd is stopped", absent },
		{ "what a login costs", costs },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "token_life", cases));
}
