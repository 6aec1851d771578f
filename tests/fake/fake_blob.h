/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAKE_BLOB_H
#define TESTS_FAKE_BLOB_H

#include <openssl/evp.h>

#include "tspi/tspi.h"

/* What the fake's keys look like outside of the chip, and what is encrypted to them. A chip is its number. */

/* The next of few keys; the caller does not free it. */
EVP_PKEY *key_of_pool(unsigned int bits, unsigned int number);

/* auth NULL: none is needed. */
bool blob_make(uint32_t serial, enum tspi_usage usage, unsigned int bits, const uint8_t *auth,
	const EVP_PKEY *key, struct buf *blob);

/* The private half, and the auth; NULL: the blob is not of that chip, or not as it was made. */
EVP_PKEY *blob_open_own(uint32_t serial, const struct buf *blob, const struct tspi_key_info *info,
	uint8_t auth[TSPI_AUTH_LEN]);

/* The same of a key that tspi_key_wrap() made for this parent. */
EVP_PKEY *blob_open_wrapped(EVP_PKEY *parent, const struct buf *blob, const struct tspi_key_info *info,
	uint8_t auth[TSPI_AUTH_LEN]);

/* What was bound to a key, as tspi_bind() does and as PKCS#1 does. */
bool bound_open(EVP_PKEY *key, const uint8_t *p, size_t n, struct buf *out);
bool bound_open_pkcs1(EVP_PKEY *key, const uint8_t *p, size_t n, struct buf *out);

#endif
