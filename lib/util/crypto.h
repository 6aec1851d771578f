/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_CRYPTO_H
#define UTIL_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "util/buf.h"

/*
 * What the project asks of libcrypto, each in one call. False: libcrypto refused (logged). What it
 * leaves in the thread's error queue is taken away where a C_* function ends (api/call.c).
 */

#define CRYPTO_SHA1_LEN 20
#define CRYPTO_SHA256_LEN 32
#define CRYPTO_KEY_LEN 32
#define CRYPTO_NONCE_LEN 12
#define CRYPTO_TAG_LEN 16

bool crypto_random(void *out, size_t n);

/* Adds what somebody else says is random to libcrypto's pool, without trusting it. */
void crypto_random_mix(const void *p, size_t n);

bool crypto_sha256(const void *p, size_t n, uint8_t out[CRYPTO_SHA256_LEN]);

/* One of the digests by libcrypto's name: "SHA1". Not the caller's to free. */
const EVP_MD *crypto_md(const char *name);

bool crypto_digest(const char *name, const void *p, size_t n, uint8_t *out, size_t out_len);
bool crypto_hmac_sha256(const uint8_t *key, size_t key_len, const struct buf *data,
	uint8_t out[CRYPTO_SHA256_LEN]);
bool crypto_pbkdf2_sha256(const void *password, size_t n, const uint8_t *salt, size_t salt_len,
	uint32_t iterations, uint8_t *out, size_t out_len);

/* HKDF-SHA256 of a key of CRYPTO_KEY_LEN bytes to another one. */
bool crypto_derive(const uint8_t *key, const uint8_t *salt, size_t salt_len, const char *purpose,
	uint8_t out[CRYPTO_KEY_LEN]);

/* AES-256-GCM; appends nonce, ciphertext and tag to out. */
bool crypto_seal(const uint8_t *key, const void *header, size_t header_len, const void *p, size_t n,
	struct buf *out);

/* Opens what crypto_seal() appended. False if key, header or text are not the sealed ones; nothing is in
   out then. False also for want of memory: then out has failed. */
bool crypto_open(const uint8_t *key, const void *header, size_t header_len, const void *p, size_t n,
	struct buf *out);

/* A new RSA key of exponent 65537: its modulus and one of its primes are appended. */
bool crypto_rsa_generate(unsigned int bits, struct buf *modulus, struct buf *prime);

/* An RSA public key of big-endian modulus and exponent; NULL for want of memory. */
EVP_PKEY *crypto_rsa_public(const uint8_t *modulus, size_t modulus_len, const uint8_t *exponent,
	size_t exponent_len);

/* RSAES-OAEP with SHA-1 and the label "TCPA", as the TPM wants it. */
bool crypto_rsa_oaep_tcpa(EVP_PKEY *key, const void *p, size_t n, struct buf *out);

#endif
