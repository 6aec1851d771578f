/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measurements of what the chip does, of one PKCS#11 module beside bare libtspi; bench/run runs it. Prints
 * lines of a name and a number, times in microseconds.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tss/platform.h>
#include <tss/tspi.h>
#include <trousers/trousers.h>

#include "bench.h"

#define DATA_LEN 32

static CK_BYTE data[DATA_LEN] = { 1, 2, 3 };

/* --- libtspi and no more --- */

static struct {
	TSS_HCONTEXT context;
	TSS_HKEY key;
} bare;

static void tss_must(TSS_RESULT r, const char *call)
{
	if (r != TSS_SUCCESS)
		die("%s: %s", call, Trspi_Error_String(r));
}

#define TSS_MUST(call) tss_must((call), #call)

static void bare_policy(TSS_HOBJECT object, TSS_HPOLICY policy)
{
	BYTE secret[20] = { 0 };

	TSS_MUST(Tspi_Policy_SetSecret(policy, TSS_SECRET_MODE_SHA1, sizeof secret, secret));
	TSS_MUST(Tspi_Policy_AssignToObject(policy, object));
}

/* A key as the module has them: with auth, DER signature scheme, loaded. */
static void bare_open(void)
{
	static TSS_UUID srk_uuid = TSS_UUID_SRK;
	TSS_HKEY srk;
	TSS_HPOLICY policy;

	TSS_MUST(Tspi_Context_Create(&bare.context));
	TSS_MUST(Tspi_Context_Connect(bare.context, NULL));
	TSS_MUST(Tspi_Context_LoadKeyByUUID(bare.context, TSS_PS_TYPE_SYSTEM, srk_uuid, &srk));
	TSS_MUST(Tspi_GetPolicyObject(srk, TSS_POLICY_USAGE, &policy));
	bare_policy(srk, policy);
	TSS_MUST(Tspi_Context_CreateObject(bare.context, TSS_OBJECT_TYPE_RSAKEY, TSS_KEY_TYPE_SIGNING
		| TSS_KEY_SIZE_2048 | TSS_KEY_NOT_MIGRATABLE | TSS_KEY_AUTHORIZATION, &bare.key));
	TSS_MUST(Tspi_Context_CreateObject(bare.context, TSS_OBJECT_TYPE_POLICY, TSS_POLICY_USAGE, &policy));
	bare_policy(bare.key, policy);
	TSS_MUST(Tspi_SetAttribUint32(bare.key, TSS_TSPATTRIB_KEY_INFO, TSS_TSPATTRIB_KEYINFO_SIGSCHEME,
		TSS_SS_RSASSAPKCS1V15_DER));
	TSS_MUST(Tspi_Key_CreateKey(bare.key, srk, 0));
	TSS_MUST(Tspi_Key_LoadKey(bare.key, srk));
}

static void bare_sign(void)
{
	TSS_HHASH hash;
	UINT32 len;
	BYTE *signature;

	TSS_MUST(Tspi_Context_CreateObject(bare.context, TSS_OBJECT_TYPE_HASH, TSS_HASH_OTHER, &hash));
	TSS_MUST(Tspi_Hash_SetHashValue(hash, sizeof data, data));
	TSS_MUST(Tspi_Hash_Sign(hash, bare.key, &len, &signature));
	Tspi_Context_FreeMemory(bare.context, signature);
	Tspi_Context_CloseObject(bare.context, hash);
}

/* --- the module --- */

static void sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	CK_BYTE signature[256];
	CK_ULONG len = sizeof signature;

	MUST(p11->C_SignInit(session, &mechanism, key));
	MUST(p11->C_Sign(session, data, sizeof data, signature, &len));
}

/* TPM commands so far, if with-swtpm counts them. */
static long commands(void)
{
	const char *path = getenv("WITH_SWTPM_COMMANDS");
	FILE *file = path != NULL ? fopen(path, "r") : NULL;
	long lines = 0;
	int c;

	if (file == NULL)
		return 0;
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

static void timed(const char *name, void (*work)(CK_SESSION_HANDLE), CK_SESSION_HANDLE session)
{
	long before = commands();
	double start = now();

	work(session);
	printf("%s %.1f\n", name, now() - start);
	printf("%s.commands %ld\n", name, commands() - before);
}

static void work_sign(CK_SESSION_HANDLE session)
{
	sign(session, private_key_find(session));
}

static void work_login(CK_SESSION_HANDLE session)
{
	login(session, CKU_USER, BENCH_USER_PIN);
}

static void work_generate(CK_SESSION_HANDLE session)
{
	key_pair_make(session, 2048);
}

/* As a program goes that signs once, and then once more. */
static void steps(void)
{
	long before = commands();
	double start = now();
	CK_SESSION_HANDLE session;

	MUST(p11->C_Initialize(NULL));
	session = session_open(CKF_RW_SESSION);
	timed("login", work_login, session);
	timed("first", work_sign, session);
	printf("start %.1f\nstart.commands %ld\n", now() - start, commands() - before);
	timed("later", work_sign, session);
	timed("generation", work_generate, session);
	MUST(p11->C_Finalize(NULL));
}

/* In a fresh process, and again in the same. */
static void initialize(void)
{
	double begin = now();

	MUST(p11->C_Initialize(NULL));
	printf("initialize.first %.1f\n", now() - begin);
	for (int i = 0; i < 20; i++) {
		MUST(p11->C_Finalize(NULL));
		begin = now();
		MUST(p11->C_Initialize(NULL));
		printf("initialize.again %.1f\n", now() - begin);
	}
	begin = now();
	session_open(0);
	printf("initialize.session %.1f\n", now() - begin);
	MUST(p11->C_Finalize(NULL));
}

/* The user's PIN, or "-" for a module whose keys need none. */
static CK_SESSION_HANDLE start(const char *pin)
{
	CK_SESSION_HANDLE session;

	MUST(p11->C_Initialize(NULL));
	session = session_open(0);
	if (strcmp(pin, "-") != 0)
		login(session, CKU_USER, pin);
	return session;
}

static void signatures(const char *pin, size_t count)
{
	CK_SESSION_HANDLE session = start(pin);
	CK_OBJECT_HANDLE key = private_key_find(session);

	bare_open();
	bare_sign();
	sign(session, key);
	timed("one", work_sign, session);
	for (size_t i = 0; i < count; i++) {
		double begin = now(), middle;

		sign(session, key);
		middle = now();
		bare_sign();
		printf("module %.1f\nbare %.1f\n", middle - begin, now() - middle);
	}
	TSS_MUST(Tspi_Context_Close(bare.context));
	MUST(p11->C_Finalize(NULL));
}

/* --- threads --- */

static size_t thread_signatures;

static void *thread_run(void *argument)
{
	CK_SESSION_HANDLE session = session_open(0);
	CK_OBJECT_HANDLE key = private_key_find(session);

	(void)argument;
	for (size_t i = 0; i < thread_signatures; i++)
		sign(session, key);
	MUST(p11->C_CloseSession(session));
	return NULL;
}

static void threads_run(const char *name, size_t threads, size_t count)
{
	pthread_t running[16];
	double begin = now();

	thread_signatures = count / threads;
	for (size_t i = 0; i < threads; i++)
		if (pthread_create(&running[i], NULL, thread_run, NULL) != 0)
			die("no thread can be started");
	for (size_t i = 0; i < threads; i++)
		pthread_join(running[i], NULL);
	printf("%s %.1f\n", name, (now() - begin) / (double)(thread_signatures * threads));
}

static void threads(size_t count)
{
	CK_SESSION_HANDLE session = start(BENCH_USER_PIN);

	sign(session, private_key_find(session));
	for (int round = 0; round < 7; round++) {
		threads_run("thread1", 1, count);
		threads_run("thread4", 4, count);
	}
	MUST(p11->C_Finalize(NULL));
}

/* --- memory --- */

static void search(CK_SESSION_HANDLE session)
{
	CK_OBJECT_HANDLE found[8];
	CK_ULONG count;

	MUST(p11->C_FindObjectsInit(session, NULL, 0));
	MUST(p11->C_FindObjects(session, found, COUNT_OF(found), &count));
	MUST(p11->C_FindObjectsFinal(session));
}

/* Growth from a warm process on. */
static void memory(size_t rounds, size_t logins)
{
	CK_SESSION_HANDLE session = start(BENCH_USER_PIN);
	CK_OBJECT_HANDLE key = private_key_find(session);
	long before = 0;

	for (size_t i = 0; i < rounds + 1000; i++) {
		if (i == 1000)
			before = resident_bytes();
		sign(session, key);
	}
	printf("memory.sign %ld\n", resident_bytes() - before);
	MUST(p11->C_CloseSession(session));
	for (size_t i = 0; i < logins + 100; i++) {
		if (i == 100)
			before = resident_bytes();
		session = session_open(0);
		login(session, CKU_USER, BENCH_USER_PIN);
		search(session);
		MUST(p11->C_CloseSession(session));
	}
	printf("memory.login %ld\n", resident_bytes() - before);
	MUST(p11->C_Finalize(NULL));
}

static void new(void)
{
	CK_SESSION_HANDLE session;

	token_new();
	MUST(p11->C_Initialize(NULL));
	session = session_open(CKF_RW_SESSION);
	login(session, CKU_USER, BENCH_USER_PIN);
	key_pair_make(session, 2048);
	MUST(p11->C_Finalize(NULL));
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";

	if (argc > 2)
		module_load(argv[1]);
	if (argc == 3 && strcmp(what, "new") == 0)
		new();
	else if (argc == 3 && strcmp(what, "steps") == 0)
		steps();
	else if (argc == 3 && strcmp(what, "initialize") == 0)
		initialize();
	else if (argc == 5 && strcmp(what, "sign") == 0)
		signatures(argv[3], number(argv[4]));
	else if (argc == 4 && strcmp(what, "threads") == 0)
		threads(number(argv[3]));
	else if (argc == 5 && strcmp(what, "memory") == 0)
		memory(number(argv[3]), number(argv[4]));
	else
		die("usage: chip_bench MODULE new | steps | initialize | sign PIN COUNT | threads COUNT\n"
			"    | memory SIGNATURES LOGINS");
	return EXIT_SUCCESS;
}
