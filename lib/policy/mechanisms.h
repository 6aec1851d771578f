/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POLICY_MECHANISMS_H
#define POLICY_MECHANISMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/pkcs11.h"

/* The mechanisms that the token has. Clients trust the list, so what it cannot do is not in it. */

/* What a mechanism does with data. */
enum mechanism_family {
	FAMILY_RSA_BLOCK, /* pads the very bytes, PKCS#1 v1.5 */
	FAMILY_RSA_DIGEST, /* pads the DigestInfo of their digest */
	FAMILY_RSA_RAW, /* takes a block that is padded already */
	FAMILY_RSA_GENERATE,
	FAMILY_DIGEST,
	FAMILY_HMAC,
	FAMILY_SECRET_GENERATE,
};

struct mechanism {
	CK_MECHANISM_TYPE type;
	enum mechanism_family family;
	CK_MECHANISM_INFO info;
	bool listed;
	bool has_length; /* its parameter is the length of the MAC */
	const char *digest; /* libcrypto's name; NULL for none */
	size_t digest_len;
	const uint8_t *prefix; /* of its DigestInfo, up to the digest itself */
	size_t prefix_len;
};

#define MECHANISMS_COUNT 28
extern const struct mechanism mechanisms[MECHANISMS_COUNT];

/* NULL if the token does not have it. */
const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type);

/*
 * A mechanism as a caller names it, for a use (CKF_SIGN, ...). mac_len, unless NULL: how long its MAC
 * is to be. CKR_ARGUMENTS_BAD, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID.
 */
CK_RV mechanism_check(const CK_MECHANISM *wanted, CK_FLAGS use, const struct mechanism **mechanism,
	size_t *mac_len);

/* What PKCS#1 v1.5 padding takes of a block (RFC 8017, 7.2 and 9.2). */
#define PKCS1_OVERHEAD 11

/* Appends the DigestInfo of a digest (RFC 8017, 9.2). */
void mechanism_digest_info(const struct mechanism *mechanism, const uint8_t *digest, struct buf *out);

/*
 * What a block of k bytes that is PKCS#1 type 1 padded holds: 00 01 FF .. FF 00, then at least one
 * byte. False if it is padded otherwise. *text points into the block.
 */
bool pkcs1_type1_text(const uint8_t *block, size_t k, const uint8_t **text, size_t *len);

#endif
