/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SESSION_OP_KEY_H
#define SESSION_OP_KEY_H

#include <openssl/evp.h>

#include "policy/mechanisms.h"
#include "token/objects.h"

/*
 * The key of an operation, and what is done with it: a private half is the chip's to use, a public
 * half and a secret libcrypto's. Every padding of RSA is handled here.
 */

enum key_half { PRIVATE_HALF, PUBLIC_HALF };

struct op_key {
	const struct mechanism *mechanism;
	size_t size; /* bytes of the modulus */
	struct tspi_key *private;
	EVP_PKEY *public;
	struct buf secret; /* of a generic secret key */
	bool needs_login; /* CKA_PRIVATE */
	unsigned long login; /* which one it was found in */
	bool always_authenticate;
	bool authenticated; /* for this operation */
	unsigned long begun; /* the how many-th operation of its session */
};

/*
 * Looks the key up for a use (CKA_SIGN, ...) with a mechanism. No TPM command. The caller closes the
 * key, also after an error. CKR_KEY_HANDLE_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE,
 * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_MECHANISM_INVALID.
 */
CK_RV op_key_open(struct token *token, CK_OBJECT_HANDLE handle, enum key_half half,
	CK_ATTRIBUTE_TYPE use, const struct mechanism *mechanism, struct op_key *key);

/* Has the login ended that let the key be seen? */
bool op_key_lost(struct token *token, const struct op_key *key);

void op_key_close(struct op_key *key);

/* How many bytes a message of the mechanism may have at the most. */
size_t op_key_message_max(const struct op_key *key);

/* signature: key->size bytes. CKR_DATA_INVALID, CKR_DATA_LEN_RANGE, CKR_USER_NOT_LOGGED_IN, tspi.h's. */
CK_RV op_key_sign(const struct op_key *key, const struct buf *message, uint8_t *signature);

/* CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE. */
CK_RV op_key_verify(const struct op_key *key, const struct buf *message, const uint8_t *signature,
	size_t len);

/* Appends what was signed. CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE. */
CK_RV op_key_recover(const struct op_key *key, const uint8_t *signature, size_t len, struct buf *message);

/* Appends key->size bytes. CKR_DATA_LEN_RANGE, CKR_DATA_INVALID. */
CK_RV op_key_encrypt(const struct op_key *key, const uint8_t *p, size_t n, struct buf *out);

/*
 * Appends the text. Whatever is wrong with the padding, the chip says so with one code after the same
 * work, and so does this: CKR_ENCRYPTED_DATA_INVALID. CKR_ENCRYPTED_DATA_LEN_RANGE,
 * CKR_USER_NOT_LOGGED_IN, tspi.h's.
 */
CK_RV op_key_decrypt(const struct op_key *key, const uint8_t *p, size_t n, struct buf *out);

#endif
