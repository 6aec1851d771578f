/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/keys.h"

#include <string.h>

#include <openssl/bn.h>

#include "policy/attrs.h"
#include "policy/template.h"
#include "token/chip_key.h"
#include "token/describe.h"
#include "token/import_parent.h"
#include "token/weak.h"
#include "util/crypto.h"
#include "util/log.h"
#include "util/wipe.h"

/* The number must be one of the two primes of the modulus, as far as size and division tell. */
static CK_RV factor_check(struct number modulus, struct number prime)
{
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *n = BN_bin2bn(modulus.p, (int)modulus.len, NULL);
	BIGNUM *p = BN_secure_new(), *rest = BN_secure_new();
	CK_RV rv = CKR_HOST_MEMORY;

	if (number_bits(prime) != number_bits(modulus) / 2)
		rv = CKR_ATTRIBUTE_VALUE_INVALID;
	else if (ctx != NULL && n != NULL && p != NULL && rest != NULL
		&& BN_bin2bn(prime.p, (int)prime.len, p) != NULL && BN_mod(rest, n, p, ctx) == 1)
		rv = BN_is_zero(rest) ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
	BN_clear_free(rest);
	BN_clear_free(p);
	BN_free(n);
	BN_CTX_free(ctx);
	if (rv == CKR_ATTRIBUTE_VALUE_INVALID)
		log_error("the primes of the private key are not those of its modulus");
	return rv;
}

static CK_RV import_check(const CK_ATTRIBUTE *template, CK_ULONG count, struct number *modulus,
	struct number *prime)
{
	struct number exponent = number_of(template_find(template, count, CKA_PUBLIC_EXPONENT));
	const CK_ATTRIBUTE *prime_2 = template_find(template, count, CKA_PRIME_2);
	CK_RV rv;

	*modulus = number_of(template_find(template, count, CKA_MODULUS));
	*prime = number_of(template_find(template, count, CKA_PRIME_1));
	if (!chip_key_size(number_bits(*modulus)) || !chip_key_exponent(exponent)) {
		log_error("a TPM 1.2 takes RSA keys of 512, 1024 or 2048 bits with exponent 65537");
		return CKR_ATTRIBUTE_VALUE_INVALID;
	}
	rv = factor_check(*modulus, *prime);
	if (rv == CKR_OK && prime_2 != NULL)
		rv = factor_check(*modulus, number_of(prime_2));
	if (rv == CKR_OK && weak_refused(modulus->p, modulus->len))
		rv = CKR_ATTRIBUTE_VALUE_INVALID;
	return rv;
}

static CK_RV import_describe(const CK_ATTRIBUTE *template, CK_ULONG count, struct buf *attrs)
{
	struct number modulus = number_of(template_find(template, count, CKA_MODULUS));

	attrs_put(attrs, CKA_MODULUS, modulus.p, modulus.len);
	attrs_put(attrs, CKA_PUBLIC_EXPONENT, tspi_exponent, sizeof tspi_exponent);
	attrs_put_ulong(attrs, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION);
	return describe_rsa(attrs);
}

/* Imported keys can always decrypt, and get the auth of every other import of the same key: tcsd takes two
   for one. */
static CK_RV import_wrap(struct token *token, struct number modulus, struct number prime,
	struct buf *attrs)
{
	struct chip_key_parent parent = { BUF_INIT, NULL };
	struct buf blob = BUF_INIT;
	uint8_t auth[TSPI_AUTH_LEN];
	CK_RV rv;

	if ((rv = chip_key_parent_open(token, &parent)) == CKR_OK
		&& (rv = import_auth(token, &parent.blob, attrs_bool(attrs, CKA_PRIVATE), modulus.p,
			modulus.len, auth)) == CKR_OK
		&& (rv = chip_key_wrap(&parent, TSPI_LEGACY, modulus, prime, auth, &blob)) == CKR_OK)
		rv = chip_key_put(attrs, KEY_PARENT_IMPORT, KEY_ORIGIN_OUTSIDE, &blob, auth);
	wipe(auth, sizeof auth);
	buf_free(&blob);
	chip_key_parent_free(&parent);
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
	return describe_rsa(attrs);
}

static CK_RV secret_key_describe(struct buf *attrs)
{
	attrs_put_ulong(attrs, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION);
	return describe_secret(attrs);
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
