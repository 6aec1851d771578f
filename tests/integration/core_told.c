/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "core_told.h"

#include <dlfcn.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "p11.h"

#define VEIL 0xa5
#define AUTH_LENGTH 20
#define SECRET_LENGTH 32

const char TOLD_MODULUS[] = "the modulus", TOLD_PRIME[] = "a prime";

static struct told_list *told_list;
static struct told nowhere;

/* Looked up in time: the dynamic linker puts all registers on the stack, and what libc has copied last is in
   them. */
static int (*get_bn_param)(const EVP_PKEY *, const char *, BIGNUM **);
static int (*rand_bytes)(unsigned char *, int);

static void look_up(void)
{
	Dl_info info;

	if (rand_bytes != NULL)
		return;
	*(void **)&get_bn_param = dlsym(RTLD_NEXT, "EVP_PKEY_get_bn_param");
	*(void **)&rand_bytes = dlsym(RTLD_NEXT, "RAND_bytes");
	dladdr(*(void **)&rand_bytes, &info);
}

void told_start(struct told_list *list)
{
	look_up();
	told_list = list;
	list->count = 0;
}

struct told *told_begin(enum search_kind kind, const char *name)
{
	struct told *told = told_list != NULL && told_list->count < TOLD_MAX
		? &told_list->told[told_list->count] : &nowhere;

	told->kind = kind;
	told->name = name;
	return told;
}

void told_end(struct told *told, size_t length)
{
	told->length = length <= sizeof(told->veiled) ? length : sizeof(told->veiled);
	told_unveil(told);
	if (told_list != NULL)
		told_list->count++;
}

void told_unveil(struct told *told)
{
	for (size_t i = 0; i < told->length; i++)
		told->veiled[i] ^= VEIL;
}

static bool is_module(const void *caller)
{
	Dl_info info, module;

	return p11_module != NULL && dladdr(caller, &info) != 0
		&& dladdr(*(void **)&p11->C_Initialize, &module) != 0 && info.dli_fbase == module.dli_fbase;
}

/* The module calls these in place of libcrypto's, as the dynamic linker finds them first. */

int RAND_bytes(unsigned char *out, int n)
{
	struct told *told;
	int good;

	look_up();
	good = rand_bytes(out, n);
	if (good != 1 || told_list == NULL || (n != AUTH_LENGTH && n != SECRET_LENGTH)
		|| !is_module(__builtin_return_address(0)))
		return good;
	told = n == AUTH_LENGTH ? told_begin(SEARCH_AUTH, "an auth that was drawn")
		: told_begin(SEARCH_MASTER, "a secret that was drawn");
	memcpy(told->veiled, out, (size_t)n);
	told_end(told, (size_t)n);
	return good;
}

int EVP_PKEY_get_bn_param(const EVP_PKEY *key, const char *name, BIGNUM **number)
{
	bool modulus = strcmp(name, OSSL_PKEY_PARAM_RSA_N) == 0;
	struct told *told;
	int good;

	look_up();
	good = get_bn_param(key, name, number);
	if (good != 1 || told_list == NULL || !is_module(__builtin_return_address(0))
		|| (!modulus && strcmp(name, OSSL_PKEY_PARAM_RSA_FACTOR1) != 0)
		|| BN_num_bytes(*number) > (int)sizeof(told->veiled))
		return good;
	told = told_begin(SEARCH_GENERATED, modulus ? TOLD_MODULUS : TOLD_PRIME);
	told_end(told, (size_t)BN_bn2bin(*number, told->veiled));
	return good;
}
