/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_KEYPAIR_H
#define PKTOOL_KEYPAIR_H

#include <stddef.h>
#include <stdint.h>

#include "pktool/module.h"

#define KEYPAIR_BITS_MIN 512
#define KEYPAIR_BITS_MAX 16384
#define KEYPAIR_BITS 2048

/* Pairs of keys in the token, of a session that is logged in. What fails has said so. */

struct keypair_request {
	unsigned long bits; /* of an RSA key */
	const char *curve; /* not NULL: an EC key on it, "P-256", "secp384r1", ... */
	const char *label;
	const uint8_t *id; /* NULL: the SHA-1 digest of the modulus, or of the point */
	size_t id_len;
};

/* Makes both keys and labels them; false leaves nothing behind. */
bool keypair_make(struct session *session, const struct keypair_request *request,
	CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key);

#endif
