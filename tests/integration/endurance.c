/* SPDX-License-Identifier: BSD-2-Clause */
/* The same thing again and again: nothing grows, nothing fails. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_MALLINFO2
#include <malloc.h>
#endif

#include "p11.h"

/* $TESTS_ROUNDS; 200,000 take a quarter of an hour. */
#define ROUNDS 2000
#define SLOW 20 /* so many times fewer rounds of what takes long */
#define LEFT_MAX 8192 /* bytes: a buffer that has grown, and less than a leak of 16 a round */
#define ROUND_SECONDS 300 /* of one alone: all of them may take hours */
#define GROWTH_MAX (512 * 1024) /* bytes: what an allocator keeps to itself, and less than 1 KiB a round */

static int idle(void *argument)
{
	int *ready = argument;

	p11_start();
	p11_open_user();
	MUST(write(ready[1], "", 1) == 1);
	for (;;)
		pause();
	return 0;
}

static long rounds(void)
{
	const char *wanted = getenv("TESTS_ROUNDS");

	return wanted != NULL ? atol(wanted) : ROUNDS;
}

/* Bytes of this process in memory. */
static long resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = 0;

	if (file != NULL) {
		if (fscanf(file, "%*d %ld", &pages) != 1)
			pages = 0;
		fclose(file);
	}
	return pages * sysconf(_SC_PAGESIZE);
}

/* Bytes that the main thread has from malloc(), to the byte; 0 where no such thing is told. */
static long allocated(void)
{
#ifdef HAVE_MALLINFO2
	return (long)mallinfo2().uordblks;
#else
	return 0;
#endif
}

static void repeat(void (*once)(void), long times)
{
	long warm_up = ROUNDS / 6, before = 0, bytes = 0, left, grown;

	if (times < ROUNDS)
		warm_up /= SLOW;
	for (long i = 0; i < warm_up + times; i++) {
		if (i == warm_up) {
			before = resident();
			bytes = allocated();
		}
		alarm(ROUND_SECONDS);
		once();
	}
	left = allocated() - bytes;
	TAP_CHECK(left < LEFT_MAX, "%ld rounds left %ld bytes", times, left);
	if (before == 0) {
		tap_skip("the system does not tell the size of a process");
		return;
	}
	grown = resident() - before;
	printf("# %ld rounds after %ld: %ld bytes left, %ld more resident\n", times, warm_up, left, grown);
	TAP_CHECK(grown < GROWTH_MAX, "%ld rounds made the process grow by %ld bytes", times, grown);
}

static CK_SESSION_HANDLE session;
static struct p11_pair pair;
static unsigned char encrypted[P11_MAX_BYTES];
static size_t encrypted_length;

static void sign_once(void)
{
	unsigned char data[32] = { 1 }, signature[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);

	RV_MUST(p11_sign(session, CKM_RSA_PKCS, pair.private, data, sizeof(data), signature, &length),
		CKR_OK);
}

static void signatures(void)
{
	int ready[2];
	char byte;
	pid_t neighbour;

	session = p11_shared_token();
	RV_MUST(p11_generate(session, 1024, "endurance", true, true, &pair), CKR_OK);
	MUST(pipe(ready) == 0);
	neighbour = tap_child_start(idle, ready);
	MUST(read(ready[0], &byte, 1) == 1);
	repeat(sign_once, rounds());
	CHECK(p11_signs(session, pair));
	CHECK(kill(neighbour, SIGKILL) == 0);
	tap_child_wait(neighbour);
	close(ready[0]);
	close(ready[1]);
}

static void decrypt_once(void)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	unsigned char data[P11_MAX_BYTES];
	CK_ULONG length = sizeof(data);

	RV_MUST(p11->C_DecryptInit(session, &mechanism, pair.private), CKR_OK);
	RV_MUST(p11->C_Decrypt(session, encrypted, encrypted_length, data, &length), CKR_OK);
	ULONG_EQUAL(length, 5);
}

/* On one connection: what libtspi keeps until it closes would show. */
static void decryptions(void)
{
	unsigned char data[5] = { 1, 2, 3, 4, 5 };
	EVP_PKEY *key;

	session = p11_shared_token();
	RV_MUST(p11_generate(session, 1024, "decrypts", true, true, &pair), CKR_OK);
	key = p11_read_public(session, pair.public);
	encrypted_length = p11_soft_encrypt(key, data, sizeof(data), encrypted);
	EVP_PKEY_free(key);
	repeat(decrypt_once, rounds() / 4);
}

static void search_once(void)
{
	CK_SESSION_HANDLE opened = p11_open();
	CK_OBJECT_HANDLE found[4];

	MUST(p11_search(opened, NULL, 0, found, 4) >= 2);
	RV_MUST(p11->C_CloseSession(opened), CKR_OK);
}

static void log_in_once(void)
{
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_USER_ALREADY_LOGGED_IN);
	search_once();
}

static void searches(void)
{
	session = p11_shared_token();
	RV_MUST(p11_generate(session, 1024, "searched", true, true, &pair), CKR_OK);
	repeat(search_once, rounds());
}

static void logins(void)
{
	session = p11_shared_token();
	RV_MUST(p11_generate(session, 1024, "logged in", true, true, &pair), CKR_OK);
	repeat(log_in_once, rounds() / SLOW);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "signatures beside an idle process leave nothing behind", signatures },
		{ "decryptions leave nothing behind", decryptions },
		{ "searches leave nothing behind", searches },
		{ "logins leave nothing behind", logins },
		{ NULL, NULL },
	};

	return p11_main(argc, argv, "endurance", cases);
}
