/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_IMPORT_PARENT_H
#define TOKEN_IMPORT_PARENT_H

#include "token/state.h"

/* The storage key of the chip that keys from outside are wrapped to; it has no auth. */

/* Makes it if there is none yet, and appends its blob. CKR_TOKEN_WRITE_PROTECTED: there is no token
   to keep it in. */
CK_RV import_parent_need(struct token *token, struct buf *blob);

/*
 * The usage auth of an imported key, the same for each import of that key to this token: from the
 * master key for a private object; else from the parent's blob, which keeps it from nobody who can
 * read the store, but neither does the object. CKR_USER_NOT_LOGGED_IN.
 */
CK_RV import_auth(struct token *token, const struct buf *parent_blob, bool is_private,
	const uint8_t *modulus, size_t modulus_len, uint8_t auth[TSPI_AUTH_LEN]);

/* The key, which must have been made; the caller frees *key. */
CK_RV import_parent_open(struct token *token, struct tspi_key **key);

#endif
