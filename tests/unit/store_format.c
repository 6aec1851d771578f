/* SPDX-License-Identifier: BSD-2-Clause */
#include "objstore/format.h"
#include "unit.h"
#include "util/crypto.h"

static const uint8_t key[CRYPTO_KEY_LEN] = "a key of thirty-two bytes, as is";
static const uint8_t other_key[CRYPTO_KEY_LEN] = "a key of thirty-two bytes, but b";

static const struct format_header headers[] = {
	{ FORMAT_TOKEN, false, { "the token's id." }, { "the one before." }, 0x0102030405060708 },
	{ FORMAT_OBJECT, false, { "the token's id." }, { "the object's id" }, 0 },
	{ FORMAT_OBJECT, true, { "the token's id." }, { "the object's id" }, 0 },
};

static void encode(const struct format_header *header, const char *text, size_t n, struct buf *file)
{
	struct buf body = BUF_INIT;

	buf_put(&body, text, n);
	MUST(format_encode(header, header->is_private ? key : NULL, &body, file));
	buf_free(&body);
}

static bool same_header(const struct format_header *a, const struct format_header *b)
{
	return a->kind == b->kind && a->is_private == b->is_private && a->sequence == b->sequence
		&& memcmp(&a->token_id, &b->token_id, sizeof a->token_id) == 0
		&& memcmp(&a->object_id, &b->object_id, sizeof a->object_id) == 0;
}

static void round_trip(void)
{
	static const size_t sizes[] = { 0, 1, 1000, 1000000 };
	char *text = calloc(1, 1000000);

	MUST(text != NULL);
	for (size_t i = 0; i < COUNT(headers) * COUNT(sizes); i++) {
		const struct format_header *header = &headers[i % COUNT(headers)];
		size_t n = sizes[i / COUNT(headers)];
		struct format_header read;
		struct buf file = BUF_INIT, body = BUF_INIT;

		tap_about("header %zu, %zu bytes", i % COUNT(headers), n);
		encode(header, text, n, &file);
		CHECK(format_header(&file, &read) == FORMAT_GOOD && same_header(header, &read));
		CHECK(format_body(&file, header->is_private ? key : NULL, &body));
		BYTES_EQUAL(body.data, body.len, text, n);
		buf_free(&file);
		buf_free(&body);
	}
	free(text);
}

/* A private body is not to be read in the file, nor is it the same file twice. */
static void hidden(void)
{
	struct buf file = BUF_INIT, again = BUF_INIT;

	encode(&headers[2], "confidential", 12, &file);
	encode(&headers[2], "confidential", 12, &again);
	for (size_t i = 0; i + 12 <= file.len; i++)
		CHECK(memcmp(file.data + i, "confidential", 12) != 0);
	CHECK(file.len == again.len && memcmp(file.data, again.data, file.len) != 0);
	buf_free(&file);
	buf_free(&again);
}

/* In an allocation of its very size, so that a look past its end is seen. */
static bool body_reads(const struct buf *file, size_t n, const uint8_t *with)
{
	struct buf cut = { .data = malloc(n != 0 ? n : 1), .len = n, .cap = n }, body = BUF_INIT;
	struct format_header header;
	bool ok;

	MUST(cut.data != NULL);
	memcpy(cut.data, file->data, n);
	format_header(&cut, &header);
	ok = format_body(&cut, with, &body);
	CHECK(ok || body.len == 0);
	buf_free(&cut);
	buf_free(&body);
	return ok;
}

static void changed(void)
{
	for (size_t i = 0; i < COUNT(headers); i++) {
		struct buf file = BUF_INIT;

		encode(&headers[i], "the body", 8, &file);
		MUST(body_reads(&file, file.len, key));
		for (size_t at = 0; at < file.len; at++)
			for (unsigned int bit = 0; bit < 8; bit++) {
				tap_about("header %zu, bit %u of byte %zu", i, bit, at);
				file.data[at] ^= (uint8_t)(1 << bit);
				CHECK(!body_reads(&file, file.len, key));
				file.data[at] ^= (uint8_t)(1 << bit);
			}
		buf_free(&file);
	}
}

static void cut_or_grown(void)
{
	for (size_t i = 0; i < COUNT(headers); i++) {
		struct buf file = BUF_INIT;
		size_t n;

		encode(&headers[i], "the body", 8, &file);
		n = file.len;
		for (size_t have = 0; have < n; have++) {
			tap_about("header %zu, %zu of %zu bytes", i, have, n);
			CHECK(!body_reads(&file, have, key));
		}
		buf_put(&file, "more than there was before: as long as a digest, a nonce or a tag", 65);
		for (size_t have = n + 1; have <= file.len; have++) {
			tap_about("header %zu, %zu in place of %zu bytes", i, have, n);
			CHECK(!body_reads(&file, have, key));
		}
		buf_free(&file);
	}
}

static void wrong_key(void)
{
	struct buf file = BUF_INIT;

	encode(&headers[2], "the body", 8, &file);
	CHECK(body_reads(&file, file.len, key));
	CHECK(!body_reads(&file, file.len, other_key));
	buf_free(&file);
}

/* A file of the store without a good header, or with another kind or flag, is none. */
static void wrong_headers(void)
{
	struct format_header header;

	for (size_t i = 0; i < COUNT(headers); i++) {
		struct buf file = BUF_INIT;

		encode(&headers[i], "the body", 8, &file);
		for (size_t n = 0; n < 56; n++) {
			struct buf cut = { .data = file.data, .len = n, .cap = n };

			tap_about("header %zu, %zu bytes", i, n);
			CHECK(format_header(&cut, &header) == FORMAT_DAMAGED);
		}
		for (size_t at = 0; at < 12; at++) {
			if (at == 8 || at == 9)
				continue;
			tap_about("header %zu, byte %zu", i, at);
			file.data[at] ^= 0x40;
			CHECK(format_header(&file, &header) == FORMAT_DAMAGED);
			file.data[at] ^= 0x40;
		}
		buf_free(&file);
	}
}

/* Another version's file is none of ours, however well it is made: a checksum proves no version. */
static void wrong_versions(void)
{
	static const uint16_t versions[] = { 0, FORMAT_VERSION + 1, 0x0100, 0xffff };
	struct format_header header;
	struct buf file = BUF_INIT, rest = BUF_INIT;

	encode(&headers[1], "the body", 8, &file);
	for (size_t i = 0; i < COUNT(versions); i++) {
		tap_about("version %u", versions[i]);
		file.data[8] = (uint8_t)(versions[i] >> 8);
		file.data[9] = (uint8_t)versions[i];
		MUST(crypto_digest("SHA256", file.data, file.len - 32, file.data + file.len - 32, 32));
		CHECK(format_header(&file, &header) == FORMAT_UNKNOWN_VERSION);
		CHECK(!format_body(&file, NULL, &rest));
	}
	buf_free(&file);
	buf_free(&rest);
}

static void failed_body(void)
{
	struct buf body = BUF_INIT, file = BUF_INIT;

	buf_extend(&body, BUF_MAX + 1);
	CHECK(!format_encode(&headers[1], NULL, &body, &file));
	CHECK(!format_encode(&headers[2], key, &body, &file));
	buf_free(&file);
	buf_free(&body);
	MUST(buf_extend(&body, BUF_MAX) != NULL);
	CHECK(!format_encode(&headers[1], NULL, &body, &file));
	buf_free(&file);
	buf_free(&body);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "what is written is read", round_trip },
		{ "a private body is hidden", hidden },
		{ "a file with any bit changed is refused", changed },
		{ "a file cut or grown is refused", cut_or_grown },
		{ "another key is refused", wrong_key },
		{ "wrong headers", wrong_headers },
		{ "other versions are refused", wrong_versions },
		{ "what is too large or has failed is not written", failed_body },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "store_format", cases);
}
