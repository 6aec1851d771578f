/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_TOKEN_H
#define TESTS_UNIT_TOKEN_H

#include "fake_tspi.h"
#include "token/keys.h"
#include "token/objects.h"
#include "token/token.h"
#include "unit.h"

/* What the programs about the token share. Each struct token is like a process of its own. */

#define SO_DEFAULT "87654321"
#define USER_DEFAULT "12345678"
#define SO_PIN "so pin 4711"
#define USER_PIN "user pin 0815"
#define NEW_PIN "another pin"

static const struct actor actor = { 1, true };

static inline struct token *token_again(void)
{
	struct token *token;

	RV_MUST(token_open(&token), CKR_OK);
	return token;
}

/* On a new chip, in an empty place. */
static inline struct token *token_new(void)
{
	unit_fresh();
	fake_reset();
	return token_again();
}

static inline CK_RV init_token(struct token *token, const char *pin)
{
	return token_init(token, (const CK_UTF8CHAR *)pin, strlen(pin), (const CK_UTF8CHAR *)"label");
}

static inline CK_RV login(struct token *token, enum role role, const char *pin)
{
	return token_login(token, role, (const CK_UTF8CHAR *)pin, strlen(pin));
}

static inline CK_RV set_pin(struct token *token, const char *old_pin, const char *new_pin)
{
	return token_set_pin(token, (const CK_UTF8CHAR *)old_pin, strlen(old_pin),
		(const CK_UTF8CHAR *)new_pin,
		strlen(new_pin));
}

static inline CK_RV init_pin(struct token *token, const char *pin)
{
	return token_init_pin(token, (const CK_UTF8CHAR *)pin, strlen(pin));
}

static inline CK_OBJECT_HANDLE data_object(struct token *token, const char *label, bool on_token,
	bool private)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, on_token),
		A_BOOL(CKA_PRIVATE, private), { CKA_LABEL, NULL, strlen(label) },
		A_TEXT(CKA_VALUE, "the value") };
	char *copy = strdup(label);
	CK_OBJECT_HANDLE handle = 0;

	template[3].pValue = copy;
	RV_MUST(keys_create_object(token, &actor, TEMPLATE(template), &handle), CKR_OK);
	free(copy);
	return handle;
}

/* How many objects of that label can be seen; NULL: of any. The first one's handle. */
static inline size_t find(struct token *token, const char *label, CK_OBJECT_HANDLE *first)
{
	char copy[64];
	CK_ATTRIBUTE template[] = { { CKA_LABEL, copy, label != NULL ? strlen(label) : 0 } };
	CK_OBJECT_HANDLE *handles;
	size_t count;

	snprintf(copy, sizeof copy, "%s", label != NULL ? label : "");
	RV_EQUAL(objects_find(token, template, label != NULL ? 1 : 0, &handles, &count), CKR_OK);
	if (first != NULL)
		*first = count != 0 ? handles[0] : 0;
	free(handles);
	return count;
}

/* A search of all. */
static inline CK_RV search(struct token *token)
{
	CK_OBJECT_HANDLE *handles;
	size_t count;
	CK_RV rv = objects_find(token, NULL, 0, &handles, &count);

	free(handles);
	return rv;
}

/* A token whose user has a PIN, with two objects. Nobody is logged in. */
static inline void make_user(struct token *token, const char *so_pin)
{
	RV_MUST(init_token(token, so_pin), CKR_OK);
	RV_MUST(login(token, ROLE_USER, USER_DEFAULT), CKR_OK);
	RV_MUST(set_pin(token, USER_DEFAULT, USER_PIN), CKR_OK);
	data_object(token, "private", true, true);
	data_object(token, "public", true, false);
	RV_MUST(token_logout(token), CKR_OK);
}

/* The SO has one too. */
static inline void make_used(struct token *token)
{
	make_user(token, SO_PIN);
}

/* The same, with the user logged in. */
static inline struct token *new_user(void)
{
	struct token *token = token_new();

	make_used(token);
	RV_MUST(login(token, ROLE_USER, USER_PIN), CKR_OK);
	return token;
}

static inline void check_login(enum role role, const char *pin, CK_RV rv)
{
	struct token *token = token_again();

	tap_check(login(token, role, pin) == rv, false, __FILE__, __LINE__,
		"login of role %d with %s is not 0x%lx",
		(int)role, pin, rv);
	token_close(&token);
}

/* The PIN is the user's, and opens that many of the objects of make_used(). */
static inline void check_user(const char *pin, size_t objects)
{
	struct token *token = token_again();
	CK_OBJECT_HANDLE handle;
	struct object *object;

	tap_check(login(token, ROLE_USER, pin) == CKR_OK, false, __FILE__, __LINE__,
		"the user's PIN is not %s", pin);
	NUMBER_EQUAL(find(token, "public", NULL), objects);
	NUMBER_EQUAL(find(token, "private", &handle), objects);
	if (handle != 0) {
		RV_EQUAL(objects_get(token, handle, &object), CKR_OK);
		object_free(&object);
	}
	token_close(&token);
}

/* All is as make_used() left it. */
static inline void check_as_made(void)
{
	check_user(USER_PIN, 1);
	check_login(ROLE_SO, SO_PIN, CKR_OK);
	check_login(ROLE_USER, USER_DEFAULT, CKR_PIN_INCORRECT);
}

static inline CK_FLAGS token_flags(struct token *token)
{
	CK_TOKEN_INFO info = { .flags = 0 };

	RV_EQUAL(token_info(token, &info), CKR_OK);
	return info.flags;
}

/* What is on disk of a token, in bytes. The caller frees it. */
static inline struct buf token_bytes(void)
{
	struct buf bytes = BUF_INIT;

	unit_read(unit_path("store/token"), &bytes);
	unit_read(unit_path("store/token.2"), &bytes);
	return bytes;
}

static inline void check_bytes(struct buf *before)
{
	struct buf now = token_bytes();

	TAP_CHECK(now.len == before->len && memcmp(now.data, before->data, now.len) == 0,
		"the token file has been changed");
	buf_free(&now);
	buf_free(before);
}

#endif
