/* SPDX-License-Identifier: BSD-2-Clause */
/* What makes a PIN slow to try, for programs that are linked with --wrap and try many. */
#include "util/crypto.h"

bool __real_crypto_pbkdf2_sha256(const void *password, size_t n, const uint8_t *salt, size_t salt_len,
	uint32_t iterations, uint8_t *out, size_t out_len);
bool __wrap_crypto_pbkdf2_sha256(const void *password, size_t n, const uint8_t *salt, size_t salt_len,
	uint32_t iterations, uint8_t *out, size_t out_len);
bool __wrap_crypto_pbkdf2_sha256(const void *password, size_t n, const uint8_t *salt, size_t salt_len,
	uint32_t iterations, uint8_t *out, size_t out_len)
{
	(void)iterations;
	return __real_crypto_pbkdf2_sha256(password, n, salt, salt_len, 1, out, out_len);
}
