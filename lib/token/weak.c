/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/weak.h"

#include <string.h>

#include "util/setting.h"
#include "util/log.h"

/*
 * Nemec, Sys, Svenda, Klinec, Matyas, "The Return of Coppersmith's Attack" (CCS 2017), 2.2: such
 * primes are 65537^a modulo a product of small primes, so the modulus is a power of 65537 modulo each.
 */
static const unsigned int primes[] = {
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
	103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
};

static bool is_power_of_65537(unsigned int residue, unsigned int prime)
{
	unsigned int power = 1;

	do {
		if (power == residue)
			return true;
		power = power * (65537 % prime) % prime;
	} while (power != 1);
	return false;
}

bool weak_modulus(const uint8_t *modulus, size_t len)
{
	for (size_t i = 0; i < sizeof primes / sizeof primes[0]; i++) {
		unsigned int residue = 0;

		for (size_t at = 0; at < len; at++)
			residue = (residue << 8 | modulus[at]) % primes[i];
		if (!is_power_of_65537(residue, primes[i]))
			return false;
	}
	return true;
}

bool weak_refused(const uint8_t *modulus, size_t len)
{
	const char *accept;

	if (!weak_modulus(modulus, len))
		return false;
	accept = setting_get("PKCS11_TPM_ACCEPT_WEAK_KEYS");
	if (accept != NULL && strcmp(accept, "1") == 0) {
		log_info("a weak key (ROCA, CVE-2017-15361) is accepted: PKCS11_TPM_ACCEPT_WEAK_KEYS is 1");
		return false;
	}
	log_error("the RSA key is weak (ROCA, CVE-2017-15361): if the TPM made it, its firmware needs an "
		"update; PKCS11_TPM_ACCEPT_WEAK_KEYS=1 accepts it");
	return true;
}
