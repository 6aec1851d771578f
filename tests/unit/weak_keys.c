/* SPDX-License-Identifier: BSD-2-Clause */
/* A chip that makes keys as those of CVE-2017-15361. */
#include "token.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#define SMALL_PRIMES_END 168

static bool is_prime(unsigned int n)
{
	for (unsigned int i = 2; i * i <= n; i++)
		if (n % i == 0)
			return false;
	return true;
}

/* Primes of remainder 1, which is a power of 65537, modulo each of the small ones. */
static EVP_PKEY *weak_key(void)
{
	BIGNUM *product = BN_new(), *p = BN_new(), *q = BN_new(), *n = BN_new(), *d = BN_new(), *e = BN_new();
	BIGNUM *phi = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;

	BN_one(product);
	for (unsigned int i = 3; i < SMALL_PRIMES_END; i++)
		if (is_prime(i))
			BN_mul_word(product, i);
	BN_mul_word(product, 2);
	BN_set_word(e, 65537);
	do {
		MUST(BN_generate_prime_ex(p, 256, 0, product, BN_value_one(), NULL) == 1);
		MUST(BN_generate_prime_ex(q, 256, 0, product, BN_value_one(), NULL) == 1);
		BN_mul(n, p, q, ctx);
	} while (BN_num_bits(n) != 512 || BN_cmp(p, q) == 0);
	BN_sub_word(p, 1);
	BN_sub_word(q, 1);
	BN_mul(phi, p, q, ctx);
	MUST(BN_mod_inverse(d, e, phi, ctx) != NULL);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_D, d);
	params = OSSL_PARAM_BLD_to_param(builder);
	MUST(EVP_PKEY_fromdata_init(maker) == 1
		&& EVP_PKEY_fromdata(maker, &key, EVP_PKEY_KEYPAIR, params) == 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(maker);
	BN_CTX_free(ctx);
	BN_free(product), BN_free(p), BN_free(q), BN_free(n), BN_free(d), BN_free(e), BN_free(phi);
	return key;
}

static CK_RV generate(struct token *token, EVP_PKEY *key)
{
	CK_ULONG bits = 512;
	CK_BBOOL open = CK_FALSE;
	CK_ATTRIBUTE publics[] = { { CKA_MODULUS_BITS, &bits, sizeof bits } };
	CK_ATTRIBUTE privates[] = { { CKA_PRIVATE, &open, sizeof open } };
	CK_OBJECT_HANDLE public, private;

	fake_next_key(key);
	return keys_generate(token, &actor, publics, 1, privates, 1, &public, &private);
}

static size_t count_objects(struct token *token)
{
	CK_OBJECT_HANDLE *handles;
	size_t found;

	RV_MUST(objects_find(token, NULL, 0, &handles, &found), CKR_OK);
	free(handles);
	return found;
}

static void made_by_the_chip(void)
{
	struct token *token = token_new();
	EVP_PKEY *weak = weak_key();

	RV_MUST(init_token(token, SO_PIN), CKR_OK);
	RV_EQUAL(generate(token, weak), CKR_DEVICE_ERROR);
	NUMBER_EQUAL(count_objects(token), 0);
	setenv("PKCS11_TPM_ACCEPT_WEAK_KEYS", "0", 1);
	RV_EQUAL(generate(token, weak), CKR_DEVICE_ERROR);
	setenv("PKCS11_TPM_ACCEPT_WEAK_KEYS", "1", 1);
	RV_EQUAL(generate(token, weak), CKR_OK);
	unsetenv("PKCS11_TPM_ACCEPT_WEAK_KEYS");
	NUMBER_EQUAL(count_objects(token), 2);
	RV_EQUAL(generate(token, NULL), CKR_OK);
	NUMBER_EQUAL(count_objects(token), 4);
	EVP_PKEY_free(weak);
	token_close(&token);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "a weak key that the chip makes is refused, or accepted on demand", made_by_the_chip },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "weak_keys", cases);
}
