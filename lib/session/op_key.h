/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SESSION_OP_KEY_H
#define SESSION_OP_KEY_H

#include <openssl/evp.h>

#include "policy/mechanisms.h"
#include "token/objects.h"

/* The key of an operation: the private half is the chip's to use, the public half libcrypto's. */

enum direction { PRIVATE_HALF, PUBLIC_HALF };

struct op_key {
	enum direction direction;
	size_t size; /* bytes of the modulus */
	struct tspi_key *private;
	EVP_PKEY *public;
	bool needs_login; /* CKA_PRIVATE */
	unsigned long login; /* which one it was found in */
};

/*
 * Looks the key up for a use (CKA_SIGN, ...) with a mechanism. No TPM command. CKR_KEY_HANDLE_INVALID,
 * CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_SIZE_RANGE, CKR_MECHANISM_INVALID.
 */
CK_RV op_key_open(struct token *token, CK_OBJECT_HANDLE handle, enum direction direction,
	CK_ATTRIBUTE_TYPE use, const struct mechanism *mechanism, struct op_key *key);

/* Has the login ended that let the key be seen? */
bool op_key_lost(struct token *token, const struct op_key *key);

void op_key_close(struct op_key *key);

/* A code of the chip that is of no meaning to a caller who gave no PIN becomes one that is. */
CK_RV op_key_code(CK_RV rv);

#endif
