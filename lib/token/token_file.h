/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_TOKEN_FILE_H
#define TOKEN_TOKEN_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "objstore/objstore.h"
#include "tspi/tspi.h"
#include "util/buf.h"

/* What the token file's body says (doc/FORMAT.md, 3). */

enum role { ROLE_SO, ROLE_USER };
#define ROLES 2

#define SALT_LEN 16
#define SECRET_LEN 32
#define MAC_LEN 32
#define LABEL_LEN 32
#define SERIAL_LEN 16

/* A role whose PIN is the default has no key, and all of this is empty. */
struct role_record {
	bool has_key;
	uint8_t salt[SALT_LEN]; /* with iterations: from the PIN to usage auth and K2 */
	uint32_t iterations;
	uint8_t uuid[TSPI_UUID_LEN]; /* in the TSS persistent user store */
	struct buf blob; /* the wrapped bind key */
	struct buf bound; /* bound to it: the user's master key, the SO's check value */
	uint8_t mac[MAC_LEN]; /* proves that what unbinds is what was bound */
};

struct token_file {
	char label[LABEL_LEN]; /* blank-padded */
	char serial[SERIAL_LEN];
	struct tspi_version version;
	struct role_record roles[ROLES];
	struct buf so_copy; /* the master key bound to the SO key; empty: none yet */
	uint8_t master_check[MAC_LEN]; /* tells the master key from any other */
	struct buf import_parent; /* the wrapped storage key; empty: none yet */
	struct buf dropped; /* UUIDs to be dropped from the TSS store, one after the other */
};

void token_file_free(struct token_file *file);

/* Appends the body. */
bool token_file_encode(const struct token_file *file, struct buf *body);

/* file is initialised to zeros by the caller, who frees it. CKR_DEVICE_ERROR: the body is none of ours.
   CKR_HOST_MEMORY. */
CK_RV token_file_decode(const struct buf *body, struct token_file *file);

/* Empties a role; the UUID of its key, if it had one, is to be dropped. */
void token_file_drop_role(struct token_file *file, enum role role);

/* role takes over what record has; record is empty afterwards. */
void token_file_take_role(struct token_file *file, enum role role, struct role_record *record);

void role_record_free(struct role_record *record);

#endif
