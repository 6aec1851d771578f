/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/mechanisms.h"

#include <string.h>

#define RSA_BITS 512, 2048
#define HMAC_BYTES 1, 65536
#define SECRET_BITS 8, 65536

static const uint8_t md5_prefix[] = {
	0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05, 0x05, 0x00,
	0x04, 0x10,
};
static const uint8_t sha1_prefix[] = {
	0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
};
static const uint8_t sha224_prefix[] = {
	0x30, 0x2d, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04, 0x05,
	0x00, 0x04, 0x1c,
};
static const uint8_t sha256_prefix[] = {
	0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
	0x00, 0x04, 0x20,
};
static const uint8_t sha384_prefix[] = {
	0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05,
	0x00, 0x04, 0x30,
};
static const uint8_t sha512_prefix[] = {
	0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05,
	0x00, 0x04, 0x40,
};

#define RSA(type, family, listed, flags) \
	{ type, family, { RSA_BITS, flags }, listed, false, NULL, 0, NULL, 0 }
#define SIGNATURE(type, digest, len, prefix) \
	{ type, FAMILY_RSA_DIGEST, { RSA_BITS, CKF_HW | CKF_SIGN | CKF_VERIFY }, true, false, digest, len, \
		prefix, sizeof(prefix) }
#define DIGEST(type, digest, len) \
	{ type, FAMILY_DIGEST, { 0, 0, CKF_DIGEST }, true, false, digest, len, NULL, 0 }
#define HMAC(type, general, digest, len) \
	{ type, FAMILY_HMAC, { HMAC_BYTES, CKF_SIGN | CKF_VERIFY }, true, general, digest, len, NULL, 0 }

/*
 * CKM_RSA_X_509 works as far as a TPM 1.2 can, but is not listed: whoever picks it from the list
 * means to pad a block by himself, as for RSA-PSS, and the chip signs no such block. (OpenSSL's engine
 * tries it whether it is listed or not.)
 */
const struct mechanism mechanisms[MECHANISMS_COUNT] = {
	RSA(CKM_RSA_PKCS_KEY_PAIR_GEN, FAMILY_RSA_GENERATE, true, CKF_HW | CKF_GENERATE_KEY_PAIR),
	RSA(CKM_RSA_PKCS, FAMILY_RSA_BLOCK, true, CKF_HW | CKF_ENCRYPT | CKF_DECRYPT | CKF_SIGN
		| CKF_SIGN_RECOVER | CKF_VERIFY | CKF_VERIFY_RECOVER | CKF_WRAP | CKF_UNWRAP),
	RSA(CKM_RSA_X_509, FAMILY_RSA_RAW, false, CKF_HW | CKF_ENCRYPT | CKF_SIGN | CKF_VERIFY),
	SIGNATURE(CKM_MD5_RSA_PKCS, "MD5", 16, md5_prefix),
	SIGNATURE(CKM_SHA1_RSA_PKCS, "SHA1", 20, sha1_prefix),
	SIGNATURE(CKM_SHA224_RSA_PKCS, "SHA224", 28, sha224_prefix),
	SIGNATURE(CKM_SHA256_RSA_PKCS, "SHA256", 32, sha256_prefix),
	SIGNATURE(CKM_SHA384_RSA_PKCS, "SHA384", 48, sha384_prefix),
	SIGNATURE(CKM_SHA512_RSA_PKCS, "SHA512", 64, sha512_prefix),
	DIGEST(CKM_MD5, "MD5", 16),
	DIGEST(CKM_SHA_1, "SHA1", 20),
	DIGEST(CKM_SHA224, "SHA224", 28),
	DIGEST(CKM_SHA256, "SHA256", 32),
	DIGEST(CKM_SHA384, "SHA384", 48),
	DIGEST(CKM_SHA512, "SHA512", 64),
	HMAC(CKM_MD5_HMAC, false, "MD5", 16),
	HMAC(CKM_MD5_HMAC_GENERAL, true, "MD5", 16),
	HMAC(CKM_SHA_1_HMAC, false, "SHA1", 20),
	HMAC(CKM_SHA_1_HMAC_GENERAL, true, "SHA1", 20),
	HMAC(CKM_SHA224_HMAC, false, "SHA224", 28),
	HMAC(CKM_SHA224_HMAC_GENERAL, true, "SHA224", 28),
	HMAC(CKM_SHA256_HMAC, false, "SHA256", 32),
	HMAC(CKM_SHA256_HMAC_GENERAL, true, "SHA256", 32),
	HMAC(CKM_SHA384_HMAC, false, "SHA384", 48),
	HMAC(CKM_SHA384_HMAC_GENERAL, true, "SHA384", 48),
	HMAC(CKM_SHA512_HMAC, false, "SHA512", 64),
	HMAC(CKM_SHA512_HMAC_GENERAL, true, "SHA512", 64),
	{ CKM_GENERIC_SECRET_KEY_GEN, FAMILY_SECRET_GENERATE, { SECRET_BITS, CKF_GENERATE }, true, false,
		NULL, 0, NULL, 0 },
};

const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < MECHANISMS_COUNT; i++)
		if (mechanisms[i].type == type)
			return &mechanisms[i];
	return NULL;
}

static bool parameter_read(const CK_MECHANISM *wanted, const struct mechanism *mechanism, size_t *mac_len)
{
	CK_ULONG len; /* a CK_MAC_GENERAL_PARAMS */

	*mac_len = mechanism->digest_len;
	if (!mechanism->has_length)
		return wanted->ulParameterLen == 0;
	if (wanted->pParameter == NULL || wanted->ulParameterLen != sizeof len)
		return false;
	memcpy(&len, wanted->pParameter, sizeof len);
	*mac_len = len;
	return len >= 1 && len <= mechanism->digest_len;
}

CK_RV mechanism_check(const CK_MECHANISM *wanted, CK_FLAGS use, const struct mechanism **mechanism,
	size_t *mac_len)
{
	size_t len;

	*mechanism = NULL;
	if (wanted == NULL)
		return CKR_ARGUMENTS_BAD;
	*mechanism = mechanism_find(wanted->mechanism);
	if (*mechanism == NULL || ((*mechanism)->info.flags & use) == 0)
		return CKR_MECHANISM_INVALID;
	if (!parameter_read(wanted, *mechanism, &len))
		return CKR_MECHANISM_PARAM_INVALID;
	if (mac_len != NULL)
		*mac_len = len;
	return CKR_OK;
}

void mechanism_digest_info(const struct mechanism *mechanism, const uint8_t *digest, struct buf *out)
{
	buf_put(out, mechanism->prefix, mechanism->prefix_len);
	buf_put(out, digest, mechanism->digest_len);
}

bool pkcs1_type1_text(const uint8_t *block, size_t k, const uint8_t **text, size_t *len)
{
	size_t at = 2;

	if (k < PKCS1_OVERHEAD || block[0] != 0 || block[1] != 1)
		return false;
	while (at < k && block[at] == 0xff)
		at++;
	if (at < PKCS1_OVERHEAD - 1 || at + 1 >= k || block[at] != 0)
		return false;
	*text = block + at + 1;
	*len = k - at - 1;
	return true;
}
