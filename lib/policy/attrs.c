/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/attrs.h"

#define HEAD_LEN 8

bool attrs_valid(const struct buf *attrs)
{
	struct reader r;
	size_t n;

	reader_init(&r, attrs->data, attrs->len);
	while (!reader_failed(&r) && r.left != 0) {
		reader_u32(&r);
		reader_block(&r, &n);
	}
	return !reader_failed(&r);
}

static uint32_t number_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Without a reader, as a search comes here for each attribute of each object. */
bool attrs_get(const struct buf *attrs, CK_ATTRIBUTE_TYPE type, const uint8_t **value, size_t *len)
{
	const uint8_t *p = attrs->data;

	for (size_t left = attrs->len; left >= HEAD_LEN;) {
		size_t n = number_at(p + 4);

		if (n > left - HEAD_LEN)
			break;
		*value = p + HEAD_LEN;
		*len = n;
		if (number_at(p) == type)
			return true;
		p += HEAD_LEN + n;
		left -= HEAD_LEN + n;
	}
	*value = NULL;
	*len = 0;
	return false;
}

bool attrs_bool(const struct buf *attrs, CK_ATTRIBUTE_TYPE type)
{
	const uint8_t *value;
	size_t len;

	return attrs_get(attrs, type, &value, &len) && len == 1 && value[0] == CK_TRUE;
}

CK_ULONG attrs_ulong(const struct buf *attrs, CK_ATTRIBUTE_TYPE type, CK_ULONG otherwise)
{
	const uint8_t *value;
	size_t len;

	return attrs_get(attrs, type, &value, &len) && len == ATTRS_ULONG_LEN
		? attrs_decode_ulong(value) : otherwise;
}

void attrs_put(struct buf *attrs, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
	const uint8_t *old;
	size_t old_len;

	if (attrs_get(attrs, type, &old, &old_len))
		buf_cut(attrs, (size_t)(old - attrs->data) - HEAD_LEN, HEAD_LEN + old_len);
	buf_put_u32(attrs, (uint32_t)type);
	buf_put_block(attrs, value, len);
}

void attrs_put_bool(struct buf *attrs, CK_ATTRIBUTE_TYPE type, bool value)
{
	const uint8_t byte = value ? CK_TRUE : CK_FALSE;

	attrs_put(attrs, type, &byte, 1);
}

void attrs_put_ulong(struct buf *attrs, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
	struct buf b = BUF_INIT;

	attrs_encode_ulong(&b, value);
	if (buf_failed(&b))
		attrs->failed = true;
	else
		attrs_put(attrs, type, b.data, b.len);
	buf_free(&b);
}

void attrs_encode_ulong(struct buf *b, CK_ULONG value)
{
	buf_put_u64(b, value == CK_UNAVAILABLE_INFORMATION ? UINT64_MAX : value);
}

CK_ULONG attrs_decode_ulong(const uint8_t *value)
{
	struct reader r;
	uint64_t v;

	reader_init(&r, value, ATTRS_ULONG_LEN);
	v = reader_u64(&r);
	return v > (CK_ULONG)-1 ? CK_UNAVAILABLE_INFORMATION : (CK_ULONG)v;
}
