/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POLICY_MECHANISMS_H
#define POLICY_MECHANISMS_H

#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/pkcs11.h"

/* The mechanisms that the token lists: clients trust the list, so what it cannot do is not in it. */

struct mechanism {
	CK_MECHANISM_TYPE type;
	CK_MECHANISM_INFO info;
	const char *digest; /* libcrypto's name; NULL for none */
	size_t digest_len;
	const uint8_t *prefix; /* of its DigestInfo, up to the digest itself */
	size_t prefix_len;
};

#define MECHANISMS_COUNT 12
extern const struct mechanism mechanisms[MECHANISMS_COUNT];

/* NULL if the token does not have it. */
const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type);

/*
 * A mechanism as a caller names it, for a use (CKF_SIGN, ...). CKR_MECHANISM_INVALID,
 * CKR_MECHANISM_PARAM_INVALID: none of them takes a parameter.
 */
CK_RV mechanism_check(const CK_MECHANISM *wanted, CK_FLAGS use, const struct mechanism **mechanism);

/* What PKCS#1 v1.5 padding takes of a block (RFC 8017, 7.2 and 9.2). */
#define PKCS1_OVERHEAD 11

/* Appends the DigestInfo of a digest (RFC 8017, 9.2). */
void mechanism_digest_info(const struct mechanism *mechanism, const uint8_t *digest, struct buf *out);

#endif
