/* SPDX-License-Identifier: BSD-2-Clause */
#include "objstore/format.h"

#include <string.h>

#include "util/crypto.h"
#include "util/wipe.h"

#define HEADER_LEN 56

static const uint8_t magic[8] = { 'p', 'k', '1', '1', 't', 'p', 'm', '\n' };

enum { FLAG_PRIVATE = 1 };

static void put_header(struct buf *b, const struct format_header *header, size_t body_len)
{
	buf_put(b, magic, sizeof magic);
	buf_put_u16(b, FORMAT_VERSION);
	buf_put_u8(b, (uint8_t)header->kind);
	buf_put_u8(b, header->is_private ? FLAG_PRIVATE : 0);
	buf_put_u32(b, (uint32_t)body_len);
	buf_put(b, header->token_id.bytes, OBJSTORE_ID_LEN);
	buf_put(b, header->object_id.bytes, OBJSTORE_ID_LEN);
	buf_put_u64(b, header->sequence);
}

bool format_encode(const struct format_header *header, const uint8_t *key, const struct buf *body,
	struct buf *file)
{
	uint8_t digest[CRYPTO_SHA256_LEN], header_bytes[HEADER_LEN];

	put_header(file, header, body->len);
	if (buf_failed(body) || buf_failed(file))
		return false;
	memcpy(header_bytes, file->data, HEADER_LEN); /* file->data moves when the file grows */
	if (header->is_private)
		return crypto_seal(key, header_bytes, HEADER_LEN, body->data, body->len, file);
	buf_put(file, body->data, body->len);
	if (buf_failed(file) || !crypto_sha256(file->data, file->len, digest))
		return false;
	buf_put(file, digest, sizeof digest);
	return !buf_failed(file);
}

static bool fixed_fields_fit(const struct format_header *header)
{
	return header->kind == FORMAT_TOKEN ? !header->is_private : header->sequence == 0;
}

/* What there is in the file besides header and body. */
static size_t extra_len(bool is_private)
{
	return is_private ? CRYPTO_NONCE_LEN + CRYPTO_TAG_LEN : CRYPTO_SHA256_LEN;
}

enum format_verdict format_header(const struct buf *file, struct format_header *header)
{
	struct reader r;
	const uint8_t *found;
	uint16_t version;
	uint8_t kind, flags;
	uint32_t body_len;

	reader_init(&r, file->data, file->len);
	found = reader_take(&r, sizeof magic);
	version = reader_u16(&r);
	if (reader_failed(&r) || memcmp(found, magic, sizeof magic) != 0)
		return FORMAT_DAMAGED;
	if (version != FORMAT_VERSION) /* whose header may be shorter */
		return FORMAT_UNKNOWN_VERSION;
	kind = reader_u8(&r);
	flags = reader_u8(&r);
	body_len = reader_u32(&r);
	reader_copy(&r, header->token_id.bytes, OBJSTORE_ID_LEN);
	reader_copy(&r, header->object_id.bytes, OBJSTORE_ID_LEN);
	header->sequence = reader_u64(&r);
	header->kind = kind == FORMAT_TOKEN ? FORMAT_TOKEN : FORMAT_OBJECT;
	header->is_private = (flags & FLAG_PRIVATE) != 0;
	if (reader_failed(&r) || r.left < extra_len(header->is_private)
		|| r.left - extra_len(header->is_private) != body_len)
		return FORMAT_DAMAGED;
	return (kind == FORMAT_TOKEN || kind == FORMAT_OBJECT)
		&& (flags & ~FLAG_PRIVATE) == 0 && fixed_fields_fit(header) ? FORMAT_GOOD : FORMAT_DAMAGED;
}

bool format_body(const struct buf *file, const uint8_t *key, struct buf *body)
{
	struct format_header header;
	uint8_t digest[CRYPTO_SHA256_LEN];
	const uint8_t *rest;
	size_t rest_len, body_len;

	if (format_header(file, &header) != FORMAT_GOOD)
		return false;
	rest = file->data + HEADER_LEN;
	rest_len = file->len - HEADER_LEN;
	body_len = rest_len - extra_len(header.is_private);
	if (header.is_private)
		return crypto_open(key, file->data, HEADER_LEN, rest, rest_len, body);
	if (!crypto_sha256(file->data, HEADER_LEN + body_len, digest)) {
		body->failed = true;
		return false;
	}
	if (!wipe_equal(digest, rest + body_len, sizeof digest))
		return false;
	buf_put(body, rest, body_len);
	return !buf_failed(body);
}
