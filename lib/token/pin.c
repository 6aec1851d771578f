/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/pin.h"

#include <string.h>

#include "util/crypto.h"
#include "util/wipe.h"

static const char *const defaults[ROLES] = { [ROLE_SO] = "87654321", [ROLE_USER] = "12345678" };

CK_RV pin_read(const CK_UTF8CHAR *p, CK_ULONG len, struct pin *pin)
{
	if (p == NULL)
		return CKR_ARGUMENTS_BAD;
	if (len < PIN_MIN || len > PIN_MAX)
		return CKR_PIN_LEN_RANGE;
	pin->p = p;
	pin->len = len;
	return CKR_OK;
}

bool pin_equal(struct pin a, struct pin b)
{
	return a.len == b.len && wipe_equal(a.p, b.p, a.len);
}

bool pin_is_default(struct pin pin, enum role role)
{
	struct pin standard = { (const uint8_t *)defaults[role], strlen(defaults[role]) };

	return pin_equal(pin, standard);
}

CK_RV pin_check_new(struct pin pin, enum role role)
{
	return memchr(pin.p, '\0', pin.len) != NULL || pin_is_default(pin, role) ? CKR_PIN_INVALID : CKR_OK;
}

CK_RV pin_derive(struct pin pin, const struct role_record *record, struct pin_keys *keys)
{
	uint8_t both[TSPI_AUTH_LEN + SECRET_LEN];
	bool ok = crypto_pbkdf2_sha256(pin.p, pin.len, record->salt, SALT_LEN, record->iterations, both,
		sizeof both);

	if (ok) {
		memcpy(keys->auth, both, TSPI_AUTH_LEN);
		memcpy(keys->k2, both + TSPI_AUTH_LEN, SECRET_LEN);
	}
	wipe(both, sizeof both);
	return ok ? CKR_OK : CKR_HOST_MEMORY;
}
