/* SPDX-License-Identifier: BSD-2-Clause */
/* Moduli with the fingerprint of CVE-2017-15361 ("The Return of Coppersmith's Attack", 2017). */
#define _GNU_SOURCE
#include "p11_conf.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#define PRIMES 39 /* in the product M, for keys of 512 to 960 bits */
#define PRIME_BITS 256

static void primorial(BIGNUM *product)
{
	unsigned int found = 0, candidate, divisor;

	BN_one(product);
	for (candidate = 2; found < PRIMES; candidate++) {
		for (divisor = 2; candidate % divisor != 0; divisor++)
			;
		if (divisor != candidate)
			continue;
		BN_mul_word(product, candidate);
		found++;
	}
}

/* p = k * M + (65537^a mod M), with the two highest bits set. */
static BIGNUM *weak_prime(const BIGNUM *product, BN_CTX *context)
{
	BIGNUM *prime = BN_new(), *a = BN_new(), *k = BN_new(), *base = BN_new();

	BN_set_word(base, 65537);
	do {
		BN_rand(a, 200, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
		MUST(BN_mod_exp(a, base, a, product, context) == 1);
		BN_rand(prime, PRIME_BITS, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY);
		BN_div(k, NULL, prime, product, context);
		BN_mul(prime, k, product, context);
		BN_add(prime, prime, a);
	} while (BN_num_bits(prime) != PRIME_BITS || !BN_is_bit_set(prime, PRIME_BITS - 2)
		|| BN_check_prime(prime, context, NULL) != 1);
	BN_free(a);
	BN_free(k);
	BN_free(base);
	return prime;
}

struct numbers {
	BIGNUM *n, *e, *d, *p, *q, *dp, *dq, *qinv;
};

static void complete(struct numbers *x, BN_CTX *context)
{
	BIGNUM *p1 = BN_dup(x->p), *q1 = BN_dup(x->q), *phi = BN_new();

	BN_sub_word(p1, 1);
	BN_sub_word(q1, 1);
	BN_mul(phi, p1, q1, context);
	BN_mul(x->n, x->p, x->q, context);
	BN_set_word(x->e, 65537);
	MUST(BN_mod_inverse(x->d, x->e, phi, context) != NULL);
	BN_mod(x->dp, x->d, p1, context);
	BN_mod(x->dq, x->d, q1, context);
	MUST(BN_mod_inverse(x->qinv, x->q, x->p, context) != NULL);
	BN_free(p1);
	BN_free(q1);
	BN_free(phi);
}

static EVP_PKEY *key_of(const struct numbers *x)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *parameters;
	EVP_PKEY *key = NULL;

	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, x->n);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, x->e);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_D, x->d);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_FACTOR1, x->p);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_FACTOR2, x->q);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_EXPONENT1, x->dp);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_EXPONENT2, x->dq);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, x->qinv);
	parameters = OSSL_PARAM_BLD_to_param(builder);
	MUST(parameters != NULL && EVP_PKEY_fromdata_init(context) == 1
		&& EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) == 1);
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(context);
	return key;
}

static EVP_PKEY *weak_key(void)
{
	static EVP_PKEY *key;
	struct numbers x;
	BIGNUM **part = (BIGNUM **)&x;
	BN_CTX *context = BN_CTX_new();
	BIGNUM *product = BN_new();
	size_t i;

	if (key == NULL) {
		for (i = 0; i < sizeof(x) / sizeof(BIGNUM *); i++)
			part[i] = BN_new();
		primorial(product);
		BN_free(x.p);
		BN_free(x.q);
		x.p = weak_prime(product, context);
		x.q = weak_prime(product, context);
		complete(&x, context);
		key = key_of(&x);
		for (i = 0; i < sizeof(x) / sizeof(BIGNUM *); i++)
			BN_free(part[i]);
	}
	BN_free(product);
	BN_CTX_free(context);
	return key;
}

static CK_RV import_weak(CK_SESSION_HANDLE session, bool token, CK_OBJECT_HANDLE *object)
{
	CK_ATTRIBUTE more[] = { A_BOOL(CKA_TOKEN, token), A_TEXT(CKA_LABEL, "weak") };

	return p11_import(session, weak_key(), CKO_PRIVATE_KEY, TEMPLATE(more), object);
}

static void refused(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	char before[65], after[65];

	ULONG_EQUAL(EVP_PKEY_get_bits(weak_key()), 512);
	/* A good one of the same size; and the parent of imported keys is there from now on. */
	p11_soft_private(session, 512, NO_TEMPLATE);
	p11_fingerprint(p11_store(), before);
	RV_EQUAL(import_weak(session, false, &key), CKR_ATTRIBUTE_VALUE_INVALID);
	RV_EQUAL(import_weak(session, true, &key), CKR_ATTRIBUTE_VALUE_INVALID);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "weak"), 0);
	CHECK(strcmp(before, p11_fingerprint(p11_store(), after)) == 0);
}

static int accept_weak(void *argument)
{
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	unsigned char text[] = "text", signature[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);

	setenv("PKCS11_TPM_ACCEPT_WEAK_KEYS", argument, 1);
	p11_start();
	session = p11_open_user();
	if (strcmp(argument, "1") != 0) {
		RV_EQUAL(import_weak(session, false, &key), CKR_ATTRIBUTE_VALUE_INVALID);
		return 0;
	}
	RV_EQUAL(import_weak(session, false, &key), CKR_OK);
	RV_EQUAL(p11_sign(session, CKM_RSA_PKCS, key, text, 4, signature, &length), CKR_OK);
	CHECK(p11_soft_verify(weak_key(), NULL, text, 4, signature, length));
	return 0;
}

static void accepted_on_demand(void)
{
	char on[] = "1", empty[] = "";

	p11_shared_token();
	weak_key();
	p11_stop();
	ULONG_EQUAL(p11_in_child(accept_weak, on), 0);
	ULONG_EQUAL(p11_in_child(accept_weak, empty), 0);
}

/* Ordinary moduli, many of them, do not look like that. */
static void good_ones(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key;
	int i;

	for (i = 0; i < 20; i++) {
		EVP_PKEY *good = EVP_RSA_gen(512);

		RV_EQUAL(p11_import(session, good, CKO_PRIVATE_KEY, NO_TEMPLATE, &key), CKR_OK);
		EVP_PKEY_free(good);
	}
}

static const struct tap_case cases[] = {
	{ "a private key with the fingerprint is refused", refused },
	{ "PKCS11_TPM_ACCEPT_WEAK_KEYS=1 accepts it", accepted_on_demand },
	{ "other keys are not taken for weak", good_ones },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "weak keys", cases);
}
