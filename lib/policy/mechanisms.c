/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/mechanisms.h"

#define RSA_BITS 512, 2048

static const uint8_t md5_prefix[] = {
	0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05, 0x05, 0x00,
	0x04, 0x10,
};
static const uint8_t sha1_prefix[] = {
	0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
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

#define SIGNATURE(type, digest, len, prefix) \
	{ type, { RSA_BITS, CKF_HW | CKF_SIGN | CKF_VERIFY }, digest, len, prefix, sizeof prefix }
#define DIGEST(type, digest, len) { type, { 0, 0, CKF_DIGEST }, digest, len, NULL, 0 }

const struct mechanism mechanisms[MECHANISMS_COUNT] = {
	{ CKM_RSA_PKCS_KEY_PAIR_GEN, { RSA_BITS, CKF_HW | CKF_GENERATE_KEY_PAIR }, NULL, 0, NULL, 0 },
	{ CKM_RSA_PKCS, { RSA_BITS, CKF_HW | CKF_ENCRYPT | CKF_DECRYPT | CKF_SIGN | CKF_VERIFY }, NULL, 0,
		NULL, 0 },
	SIGNATURE(CKM_MD5_RSA_PKCS, "MD5", 16, md5_prefix),
	SIGNATURE(CKM_SHA1_RSA_PKCS, "SHA1", 20, sha1_prefix),
	SIGNATURE(CKM_SHA256_RSA_PKCS, "SHA256", 32, sha256_prefix),
	SIGNATURE(CKM_SHA384_RSA_PKCS, "SHA384", 48, sha384_prefix),
	SIGNATURE(CKM_SHA512_RSA_PKCS, "SHA512", 64, sha512_prefix),
	DIGEST(CKM_MD5, "MD5", 16),
	DIGEST(CKM_SHA_1, "SHA1", 20),
	DIGEST(CKM_SHA256, "SHA256", 32),
	DIGEST(CKM_SHA384, "SHA384", 48),
	DIGEST(CKM_SHA512, "SHA512", 64),
};

const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < MECHANISMS_COUNT; i++)
		if (mechanisms[i].type == type)
			return &mechanisms[i];
	return NULL;
}

CK_RV mechanism_check(const CK_MECHANISM *wanted, CK_FLAGS use, const struct mechanism **mechanism)
{
	*mechanism = NULL;
	if (wanted == NULL)
		return CKR_ARGUMENTS_BAD;
	*mechanism = mechanism_find(wanted->mechanism);
	if (*mechanism == NULL || ((*mechanism)->info.flags & use) == 0)
		return CKR_MECHANISM_INVALID;
	return wanted->ulParameterLen == 0 ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

void mechanism_digest_info(const struct mechanism *mechanism, const uint8_t *digest, struct buf *out)
{
	buf_put(out, mechanism->prefix, mechanism->prefix_len);
	buf_put(out, digest, mechanism->digest_len);
}
