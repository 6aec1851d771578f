/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/buf.h"

#include <stdlib.h>
#include <string.h>

#include "util/secmem.h"
#include "util/wipe.h"

#define CAP_MIN 64

bool buf_failed(const struct buf *b)
{
	return b->failed;
}

static uint8_t *memory_get(const struct buf *b, size_t n)
{
	return b->secret ? secmem_alloc(n) : malloc(n);
}

static void memory_put_back(struct buf *b)
{
	if (b->secret) {
		secmem_free(b->data, b->cap);
		return;
	}
	wipe(b->data, b->cap);
	free(b->data);
}

/* realloc() would leave the old content behind in freed memory. */
static bool buf_grow(struct buf *b, size_t need)
{
	size_t cap = b->cap > need / 2 ? 2 * b->cap : need; /* nothing to spare where all comes at once */
	uint8_t *data;

	if (cap < CAP_MIN)
		cap = CAP_MIN;
	data = memory_get(b, cap);
	if (data == NULL)
		return false;
	if (b->data != NULL)
		memcpy(data, b->data, b->len);
	memory_put_back(b);
	b->data = data;
	b->cap = cap;
	return true;
}

uint8_t *buf_extend(struct buf *b, size_t n)
{
	uint8_t *p;

	if (b->failed || n > BUF_MAX - b->len) {
		b->failed = true;
		return NULL;
	}
	if ((n > b->cap - b->len || b->data == NULL) && !buf_grow(b, b->len + n)) {
		b->failed = true;
		return NULL;
	}
	p = b->data + b->len;
	b->len += n;
	return p;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	uint8_t *to = buf_extend(b, n);

	if (to != NULL && n != 0)
		memcpy(to, p, n);
}

static void buf_put_number(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *to = buf_extend(b, n);

	for (size_t i = 0; to != NULL && i < n; i++)
		to[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

void buf_put_u8(struct buf *b, uint8_t v)
{
	buf_put_number(b, v, 1);
}

void buf_put_u16(struct buf *b, uint16_t v)
{
	buf_put_number(b, v, 2);
}

void buf_put_u32(struct buf *b, uint32_t v)
{
	buf_put_number(b, v, 4);
}

void buf_put_u64(struct buf *b, uint64_t v)
{
	buf_put_number(b, v, 8);
}

void buf_put_block(struct buf *b, const void *p, size_t n)
{
	if (n > BUF_MAX)
		b->failed = true;
	buf_put_u32(b, (uint32_t)n);
	buf_put(b, p, n);
}

void buf_cut(struct buf *b, size_t offset, size_t n)
{
	if (b->failed || n == 0 || offset > b->len || n > b->len - offset)
		return;
	memmove(b->data + offset, b->data + offset + n, b->len - offset - n);
	wipe(b->data + b->len - n, n);
	b->len -= n;
}

void buf_free(struct buf *b)
{
	bool secret = b->secret;

	memory_put_back(b);
	memset(b, 0, sizeof *b);
	b->secret = secret;
}

void buf_move(struct buf *to, struct buf *from)
{
	buf_free(to);
	*to = *from;
	memset(from, 0, sizeof *from);
	from->secret = to->secret;
}

void reader_init(struct reader *r, const void *p, size_t n)
{
	r->p = p;
	r->left = n;
	r->failed = false;
}

bool reader_failed(const struct reader *r)
{
	return r->failed;
}

const uint8_t *reader_take(struct reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->failed || n > r->left) {
		r->failed = true;
		return NULL;
	}
	r->p += n;
	r->left -= n;
	return p;
}

void reader_copy(struct reader *r, void *to, size_t n)
{
	const uint8_t *p = reader_take(r, n);

	if (p != NULL)
		memcpy(to, p, n);
	else
		memset(to, 0, n);
}

static uint64_t reader_number(struct reader *r, size_t n)
{
	const uint8_t *p = reader_take(r, n);
	uint64_t v = 0;

	for (size_t i = 0; p != NULL && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t reader_u8(struct reader *r)
{
	return (uint8_t)reader_number(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
	return (uint16_t)reader_number(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
	return (uint32_t)reader_number(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
	return reader_number(r, 8);
}

const uint8_t *reader_block(struct reader *r, size_t *n)
{
	*n = reader_u32(r);
	const uint8_t *p = reader_take(r, *n);

	if (p == NULL)
		*n = 0;
	return p;
}
