/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

/* --- writing --- */

static void grows(void)
{
	struct buf b = BUF_INIT;

	for (unsigned int i = 0; i < 100000; i++)
		buf_put_u8(&b, (uint8_t)(i % 251));
	CHECK(!buf_failed(&b));
	NUMBER_EQUAL(b.len, 100000);
	for (unsigned int i = 0; i < b.len; i++)
		if (b.data[i] != i % 251)
			TAP_MUST(false, "byte %u changed while the buffer grew", i);
	buf_free(&b);
	CHECK(b.data == NULL && b.len == 0 && b.cap == 0 && !b.failed);
	buf_put(&b, "again", 5);
	CHECK(buf_is(&b, "again"));
	buf_free(&b);
}

static void nothing_put(void)
{
	struct buf b = BUF_INIT;

	buf_put(&b, NULL, 0);
	buf_put_block(&b, NULL, 0);
	CHECK(!buf_failed(&b));
	BYTES_EQUAL(b.data, b.len, "\0\0\0\0", 4);
	CHECK(buf_extend(&b, 0) != NULL);
	buf_free(&b);
	buf_free(&b);
}

static void maximum(void)
{
	struct buf b = BUF_INIT;

	CHECK(buf_extend(&b, BUF_MAX - 1) != NULL);
	buf_put_u8(&b, 1);
	CHECK(!buf_failed(&b));
	NUMBER_EQUAL(b.len, BUF_MAX);
	buf_put_u8(&b, 1);
	CHECK(buf_failed(&b));
	buf_free(&b);
	CHECK(buf_extend(&b, BUF_MAX + 1) == NULL);
	CHECK(buf_failed(&b));
	buf_free(&b);
	buf_put_u8(&b, 1);
	CHECK(buf_extend(&b, SIZE_MAX) == NULL);
	CHECK(buf_failed(&b));
	buf_free(&b);
	buf_put_block(&b, "", BUF_MAX + 1);
	CHECK(buf_failed(&b));
	buf_free(&b);
}

static void failure_sticks(void)
{
	struct buf b = BUF_INIT;
	size_t len;

	buf_put(&b, "kept", 4);
	buf_extend(&b, BUF_MAX);
	len = b.len;
	buf_put(&b, "more", 4);
	buf_put_u64(&b, 1);
	buf_put_block(&b, "more", 4);
	CHECK(buf_extend(&b, 1) == NULL);
	buf_cut(&b, 0, 1);
	CHECK(buf_failed(&b));
	NUMBER_EQUAL(b.len, len);
	buf_free(&b);
	CHECK(!buf_failed(&b));
	buf_cut(&b, 0, 0); /* has no data to move; UBSan tells */
	CHECK(!buf_failed(&b) && b.len == 0);
}

static void big_endian(void)
{
	static const uint8_t expected[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 1, 2, 3, 4, 5, 6,
		7, 8,
		0, 0, 0, 2, 'h', 'i' };
	struct buf b = BUF_INIT;

	buf_put_u8(&b, 0x01);
	buf_put_u16(&b, 0x2345);
	buf_put_u32(&b, 0x6789abcd);
	buf_put_u64(&b, 0x0102030405060708);
	buf_put_block(&b, "hi", 2);
	BYTES_EQUAL(b.data, b.len, expected, sizeof expected);
	buf_free(&b);
}

/* The freed tail is wiped: its place in the allocation is looked at. */
static void cut(void)
{
	static const struct {
		size_t offset, n;
		const char *left;
	} rows[] = {
		{ 0, 3, "3456789" }, { 4, 2, "01236789" }, { 9, 1, "012345678" }, { 0, 10, "" },
		{ 10, 0, "0123456789" }, { 5, 6, "0123456789" }, { 11, 0, "0123456789" },
		{ 1, SIZE_MAX, "0123456789" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b = BUF_INIT;

		tap_about("row %zu", i);
		buf_put(&b, "0123456789", 10);
		buf_cut(&b, rows[i].offset, rows[i].n);
		CHECK(buf_is(&b, rows[i].left));
		for (size_t at = b.len; at < 10; at++)
			CHECK(b.data[at] == 0);
		buf_free(&b);
	}
}

static void move(void)
{
	struct buf from = BUF_INIT, to = BUF_INIT;

	buf_put(&from, "moved", 5);
	buf_put(&to, "overwritten", 11);
	buf_move(&to, &from);
	CHECK(buf_is(&to, "moved"));
	CHECK(from.data == NULL && from.len == 0 && !from.failed);
	buf_extend(&from, BUF_MAX + 1);
	buf_move(&to, &from);
	CHECK(buf_failed(&to) && !buf_failed(&from));
	buf_free(&to);
}

/* --- reading --- */

static void round_trip(void)
{
	static const uint64_t numbers[] = { 0, 1, 0x7f, 0x80, 0xff, 0x0123, 0xffff, 0x89abcdef, 0xffffffff,
		0x0123456789abcdef, UINT64_MAX };
	struct buf b = BUF_INIT;
	struct reader r;
	uint8_t copy[3];
	size_t n;

	for (size_t i = 0; i < COUNT(numbers); i++) {
		buf_put_u8(&b, (uint8_t)numbers[i]);
		buf_put_u16(&b, (uint16_t)numbers[i]);
		buf_put_u32(&b, (uint32_t)numbers[i]);
		buf_put_u64(&b, numbers[i]);
		buf_put_block(&b, &numbers[i], i % 9);
		buf_put(&b, "abc", 3);
	}
	reader_init(&r, b.data, b.len);
	for (size_t i = 0; i < COUNT(numbers); i++) {
		tap_about("number %zu", i);
		CHECK(reader_u8(&r) == (uint8_t)numbers[i]);
		CHECK(reader_u16(&r) == (uint16_t)numbers[i]);
		CHECK(reader_u32(&r) == (uint32_t)numbers[i]);
		CHECK(reader_u64(&r) == numbers[i]);
		const uint8_t *block = reader_block(&r, &n);

		CHECK(n == i % 9 && memcmp(block, &numbers[i], n) == 0);
		reader_copy(&r, copy, sizeof copy);
		CHECK(memcmp(copy, "abc", 3) == 0);
	}
	CHECK(!reader_failed(&r) && r.left == 0);
	buf_free(&b);
}

/* From every length that is too short for what is asked. */
static void past_the_end(void)
{
	static const uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct reader r;

	for (size_t have = 0; have < sizeof bytes; have++) {
		tap_about("%zu bytes", have);
		reader_init(&r, bytes, have);
		CHECK(reader_u64(&r) == 0 && reader_failed(&r));
		reader_init(&r, bytes, have);
		CHECK(reader_take(&r, have) != NULL && !reader_failed(&r));
		CHECK(reader_u8(&r) == 0 && reader_failed(&r));
		reader_init(&r, bytes, have);
		CHECK(reader_take(&r, SIZE_MAX) == NULL && reader_failed(&r));
	}
	reader_init(&r, bytes, 1);
	CHECK(reader_u16(&r) == 0 && reader_failed(&r));
	reader_init(&r, bytes, 3);
	CHECK(reader_u32(&r) == 0 && reader_failed(&r));
	reader_init(&r, NULL, 0);
	CHECK(!reader_failed(&r));
	CHECK(reader_u8(&r) == 0 && reader_failed(&r));
}

static void past_the_end_sticks(void)
{
	static const uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint8_t copy[4] = { 9, 9, 9, 9 };
	struct reader r;
	size_t n = 9;

	reader_init(&r, bytes, sizeof bytes);
	CHECK(reader_take(&r, 9) == NULL);
	CHECK(reader_u8(&r) == 0 && reader_u16(&r) == 0 && reader_u32(&r) == 0 && reader_u64(&r) == 0);
	CHECK(reader_take(&r, 1) == NULL);
	reader_copy(&r, copy, sizeof copy);
	CHECK(memcmp(copy, "\0\0\0\0", 4) == 0);
	CHECK(reader_block(&r, &n) == NULL && n == 0);
	CHECK(reader_failed(&r));
}

/* A block says how long it is, and lies. */
static void lying_blocks(void)
{
	static const uint32_t lengths[] = { 5, 6, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff };

	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct buf b = BUF_INIT;
		struct reader r;
		size_t n = 1;

		tap_about("length 0x%x", (unsigned int)lengths[i]);
		buf_put_u32(&b, lengths[i]);
		buf_put(&b, "four", 4);
		reader_init(&r, b.data, b.len);
		CHECK(reader_block(&r, &n) == NULL && n == 0 && reader_failed(&r));
		for (size_t have = 0; have < 4; have++) {
			reader_init(&r, b.data, have);
			CHECK(reader_block(&r, &n) == NULL && n == 0 && reader_failed(&r));
		}
		buf_free(&b);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "a buffer grows", grows },
		{ "nothing can be put", nothing_put },
		{ "no more than BUF_MAX", maximum },
		{ "a failure sticks until the buffer is freed", failure_sticks },
		{ "numbers are big-endian", big_endian },
		{ "bytes are cut out and wiped", cut },
		{ "a buffer is moved", move },
		{ "what was put is read", round_trip },
		{ "a reader past the end", past_the_end },
		{ "a reader past the end stays there", past_the_end_sticks },
		{ "blocks that lie about their length", lying_blocks },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "buf", cases);
}
