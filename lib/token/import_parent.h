/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_IMPORT_PARENT_H
#define TOKEN_IMPORT_PARENT_H

#include "token/state.h"

/* The storage key of the chip that keys from outside are wrapped to; it has no auth. */

/* Makes it if there is none yet, and appends its blob. CKR_TOKEN_WRITE_PROTECTED: there is no token
   to keep it in. */
CK_RV import_parent_need(struct token *token, struct buf *blob);

/* The key, which must have been made; the caller frees *key. */
CK_RV import_parent_open(struct token *token, struct tspi_key **key);

#endif
