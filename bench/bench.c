/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

CK_FUNCTION_LIST *p11;

_Noreturn void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(EXIT_FAILURE);
}

void must(CK_RV rv, const char *call)
{
	if (rv != CKR_OK)
		die("%s: 0x%lx", call, rv);
}

static double clock_read(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

double now(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

double processor_time(void)
{
	return clock_read(CLOCK_PROCESS_CPUTIME_ID);
}

size_t number(const char *word)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	if (*word == '\0' || *end != '\0')
		die("%s is no number", word);
	return n;
}

long resident_bytes(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	long kib = -1;

	while (status != NULL && fgets(line, sizeof line, status) != NULL)
		if (sscanf(line, "VmRSS: %ld kB", &kib) == 1)
			break;
	if (status != NULL)
		fclose(status);
	if (kib < 0)
		die("/proc/self/status does not tell VmRSS");
	return kib * 1024;
}

void module_load(const char *name)
{
	void *module = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get_list;

	if (module == NULL)
		die("%s", dlerror());
	*(void **)&get_list = dlsym(module, "C_GetFunctionList");
	if (get_list == NULL)
		die("%s has no C_GetFunctionList", name);
	MUST(get_list(&p11));
}

CK_UTF8CHAR_PTR text(const char *s)
{
	static CK_UTF8CHAR copy[64];

	memset(copy, ' ', sizeof copy);
	memcpy(copy, s, strlen(s));
	return copy;
}

CK_SLOT_ID slot_find(void)
{
	CK_SLOT_ID slots[16];
	CK_ULONG count = COUNT_OF(slots);
	CK_TOKEN_INFO info;

	MUST(p11->C_GetSlotList(CK_TRUE, slots, &count));
	if (count == 0)
		die("the module has no token");
	/* SoftHSM2 shows one more, for the next token; simple-tpm-pk11 and others have but one. */
	for (CK_ULONG i = 0; i < count; i++) {
		MUST(p11->C_GetTokenInfo(slots[i], &info));
		if ((info.flags & CKF_TOKEN_INITIALIZED) != 0)
			return slots[i];
	}
	return slots[count - 1];
}

CK_SESSION_HANDLE session_open(CK_FLAGS flags)
{
	CK_SESSION_HANDLE session;

	MUST(p11->C_OpenSession(slot_find(), CKF_SERIAL_SESSION | flags, NULL, NULL, &session));
	return session;
}

void login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin)
{
	MUST(p11->C_Login(session, user, text(pin), strlen(pin)));
}

void token_new(void)
{
	CK_UTF8CHAR so_pin[] = BENCH_SO_PIN;
	CK_SESSION_HANDLE session;

	MUST(p11->C_Initialize(NULL));
	MUST(p11->C_InitToken(slot_find(), so_pin, sizeof so_pin - 1, text("bench")));
	session = session_open(CKF_RW_SESSION);
	login(session, CKU_SO, BENCH_SO_PIN);
	MUST(p11->C_InitPIN(session, text(BENCH_USER_PIN), strlen(BENCH_USER_PIN)));
	MUST(p11->C_Finalize(NULL));
}

CK_OBJECT_HANDLE private_key_find(CK_SESSION_HANDLE session)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE template = { CKA_CLASS, &class, sizeof class };
	CK_OBJECT_HANDLE key;
	CK_ULONG count;

	MUST(p11->C_FindObjectsInit(session, &template, 1));
	MUST(p11->C_FindObjects(session, &key, 1, &count));
	MUST(p11->C_FindObjectsFinal(session));
	if (count != 1)
		die("the token has no private key");
	return key;
}

void key_pair_make(CK_SESSION_HANDLE session, CK_ULONG bits)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_BBOOL yes = CK_TRUE;
	CK_BYTE exponent[] = { 1, 0, 1 };
	CK_ATTRIBUTE public[] = {
		{ CKA_TOKEN, &yes, sizeof yes },
		{ CKA_MODULUS_BITS, &bits, sizeof bits },
		{ CKA_PUBLIC_EXPONENT, exponent, sizeof exponent },
	};
	CK_ATTRIBUTE private[] = {
		{ CKA_TOKEN, &yes, sizeof yes },
		{ CKA_PRIVATE, &yes, sizeof yes },
		{ CKA_SIGN, &yes, sizeof yes },
	};
	CK_OBJECT_HANDLE one, other;

	MUST(p11->C_GenerateKeyPair(session, &mechanism, public, COUNT_OF(public), private, COUNT_OF(private),
		&one, &other));
}
