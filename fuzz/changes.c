/* SPDX-License-Identifier: BSD-2-Clause */
#include "changes.h"

#include "policy/attrs.h"
#include "token/token_file.h"

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

void object_change(struct reader *r, struct changed_file *objects, unsigned int count)
{
	static const CK_ATTRIBUTE_TYPE types[] = { CKA_CLASS, CKA_MODULUS, CKA_PUBLIC_EXPONENT, ATTR_KEY_HOME,
		ATTR_KEY_PARENT, ATTR_KEY_BLOB, ATTR_KEY_AUTH, ATTR_KEY_ORIGIN, CKA_VALUE, CKA_KEY_TYPE,
		CKA_MODULUS_BITS, CKA_SIGN, CKA_DECRYPT, CKA_ALLOWED_MECHANISMS, CKA_ALWAYS_AUTHENTICATE,
		CKA_PRIVATE, CKA_TOKEN, CKA_LABEL, CKA_CERTIFICATE_TYPE, CKA_EXTRACTABLE, CKA_SENSITIVE,
		CKA_START_DATE };
	struct changed_file *file = &objects[fuzz_pick(r, count)], *from = &objects[fuzz_pick(r, count)];
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

void token_change(struct reader *r, struct changed_file *token)
{
	struct token_file file = { 0 };
	unsigned int which = fuzz_pick(r, 8), role = which % ROLES;

	if (which == 0 || token_file_decode(&token->now, &file) != CKR_OK) {
		value_change(r, &token->now, token->body.data, token->body.len);
		token_file_free(&file);
		return;
	}
	if (which < 4)
		role_change(r, &file.roles[role], &file.roles[!role]);
	else if (which == 4)
		value_change(
			r, &file.so_copy, file.roles[ROLE_USER].bound.data, file.roles[ROLE_USER].bound.len);
	else if (which == 5)
		value_change(r, &file.import_parent, file.roles[ROLE_USER].blob.data,
			file.roles[ROLE_USER].blob.len);
	else if (which == 6)
		value_change(r, &file.dropped, file.roles[ROLE_USER].uuid, TSPI_UUID_LEN);
	else
		file.master_check[fuzz_pick(r, MAC_LEN)] ^= 1;
	buf_free(&token->now);
	FUZZ_MUST(token_file_encode(&file, &token->now));
	token_file_free(&file);
}
