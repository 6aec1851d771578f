/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_PIN_H
#define TOKEN_PIN_H

#include "token/token_file.h"
#include "util/pkcs11.h"

/* PINs: what may be one, and what is made of one. */

#define PIN_MIN 1
#define PIN_MAX 256

struct pin {
	const uint8_t *p;
	size_t len;
};

/* The PIN of a caller's arguments. CKR_ARGUMENTS_BAD, CKR_PIN_LEN_RANGE. */
CK_RV pin_read(const CK_UTF8CHAR *p, CK_ULONG len, struct pin *pin);

/* May it become the role's PIN? CKR_PIN_INVALID: it has a NUL in it, or is the role's default. */
CK_RV pin_check_new(struct pin pin, enum role role);

/* In a time that depends on the length alone. */
bool pin_is_default(struct pin pin, enum role role);
bool pin_equal(struct pin a, struct pin b);

/* What a PIN becomes with a role's salt: the usage auth of the role's key, and a key K2 of our own. */
struct pin_keys {
	uint8_t auth[TSPI_AUTH_LEN];
	uint8_t k2[SECRET_LEN];
};

/* The caller wipes keys. CKR_HOST_MEMORY. */
CK_RV pin_derive(struct pin pin, const struct role_record *record, struct pin_keys *keys);

#endif
