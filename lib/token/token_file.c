/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/token_file.h"

#include <string.h>

/* Bounds for what a damaged or malicious file can make us compute. */
#define ITERATIONS_MIN 1000
#define ITERATIONS_MAX 10000000

void role_record_free(struct role_record *record)
{
	buf_free(&record->blob);
	buf_free(&record->bound);
	memset(record, 0, sizeof *record);
}

void token_file_free(struct token_file *file)
{
	for (int i = 0; i < ROLES; i++)
		role_record_free(&file->roles[i]);
	buf_free(&file->so_copy);
	buf_free(&file->import_parent);
	buf_free(&file->dropped);
	memset(file, 0, sizeof *file);
}

static void role_encode(const struct role_record *record, struct buf *b)
{
	buf_put_u8(b, record->has_key ? 1 : 0);
	if (!record->has_key)
		return;
	buf_put(b, record->salt, SALT_LEN);
	buf_put_u32(b, record->iterations);
	buf_put(b, record->uuid, TSPI_UUID_LEN);
	buf_put_block(b, record->blob.data, record->blob.len);
	buf_put_block(b, record->bound.data, record->bound.len);
	buf_put(b, record->mac, MAC_LEN);
}

bool token_file_encode(const struct token_file *file, struct buf *b)
{
	buf_put(b, file->label, LABEL_LEN);
	buf_put(b, file->serial, SERIAL_LEN);
	buf_put(b, file->version.vendor, 4);
	buf_put_u8(b, file->version.major);
	buf_put_u8(b, file->version.minor);
	buf_put_u8(b, file->version.revision_major);
	buf_put_u8(b, file->version.revision_minor);
	for (int i = 0; i < ROLES; i++)
		role_encode(&file->roles[i], b);
	buf_put_block(b, file->so_copy.data, file->so_copy.len);
	buf_put(b, file->master_check, MAC_LEN);
	buf_put_block(b, file->import_parent.data, file->import_parent.len);
	buf_put_block(b, file->dropped.data, file->dropped.len);
	return !buf_failed(b);
}

static void block_decode(struct reader *r, struct buf *b)
{
	size_t n;
	const uint8_t *p = reader_block(r, &n);

	buf_put(b, p, n);
}

static bool role_decode(struct reader *r, struct role_record *record)
{
	uint8_t has_key = reader_u8(r);

	record->has_key = has_key == 1;
	if (!record->has_key)
		return has_key == 0;
	reader_copy(r, record->salt, SALT_LEN);
	record->iterations = reader_u32(r);
	reader_copy(r, record->uuid, TSPI_UUID_LEN);
	block_decode(r, &record->blob);
	block_decode(r, &record->bound);
	reader_copy(r, record->mac, MAC_LEN);
	return record->iterations >= ITERATIONS_MIN && record->iterations <= ITERATIONS_MAX;
}

static bool lacks_memory(const struct token_file *file)
{
	bool lacks = buf_failed(&file->so_copy) || buf_failed(&file->import_parent)
		|| buf_failed(&file->dropped);

	for (int i = 0; i < ROLES; i++)
		lacks = lacks || buf_failed(&file->roles[i].blob) || buf_failed(&file->roles[i].bound);
	return lacks;
}

CK_RV token_file_decode(const struct buf *body, struct token_file *file)
{
	struct reader r;
	bool ok = true;

	reader_init(&r, body->data, body->len);
	reader_copy(&r, file->label, LABEL_LEN);
	reader_copy(&r, file->serial, SERIAL_LEN);
	reader_copy(&r, file->version.vendor, 4);
	file->version.major = reader_u8(&r);
	file->version.minor = reader_u8(&r);
	file->version.revision_major = reader_u8(&r);
	file->version.revision_minor = reader_u8(&r);
	for (int i = 0; i < ROLES; i++)
		ok = role_decode(&r, &file->roles[i]) && ok;
	block_decode(&r, &file->so_copy);
	reader_copy(&r, file->master_check, MAC_LEN);
	block_decode(&r, &file->import_parent);
	block_decode(&r, &file->dropped);
	if (lacks_memory(file))
		return CKR_HOST_MEMORY;
	return ok && !reader_failed(&r) && r.left == 0 && file->dropped.len % TSPI_UUID_LEN == 0
		? CKR_OK : CKR_DEVICE_ERROR;
}

void token_file_drop_role(struct token_file *file, enum role role)
{
	struct role_record *record = &file->roles[role];

	if (record->has_key)
		buf_put(&file->dropped, record->uuid, TSPI_UUID_LEN);
	role_record_free(record);
}

void token_file_take_role(struct token_file *file, enum role role, struct role_record *record)
{
	token_file_drop_role(file, role);
	file->roles[role] = *record;
	memset(record, 0, sizeof *record);
}
