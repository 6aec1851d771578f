/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/keys.h"

#include <string.h>

#include "policy/attrs.h"
#include "policy/template.h"
#include "token/chip_key.h"
#include "token/describe.h"
#include "token/weak.h"
#include "util/crypto.h"
#include "util/log.h"
#include "util/setting.h"
#include "util/wipe.h"

struct pair {
	struct buf attrs[2]; /* private, public: a crash between the two leaves the half that can sign */
	CK_OBJECT_HANDLE handles[2];
	uint8_t auth[TSPI_AUTH_LEN];
	struct buf blob;
	enum attr_key_parent parent;
	enum attr_key_origin origin;
};

static CK_RV public_half_check(const CK_ATTRIBUTE *template, CK_ULONG count, const struct buf *attrs,
	unsigned int *bits)
{
	const CK_ATTRIBUTE *exponent = template_find(template, count, CKA_PUBLIC_EXPONENT);
	CK_ULONG wanted = attrs_ulong(attrs, CKA_MODULUS_BITS, 0);

	if (exponent != NULL && !chip_key_exponent(number_of(exponent))) {
		log_error("the chip makes keys of exponent 65537 only");
		return CKR_ATTRIBUTE_VALUE_INVALID;
	}
	if (!chip_key_size(wanted))
		return CKR_KEY_SIZE_RANGE;
	*bits = (unsigned int)wanted;
	return CKR_OK;
}

static CK_RV pair_describe(struct pair *pair)
{
	struct buf *private = &pair->attrs[0];
	struct tspi_key_info info;

	if (!tspi_blob_info(pair->blob.data, pair->blob.len, &info)) {
		log_error("the chip's new key cannot be read");
		return CKR_DEVICE_ERROR;
	}
	for (int i = 0; i < 2; i++) {
		CK_RV rv;

		attrs_put(&pair->attrs[i], CKA_MODULUS, info.modulus, info.modulus_len);
		attrs_put(&pair->attrs[i], CKA_PUBLIC_EXPONENT, tspi_exponent, sizeof tspi_exponent);
		attrs_put_bool(&pair->attrs[i], CKA_LOCAL, true);
		attrs_put_ulong(&pair->attrs[i], CKA_KEY_GEN_MECHANISM, CKM_RSA_PKCS_KEY_PAIR_GEN);
		if ((rv = describe_rsa(&pair->attrs[i])) != CKR_OK)
			return rv;
	}
	if (weak_refused(info.modulus, info.modulus_len))
		return CKR_DEVICE_ERROR;
	attrs_put_bool(private, CKA_ALWAYS_SENSITIVE, attrs_bool(private, CKA_SENSITIVE));
	attrs_put_bool(private, CKA_NEVER_EXTRACTABLE, !attrs_bool(private, CKA_EXTRACTABLE));
	return chip_key_put(private, pair->parent, pair->origin, &pair->blob, pair->auth);
}

/* --- the key itself --- */

static bool in_software(void)
{
	const char *where = setting_get("PKCS11_TPM_KEYGEN");

	if (where == NULL || strcmp(where, "chip") == 0)
		return false;
	if (strcmp(where, "software") == 0)
		return true;
	log_error("PKCS11_TPM_KEYGEN is neither chip nor software: %s", where);
	return false;
}

static CK_RV make_in_chip(struct pair *pair, unsigned int bits)
{
	pair->parent = KEY_PARENT_SRK;
	pair->origin = KEY_ORIGIN_CHIP;
	return tspi_public_code(
		tspi_key_create(chip_key_usage(&pair->attrs[0]), bits, pair->auth, &pair->blob));
}

static CK_RV make_in_software(struct token *token, struct pair *pair, unsigned int bits)
{
	struct chip_key_parent parent = { BUF_INIT, NULL };
	struct buf modulus = BUF_INIT, prime = { .secret = true };
	CK_RV rv = chip_key_parent_open(token, &parent);

	pair->parent = KEY_PARENT_IMPORT;
	pair->origin = KEY_ORIGIN_SOFTWARE;
	if (rv == CKR_OK && !crypto_rsa_generate(bits, &modulus, &prime))
		rv = CKR_HOST_MEMORY;
	if (rv == CKR_OK)
		rv = chip_key_wrap(&parent, chip_key_usage(&pair->attrs[0]),
			number_read(modulus.data, modulus.len), number_read(prime.data, prime.len),
			pair->auth, &pair->blob);
	buf_free(&prime);
	buf_free(&modulus);
	chip_key_parent_free(&parent);
	return tspi_public_code(rv);
}

static CK_RV pair_make(struct token *token, const struct actor *actor, struct pair *pair, unsigned int bits)
{
	CK_RV rv;

	for (int i = 0; i < 2; i++)
		if ((rv = objects_may_create(token, actor, &pair->attrs[i])) != CKR_OK)
			return rv;
	if (!crypto_random(pair->auth, sizeof pair->auth))
		return CKR_HOST_MEMORY;
	rv = in_software() ? make_in_software(token, pair, bits) : make_in_chip(pair, bits);
	if (rv != CKR_OK || (rv = pair_describe(pair)) != CKR_OK)
		return rv;
	return objects_create(token, actor, pair->attrs, 2, pair->handles);
}

CK_RV keys_generate(struct token *token, const struct actor *actor,
	const CK_ATTRIBUTE *public_template, CK_ULONG public_count,
	const CK_ATTRIBUTE *private_template, CK_ULONG private_count,
	CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
	struct pair pair;
	unsigned int bits;
	bool is_so = token_login_state(token) == LOGIN_SO;
	CK_RV rv;

	memset(&pair, 0, sizeof pair);
	if ((rv = template_apply(class_find(CKO_PRIVATE_KEY), TEMPLATE_GENERATE, is_so, private_template,
			private_count, &pair.attrs[0])) == CKR_OK
		&& (rv = template_apply(class_find(CKO_PUBLIC_KEY), TEMPLATE_GENERATE, is_so, public_template,
			public_count, &pair.attrs[1])) == CKR_OK
		&& (rv = public_half_check(public_template, public_count, &pair.attrs[1], &bits)) == CKR_OK
		&& !attrs_bool(&pair.attrs[0], CKA_SENSITIVE))
		rv = CKR_TEMPLATE_INCONSISTENT;
	if (rv == CKR_OK && (rv = pair_make(token, actor, &pair, bits)) == CKR_OK) {
		*private_key = pair.handles[0];
		*public_key = pair.handles[1];
	}
	buf_free(&pair.attrs[0]);
	buf_free(&pair.attrs[1]);
	buf_free(&pair.blob);
	wipe(pair.auth, sizeof pair.auth);
	return rv;
}
