/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OBJSTORE_FORMAT_H
#define OBJSTORE_FORMAT_H

#include <stdbool.h>

#include "objstore/objstore.h"

/* The bytes of a file of the store (doc/FORMAT.md): header, body, and what proves them. Pure. */

#define FORMAT_VERSION 1

enum format_kind { FORMAT_TOKEN = 1, FORMAT_OBJECT = 2 };

struct format_header {
	enum format_kind kind;
	bool is_private;
	struct objstore_id token_id;
	struct objstore_id object_id; /* in the token file: of the token that this one replaced */
	uint64_t sequence; /* zero in an object */
};

/* Appends a whole file. key: for a private one. False: no memory, or libcrypto refused. */
bool format_encode(const struct format_header *header, const uint8_t *key, const struct buf *body,
	struct buf *file);

/*
 * Reads the header, and sees whether the size is what it says. A file of an unknown version was written by
 * a newer program: it is to be left as it is, and no older copy used in its place.
 */
enum format_verdict { FORMAT_GOOD, FORMAT_DAMAGED, FORMAT_UNKNOWN_VERSION };
enum format_verdict format_header(const struct buf *file, struct format_header *header);

/* Checks the file, then appends its body. False if it is damaged, or the key is another; if body has
   failed, nothing is known but that memory is short. */
bool format_body(const struct buf *file, const uint8_t *key, struct buf *body);

#endif
