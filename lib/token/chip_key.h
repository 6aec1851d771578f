/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_CHIP_KEY_H
#define TOKEN_CHIP_KEY_H

#include "policy/attrs.h"
#include "token/token.h"
#include "tspi/tspi.h"

/* Which RSA keys a TPM 1.2 takes, and how one that was made outside of it comes in. */

/* A big-endian number without its leading zeros. */
struct number {
	const uint8_t *p;
	size_t len;
};

struct number number_read(const void *p, size_t len);
struct number number_of(const CK_ATTRIBUTE *attribute);
size_t number_bits(struct number n);

/* 65537. */
bool chip_key_exponent(struct number exponent);

/* 512, 1024, 2048. */
bool chip_key_size(size_t bits);

/* A key that need not decrypt is one that cannot. */
enum tspi_usage chip_key_usage(const struct buf *attrs);

/* A prime is wrapped to nothing that the chip has not proved to be its own. */
struct chip_key_parent {
	struct buf blob;
	struct tspi_key *key;
};

/* The import parent, made if need be, and loaded. The caller frees it, also after an error.
   CKR_TOKEN_WRITE_PROTECTED, CKR_TOKEN_NOT_RECOGNIZED, tspi.h's. */
CK_RV chip_key_parent_open(struct token *token, struct chip_key_parent *parent);
void chip_key_parent_free(struct chip_key_parent *parent);

/* Wraps a key to the parent and has the chip sign with it: one that it will not use must not become an
   object. prime: one of the two. auth: TSPI_AUTH_LEN bytes. The wrapped key is appended to blob. */
CK_RV chip_key_wrap(const struct chip_key_parent *parent, enum tspi_usage usage, struct number modulus,
	struct number prime, const uint8_t *auth, struct buf *blob);

/* What an object keeps of its key in the chip. */
CK_RV chip_key_put(struct buf *attrs, enum attr_key_parent parent, enum attr_key_origin origin,
	const struct buf *blob, const uint8_t *auth);

#endif
