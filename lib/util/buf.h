/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_BUF_H
#define UTIL_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A growing byte buffer that wipes whatever it lets go of. Failure (no memory, or more than
 * BUF_MAX bytes) sticks: fill it without looking and ask buf_failed() once at the end.
 * Numbers are written big-endian.
 */
struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	bool failed;
	bool secret; /* lies in util/secmem.h's memory */
};

#define BUF_INIT { NULL, 0, 0, false, false }
#define BUF_MAX ((size_t)16 * 1024 * 1024)

bool buf_failed(const struct buf *b);

/* Appends n bytes of room and returns their address, valid until the next call; NULL on failure. */
uint8_t *buf_extend(struct buf *b, size_t n);

void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);

/* A 32-bit length, then the bytes. */
void buf_put_block(struct buf *b, const void *p, size_t n);

/* Takes n bytes out at offset; what follows moves up, and the freed tail is wiped. */
void buf_cut(struct buf *b, size_t offset, size_t n);

/* Wipes the content and frees it; b is empty and usable afterwards. */
void buf_free(struct buf *b);

/* *to becomes what *from was, memory and all, and *from empty; what *to held is wiped. */
void buf_move(struct buf *to, struct buf *from);

/*
 * Reads such bytes again. An attempt to read past the end sticks: every later read gives zeros or
 * NULL, and reader_failed() says so.
 */
struct reader {
	const uint8_t *p;
	size_t left;
	bool failed;
};

void reader_init(struct reader *r, const void *p, size_t n);
bool reader_failed(const struct reader *r);
const uint8_t *reader_take(struct reader *r, size_t n);
void reader_copy(struct reader *r, void *to, size_t n);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);

/* Reads what buf_put_block() wrote; the bytes stay the source's. */
const uint8_t *reader_block(struct reader *r, size_t *n);

#endif
