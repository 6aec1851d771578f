/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_TOKEN_DISK_H
#define TESTS_UNIT_TOKEN_DISK_H

#include "token.h"

#include "token/token_file.h"

/* The token file, read and changed behind everybody's back. */

static inline void file_read_of(struct objstore *store, struct objstore_token *on_disk,
	struct token_file *file)
{
	memset(file, 0, sizeof *file);
	RV_MUST(objstore_token_read(store, on_disk), CKR_OK);
	MUST(on_disk->exists && token_file_decode(&on_disk->body, file) == CKR_OK);
	buf_free(&on_disk->body);
}

static inline void file_read(struct token_file *file)
{
	struct objstore_token on_disk;
	struct objstore *store;

	RV_MUST(objstore_open(&store), CKR_OK);
	file_read_of(store, &on_disk, file);
	objstore_close(&store);
}

static inline void tamper(void (*change)(struct token_file *file))
{
	struct objstore_token on_disk;
	struct objstore *store;
	struct token_file file;
	struct buf body = BUF_INIT;

	RV_MUST(objstore_open(&store), CKR_OK);
	file_read_of(store, &on_disk, &file);
	change(&file);
	MUST(token_file_encode(&file, &body));
	RV_MUST(objstore_token_switch(store, &on_disk, &on_disk.id, &body), CKR_OK);
	buf_free(&body);
	token_file_free(&file);
	objstore_close(&store);
}

#endif
