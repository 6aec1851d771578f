/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAKE_TSPI_H
#define TESTS_FAKE_TSPI_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "tspi/tspi.h"

/*
 * A chip in memory: every function of tspi.h that keyblob.c has not. Its keys are real RSA keys of
 * libcrypto; a blob has the layout of a TPM_KEY and holds the private half, encrypted for this chip
 * alone, so that forked processes share the chip. What is bound or wrapped is opened as a TPM would.
 */

enum fake_function {
	FAKE_VERSION,
	FAKE_RANDOM,
	FAKE_STIR,
	FAKE_CREATE,
	FAKE_LOAD, /* of a key that is not in the chip, whoever asked for it */
	FAKE_SIGN,
	FAKE_UNBIND,
	FAKE_CHANGE_AUTH,
	FAKE_REGISTRY_ADD,
	FAKE_REGISTRY_DROP,
	FAKE_FUNCTIONS
};
#define FAKE_ANY FAKE_FUNCTIONS

/* A healthy chip with no key, an empty registry, nothing counted and nothing set to fail. */
void fake_reset(void);

/* Calls since the last fake_count_clear(), those that failed too. */
unsigned int fake_count(enum fake_function function);
void fake_count_clear(void);

/* The same of all functions that cost TPM commands, so not of the registry's. */
unsigned int fake_commands(void);

/* The nth call from now (1: the next) of the function, or of any, gives rv; FAKE_DIE: it never
   returns, for the process is gone with status 0. */
#define FAKE_DIE ((CK_RV)-2)
void fake_fail(enum fake_function function, unsigned int nth, CK_RV rv);

/* And every one after it. */
void fake_fail_on(enum fake_function function, unsigned int nth, CK_RV rv);

/* Has what was set to fail not come to pass yet? */
bool fake_fail_pending(void);
void fake_fail_clear(void);

/* The defence against guessing runs: CKR_PIN_LOCKED for keys with a PIN. */
void fake_lock(bool locked);

/* Another chip: no key from before is its own. */
void fake_exchange(void);

/* tcsd is stopped. */
void fake_absent(bool absent);

/* The next key that is made is this one, which stays the caller's. */
void fake_next_key(EVP_PKEY *key);

/* Every key leaves the chip, as when others need the room. */
void fake_evict(void);

/* Wrong auths that the chip has been offered. */
unsigned int fake_tries(void);

/* Keys that were opened and are not freed yet. */
unsigned int fake_open_keys(void);

/* Is a key with a PIN in the chip, where other processes would find it in the way? */
bool fake_pin_key_loaded(void);

/* The registry. */
unsigned int fake_registry_count(void);
bool fake_registry_has(const uint8_t uuid[TSPI_UUID_LEN]);
void fake_registry_lose(void);

/*
 * tspi_key_create() stops in its midst, keeping the chip busy, until it is let go. fake_held() waits
 * until one has stopped.
 */
void fake_hold_create(bool hold);
void fake_held(void);

#endif
