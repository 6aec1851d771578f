/* SPDX-License-Identifier: BSD-2-Clause */
/* Obstacles at names that can be foreseen or that are swept, and objects under other names than theirs. */
#include "obstacles.h"

#include <dirent.h>
#include <time.h>

/* --- names that can be foreseen: they end with the time --- */

#define SECONDS 20

static struct buf bad;

/* The obstacle at the names of the next seconds. */
static void plant_ahead(const char *beginning, const struct obstacle *obstacle, struct planted *planted)
{
	time_t now = time(NULL);

	for (int second = 0; second < SECONDS; second++) {
		char name[128];

		snprintf(name, sizeof name, "%s.%lld", beginning, (long long)now + second);
		obstacle_plant(full_path(name), obstacle, &planted[second]);
	}
}

static void damaged_ahead(void)
{
	for (size_t i = 0; i < OBSTACLES; i++) {
		struct planted planted[SECONDS];
		struct buf before;
		char beginning[64];

		if (!obstacle_is_new(&obstacles[i]))
			continue;
		tap_about("damaged/<id>.<time> is %s", obstacles[i].what);
		full_restore();
		MUST(mkdir(full_path("damaged"), 0700) == 0);
		snprintf(beginning, sizeof beginning, "damaged/%.32s", full_objects[FULL_DATA].name
			+ strlen("objects/"));
		plant_ahead(beginning, &obstacles[i], planted);
		before = outside_now();
		full_damage_data(&bad);
		full_check_login(FULL_DATA);
		for (int second = 0; second < SECONDS; second++) {
			planted_check(&planted[second]);
			unit_remove_tree(planted[second].path);
		}
		full_check_set_aside(full_objects[FULL_DATA].name, bad.data, bad.len);
		outside_check(&before);
	}
	buf_free(&bad);
}

static unsigned int count_names(const char *beginning)
{
	DIR *stream = opendir(full_path("."));
	unsigned int count = 0;

	MUST(stream != NULL);
	for (struct dirent *d; (d = readdir(stream)) != NULL;)
		count += strncmp(d->d_name, beginning, strlen(beginning)) == 0;
	closedir(stream);
	return count;
}

static void aside_ahead(void)
{
	for (size_t i = 0; i < OBSTACLES; i++) {
		struct planted planted[SECONDS];
		struct token *token;
		struct buf before;

		if (!obstacle_is_new(&obstacles[i]))
			continue;
		tap_about("aside.<time> is %s", obstacles[i].what);
		full_restore();
		plant_ahead("aside", &obstacles[i], planted);
		before = outside_now();
		full_write("token", (const uint8_t *)"x", 1);
		full_write("token.2", (const uint8_t *)"x", 1);
		full_touch();
		token = token_again();
		RV_EQUAL(init_token(token, NEW_PIN), CKR_OK);
		NUMBER_EQUAL(find(token, NULL, NULL), 0);
		RV_EQUAL(login(token, ROLE_USER, USER_DEFAULT), CKR_OK);
		token_close(&token);
		NUMBER_EQUAL(count_names("aside."), SECONDS + 1);
		for (int second = 0; second < SECONDS; second++)
			planted_check(&planted[second]);
		outside_check(&before);
	}
}

/* --- what looks like a file that is being written --- */

static void check_all_works(struct token *token)
{
	full_check(token, false, FULL_OBJECTS);
	full_check_write(token);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_OK);
	full_check(token, true, FULL_OBJECTS);
	full_check_write(token);
}

/* A sweep removes the name and looks at nothing behind it; what it cannot remove is in no writer's way. */
static void temporaries(void)
{
	static const char *const names[] = { ".tmp.0123456789abcdef", "objects/.tmp.0123456789abcdef" };

	for (size_t i = 0; i < OBSTACLES * COUNT(names); i++) {
		const struct obstacle *obstacle = &obstacles[i / 2];
		const char *name = names[i % 2];
		struct planted planted;
		struct buf before;
		struct token *token;

		if ((obstacle->of & OF_FILE) == 0 || !obstacle_possible(obstacle))
			continue;
		tap_about("%s is %s", name, obstacle->what);
		full_restore();
		full_write(name, (const uint8_t *)"a file", 6);
		obstacle_plant(full_path(name), obstacle, &planted);
		if (mknod_forbidden)
			break;
		before = outside_now();
		full_write("generation", (const uint8_t *)"\0\0\0\0\0\0\0\1", 8);
		token = token_again();
		check_all_works(token);
		RV_EQUAL(set_pin(token, USER_PIN, USER_PIN), CKR_OK);
		TAP_CHECK(obstacle_is_directory(obstacle) || !unit_exists(full_path(name)),
			"it is still there");
		token_close(&token);
		outside_check(&before);
	}
	mknod_forbidden = false;
}

/* --- private objects under other names --- */

static const char other_name[] = "objects/00112233445566778899aabbccddeeff";

/* What the user sees: all but one, and the file that is no object any more is set aside. */
static void check_refused(const char *name, const struct buf *content, enum full_kind missing)
{
	struct token *token = token_again();

	full_touch();
	full_log_clear();
	full_check(token, false, missing);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_OK);
	full_check(token, true, missing);
	TAP_CHECK(full_log_count(name + strlen("objects/")) == 1, "%u lines of the log",
		full_log_count(name + strlen("objects/")));
	full_check_set_aside(name, content->data, content->len);
	full_check_write(token);
	token_close(&token);
	full_check_files(missing == FULL_OBJECTS ? "" : full_objects[missing].name);
}

static void copied_and_renamed(void)
{
	for (int kind = 0; kind < FULL_OBJECTS; kind++) {
		const struct buf *content;

		tap_about("%s", full_objects[kind].label);
		full_restore();
		content = full_content(full_objects[kind].name);
		full_write(other_name, content->data, content->len);
		check_refused(other_name, content, FULL_OBJECTS);
		MUST(rename(full_path(full_objects[kind].name), full_path(other_name)) == 0);
		check_refused(other_name, content, (enum full_kind)kind);
		full_write(full_objects[kind].name, content->data, content->len);
		full_touch();
		full_check_login(FULL_OBJECTS);
	}
}

/* As one would go about it who knows the format: the id in the header is that of the name. */
static void renamed_in_the_header(void)
{
	static const enum full_kind kinds[] = { FULL_PRIVATE_DATA, FULL_PRIVATE_KEY, FULL_SECRET_KEY,
		FULL_LARGE };

	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct buf content = BUF_INIT;
		const struct buf *good;

		tap_about("%s", full_objects[kinds[i]].label);
		full_restore();
		good = full_content(full_objects[kinds[i]].name);
		buf_put(&content, good->data, good->len);
		for (int byte = 0; byte < 16; byte++)
			content.data[32 + byte] = (uint8_t)(byte * 0x11);
		full_write(other_name, content.data, content.len);
		check_refused(other_name, &content, FULL_OBJECTS);
		buf_free(&content);
	}
}

/* An older content comes back under the id of another object, or of none. */
static void from_a_backup(void)
{
	const struct full_object *object = &full_objects[FULL_PRIVATE_DATA];
	const struct full_object *other = &full_objects[FULL_SECRET_KEY];
	CK_ATTRIBUTE template[] = { A_TEXT(CKA_LABEL, "changed") };
	CK_OBJECT_HANDLE handle;
	struct token *token;

	full_restore();
	token = token_again();
	RV_MUST(login(token, ROLE_USER, USER_PIN), CKR_OK);
	NUMBER_EQUAL(find(token, object->label, &handle), 1);
	RV_EQUAL(objects_set(token, &actor, handle, TEMPLATE(template)), CKR_OK);
	for (int i = 0; i < 2; i++) {
		const char *name = i == 0 ? other_name : other->name;
		const struct buf *content = full_content(object->name);
		struct token *fresh;

		full_write(name, content->data, content->len);
		full_touch();
		NUMBER_EQUAL(find(token, NULL, NULL), FULL_OBJECTS - (size_t)i);
		NUMBER_EQUAL(find(token, object->label, NULL), 0);
		NUMBER_EQUAL(find(token, "changed", NULL), 1);
		fresh = token_again();
		RV_EQUAL(login(fresh, ROLE_USER, USER_PIN), CKR_OK);
		NUMBER_EQUAL(find(fresh, NULL, NULL), FULL_OBJECTS - (size_t)i);
		NUMBER_EQUAL(find(fresh, object->label, NULL), 0);
		NUMBER_EQUAL(find(fresh, "changed", NULL), 1);
		token_close(&fresh);
		full_check_set_aside(name, content->data, content->len);
	}
	token_close(&token);
}

/* Of a token that is no more, two tokens ago; and a private one with the header's token id made to fit. */
static void from_another_token(void)
{
	for (int fitted = 0; fitted < 3; fitted++) {
		const struct full_object *object = &full_objects[fitted < 2 ? FULL_PRIVATE_DATA : FULL_DATA];
		struct buf content = BUF_INIT, file_now = BUF_INIT;
		struct token *token;

		full_restore();
		buf_put(&content, full_content(object->name)->data, full_content(object->name)->len);
		token = token_again();
		for (int i = 0; i < 2; i++)
			RV_MUST(init_token(token, SO_PIN), CKR_OK);
		RV_MUST(login(token, ROLE_USER, USER_DEFAULT), CKR_OK);
		RV_MUST(set_pin(token, USER_DEFAULT, USER_PIN), CKR_OK);
		data_object(token, "own", true, true);
		unit_read(full_path("token"), &file_now);
		if (fitted == 1)
			memcpy(content.data + 16, file_now.data + 16, 16);
		full_write(object->name, content.data, content.len);
		full_touch();
		NUMBER_EQUAL(find(token, NULL, NULL), 1);
		NUMBER_EQUAL(find(token, "own", NULL), 1);
		full_check_set_aside(object->name, content.data, content.len);
		buf_free(&content);
		buf_free(&file_now);
		token_close(&token);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "damaged/<id>.<time>: obstacles", damaged_ahead },
		{ "aside.<time>: obstacles", aside_ahead },
		{ ".tmp.*: obstacles", temporaries },
		{ "objects copied, and renamed", copied_and_renamed },
		{ "private objects renamed in their headers", renamed_in_the_header },
		{ "an older private object under another id", from_a_backup },
		{ "objects of another token", from_another_token },
		{ NULL, NULL },
	};

	return full_end(tap_main(argc, argv, "attack_names", cases));
}
