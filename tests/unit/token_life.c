/* SPDX-License-Identifier: BSD-2-Clause */
/* PINs and the token's life where the chip is locked, is another one or is not there; what a login costs. */
#include "token.h"

#include <dirent.h>

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
	RV_EQUAL(init_pin(other, NEW_PIN), CKR_DEVICE_ERROR); /* no other of its codes fits */
	RV_EQUAL(init_token(token, SO_PIN), CKR_PIN_LOCKED);
	NUMBER_EQUAL(fake_tries(), 0);
	check_bytes(&before);
	fake_lock(false);
	check_as_made();
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
	check_as_made();
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
		{ "a lockout", lockout },
		{ "wrong PINs", wrong_pin },
		{ "the chip is exchanged", exchanged },
		{ "tcsd is stopped", absent },
		{ "what a login costs", costs },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "token_life", cases));
}
