/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/token_file.h"
#include "unit.h"

/* Where the fields of make()'s file are: the iterations of the SO's record. */
#define OFFSET_SO_RECORD (LABEL_LEN + SERIAL_LEN + 8)
#define OFFSET_ITERATIONS (OFFSET_SO_RECORD + 1 + SALT_LEN)

static void role_make(struct role_record *record, char fill)
{
	record->has_key = true;
	memset(record->salt, fill, SALT_LEN);
	record->iterations = 50000;
	memset(record->uuid, fill + 1, TSPI_UUID_LEN);
	buf_put(&record->blob, "the blob", 8);
	buf_put(&record->bound, "what is bound", 13);
	memset(record->mac, fill + 2, MAC_LEN);
}

static void make(bool so, bool user, struct token_file *file)
{
	memset(file, 0, sizeof *file);
	memset(file->label, 'L', LABEL_LEN);
	memset(file->serial, 'S', SERIAL_LEN);
	memcpy(file->version.vendor, "IBM", 4);
	file->version.major = 1;
	file->version.minor = 2;
	file->version.revision_major = 3;
	file->version.revision_minor = 4;
	if (so)
		role_make(&file->roles[ROLE_SO], 'a');
	if (user)
		role_make(&file->roles[ROLE_USER], 'k');
	if (so && user)
		buf_put(&file->so_copy, "the copy", 8);
	memset(file->master_check, 'M', MAC_LEN);
	buf_put(&file->import_parent, "the import parent", 17);
	buf_put(&file->dropped, "sixteen bytes...sixteen of them.", 32);
}

static bool same_buf(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void check_same(const struct token_file *a, const struct token_file *b)
{
	CHECK(memcmp(a->label, b->label, LABEL_LEN) == 0);
	CHECK(memcmp(a->serial, b->serial, SERIAL_LEN) == 0);
	CHECK(strcmp(a->version.vendor, b->version.vendor) == 0);
	CHECK(a->version.major == b->version.major && a->version.minor == b->version.minor);
	CHECK(a->version.revision_major == b->version.revision_major
		&& a->version.revision_minor == b->version.revision_minor);
	for (int i = 0; i < ROLES; i++) {
		const struct role_record *x = &a->roles[i], *y = &b->roles[i];

		CHECK(x->has_key == y->has_key && x->iterations == y->iterations);
		CHECK(memcmp(x->salt, y->salt, SALT_LEN) == 0 && memcmp(x->uuid, y->uuid,
			TSPI_UUID_LEN) == 0);
		CHECK(same_buf(&x->blob, &y->blob) && same_buf(&x->bound, &y->bound));
		CHECK(memcmp(x->mac, y->mac, MAC_LEN) == 0);
	}
	CHECK(same_buf(&a->so_copy, &b->so_copy) && same_buf(&a->import_parent, &b->import_parent));
	CHECK(same_buf(&a->dropped, &b->dropped));
	CHECK(memcmp(a->master_check, b->master_check, MAC_LEN) == 0);
}

static void round_trip(void)
{
	for (int roles = 0; roles < 4; roles++) {
		struct token_file file, read;
		struct buf body = BUF_INIT;

		tap_about("roles %d", roles);
		memset(&read, 0, sizeof read);
		make((roles & 1) != 0, (roles & 2) != 0, &file);
		CHECK(token_file_encode(&file, &body));
		CHECK(token_file_decode(&body, &read) == CKR_OK);
		check_same(&file, &read);
		token_file_free(&file);
		token_file_free(&read);
		buf_free(&body);
	}
}

/* In an allocation of its very size, so that a look past its end is seen. */
static bool decodes(const struct buf *body, size_t n)
{
	struct buf cut = { .data = malloc(n != 0 ? n : 1), .len = n, .cap = n };
	struct token_file file;
	bool ok;

	MUST(cut.data != NULL);
	memset(&file, 0, sizeof file);
	memcpy(cut.data, body->data, n);
	ok = token_file_decode(&cut, &file) == CKR_OK;
	token_file_free(&file);
	buf_free(&cut);
	return ok;
}

static void truncated(void)
{
	for (int roles = 0; roles < 4; roles++) {
		struct token_file file;
		struct buf body = BUF_INIT;

		make((roles & 1) != 0, (roles & 2) != 0, &file);
		MUST(token_file_encode(&file, &body));
		for (size_t n = 0; n < body.len; n++) {
			tap_about("roles %d, %zu of %zu bytes", roles, n, body.len);
			CHECK(!decodes(&body, n));
		}
		buf_put_u8(&body, 0);
		CHECK(!decodes(&body, body.len));
		token_file_free(&file);
		buf_free(&body);
	}
}

/* No change crashes the decoder; one of a length is refused. */
static void changed(void)
{
	struct token_file file;
	struct buf body = BUF_INIT;

	make(true, true, &file);
	MUST(token_file_encode(&file, &body));
	for (size_t at = 0; at < body.len; at++)
		for (int flip = 1; flip < 256; flip = flip * 2 + 1) {
			body.data[at] ^= (uint8_t)flip;
			decodes(&body, body.len);
			body.data[at] ^= (uint8_t)flip;
		}
	CHECK(decodes(&body, body.len));
	body.data[OFFSET_ITERATIONS + 4 + TSPI_UUID_LEN] ^= 0x80;
	CHECK(!decodes(&body, body.len));
	token_file_free(&file);
	buf_free(&body);
}

static void iterations(void)
{
	static const struct {
		uint32_t iterations;
		bool good;
	} rows[] = {
		{ 0, false }, { 1, false }, { 999, false }, { 1000, true }, { 10000000, true },
		{ 10000001, false }, { 0x80000000, false }, { 0xffffffff, false },
	};

	for (size_t i = 0; i < COUNT(rows) * ROLES; i++) {
		struct token_file file;
		struct buf body = BUF_INIT;

		tap_about("%u iterations", (unsigned int)rows[i / ROLES].iterations);
		make(true, true, &file);
		file.roles[i % ROLES].iterations = rows[i / ROLES].iterations;
		MUST(token_file_encode(&file, &body));
		CHECK(decodes(&body, body.len) == rows[i / ROLES].good);
		token_file_free(&file);
		buf_free(&body);
	}
}

/* A list of UUIDs that ends in the midst of one. */
static void half_a_uuid(void)
{
	struct token_file file;
	struct buf body = BUF_INIT;

	make(true, true, &file);
	buf_put(&file.dropped, "short", 5);
	MUST(token_file_encode(&file, &body));
	CHECK(!decodes(&body, body.len));
	token_file_free(&file);
	buf_free(&body);
}

static void dropping(void)
{
	struct role_record record;
	struct token_file file;

	make(true, false, &file);
	memset(&record, 0, sizeof record);
	role_make(&record, '0');
	token_file_take_role(&file, ROLE_SO, &record);
	CHECK(file.roles[ROLE_SO].has_key && file.roles[ROLE_SO].salt[0] == '0');
	CHECK(!record.has_key && record.blob.data == NULL && record.bound.data == NULL);
	NUMBER_EQUAL(file.dropped.len, 3 * TSPI_UUID_LEN);
	CHECK(file.dropped.len == 48 && file.dropped.data[32] == 'b' && file.dropped.data[47] == 'b');
	token_file_drop_role(&file, ROLE_SO);
	NUMBER_EQUAL(file.dropped.len, 4 * TSPI_UUID_LEN);
	CHECK(!file.roles[ROLE_SO].has_key && file.roles[ROLE_SO].blob.len == 0);
	token_file_drop_role(&file, ROLE_SO);
	token_file_drop_role(&file, ROLE_USER);
	NUMBER_EQUAL(file.dropped.len, 4 * TSPI_UUID_LEN);
	token_file_free(&file);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "what is written is read", round_trip },
		{ "a body cut or grown is refused", truncated },
		{ "a changed body does no harm", changed },
		{ "bounds of the iterations", iterations },
		{ "half a UUID is refused", half_a_uuid },
		{ "keys that go leave their UUIDs", dropping },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "token_file", cases);
}
