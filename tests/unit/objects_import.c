/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys from outside that become objects in the chip, and the parent that they are wrapped to. */
#include "token_keys.h"

#include <pthread.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>

#include "token_disk.h"

/* --- imported --- */

static EVP_PKEY *soft_key;

static CK_ULONG number_of(const char *name, uint8_t out[128])
{
	BIGNUM *n = NULL;
	int len;

	MUST(EVP_PKEY_get_bn_param(soft_key, name, &n) == 1);
	len = BN_bn2bin(n, out);
	BN_clear_free(n);
	return (CK_ULONG)len;
}

static CK_RV import_half(struct token *token, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *handle)
{
	uint8_t modulus[128], prime[128], exponent[] = { 0, 1, 0, 1 };
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, class), A_ULONG(CKA_KEY_TYPE, CKK_RSA),
		{ CKA_MODULUS, modulus, number_of(OSSL_PKEY_PARAM_RSA_N, modulus) },
		{ CKA_PUBLIC_EXPONENT, exponent, sizeof exponent },
		A_BOOL(CKA_TOKEN, true), { CKA_PRIME_1, prime, number_of(OSSL_PKEY_PARAM_RSA_FACTOR1,
			prime) } };

	return keys_create_object(token, &actor, template, class == CKO_PRIVATE_KEY ? 6 : 5, handle);
}

static void imported(void)
{
	struct token *token = new_user(), *other = token_again();
	CK_OBJECT_HANDLE private, public;

	RV_MUST(import_half(token, CKO_PUBLIC_KEY, &public), CKR_OK);
	RV_MUST(import_half(token, CKO_PRIVATE_KEY, &private), CKR_OK);
	CHECK(pair_signs(token, public, private));
	fake_evict();
	CHECK(pair_signs(token, public, private));
	RV_EQUAL(login(other, ROLE_USER, USER_PIN), CKR_OK);
	CHECK(pair_signs(other, only_key(other, CKO_PUBLIC_KEY), only_key(other, CKO_PRIVATE_KEY)));
	token_close(&other);
	token_close(&token);
	NUMBER_EQUAL(fake_open_keys(), 0);
}

static void import_refused(void)
{
	uint8_t modulus[128], prime[128];
	CK_ULONG modulus_len = number_of(OSSL_PKEY_PARAM_RSA_N, modulus);
	CK_ULONG prime_len = number_of(OSSL_PKEY_PARAM_RSA_FACTOR1, prime);
	CK_ATTRIBUTE good[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, CKK_RSA),
		{ CKA_MODULUS, modulus, modulus_len }, A_TEXT(CKA_PUBLIC_EXPONENT, "\1\0\1"),
		{ CKA_PRIME_1, prime, prime_len }, A_BOOL(CKA_TOKEN, true) };
	const struct {
		CK_ATTRIBUTE wrong;
		CK_RV rv;
	} rows[] = {
		{ { CKA_PRIME_1, modulus, prime_len }, CKR_ATTRIBUTE_VALUE_INVALID },
		{ { CKA_PRIME_1, modulus, modulus_len }, CKR_ATTRIBUTE_VALUE_INVALID },
		{ A_TEXT(CKA_PRIME_1, ""), CKR_ATTRIBUTE_VALUE_INVALID },
		{ A_TEXT(CKA_PRIME_1, "\1"), CKR_ATTRIBUTE_VALUE_INVALID },
		{ A_TEXT(CKA_PUBLIC_EXPONENT, "\3"), CKR_ATTRIBUTE_VALUE_INVALID },
		{ A_TEXT(CKA_PUBLIC_EXPONENT, ""), CKR_ATTRIBUTE_VALUE_INVALID },
		{ { CKA_MODULUS, modulus, modulus_len - 1 }, CKR_ATTRIBUTE_VALUE_INVALID },
		{ A_TEXT(CKA_MODULUS, ""), CKR_ATTRIBUTE_VALUE_INVALID },
		{ A_ULONG(CKA_KEY_TYPE, CKK_EC), CKR_ATTRIBUTE_VALUE_INVALID },
	};
	struct token *token = new_user();
	CK_OBJECT_HANDLE handle;

	fake_count_clear();
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_ATTRIBUTE template[COUNT(good)];

		tap_about("row %zu", i);
		for (size_t a = 0; a < COUNT(good); a++)
			template[a] = good[a].type == rows[i].wrong.type ? rows[i].wrong : good[a];
		RV_EQUAL(keys_create_object(token, &actor, TEMPLATE(template), &handle), rows[i].rv);
	}
	NUMBER_EQUAL(fake_commands(), 0);
	NUMBER_EQUAL(find(token, NULL, NULL), 2);
	RV_EQUAL(keys_create_object(token, &actor, TEMPLATE(good), &handle), CKR_OK);
	token_close(&token);
}

/* Whatever call of the chip fails, nothing half made is left, and the next try works. */
static void import_faults(void)
{
	for (unsigned int nth = 1;; nth++) {
		struct token *token = new_user();
		CK_OBJECT_HANDLE private, public;
		bool reached;

		tap_about("call %u", nth);
		fake_fail(FAKE_ANY, nth, CKR_DEVICE_ERROR);
		reached = import_half(token, CKO_PRIVATE_KEY, &private) != CKR_OK;
		CHECK(reached == !fake_fail_pending());
		fake_fail_clear();
		NUMBER_EQUAL(find(token, NULL, NULL), reached ? 2 : 3);
		if (reached)
			RV_EQUAL(import_half(token, CKO_PRIVATE_KEY, &private), CKR_OK);
		RV_EQUAL(import_half(token, CKO_PUBLIC_KEY, &public), CKR_OK);
		CHECK(pair_signs(token, public, private));
		token_close(&token);
		NUMBER_EQUAL(fake_open_keys(), 0);
		if (!reached || nth == 50)
			break;
	}
}

/* --- the parent of imported keys --- */

static struct buf parent_there;

static void set_parent(struct token_file *file)
{
	buf_free(&file->import_parent);
	buf_put(&file->import_parent, parent_there.data, parent_there.len);
}

static void check_parent(void)
{
	struct token_file file;

	file_read(&file);
	BYTES_EQUAL(file.import_parent.data, file.import_parent.len, parent_there.data, parent_there.len);
	token_file_free(&file);
}

struct import {
	struct token *token;
	CK_OBJECT_HANDLE handle;
	CK_RV rv;
};

static void *import_thread(void *argument)
{
	struct import *import = argument;

	import->rv = import_half(import->token, CKO_PRIVATE_KEY, &import->handle);
	return NULL;
}

/* Of two processes that make one, both use the one that was there first. */
static void one_parent(void)
{
	struct token *token = new_user();
	struct import import = { .token = token };
	CK_OBJECT_HANDLE public;
	pthread_t thread;

	RV_MUST(tspi_key_create(TSPI_STORAGE, 2048, NULL, &parent_there), CKR_OK);
	fake_hold_create(true);
	MUST(pthread_create(&thread, NULL, import_thread, &import) == 0);
	fake_held();
	tamper(set_parent);
	fake_hold_create(false);
	pthread_join(thread, NULL);
	RV_EQUAL(import.rv, CKR_OK);
	check_parent();
	RV_EQUAL(import_half(token, CKO_PUBLIC_KEY, &public), CKR_OK);
	CHECK(pair_signs(token, public, import.handle));
	buf_free(&parent_there);
	token_close(&token);
}

/* A prime is wrapped to no key that is not the chip's own, however it came into the token file. */
static void wrong_parent(void)
{
	static const enum tspi_usage usages[] = { TSPI_STORAGE, TSPI_STORAGE, TSPI_LEGACY, TSPI_BIND };

	for (size_t i = 0; i < COUNT(usages); i++) {
		struct token *token = new_user();
		CK_OBJECT_HANDLE handle;

		tap_about("row %zu", i);
		RV_MUST(tspi_key_create(usages[i], 2048, NULL, &parent_there), CKR_OK);
		if (i == 0)
			parent_there.data[43 + 100] ^= 1; /* the modulus is somebody else's */
		if (i == 1)
			parent_there.data[9] |= 2; /* migratable */
		tamper(set_parent);
		RV_EQUAL(import_half(token, CKO_PRIVATE_KEY, &handle), CKR_DEVICE_ERROR);
		NUMBER_EQUAL(find(token, NULL, NULL), 2);
		check_parent();
		buf_free(&parent_there);
		token_close(&token);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "a key is imported and signs", imported },
		{ "keys that are not imported", import_refused },
		{ "faults in an import", import_faults },
		{ "one parent for imported keys", one_parent },
		{ "parents that are not the chip's", wrong_parent },
		{ NULL, NULL },
	};
	int status;

	soft_key = EVP_RSA_gen(1024);
	status = soft_key != NULL ? tap_main(argc, argv, "objects_import", cases) : EXIT_FAILURE;
	EVP_PKEY_free(soft_key);
	return unit_end(status);
}
