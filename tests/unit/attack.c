/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What somebody who can write to the store can put at each of its names: nothing of it is followed,
 * opened to be written to, or waited for, and what it leads to is as it was. (store_place.c has what
 * each call of the store says.)
 */
#include "obstacles.h"

static int needed; /* which of the obstacles this case is about */

/* --- what is to be seen behind each --- */

static CK_RV create(struct token *token)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, true) };
	CK_OBJECT_HANDLE handle;

	return keys_create_object(token, &actor, TEMPLATE(template), &handle);
}

static void check_nothing_works(struct token *token)
{
	CK_TOKEN_INFO info;

	RV_EQUAL(token_info(token, &info), CKR_DEVICE_ERROR);
	RV_EQUAL(search(token), CKR_DEVICE_ERROR);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(create(token), CKR_DEVICE_ERROR);
	RV_EQUAL(set_pin(token, USER_PIN, NEW_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(init_token(token, SO_PIN), CKR_DEVICE_ERROR);
	CHECK(token_present(token));
}

static void check_no_objects(struct token *token)
{
	RV_EQUAL(search(token), CKR_DEVICE_ERROR);
	RV_EQUAL(create(token), CKR_DEVICE_ERROR);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_OK);
	RV_EQUAL(search(token), CKR_DEVICE_ERROR);
	RV_EQUAL(create(token), CKR_DEVICE_ERROR);
}

static void check_all_works(struct token *token)
{
	full_check(token, false, FULL_OBJECTS);
	full_check_write(token);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_OK);
	full_check(token, true, FULL_OBJECTS);
	full_check_write(token);
}

static void check_no_writing(struct token *token)
{
	full_check(token, false, FULL_OBJECTS);
	RV_EQUAL(create(token), CKR_DEVICE_ERROR);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_OK);
	full_check(token, true, FULL_OBJECTS);
	RV_EQUAL(create(token), CKR_DEVICE_ERROR);
	RV_EQUAL(set_pin(token, USER_PIN, NEW_PIN), CKR_DEVICE_ERROR);
}

static void check_no_pins(struct token *token)
{
	full_check(token, false, FULL_OBJECTS);
	full_check_write(token);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(set_pin(token, USER_PIN, NEW_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(init_token(token, SO_PIN), CKR_DEVICE_ERROR);
	full_check(token, false, FULL_OBJECTS);
}

static void check_one_missing(struct token *token, enum full_kind kind)
{
	full_check(token, false, kind);
	full_check_write(token);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_OK);
	full_check(token, true, kind);
	full_check_write(token);
	CHECK(full_nothing_set_aside());
}

static void check_no_data(struct token *token)
{
	check_one_missing(token, FULL_DATA);
}

static void check_no_private_key(struct token *token)
{
	check_one_missing(token, FULL_PRIVATE_KEY);
}

/* --- each obstacle at each name --- */

static const struct place {
	const char *name; /* NULL: an object's */
	int is;
	void (*check)(struct token *token);
	bool may_go; /* a writer may put a file of its own in the obstacle's place */
} places[] = {
	{ ".", OF_DIRECTORY, check_nothing_works, false },
	{ "objects", OF_DIRECTORY, check_no_objects, false },
	{ "token", OF_FILE, check_nothing_works, false },
	{ "token.2", OF_FILE, check_all_works, true },
	{ "generation", OF_FILE, check_nothing_works, false },
	{ "lock", OF_FILE, check_no_writing, false },
	{ "lock.pin", OF_FILE, check_no_pins, false },
	{ "note", OF_FILE, check_all_works, false },
	{ "a public object", OF_FILE, check_no_data, false },
	{ "a private object", OF_FILE, check_no_private_key, false },
};

static const char *name_at(const struct place *place)
{
	if (place->check == check_no_data)
		return full_objects[FULL_DATA].name;
	return place->check == check_no_private_key ? full_objects[FULL_PRIVATE_KEY].name : place->name;
}

static void check_obstacle(const struct place *place, const struct obstacle *obstacle)
{
	const char *name, *slash;
	char path[512];
	struct planted planted;
	struct token *token;
	struct buf before;

	tap_about("%s is %s", place->name, obstacle->what);
	full_restore();
	name = name_at(place);
	slash = strrchr(name, '/');
	snprintf(path, sizeof path, "%s", strcmp(name, ".") == 0 ? full_beside("store") : full_path(name));
	obstacle_plant(path, obstacle, &planted);
	if (mknod_forbidden)
		return;
	before = outside_now();
	token = token_again();
	place->check(token);
	token_close(&token);
	TAP_CHECK(full_log_count(strcmp(name, ".") == 0 ? "store" : slash != NULL ? slash + 1 : name) >= 1,
		"no line of the log");
	if (!place->may_go)
		planted_check(&planted);
	outside_check(&before);
}

static void each_obstacle(void)
{
	const struct place *place = NULL;

	for (size_t i = 0; i < COUNT(places); i++)
		if (strncmp(tap_case_name(), places[i].name, strlen(places[i].name)) == 0
			&& tap_case_name()[strlen(places[i].name)] == ':')
			place = &places[i];
	MUST(place != NULL);
	for (size_t i = 0; i < OBSTACLES && !mknod_forbidden; i++)
		if ((obstacles[i].of & place->is) != 0 && (int)obstacles[i].needs == needed)
			check_obstacle(place, &obstacles[i]);
}

static void anybodys(void)
{
	needed = ANYBODY;
	each_obstacle();
}

static void roots(void)
{
	if (geteuid() != 0) {
		tap_skip("only root can give files to somebody else");
		return;
	}
	needed = ROOT_MAKES;
	each_obstacle();
}

static void devices(void)
{
	needed = MKNOD_MAKES;
	mknod_forbidden = false;
	each_obstacle();
	if (mknod_forbidden)
		tap_skip("mknod is forbidden here");
	mknod_forbidden = false;
}

/* --- the directory for what is damaged --- */

static struct buf bad;

static void damaged_directory(void)
{
	for (size_t i = 0; i < OBSTACLES; i++) {
		struct planted planted;
		struct token *token;
		struct buf before;

		if ((obstacles[i].of & OF_DIRECTORY) == 0 || !obstacle_possible(&obstacles[i]))
			continue;
		tap_about("damaged is %s", obstacles[i].what);
		full_restore();
		MUST(mkdir(full_path("damaged"), 0700) == 0);
		obstacle_plant(full_path("damaged"), &obstacles[i], &planted);
		if (mknod_forbidden)
			break;
		full_damage_data(&bad);
		before = outside_now();
		token = token_again();
		full_check(token, false, FULL_DATA);
		full_check_write(token);
		CHECK(full_is(full_objects[FULL_DATA].name, bad.data, bad.len));
		CHECK(full_log_count("damaged") >= 1);
		planted_check(&planted);
		token_close(&token);
		full_check_login(FULL_DATA);
		full_check_files(full_objects[FULL_DATA].name);
		outside_check(&before);
	}
	mknod_forbidden = false;
	buf_free(&bad);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ ".: obstacles", anybodys },
		{ ".: somebody else's", roots },
		{ ".: a device", devices },
		{ "objects: obstacles", anybodys },
		{ "objects: somebody else's", roots },
		{ "objects: a device", devices },
		{ "token: obstacles", anybodys },
		{ "token: somebody else's", roots },
		{ "token: a device", devices },
		{ "token.2: obstacles", anybodys },
		{ "token.2: somebody else's", roots },
		{ "token.2: a device", devices },
		{ "generation: obstacles", anybodys },
		{ "generation: somebody else's", roots },
		{ "generation: a device", devices },
		{ "lock: obstacles", anybodys },
		{ "lock: somebody else's", roots },
		{ "lock: a device", devices },
		{ "lock.pin: obstacles", anybodys },
		{ "lock.pin: somebody else's", roots },
		{ "lock.pin: a device", devices },
		{ "note: obstacles", anybodys },
		{ "note: somebody else's", roots },
		{ "note: a device", devices },
		{ "a public object: obstacles", anybodys },
		{ "a public object: somebody else's", roots },
		{ "a public object: a device", devices },
		{ "a private object: obstacles", anybodys },
		{ "a private object: somebody else's", roots },
		{ "a private object: a device", devices },
		{ "damaged: obstacles", damaged_directory },
		{ NULL, NULL },
	};

	return full_end(tap_main(argc, argv, "attack", cases));
}
