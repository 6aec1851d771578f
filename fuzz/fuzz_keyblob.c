/* SPDX-License-Identifier: BSD-2-Clause */
/* Wrapped keys of the chip (lib/tspi/keyblob.c). The input: a byte of choices, a blob. */
#include "fuzz.h"

#include "tspi/tspi.h"

#define BITS_AT 23 /* where there are parameters */
#define MODULUS_MAX 2048

static void put_u32(uint8_t *p, size_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Gives the block at *at the length that it says, or what there is; moves *at behind it. */
static size_t block_mend(uint8_t *p, size_t n, size_t *at, bool all)
{
	size_t len, left;

	if (n < *at + 4)
		return 0;
	left = n - *at - 4;
	len = (size_t)p[*at] << 24 | (size_t)p[*at + 1] << 16 | (size_t)p[*at + 2] << 8 | p[*at + 3];
	if (all || len > left)
		put_u32(p + *at, len = left);
	*at += 4 + len;
	return len;
}

/* Most of what bytes are changed to is no blob at all: lengths, size in bits and algorithm are mended. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	static const uint8_t rsa[] = { 0, 0, 0, 1 };
	size_t at = 19, modulus, parameters;

	size = LLVMFuzzerMutate(data, size, max);
	if (size < 64 || seed % 4 == 0)
		return size;
	data++;
	memcpy(data + 11, rsa, sizeof rsa);
	parameters = block_mend(data, size - 1, &at, false);
	block_mend(data, size - 1, &at, false);
	modulus = block_mend(data, size - 1, &at, false);
	block_mend(data, size - 1, &at, true);
	if (parameters >= 4)
		put_u32(data + BITS_AT, 8 * modulus);
	return size;
}

/* What binds for a key is as long as its modulus. */
static void bind_try(const struct buf *blob, bool good, const struct tspi_key_info *info)
{
	uint8_t secret[32] = { 1 };
	struct buf out = BUF_INIT;
	CK_RV rv = tspi_bind(blob, secret, sizeof secret, &out);

	if (!good || info->usage != TSPI_BIND)
		FUZZ_MUST(rv == CKR_DEVICE_ERROR);
	FUZZ_MUST(rv != CKR_OK || out.len == info->modulus_len);
	buf_free(&out);
}

/* What is wrapped is a blob again, and says what it was made of. */
static void wrap_try(
	const struct buf *blob, bool good, const struct tspi_key_info *info, unsigned int choices)
{
	static const uint8_t auth[TSPI_AUTH_LEN] = { 2 };
	uint8_t modulus[128], prime[64];
	struct tspi_key_info wrapped;
	struct buf out = BUF_INIT;
	enum tspi_usage usage = (enum tspi_usage)(choices & 3);
	size_t prime_len = (choices >> 2 & 15) * 4 + 4;
	CK_RV rv;

	memset(modulus, 0x81, sizeof modulus);
	memset(prime, 0x83, sizeof prime);
	rv = tspi_key_wrap(blob, usage, modulus, sizeof modulus, prime, prime_len, auth, &out);
	if (!good || info->usage != TSPI_STORAGE || info->can_migrate)
		FUZZ_MUST(rv == CKR_DEVICE_ERROR);
	if (rv == CKR_OK) {
		FUZZ_MUST(tspi_blob_info(out.data, out.len, &wrapped));
		FUZZ_MUST(wrapped.usage == usage && wrapped.can_migrate && wrapped.has_auth
			&& wrapped.modulus_len == sizeof modulus
			&& memcmp(wrapped.modulus, modulus, sizeof modulus) == 0);
	}
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tspi_key_info info = { 0 }, less;
	struct buf blob = BUF_INIT;
	uint8_t *copy;
	bool good;

	if (size == 0)
		return 0;
	copy = fuzz_copy(data + 1, size - 1);
	good = tspi_blob_info(copy, size - 1, &info);
	if (good) {
		FUZZ_MUST(info.modulus >= copy && info.modulus_len >= 64);
		/* Or libcrypto's key has another size than ours. */
		FUZZ_MUST((info.modulus[0] & 0x80) != 0);
		FUZZ_MUST(!tspi_blob_info(copy, size - 2, &less));
		FUZZ_MUST(info.modulus + info.modulus_len < copy + size - 1);
	}
	free(copy);
	/* To calculate with a number that long is libcrypto's affair, and slow. */
	if (good && info.modulus_len > MODULUS_MAX)
		return 0;
	buf_put(&blob, data + 1, size - 1);
	bind_try(&blob, good, &info);
	wrap_try(&blob, good, &info, data[0]);
	buf_put_u8(&blob, 0);
	FUZZ_MUST(!good || !tspi_blob_info(blob.data, blob.len, &less));
	buf_free(&blob);
	return 0;
}
