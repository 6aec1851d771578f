/* SPDX-License-Identifier: BSD-2-Clause */
/* The set of objects that can be seen, and how it follows the store. */
#include "token.h"

#define MANY 300

static const struct actor read_only_actor = { 1, false }, other_actor = { 2, true };

static struct token *other_user(void)
{
	struct token *token = token_again();

	RV_MUST(login(token, ROLE_USER, USER_PIN), CKR_OK);
	return token;
}

static CK_RV relabel(struct token *token, CK_OBJECT_HANDLE handle, const char *label)
{
	char copy[64];
	CK_ATTRIBUTE a = { CKA_LABEL, copy, strlen(label) };

	snprintf(copy, sizeof copy, "%s", label);
	return objects_set(token, &actor, handle, &a, 1);
}

/* --- many objects, several processes --- */

static CK_OBJECT_HANDLE handle_of(struct token *token, const char *label)
{
	CK_OBJECT_HANDLE handle;

	TAP_CHECK(find(token, label, &handle) == 1, "not one object is called %s", label);
	CHECK(handle != 0);
	return handle;
}

static void many(void)
{
	struct token *token = new_user(), *other = other_user(), *public = token_again();
	CK_OBJECT_HANDLE first[MANY];
	char label[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(label, sizeof label, "object %d", i);
		first[i] = data_object(token, label, true, i % 2 == 0);
		CHECK(first[i] != 0 && (i == 0 || first[i] > first[i - 1]));
	}
	fake_count_clear();
	NUMBER_EQUAL(find(token, NULL, NULL), MANY + 2);
	NUMBER_EQUAL(find(other, NULL, NULL), MANY + 2);
	NUMBER_EQUAL(find(public, NULL, NULL), MANY / 2 + 1);
	NUMBER_EQUAL(fake_commands(), 0);
	for (int i = 0; i < MANY; i += 7) {
		snprintf(label, sizeof label, "object %d", i);
		NUMBER_EQUAL(handle_of(token, label), first[i]);
		handle_of(other, label);
		NUMBER_EQUAL(find(public, label, NULL), i % 2 == 0 ? 0 : 1);
	}
	token_close(&public);
	token_close(&other);
	token_close(&token);
}

/* The caller's mistake, such as what a C_GetAttributeValue that failed has left in the template. */
static void lengths(void)
{
	static const size_t counts[] = { 2, MANY };
	static const CK_ULONG lengths[] = { CK_UNAVAILABLE_INFORMATION, CK_UNAVAILABLE_INFORMATION / 2,
		BUF_MAX + 1 };
	struct token *token = new_user();
	CK_OBJECT_HANDLE *handles;
	size_t count;

	for (size_t i = 0; i < COUNT(counts); i++) {
		for (size_t n = 0; n < counts[i]; n++)
			data_object(token, "object", false, false);
		for (size_t n = 0; n < COUNT(lengths); n++) {
			CK_ATTRIBUTE id[] = { { CKA_ID, (char[]){ "id" }, lengths[n] } };

			tap_about("%zu objects, a length of 0x%lx", counts[i], lengths[n]);
			RV_EQUAL(objects_find(token, id, 1, &handles, &count), CKR_OK);
			NUMBER_EQUAL(count, 0);
			free(handles);
		}
	}
	token_close(&token);
}

static void changed_elsewhere(void)
{
	struct token *token = new_user(), *other = other_user();
	const char *const labels[] = { "private", "public" };

	for (size_t i = 0; i < COUNT(labels); i++) {
		CK_OBJECT_HANDLE here = handle_of(token, labels[i]), there = handle_of(other, labels[i]);
		struct object *object, *before;

		tap_about("%s", labels[i]);
		RV_MUST(objects_get(token, here, &before), CKR_OK);
		RV_EQUAL(relabel(other, there, "changed"), CKR_OK);
		NUMBER_EQUAL(find(token, labels[i], NULL), 0);
		NUMBER_EQUAL(handle_of(token, "changed"), here);
		RV_EQUAL(relabel(token, here, "changed back"), CKR_OK);
		NUMBER_EQUAL(handle_of(other, "changed back"), there);
		RV_EQUAL(objects_destroy(other, &actor, there), CKR_OK);
		NUMBER_EQUAL(find(token, "changed back", NULL), 0);
		RV_EQUAL(objects_get(token, here, &object), CKR_OBJECT_HANDLE_INVALID);
		RV_EQUAL(relabel(token, here, "too late"), CKR_OBJECT_HANDLE_INVALID);
		CHECK(before->attrs.len != 0);
		object_free(&before);
	}
	token_close(&other);
	token_close(&token);
}

/* Neither change is lost, and one to what is gone brings nothing back. */
static void changed_by_both(void)
{
	struct token *token = new_user(), *other = other_user();
	CK_OBJECT_HANDLE here = handle_of(token, "public"), there = handle_of(other, "public");
	CK_ATTRIBUTE value[] = { A_TEXT(CKA_VALUE, "of the other") },
		both[] = { A_TEXT(CKA_VALUE, "of the other"),
		A_TEXT(CKA_LABEL, "of the one") };
	CK_OBJECT_HANDLE *handles;
	size_t count;

	RV_EQUAL(objects_set(other, &actor, there, value, 1), CKR_OK);
	RV_EQUAL(relabel(token, here, "of the one"), CKR_OK);
	RV_EQUAL(objects_find(token, both, 2, &handles, &count), CKR_OK);
	CHECK(count == 1 && handles[0] == here);
	free(handles);
	RV_EQUAL(objects_find(other, both, 2, &handles, &count), CKR_OK);
	CHECK(count == 1 && handles[0] == there);
	free(handles);
	RV_EQUAL(objects_destroy(other, &actor, there), CKR_OK);
	RV_EQUAL(relabel(token, here, "back again"), CKR_OBJECT_HANDLE_INVALID);
	NUMBER_EQUAL(find(token, "back again", NULL) + find(other, "back again", NULL), 0);
	RV_EQUAL(objects_destroy(token, &actor, here), CKR_OBJECT_HANDLE_INVALID);
	token_close(&other);
	token_close(&token);
}

/* A handle stands for one object for good. */
static void handles(void)
{
	struct token *token = new_user();
	CK_OBJECT_HANDLE private = handle_of(token, "private"), public = handle_of(token, "public"), gone;
	struct object *object;

	gone = data_object(token, "gone", true, true);
	RV_EQUAL(objects_destroy(token, &actor, gone), CKR_OK);
	CHECK(data_object(token, "next", true, true) != gone);
	RV_EQUAL(token_logout(token), CKR_OK);
	RV_EQUAL(objects_get(token, private, &object), CKR_OBJECT_HANDLE_INVALID);
	NUMBER_EQUAL(handle_of(token, "public"), public);
	NUMBER_EQUAL(find(token, "private", NULL), 0);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_OK);
	RV_EQUAL(objects_get(token, private, &object), CKR_OBJECT_HANDLE_INVALID);
	CHECK(handle_of(token, "private") != private && handle_of(token, "private") != gone);
	NUMBER_EQUAL(handle_of(token, "public"), public);
	RV_EQUAL(objects_get(token, private, &object), CKR_OBJECT_HANDLE_INVALID);
	RV_EQUAL(objects_get(token, 0, &object), CKR_OBJECT_HANDLE_INVALID);
	RV_EQUAL(objects_get(token, CK_UNAVAILABLE_INFORMATION, &object), CKR_OBJECT_HANDLE_INVALID);
	token_close(&token);
}

/* An unchanged store is not looked at again: its objects may lie where nobody finds them. */
static void unchanged(void)
{
	struct token *token = new_user(), *other = other_user();

	NUMBER_EQUAL(find(token, NULL, NULL), 2);
	MUST(rename(unit_path("store/objects"), unit_path("store/elsewhere")) == 0);
	NUMBER_EQUAL(find(token, NULL, NULL), 2);
	MUST(rename(unit_path("store/elsewhere"), unit_path("store/objects")) == 0);
	data_object(token, "own", true, false);
	MUST(rename(unit_path("store/objects"), unit_path("store/elsewhere")) == 0);
	NUMBER_EQUAL(find(token, NULL, NULL), 3);
	MUST(rename(unit_path("store/elsewhere"), unit_path("store/objects")) == 0);
	data_object(other, "another's", true, false);
	NUMBER_EQUAL(find(token, NULL, NULL), 4);
	token_close(&other);
	token_close(&token);
}

/* --- who may do what --- */

static CK_RV create(struct token *token, const struct actor *who, bool on_token, bool private)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, on_token),
		A_BOOL(CKA_PRIVATE, private), A_TEXT(CKA_LABEL, "new") };
	CK_OBJECT_HANDLE handle;

	return keys_create_object(token, who, TEMPLATE(template), &handle);
}

static void rights(void)
{
	static const struct {
		int who; /* -1: no token; 0: nobody; 1: the user; 2: the SO */
		bool read_write, on_token, private;
		CK_RV rv;
	} rows[] = {
		{ -1, true, false, false, CKR_OK }, { -1, true, true, false, CKR_TOKEN_WRITE_PROTECTED },
		{ 0, true, true, false, CKR_OK }, { 0, true, false, false, CKR_OK },
		{ 0, true, true, true, CKR_USER_NOT_LOGGED_IN }, { 0, true, false, true,
			CKR_USER_NOT_LOGGED_IN },
		{ 0, false, false, false, CKR_OK }, { 0, false, true, false, CKR_SESSION_READ_ONLY },
		{ 1, true, true, true, CKR_OK }, { 1, true, false, true, CKR_OK }, { 1, false, false,
			true, CKR_OK },
		{ 1, false, true, true, CKR_SESSION_READ_ONLY }, { 2, true, true, false, CKR_OK },
		{ 2, true, true, true, CKR_USER_NOT_LOGGED_IN },
	};
	struct token *token = token_new();
	int who = -1;

	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t before;

		tap_about("row %zu", i);
		if (who == -1 && rows[i].who >= 0)
			make_used(token);
		if (who != rows[i].who && rows[i].who > 0) {
			token_logout(token);
			RV_MUST(login(token, rows[i].who == 1 ? ROLE_USER : ROLE_SO, rows[i].who == 1
				? USER_PIN : SO_PIN),
				CKR_OK);
		}
		who = rows[i].who;
		before = find(token, "new", NULL);
		RV_EQUAL(create(token, rows[i].read_write ? &actor : &read_only_actor, rows[i].on_token,
			rows[i].private), rows[i].rv);
		NUMBER_EQUAL(find(token, "new", NULL), before + (rows[i].rv == CKR_OK ? 1 : 0));
	}
	token_close(&token);
}

static void session_objects(void)
{
	struct token *token = new_user(), *other = other_user();
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_TEXT(CKA_LABEL, "another session's") };
	CK_OBJECT_HANDLE handle;

	data_object(token, "session's", false, false);
	data_object(token, "private session's", false, true);
	RV_MUST(keys_create_object(token, &other_actor, TEMPLATE(template), &handle), CKR_OK);
	NUMBER_EQUAL(find(token, "session's", NULL) + find(token, "another session's", NULL), 2);
	NUMBER_EQUAL(find(token, NULL, NULL), 5);
	NUMBER_EQUAL(find(other, NULL, NULL), 2);
	data_object(other, "of the token", true, false);
	NUMBER_EQUAL(find(token, NULL, NULL), 6);
	RV_EQUAL(relabel(token, handle, "changed"), CKR_OK);
	NUMBER_EQUAL(handle_of(token, "changed"), handle);
	RV_EQUAL(token_logout(token), CKR_OK);
	NUMBER_EQUAL(find(token, NULL, NULL), 4);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_OK);
	NUMBER_EQUAL(find(token, "private session's", NULL), 0);
	objects_end_session(token, actor.session);
	NUMBER_EQUAL(find(token, "session's", NULL), 0);
	NUMBER_EQUAL(find(token, "changed", NULL), 1);
	objects_end_session(token, other_actor.session);
	NUMBER_EQUAL(find(token, NULL, NULL), 3);
	token_close(&other);
	token_close(&token);
}

/* --- a store that fails --- */

static void check_as_before(struct token *token, CK_OBJECT_HANDLE private, CK_OBJECT_HANDLE public)
{
	struct token *other = other_user();

	NUMBER_EQUAL(find(token, NULL, NULL), 2);
	NUMBER_EQUAL(handle_of(token, "private"), private);
	NUMBER_EQUAL(handle_of(token, "public"), public);
	NUMBER_EQUAL(find(other, NULL, NULL), 2);
	handle_of(other, "private");
	handle_of(other, "public");
	token_close(&other);
}

/* 16: room for the generation alone; 0: not even for that. */
static void failing_writes(void)
{
	static const rlim_t limits[] = { 16, 0 };

	for (size_t i = 0; i < COUNT(limits); i++) {
		struct token *token = new_user();
		CK_OBJECT_HANDLE private = handle_of(token, "private"), public = handle_of(token, "public");

		tap_about("%u bytes", (unsigned int)limits[i]);
		unit_limit_files(limits[i]);
		CHECK(create(token, &actor, true, true) != CKR_OK);
		CHECK(create(token, &actor, true, false) != CKR_OK);
		CHECK(relabel(token, private, "changed") != CKR_OK);
		CHECK(relabel(token, public, "changed") != CKR_OK);
		if (limits[i] == 0)
			CHECK(objects_destroy(token, &actor, private) != CKR_OK);
		RV_EQUAL(create(token, &actor, false, true), CKR_OK);
		objects_end_session(token, actor.session);
		unit_limit_files(RLIM_INFINITY);
		check_as_before(token, private, public);
		RV_EQUAL(relabel(token, private, "changed"), CKR_OK);
		RV_EQUAL(create(token, &actor, true, true), CKR_OK);
		NUMBER_EQUAL(find(token, NULL, NULL), 3);
		token_close(&token);
	}
}

static int lose_a_byte(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	return type == FTW_F ? truncate(path, st->st_size - 1) : 0;
}

/* Damaged objects are left out; they block neither the login nor the rest. */
static void damaged(void)
{
	struct token *token = new_user(), *other;

	MUST(nftw(unit_path("store/objects"), lose_a_byte, 16, FTW_PHYS) == 0);
	RV_EQUAL(create(token, &actor, true, true), CKR_OK);
	other = other_user();
	NUMBER_EQUAL(find(other, NULL, NULL), 1);
	NUMBER_EQUAL(find(token, NULL, NULL), 1);
	RV_EQUAL(create(other, &actor, true, false), CKR_OK);
	NUMBER_EQUAL(find(other, "new", NULL), 2);
	NUMBER_EQUAL(find(token, "new", NULL), 2);
	token_close(&other);
	token_close(&token);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "many objects", many },
		{ "an id of an impossible length", lengths },
		{ "another process changes objects", changed_elsewhere },
		{ "two processes change one object", changed_by_both },
		{ "handles", handles },
		{ "an unchanged store is not looked at", unchanged },
		{ "who may make what", rights },
		{ "session objects", session_objects },
		{ "writes that fail", failing_writes },
		{ "damaged objects", damaged },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "objects_unit", cases));
}
