/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/keys.h"

#include <string.h>

#include <openssl/bn.h>

#include "policy/attrs.h"
#include "policy/mechanisms.h"
#include "policy/template.h"
#include "token/describe.h"
#include "token/import_parent.h"
#include "token/weak.h"
#include "util/crypto.h"
#include "util/log.h"
#include "util/wipe.h"

struct number {
	const uint8_t *p;
	size_t len;
};

/* A big-endian number without its leading zeros. */
static struct number number_read(const void *p, size_t len)
{
	struct number n = { p, len };

	while (n.len != 0 && *n.p == 0) {
		n.p++;
		n.len--;
	}
	return n;
}

static struct number number_of(const CK_ATTRIBUTE *a)
{
	return number_read(a->pValue, a->ulValueLen);
}

static size_t number_bits(struct number n)
{
	size_t bits = 8 * n.len;

	for (unsigned int top = n.len != 0 ? n.p[0] : 0x80; (top & 0x80) == 0; top <<= 1)
		bits--;
	return bits;
}

static bool is_chip_exponent(struct number n)
{
	return n.len == sizeof tspi_exponent && memcmp(n.p, tspi_exponent, n.len) == 0;
}

static bool is_chip_size(size_t bits)
{
	return bits == 512 || bits == 1024 || bits == 2048;
}

/* A key that need not decrypt is one that cannot. */
static enum tspi_usage usage_for(const struct buf *attrs)
{
	return attrs_bool(attrs, CKA_DECRYPT) || attrs_bool(attrs, CKA_UNWRAP) ? TSPI_LEGACY : TSPI_SIGNING;
}

static CK_RV put_chip_key(struct buf *attrs, enum attr_key_parent parent, const struct buf *blob,
	const uint8_t *auth)
{
	attrs_put_ulong(attrs, ATTR_KEY_HOME, KEY_HOME_CHIP);
	attrs_put_ulong(attrs, ATTR_KEY_PARENT, parent);
	attrs_put(attrs, ATTR_KEY_BLOB, blob->data, blob->len);
	attrs_put(attrs, ATTR_KEY_AUTH, auth, TSPI_AUTH_LEN);
	return buf_failed(attrs) ? CKR_HOST_MEMORY : CKR_OK;
}

/* --- made by the chip --- */

struct pair {
	struct buf attrs[2]; /* private, public: a crash between the two leaves the half that can sign */
	CK_OBJECT_HANDLE handles[2];
	uint8_t auth[TSPI_AUTH_LEN];
	struct buf blob;
};

static CK_RV public_half_check(const CK_ATTRIBUTE *template, CK_ULONG count, const struct buf *attrs,
	unsigned int *bits)
{
	const CK_ATTRIBUTE *exponent = template_find(template, count, CKA_PUBLIC_EXPONENT);
	CK_ULONG wanted = attrs_ulong(attrs, CKA_MODULUS_BITS, 0);

	if (exponent != NULL && !is_chip_exponent(number_of(exponent))) {
		log_error("the chip makes keys of exponent 65537 only");
		return CKR_ATTRIBUTE_VALUE_INVALID;
	}
	if (!is_chip_size(wanted))
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
	return put_chip_key(private, KEY_PARENT_SRK, &pair->blob, pair->auth);
}

static CK_RV pair_make(struct token *token, const struct actor *actor, struct pair *pair, unsigned int bits)
{
	CK_RV rv;

	for (int i = 0; i < 2; i++)
		if ((rv = objects_may_create(token, actor, &pair->attrs[i])) != CKR_OK)
			return rv;
	if (!crypto_random(pair->auth, sizeof pair->auth))
		return CKR_HOST_MEMORY;
	if ((rv = tspi_key_create(usage_for(&pair->attrs[0]), bits, pair->auth, &pair->blob)) != CKR_OK
		|| (rv = pair_describe(pair)) != CKR_OK)
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

/* --- given by the caller --- */

/* prime must be one of the two primes of the modulus, as far as size and division tell. */
static bool is_factor(struct number modulus, struct number prime)
{
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *n = BN_bin2bn(modulus.p, (int)modulus.len, NULL), *p = BN_secure_new(), *rest = BN_secure_new();
	bool ok = ctx != NULL && n != NULL && p != NULL && rest != NULL
		&& number_bits(prime) == number_bits(modulus) / 2
		&& BN_bin2bn(prime.p, (int)prime.len, p) != NULL
		&& BN_mod(rest, n, p, ctx) == 1 && BN_is_zero(rest);

	BN_clear_free(rest);
	BN_clear_free(p);
	BN_free(n);
	BN_CTX_free(ctx);
	return ok;
}

static CK_RV import_check(const CK_ATTRIBUTE *template, CK_ULONG count, struct number *modulus,
	struct number *prime)
{
	struct number exponent = number_of(template_find(template, count, CKA_PUBLIC_EXPONENT));
	const CK_ATTRIBUTE *prime_2 = template_find(template, count, CKA_PRIME_2);

	*modulus = number_of(template_find(template, count, CKA_MODULUS));
	*prime = number_of(template_find(template, count, CKA_PRIME_1));
	if (!is_chip_size(number_bits(*modulus)) || !is_chip_exponent(exponent)) {
		log_error("a TPM 1.2 takes RSA keys of 512, 1024 or 2048 bits with exponent 65537");
		return CKR_ATTRIBUTE_VALUE_INVALID;
	}
	if (!is_factor(*modulus, *prime) || (prime_2 != NULL && !is_factor(*modulus, number_of(prime_2)))) {
		log_error("the primes of the private key are not those of its modulus");
		return CKR_ATTRIBUTE_VALUE_INVALID;
	}
	if (weak_refused(modulus->p, modulus->len))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	return CKR_OK;
}

/* A key that the chip will not use must not become an object. */
static CK_RV import_try(struct tspi_key *parent, const struct buf *blob, const uint8_t *auth)
{
	static const uint8_t text[] = { 1 };
	struct tspi_key *key = NULL;
	uint8_t signature[2048 / 8];
	CK_RV rv = tspi_key_open(blob->data, blob->len, parent, TSPI_AUTH_KNOWN, auth, &key);
	if (rv == CKR_OK)
		rv = tspi_key_sign(key, text, sizeof text, signature);
	tspi_key_free(&key);
	return rv;
}

static CK_RV import_describe(const CK_ATTRIBUTE *template, CK_ULONG count, struct buf *attrs)
{
	struct number modulus = number_of(template_find(template, count, CKA_MODULUS));

	attrs_put(attrs, CKA_MODULUS, modulus.p, modulus.len);
	attrs_put(attrs, CKA_PUBLIC_EXPONENT, tspi_exponent, sizeof tspi_exponent);
	attrs_put_ulong(attrs, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION);
	return buf_failed(attrs) ? CKR_HOST_MEMORY : describe_rsa(attrs);
}

/*
 * A prime is wrapped to nothing that the chip has not proved to be its own. Imported keys can always
 * decrypt, and get the auth of every other import of the same key: tcsd takes two for one.
 */
static CK_RV import_wrap(struct token *token, struct number modulus, struct number prime,
	struct buf *attrs)
{
	struct buf parent_blob = BUF_INIT, blob = BUF_INIT;
	struct tspi_key *parent = NULL;
	uint8_t auth[TSPI_AUTH_LEN];
	CK_RV rv;

	if ((rv = import_parent_need(token, &parent_blob)) == CKR_OK
		&& (rv = import_parent_open(token, &parent)) == CKR_OK
		&& (rv = tspi_key_load(parent)) == CKR_OK
		&& (rv = import_auth(token, &parent_blob, attrs_bool(attrs, CKA_PRIVATE), modulus.p, modulus.len,
			auth)) == CKR_OK
		&& (rv = tspi_key_wrap(&parent_blob, TSPI_LEGACY, modulus.p, modulus.len, prime.p, prime.len,
			auth, &blob)) == CKR_OK
		&& (rv = import_try(parent, &blob, auth)) == CKR_OK)
		rv = put_chip_key(attrs, KEY_PARENT_IMPORT, &blob, auth);
	wipe(auth, sizeof auth);
	tspi_key_free(&parent);
	buf_free(&blob);
	buf_free(&parent_blob);
	return tspi_public_code(rv);
}

static CK_RV import(struct token *token, const struct actor *actor, const CK_ATTRIBUTE *template,
	CK_ULONG count, struct buf *attrs)
{
	struct number modulus, prime;
	CK_RV rv;

	if (!attrs_bool(attrs, CKA_SENSITIVE))
		return CKR_TEMPLATE_INCONSISTENT;
	if ((rv = import_check(template, count, &modulus, &prime)) == CKR_OK
		&& (rv = objects_may_create(token, actor, attrs)) == CKR_OK
		&& (rv = import_describe(template, count, attrs)) == CKR_OK)
		rv = import_wrap(token, modulus, prime, attrs);
	return rv;
}

static CK_RV public_key_describe(const CK_ATTRIBUTE *template, CK_ULONG count, struct buf *attrs)
{
	struct number modulus = number_of(template_find(template, count, CKA_MODULUS));
	struct number exponent = number_of(template_find(template, count, CKA_PUBLIC_EXPONENT));

	if (modulus.len == 0 || exponent.len == 0 || modulus.len > 2048)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	attrs_put(attrs, CKA_MODULUS, modulus.p, modulus.len);
	attrs_put(attrs, CKA_PUBLIC_EXPONENT, exponent.p, exponent.len);
	attrs_put_ulong(attrs, CKA_MODULUS_BITS, (CK_ULONG)number_bits(modulus));
	attrs_put_ulong(attrs, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION);
	return buf_failed(attrs) ? CKR_HOST_MEMORY : describe_rsa(attrs);
}

static CK_RV secret_key_describe(struct buf *attrs)
{
	attrs_put_ulong(attrs, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION);
	return buf_failed(attrs) ? CKR_HOST_MEMORY : describe_secret(attrs);
}

static CK_RV complete(struct token *token, const struct actor *actor, CK_OBJECT_CLASS class,
	const CK_ATTRIBUTE *template, CK_ULONG count, struct buf *attrs)
{
	switch (class) {
	case CKO_PRIVATE_KEY:
		return import(token, actor, template, count, attrs);
	case CKO_PUBLIC_KEY:
		return public_key_describe(template, count, attrs);
	case CKO_SECRET_KEY:
		return secret_key_describe(attrs);
	case CKO_CERTIFICATE:
		return describe_certificate(attrs);
	default:
		return CKR_OK;
	}
}

CK_RV keys_create_object(struct token *token, const struct actor *actor, const CK_ATTRIBUTE *template,
	CK_ULONG count, CK_OBJECT_HANDLE *handle)
{
	const struct class_policy *policy;
	struct buf attrs = BUF_INIT;
	CK_RV rv = template_class(template, count, &policy);

	if (rv == CKR_OK)
		rv = template_apply(policy, TEMPLATE_CREATE, token_login_state(token) == LOGIN_SO, template,
			count, &attrs);
	if (rv == CKR_OK)
		rv = complete(token, actor, policy->class, template, count, &attrs);
	if (rv == CKR_OK)
		rv = objects_create(token, actor, &attrs, 1, handle);
	buf_free(&attrs);
	return rv;
}
