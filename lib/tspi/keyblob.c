/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A wrapped key in the chip's own format, TPM_KEY or TPM_KEY12 (TPM Main Specification 1.2 part 2,
 * chapter 10), and TPM_BOUND_DATA: read and written without the chip.
 */
#include "tspi/tspi.h"

#include <tss/platform.h>
#include <tss/tpm.h>

#include "util/crypto.h"
#include "util/log.h"
#include "util/wipe.h"

#define TPM_VERSION_1_1 0x01010000u

const uint8_t tspi_exponent[3] = { 1, 0, 1 };

static const struct usage {
	uint16_t tpm_usage;
	uint16_t encryption_scheme;
	uint16_t signature_scheme;
} usages[] = {
	[TSPI_BIND] = { TPM_KEY_BIND, TPM_ES_RSAESOAEP_SHA1_MGF1, TPM_SS_NONE },
	[TSPI_STORAGE] = { TPM_KEY_STORAGE, TPM_ES_RSAESOAEP_SHA1_MGF1, TPM_SS_NONE },
	[TSPI_SIGNING] = { TPM_KEY_SIGNING, TPM_ES_NONE, TPM_SS_RSASSAPKCS1v15_DER },
	[TSPI_LEGACY] = { TPM_KEY_LEGACY, TPM_ES_RSAESPKCSv15, TPM_SS_RSASSAPKCS1v15_DER },
};

static bool usage_read(uint16_t tpm_usage, enum tspi_usage *usage)
{
	for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++)
		if (usages[i].tpm_usage == tpm_usage) {
			*usage = (enum tspi_usage)i;
			return true;
		}
	return false;
}

bool tspi_blob_info(const uint8_t *blob, size_t len, struct tspi_key_info *info)
{
	const uint8_t *parameters;
	struct reader r, parms;
	size_t n;
	uint32_t algorithm, bits;
	uint16_t usage;

	reader_init(&r, blob, len);
	reader_u32(&r); /* the version of a TPM_KEY, the tag of a TPM_KEY12 */
	usage = reader_u16(&r);
	info->can_migrate = (reader_u32(&r) & TPM_MIGRATABLE) != 0;
	info->has_auth = reader_u8(&r) != TPM_AUTH_NEVER;
	algorithm = reader_u32(&r);
	reader_u32(&r); /* both schemes */
	parameters = reader_block(&r, &n);
	reader_init(&parms, parameters, n);
	bits = reader_u32(&parms);
	reader_block(&r, &n); /* PCR info */
	info->modulus = reader_block(&r, &info->modulus_len);
	reader_block(&r, &n); /* the encrypted private part */
	return !reader_failed(&r) && !reader_failed(&parms) && r.left == 0 && n != 0
		&& algorithm == TPM_ALG_RSA && bits == 8 * info->modulus_len && bits >= 512
		&& (info->modulus[0] & 0x80) != 0
		&& usage_read(usage, &info->usage);
}

static void put_public_part(struct buf *b, const struct tspi_key_info *key)
{
	const struct usage *usage = &usages[key->usage];

	buf_put_u32(b, TPM_VERSION_1_1);
	buf_put_u16(b, usage->tpm_usage);
	buf_put_u32(b, TPM_MIGRATABLE);
	buf_put_u8(b, TPM_AUTH_ALWAYS);
	buf_put_u32(b, TPM_ALG_RSA);
	buf_put_u16(b, usage->encryption_scheme);
	buf_put_u16(b, usage->signature_scheme);
	buf_put_u32(b, 12);
	buf_put_u32(b, (uint32_t)key->modulus_len * 8);
	buf_put_u32(b, 2); /* primes */
	buf_put_u32(b, 0); /* exponent: the default, 65537 */
	buf_put_u32(b, 0); /* no PCR */
	buf_put_block(b, key->modulus, key->modulus_len);
}

static bool encrypt(const struct tspi_key_info *key, const struct buf *plain, struct buf *out)
{
	EVP_PKEY *public = crypto_rsa_public(key->modulus, key->modulus_len, tspi_exponent,
		sizeof tspi_exponent);
	bool ok = public != NULL && !buf_failed(plain)
		&& crypto_rsa_oaep_tcpa(public, plain->data, plain->len, out);

	EVP_PKEY_free(public);
	return ok;
}

CK_RV tspi_key_wrap(const struct buf *parent_blob, enum tspi_usage usage, const uint8_t *modulus,
	size_t modulus_len, const uint8_t *prime, size_t prime_len, const uint8_t *auth, struct buf *blob)
{
	struct tspi_key_info key = { usage, true, true, modulus, modulus_len }, parent;
	struct buf public = BUF_INIT, private = { .secret = true }, wrapped = BUF_INIT;
	uint8_t migration_auth[TSPI_AUTH_LEN], digest[CRYPTO_SHA1_LEN];
	CK_RV rv = CKR_HOST_MEMORY;

	if (!tspi_blob_info(parent_blob->data, parent_blob->len, &parent)
		|| parent.usage != TSPI_STORAGE || parent.can_migrate) {
		log_error("the import parent is no storage key that only the chip has");
		return CKR_DEVICE_ERROR;
	}
	put_public_part(&public, &key);
	if (buf_failed(&public) || !crypto_random(migration_auth, sizeof migration_auth)
		|| !crypto_digest("SHA1", public.data, public.len, digest, sizeof digest))
		goto out;
	buf_put_u8(&private, TPM_PT_ASYM); /* a TPM_STORE_ASYMKEY */
	buf_put(&private, auth, TSPI_AUTH_LEN);
	buf_put(&private, migration_auth, sizeof migration_auth);
	buf_put(&private, digest, sizeof digest);
	buf_put_block(&private, prime, prime_len);
	if (!encrypt(&parent, &private, &wrapped))
		goto out;
	buf_put(blob, public.data, public.len);
	buf_put_block(blob, wrapped.data, wrapped.len);
	if (!buf_failed(blob))
		rv = CKR_OK;
out:
	wipe(migration_auth, sizeof migration_auth);
	buf_free(&public);
	buf_free(&private);
	buf_free(&wrapped);
	return rv;
}

CK_RV tspi_bind(const struct buf *blob, const void *p, size_t n, struct buf *out)
{
	struct tspi_key_info key;
	struct buf plain = { .secret = true };
	bool ok;

	if (!tspi_blob_info(blob->data, blob->len, &key) || key.usage != TSPI_BIND) {
		log_error("not a bind key");
		return CKR_DEVICE_ERROR;
	}
	buf_put_u32(&plain, TPM_VERSION_1_1);
	buf_put_u8(&plain, TPM_PT_BIND);
	buf_put(&plain, p, n);
	ok = encrypt(&key, &plain, out);
	buf_free(&plain);
	return ok ? CKR_OK : CKR_HOST_MEMORY;
}
