/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A token whose files somebody changed, with checksums that are right again: the token file, and objects that are
 * not private. The input: how many changes, the changes, then calls as of fuzz_calls.
 */
#include "play.h"

#include "objstore/format.h"
#include "policy/attrs.h"
#include "token/token_file.h"

#define CHANGES_MAX 8
#define STEPS_MAX 64

static struct play_step_row steps[STEPS_MAX];

/* The token file and the open objects, by their labels. */
static struct file {
	const char *name;
	struct format_header header;
	struct buf body, now;
} token, objects[WORLD_OBJECTS];

/* --- values --- */

static void value_change(struct reader *r, struct buf *value, const uint8_t *other, size_t other_len)
{
	unsigned int how = fuzz_pick(r, 8);
	const uint8_t *bytes;
	size_t at, n;

	switch (how) {
	case 0:
		bytes = fuzz_bytes(r, 255, &n);
		buf_free(value);
		buf_put(value, bytes, n);
		break;
	case 1:
	case 2:
		at = reader_u16(r);
		if (value->len != 0)
			value->data[at % value->len] ^= reader_u8(r);
		break;
	case 3:
	case 4:
		at = how == 3 ? 64u << fuzz_pick(r, 3) : reader_u16(r);
		if (at < value->len)
			buf_cut(value, at, value->len - at);
		break;
	case 5:
		at = reader_u8(r);
		if (at < value->len)
			buf_cut(value, 0, at);
		break;
	case 6:
		bytes = fuzz_bytes(r, 255, &n);
		buf_put(value, bytes, n);
		break;
	case 7:
		buf_free(value);
		buf_put(value, other, other_len);
		break;
	}
}

static void object_change(struct reader *r)
{
	static const CK_ATTRIBUTE_TYPE types[] = { CKA_CLASS, CKA_MODULUS, CKA_PUBLIC_EXPONENT, ATTR_KEY_HOME,
		ATTR_KEY_PARENT, ATTR_KEY_BLOB, ATTR_KEY_AUTH, ATTR_KEY_ORIGIN, CKA_VALUE, CKA_KEY_TYPE, CKA_MODULUS_BITS,
		CKA_SIGN, CKA_DECRYPT, CKA_ALLOWED_MECHANISMS, CKA_ALWAYS_AUTHENTICATE, CKA_PRIVATE, CKA_TOKEN,
		CKA_LABEL, CKA_CERTIFICATE_TYPE, CKA_EXTRACTABLE, CKA_SENSITIVE, CKA_START_DATE };
	struct file *file = &objects[fuzz_pick(r, WORLD_OBJECTS)], *from = &objects[fuzz_pick(r, WORLD_OBJECTS)];
	uint8_t which = reader_u8(r);
	CK_ATTRIBUTE_TYPE type = which < 240 ? types[which % COUNT(types)] : reader_u32(r);
	struct buf value = BUF_INIT;
	const uint8_t *old = NULL, *other = NULL;
	size_t len = 0, other_len = 0;

	if (file->name == NULL)
		return;
	if (which == 0) {
		value_change(r, &file->now, from->body.data, from->body.len);
		return;
	}
	if (!attrs_valid(&file->now))
		return;
	if (attrs_get(&file->now, type, &old, &len))
		buf_put(&value, old, len);
	if (from->name != NULL)
		(void)attrs_get(&from->body, type, &other, &other_len);
	value_change(r, &value, other, other_len);
	attrs_put(&file->now, type, value.data, value.len);
	buf_free(&value);
}

static void role_change(struct reader *r, struct role_record *role, const struct role_record *other)
{
	switch (fuzz_pick(r, 6)) {
	case 0:
		role->has_key = !role->has_key;
		role->iterations = 1000; /* one that was empty */
		break;
	case 1:
		value_change(r, &role->blob, other->blob.data, other->blob.len);
		break;
	case 2:
		value_change(r, &role->bound, other->bound.data, other->bound.len);
		break;
	case 3:
		role->iterations = reader_u32(r);
		break;
	case 4:
		role->mac[fuzz_pick(r, MAC_LEN)] ^= 1;
		break;
	case 5:
		role->salt[fuzz_pick(r, SALT_LEN)] ^= 1;
		break;
	}
}

static void token_change(struct reader *r)
{
	struct token_file file = { 0 };
	unsigned int which = fuzz_pick(r, 8), role = which % ROLES;

	if (which == 0 || !token_file_decode(&token.now, &file)) {
		value_change(r, &token.now, token.body.data, token.body.len);
		token_file_free(&file);
		return;
	}
	if (which < 4)
		role_change(r, &file.roles[role], &file.roles[!role]);
	else if (which == 4)
		value_change(r, &file.so_copy, file.roles[ROLE_USER].bound.data, file.roles[ROLE_USER].bound.len);
	else if (which == 5)
		value_change(r, &file.import_parent, file.roles[ROLE_USER].blob.data, file.roles[ROLE_USER].blob.len);
	else if (which == 6)
		value_change(r, &file.dropped, file.roles[ROLE_USER].uuid, TSPI_UUID_LEN);
	else
		file.master_check[fuzz_pick(r, MAC_LEN)] ^= 1;
	buf_free(&token.now);
	FUZZ_MUST(token_file_encode(&file, &token.now));
	token_file_free(&file);
}

/* --- files --- */

static void file_write(struct file *file)
{
	struct buf sealed = BUF_INIT;

	if (file->name != NULL && format_encode(&file->header, NULL, &file->now, &sealed)) {
		world_change(file->name, &sealed);
		if (file == &token)
			world_change("store/token.2", &sealed);
	}
	buf_free(&sealed);
	buf_free(&file->now);
}

static void file_find(const char *name, const struct buf *content)
{
	struct file found = { .name = name };
	const uint8_t *label;
	size_t len;

	if (format_header(content, &found.header) != FORMAT_GOOD || found.header.is_private
		|| !format_body(content, NULL, &found.body))
		return;
	if (found.header.kind == FORMAT_TOKEN && strcmp(name, "store/token") == 0)
		token = found;
	else if (found.header.kind == FORMAT_OBJECT && attrs_get(&found.body, CKA_LABEL, &label, &len) && len == 1)
		objects[label[0] - '0'] = found;
	else
		buf_free(&found.body);
}

static void steps_add(const struct play_step_row *rows)
{
	size_t at = 0;

	while (steps[at].step != NULL)
		at++;
	/* Of keys that were changed it is not said that they work. */
	for (; rows->step != NULL && at < STEPS_MAX - 1; rows++)
		if (rows->step != step_sign_and_verify && rows->step != step_there_and_back)
			steps[at++] = *rows;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct buf *content;
	const char *name;

	(void)argc, (void)argv;
	world_make();
	for (size_t i = 0; (content = world_file(i, &name)) != NULL; i++)
		file_find(name, content);
	FUZZ_MUST(token.name != NULL && objects[WORLD_IMPORTED].name != NULL);
	steps_add(steps_data);
	steps_add(steps_objects);
	steps_add(steps_sessions);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r;
	unsigned int changes;

	reader_init(&r, data, size);
	changes = 1 + fuzz_pick(&r, CHANGES_MAX);
	for (size_t i = 0; i < WORLD_OBJECTS; i++)
		buf_put(&objects[i].now, objects[i].body.data, objects[i].body.len);
	buf_put(&token.now, token.body.data, token.body.len);
	while (changes-- > 0 && r.left != 0)
		(fuzz_pick(&r, 2) ? token_change : object_change)(&r);
	for (size_t i = 0; i < WORLD_OBJECTS; i++)
		file_write(&objects[i]);
	file_write(&token);
	play_rest(&r, steps);
	return 0;
}
