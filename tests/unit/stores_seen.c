/* SPDX-License-Identifier: BSD-2-Clause */
/* What a user can tell of a store, as text. */
#include "stores.h"

#include "token_keys.h"
#include "token/token_file.h"
#include "util/crypto.h"
#include "util/hex.h"

#define GIVEN_PIN "given by the SO"
#define LINE_MAX_LEN 160
#define LINES_MAX 32

/* --- what a user can tell of an object --- */

static void put_text(const struct buf *attrs, CK_ATTRIBUTE_TYPE type, char *out, size_t room)
{
	const uint8_t *value;
	size_t len;

	if (attrs_get(attrs, type, &value, &len))
		snprintf(out, room, "%.*s", (int)len, (const char *)value);
	else
		snprintf(out, room, "(none)");
}

static void object_line(struct token *token, CK_OBJECT_HANDLE handle, char line[LINE_MAX_LEN])
{
	struct object *object;
	char label[40], what[80];
	uint8_t digest[8];
	CK_RV rv = objects_get(token, handle, &object);

	if (rv != CKR_OK) {
		snprintf(line, LINE_MAX_LEN, "  an object that gives 0x%lx\n", rv);
		return;
	}
	put_text(&object->attrs, CKA_LABEL, label, sizeof label);
	if (strncmp(label, "made", 4) != 0) {
		MUST(crypto_digest("SHA256", object->attrs.data, object->attrs.len, digest, sizeof digest));
		hex_encode(digest, sizeof digest, what);
	} else if (object->policy->class == CKO_PRIVATE_KEY) {
		snprintf(what, sizeof what, "%s",
			object_signs(token, object, object) ? "signs" : "does not sign");
	} else if (object->policy->class == CKO_PUBLIC_KEY) {
		snprintf(what, sizeof what, "of %lu bits", attrs_ulong(&object->attrs, CKA_MODULUS_BITS, 0));
	} else {
		put_text(&object->attrs, CKA_VALUE, what, sizeof what);
	}
	snprintf(line, LINE_MAX_LEN, "  %s, class %lu%s: %s\n", label, object->policy->class,
		object->is_private ? ", private" : "", what);
	object_free(&object);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void put(struct buf *text, const char *line)
{
	buf_put(text, line, strlen(line));
}

void stores_objects(struct token *token, struct buf *text)
{
	char lines[LINES_MAX][LINE_MAX_LEN];
	CK_OBJECT_HANDLE *handles;
	size_t count;
	CK_RV rv = objects_find(token, NULL, 0, &handles, &count);

	put(text, "to be seen:\n");
	if (rv != CKR_OK) {
		snprintf(lines[0], sizeof lines[0], "  the search gives 0x%lx\n", rv);
		put(text, lines[0]);
		return;
	}
	MUST(count <= LINES_MAX);
	for (size_t i = 0; i < count; i++)
		object_line(token, handles[i], lines[i]);
	qsort(lines, count, sizeof *lines, by_text);
	for (size_t i = 0; i < count; i++)
		put(text, lines[i]);
	free(handles);
}

/* --- and of the token --- */

static bool try_pin(struct token *token, enum role role, const char *pin, struct buf *text)
{
	char line[LINE_MAX_LEN];
	CK_RV rv = login(token, role, pin);

	snprintf(line, sizeof line, "%s logs in with %s: 0x%lx\n",
		role == ROLE_SO ? "the SO" : "the user", pin, rv);
	put(text, line);
	if (rv == CKR_OK && role == ROLE_USER)
		stores_objects(token, text);
	if (rv == CKR_OK)
		RV_EQUAL(token_logout(token), CKR_OK);
	return rv == CKR_OK;
}

static bool has_so_copy(void)
{
	struct objstore *store;
	struct objstore_token on_disk;
	struct token_file file;
	bool has;

	memset(&file, 0, sizeof file);
	RV_MUST(objstore_open(&store), CKR_OK);
	has = objstore_token_read(store, &on_disk) == CKR_OK && on_disk.exists
		&& token_file_decode(&on_disk.body, &file) == CKR_OK && file.so_copy.len != 0;
	buf_free(&on_disk.body);
	token_file_free(&file);
	objstore_close(&store);
	return has;
}

static void describe_pins(struct token *token, struct buf *text)
{
	static const char *const so_pins[] = { SO_DEFAULT, SO_PIN, NEW_PIN };
	static const char *const user_pins[] = { USER_DEFAULT, USER_PIN, NEW_PIN };
	const char *so_pin = NULL;
	char line[LINE_MAX_LEN];
	CK_RV rv;

	put(text, has_so_copy() ? "the SO has a copy\n" : "the SO has no copy\n");
	for (size_t i = 0; i < COUNT(user_pins); i++)
		try_pin(token, ROLE_USER, user_pins[i], text);
	for (size_t i = 0; i < COUNT(so_pins); i++)
		if (try_pin(token, ROLE_SO, so_pins[i], text))
			so_pin = so_pins[i];
	if (so_pin == NULL)
		return;
	RV_EQUAL(login(token, ROLE_SO, so_pin), CKR_OK);
	rv = init_pin(token, GIVEN_PIN);
	snprintf(line, sizeof line, "the SO gives a PIN: 0x%lx\n", rv);
	put(text, line);
	RV_EQUAL(token_logout(token), CKR_OK);
	if (rv == CKR_OK)
		try_pin(token, ROLE_USER, GIVEN_PIN, text);
}

void stores_describe_here(bool pins, struct buf *text)
{
	struct token *token = token_again();

	stores_objects(token, text);
	if (pins)
		describe_pins(token, text);
	else
		try_pin(token, ROLE_USER, USER_PIN, text);
	token_close(&token);
	fake_registry_lose();
}

struct description {
	bool pins;
	struct buf *text;
};

static void describe(void *argument)
{
	const struct description *d = argument;

	stores_describe_here(d->pins, d->text);
}

/* It mends, and a login adds the SO's copy. */
void stores_describe(bool pins, struct buf *text)
{
	struct description d = { pins, text };

	stores_on_copy(describe, &d);
}
