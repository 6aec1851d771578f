/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_WEAK_H
#define TOKEN_WEAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Has the modulus the fingerprint of the keys that Infineon's library RSALib made, in TPM chips too
 * (ROCA, CVE-2017-15361), whose primes can be computed from it? Of other moduli less than one in
 * 2^80 has it.
 */
bool weak_modulus(const uint8_t *modulus, size_t len);

/* The same, but FALSE also where PKCS11_TPM_ACCEPT_WEAK_KEYS is 1. Logged. */
bool weak_refused(const uint8_t *modulus, size_t len);

#endif
