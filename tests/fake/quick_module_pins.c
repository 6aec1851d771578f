/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In a program that loads the module: what the module calls is this, not libcrypto's. For tests that log in
 * hundreds of times, where what makes a PIN slow to guess would be most of their time.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include <openssl/evp.h>

/* Another number of iterations still gives another key. */
int PKCS5_PBKDF2_HMAC(const char *password, int password_len, const unsigned char *salt, int salt_len,
	int iterations, const EVP_MD *digest, int out_len, unsigned char *out)
{
	int (*real)(const char *, int, const unsigned char *, int, int, const EVP_MD *, int, unsigned char *);

	*(void **)&real = dlsym(RTLD_NEXT, "PKCS5_PBKDF2_HMAC");
	return real != NULL
		? real(password, password_len, salt, salt_len, 1 + iterations % 8, digest, out_len, out) : 0;
}
