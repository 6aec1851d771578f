/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a module does without the chip, in turns with libcrypto called directly in the same process. Prints
 * lines: what, bytes, nanoseconds of processor time of the module, of libcrypto as most programs call it, of
 * libcrypto with everything prepared beforehand. Each is the median of many turns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "bench.h"

#define TURNS 41
#define TURN_US 3000.0 /* so long a turn, so that the clock does not matter */
#define LEN_MAX ((size_t)1 << 20)
#define PIECE 16

static CK_BYTE *data;
static CK_SESSION_HANDLE session;
static EVP_MD *md;
static EVP_MD_CTX *prepared;
static EVP_PKEY *pair;
static CK_OBJECT_HANDLE public;
static CK_BYTE signature[256];
static size_t signature_len;

static void check(int ok, const char *what)
{
	if (ok != 1)
		die("libcrypto: %s", what);
}

/* --- digests --- */

static void digest_module(size_t n)
{
	CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
	CK_BYTE out[32];
	CK_ULONG len = sizeof out;

	MUST(p11->C_DigestInit(session, &mechanism));
	MUST(p11->C_Digest(session, data, n, out, &len));
}

static void digest_usual(size_t n)
{
	CK_BYTE out[32];

	check(EVP_Digest(data, n, out, NULL, EVP_sha256(), NULL), "EVP_Digest");
}

static void digest_prepared(size_t n)
{
	CK_BYTE out[32];

	check(EVP_DigestInit_ex2(prepared, md, NULL) && EVP_DigestUpdate(prepared, data, n)
		&& EVP_DigestFinal_ex(prepared, out, NULL), "digest");
}

/* --- digests, piece by piece: without their beginning and end --- */

static void update_module(size_t n)
{
	for (size_t i = 0; i < n; i += PIECE)
		MUST(p11->C_DigestUpdate(session, data + i, PIECE));
}

static void update_prepared(size_t n)
{
	for (size_t i = 0; i < n; i += PIECE)
		check(EVP_DigestUpdate(prepared, data + i, PIECE), "EVP_DigestUpdate");
}

/* --- verification --- */

static void verify_module(size_t n)
{
	CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };

	MUST(p11->C_VerifyInit(session, &mechanism, public));
	MUST(p11->C_Verify(session, data, n, signature, signature_len));
}

static void verify_usual(size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	check(ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pair) == 1
		&& EVP_DigestVerify(ctx, signature, signature_len, data, n) == 1, "EVP_DigestVerify");
	EVP_MD_CTX_free(ctx);
}

static void verify_prepared(size_t n)
{
	check(EVP_DigestVerifyInit_ex(prepared, NULL, NULL, NULL, NULL, pair, NULL) == 1
			&& EVP_DigestVerify(prepared, signature, signature_len, data, n) == 1,
		"EVP_DigestVerify again");
}

static void public_import(void)
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_KEY_TYPE type = CKK_RSA;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BYTE modulus[256], exponent[] = { 1, 0, 1 };
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof class },
		{ CKA_KEY_TYPE, &type, sizeof type },
		{ CKA_TOKEN, &no, sizeof no },
		{ CKA_PRIVATE, &no, sizeof no },
		{ CKA_VERIFY, &yes, sizeof yes },
		{ CKA_MODULUS, modulus, sizeof modulus },
		{ CKA_PUBLIC_EXPONENT, exponent, sizeof exponent },
	};
	BIGNUM *n = NULL;

	pair = EVP_RSA_gen(2048);
	check(pair != NULL && EVP_PKEY_get_bn_param(pair, OSSL_PKEY_PARAM_RSA_N, &n)
		&& BN_bn2binpad(n, modulus, sizeof modulus) == sizeof modulus, "a key pair");
	BN_free(n);
	MUST(p11->C_CreateObject(session, template, COUNT_OF(template), &public));
}

static void verify_begin(size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	signature_len = sizeof signature;
	check(EVP_DigestSignInit(ctx, NULL, md, NULL, pair) == 1
		&& EVP_DigestSign(ctx, signature, &signature_len, data, n) == 1, "a signature");
	EVP_MD_CTX_free(ctx);
	EVP_MD_CTX_free(prepared);
	prepared = EVP_MD_CTX_new();
	check(EVP_DigestVerifyInit(prepared, NULL, md, NULL, pair), "EVP_DigestVerifyInit");
}

static void digest_begin(size_t n)
{
	(void)n;
	EVP_MD_CTX_free(prepared);
	prepared = EVP_MD_CTX_new();
}

static void update_begin(size_t n)
{
	CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };

	digest_begin(n);
	MUST(p11->C_DigestInit(session, &mechanism));
	check(EVP_DigestInit_ex2(prepared, md, NULL), "EVP_DigestInit_ex2");
}

/* --- turns --- */

typedef void work(size_t n);

/* Of this thread alone: what others do to the machine hardly shows in it. */
static double processor_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double turn(work *function, size_t n, size_t times)
{
	double begin = processor_us();

	for (size_t i = 0; i < times; i++)
		function(n);
	return (processor_us() - begin) * 1e3 / (double)times;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double values[TURNS])
{
	qsort(values, TURNS, sizeof *values, compare);
	return values[TURNS / 2];
}

static void measure(const char *what, size_t n, work *begin, work *const ways[3])
{
	double values[3][TURNS];
	size_t times;

	begin(n);
	for (times = 1; turn(ways[0], n, times) * (double)times < TURN_US * 1e3; times *= 2)
		;
	/* In an order that changes, so that none always comes after the same other. */
	for (int i = 0; i < TURNS; i++)
		for (int way = i; way < i + 3; way++)
			values[way % 3][i] = turn(ways[way % 3], n, times);
	printf("%s %zu %.1f %.1f %.1f\n", what, n, median(values[0]), median(values[1]), median(values[2]));
}

int main(int argc, char **argv)
{
	static work *const digests[] = { digest_module, digest_usual, digest_prepared };
	static work *const updates[] = { update_module, update_prepared, update_prepared };
	static work *const verifications[] = { verify_module, verify_usual, verify_prepared };

	if (argc != 2)
		die("usage: soft_bench MODULE");
	module_load(argv[1]);
	data = calloc(1, LEN_MAX);
	md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (data == NULL || md == NULL)
		die("no memory, or no SHA-256");
	MUST(p11->C_Initialize(NULL));
	session = session_open(CKF_RW_SESSION);
	login(session, CKU_USER, BENCH_USER_PIN);
	public_import();
	for (size_t n = 16; n <= LEN_MAX; n *= 4) {
		measure("digest", n, digest_begin, digests);
		measure("verify", n, verify_begin, verifications);
	}
	measure("update", 4096, update_begin, updates);
	return EXIT_SUCCESS;
}
