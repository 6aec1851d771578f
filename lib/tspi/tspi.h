/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TSPI_TSPI_H
#define TSPI_TSPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/pkcs11.h"

/*
 * The chip, as the rooms above see it: keys that can be made, opened and used, a generator, a
 * registry. Everything here is safe to call from any thread; commands to the chip run one at a time.
 *
 * Errors, everywhere (each logged here, with what to do about it):
 *   CKR_DEVICE_ERROR          tcsd does not answer, or the chip refuses
 *   CKR_PIN_INCORRECT         the chip refuses the auth of a key opened with TSPI_AUTH_PIN (not logged)
 *   CKR_PIN_LOCKED            the chip's defence against guessing is running (for TSPI_AUTH_PIN keys)
 *   CKR_TOKEN_NOT_RECOGNIZED  the key was made by another chip, or before the chip was cleared
 *   CKR_DEVICE_MEMORY, CKR_HOST_MEMORY
 */

#define TSPI_AUTH_LEN 20
#define TSPI_UUID_LEN 16

/* Before all else. may_start_threads FALSE: no thread looks after the connection, so it is closed by
   tspi_rest(), and a tcsd that keeps silent is waited for. */
void tspi_start(bool may_start_threads);

/* At the end of a call: closes the connection if no thread is there to do it later, or tspi_close_soon() was
   called. */
void tspi_rest(void);

/* Closes the connection and ends the thread. Waits for the chip. */
void tspi_stop(void);

/*
 * Closes the connection, so that nothing of any key's auth stays in libtspi and no key of this
 * process in the chip. Whoever uses a key afterwards has it loaded again. Waits for the chip.
 */
void tspi_close(void);

/* For who must not wait: the connection is closed at the end of the call, or of another's work with it. */
void tspi_close_soon(void);

/* For the child after a fork: lets go of the parent's connection without a word to tcsd. */
void tspi_forget(void);

/* Does anybody listen where tcsd should? No TPM command, no TSP context. */
bool tspi_present(void);

struct tspi_version {
	char vendor[5];
	uint8_t major, minor, revision_major, revision_minor;
};

CK_RV tspi_version(struct tspi_version *version);

/* The chip's defence against guessing. Zero: the chip does not tell, or there is none. */
struct tspi_lockout {
	bool active;
	unsigned int tries, threshold; /* wrong auths so far; from how many on it waits */
	unsigned int seconds; /* until it answers again, if active */
};

/* Works without an owner, and costs no try. CKR_FUNCTION_NOT_SUPPORTED, without a word in the log: this
   chip, or this libtspi, does not tell. */
CK_RV tspi_lockout(struct tspi_lockout *lockout);

/* n bytes of any number from the chip's generator. */
CK_RV tspi_random(uint8_t *out, size_t n);

/* Hands n bytes to the chip's generator (TPM_StirRandom). */
CK_RV tspi_stir(const uint8_t *p, size_t n);

/* --- keys --- */

enum tspi_usage { TSPI_BIND, TSPI_STORAGE, TSPI_SIGNING, TSPI_LEGACY };

/*
 * TSPI_AUTH_KNOWN: the auth is right for sure, so the chip's refusal never means it is wrong.
 * TSPI_AUTH_PIN: it may be wrong. tcsd knows a loaded key by its public half alone, so of such a key
 * only one process at a time may have a loaded copy, and tspi_close() must end its turn.
 */
enum tspi_auth { TSPI_AUTH_NONE, TSPI_AUTH_KNOWN, TSPI_AUTH_PIN };

/* What a key's blob says of itself. The modulus points into the blob. */
struct tspi_key_info {
	enum tspi_usage usage;
	bool can_migrate;
	bool has_auth;
	const uint8_t *modulus;
	size_t modulus_len;
};

/* The public exponent of every key in the chip: 01 00 01. */
extern const uint8_t tspi_exponent[3];

/* False if the blob is no RSA key as the chip writes them. No TPM command. */
bool tspi_blob_info(const uint8_t *blob, size_t len, struct tspi_key_info *info);

/*
 * Makes an RSA key of 512, 1024 or 2048 bits in the chip, non-migratable, under the SRK. auth: its
 * usage auth of TSPI_AUTH_LEN bytes, or NULL for none. The wrapped key is appended to blob.
 */
CK_RV tspi_key_create(enum tspi_usage usage, unsigned int bits, const uint8_t *auth, struct buf *blob);

/*
 * Wraps a key from outside for the chip, to the public half of a non-migratable storage key: no TPM
 * command. Whether the chip has that key, tspi_key_load() tells, and is to be asked first. The key's
 * exponent is tspi_exponent, prime one of its two primes; the migration secret is random and gone.
 */
CK_RV tspi_key_wrap(const struct buf *parent_blob, enum tspi_usage usage, const uint8_t *modulus,
	size_t modulus_len, const uint8_t *prime, size_t prime_len, const uint8_t *auth, struct buf *blob);

/* Encrypts n bytes so that only tspi_key_unbind() with the blob's key opens them. No TPM command. */
CK_RV tspi_bind(const struct buf *blob, const void *p, size_t n, struct buf *out);

/* A key to be used: loaded when it is first needed, and again whenever the chip has lost it. */
struct tspi_key;

/* Opens a blob; no TPM command. parent: NULL for the SRK; a reference is kept. auth may be NULL for
   TSPI_AUTH_NONE. Blob and auth are copied. The caller frees *key. */
CK_RV tspi_key_open(const uint8_t *blob, size_t len, struct tspi_key *parent, enum tspi_auth kind,
	const uint8_t *auth, struct tspi_key **key);

struct tspi_key *tspi_key_ref(struct tspi_key *key);

/* Lets go of a reference and sets *key to NULL; the last wipes. NULL-safe. */
void tspi_key_free(struct tspi_key **key);

/* A code of this room's that is of no meaning to a caller of PKCS#11 becomes one that is. */
CK_RV tspi_public_code(CK_RV rv);

/* Loads the key now. Tests no auth: the chip checks that only when the key is used. */
CK_RV tspi_key_load(struct tspi_key *key);

/* PKCS#1 v1.5 type 1 signature of the very n bytes at p (1 .. modulus length - 11): as many bytes as the
   modulus has. CKR_DEVICE_ERROR: the signature has not the room. */
CK_RV tspi_key_sign(struct tspi_key *key, const uint8_t *p, size_t n, uint8_t *signature, size_t room);

/* Opens what was bound to a TSPI_BIND key, or PKCS#1 v1.5 ciphertext for a TSPI_LEGACY key. Text
   that is not of that form gives CKR_ENCRYPTED_DATA_INVALID. */
CK_RV tspi_key_unbind(struct tspi_key *key, const uint8_t *p, size_t n, struct buf *out);

/* The same key under a new auth: its new blob. The old blob goes on working with the old auth. */
CK_RV tspi_key_change_auth(struct tspi_key *key, const uint8_t *auth, struct buf *blob);

/* --- the TSS persistent user store, by UUID; no TPM command --- */

/* Registers a key whose parent is the SRK; one that is there already is fine. */
CK_RV tspi_registry_add(const uint8_t uuid[TSPI_UUID_LEN], const struct buf *blob);

/* Drops a key; one that is not there is fine. */
CK_RV tspi_registry_drop(const uint8_t uuid[TSPI_UUID_LEN]);

#endif
