/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads, forks, ends of processes, and a tcsd that is not there. */
#define _GNU_SOURCE
#include "p11.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Threads */

#define THREADS 4
#define ROUNDS 20
#define BOUND 40 /* seconds: of what does not wait for tcsd, which would be 60 */

struct signer {
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	pthread_t thread;
	unsigned int made;
	CK_RV rv;
	unsigned char data[ROUNDS][16];
	unsigned char signatures[ROUNDS][P11_MAX_BYTES];
};

/* CUnit's assertions are not for threads: what happened is looked at afterwards. */
static void *sign_on(void *argument)
{
	struct signer *signer = argument;
	CK_ULONG length;

	while (signer->made < ROUNDS) {
		unsigned char *data = signer->data[signer->made];

		snprintf((char *)data, 16, "%p", (void *)data);
		length = P11_MAX_BYTES;
		signer->rv = p11_sign(signer->session, CKM_SHA256_RSA_PKCS, signer->key, data, 16,
				      signer->signatures[signer->made], &length);
		if (signer->rv != CKR_OK || length != 128)
			break;
		signer->made++;
	}
	return NULL;
}

static void check_threads(const CK_SESSION_HANDLE *sessions, CK_OBJECT_HANDLE key, EVP_PKEY *public)
{
	static struct signer signers[THREADS];
	unsigned int i, j;

	memset(signers, 0, sizeof(signers));
	for (i = 0; i < THREADS; i++) {
		signers[i].session = sessions[i];
		signers[i].key = key;
		MUST(pthread_create(&signers[i].thread, NULL, sign_on, &signers[i]) == 0);
	}
	for (i = 0; i < THREADS; i++)
		MUST(pthread_join(signers[i].thread, NULL) == 0);
	for (i = 0; i < THREADS; i++) {
		tap_about("thread %u", i);
		RV_EQUAL(signers[i].rv, CKR_OK);
		ULONG_EQUAL(signers[i].made, ROUNDS);
		for (j = 0; j < signers[i].made; j++)
			CHECK(p11_soft_verify(public, EVP_sha256(), signers[i].data[j], 16,
					      signers[i].signatures[j], 128));
	}
}

static void threads(void)
{
	CK_SESSION_HANDLE session = p11_shared_token(), sessions[THREADS];
	struct p11_pair pair = p11_shared_pair(session, 1024);
	EVP_PKEY *public = p11_read_public(session, pair.public);
	size_t i;

	sessions[0] = session;
	for (i = 1; i < THREADS; i++)
		sessions[i] = p11_open();
	check_threads(sessions, pair.private, public);
	EVP_PKEY_free(public);
}

/* Processes */

static void finalize_and_again(void)
{
	int round;

	p11_shared_token();
	p11_shared_pair(p11_open(), 1024);
	for (round = 0; round < 5; round++) {
		tap_about("round %d", round);
		p11_stop();
		p11_start();
		CHECK(p11_label_signs(p11_open_user(), "shared 1024"));
	}
}

static void finalize_logs_out(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_SESSION_INFO info;

	p11_stop();
	p11_start();
	RV_EQUAL(p11->C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
	ULONG_EQUAL(p11_state(p11_open()), CKS_RW_PUBLIC_SESSION);
}

static int start_and_sign(void *argument)
{
	(void)argument;
	p11_start();
	CHECK(p11_label_signs(p11_open_user(), "shared 1024"));
	return 0;
}

/* exit() runs what the module and its libraries have left for the end. */
static int leave(unsigned int failures_before)
{
	if (CU_get_number_of_failures() > failures_before)
		return TAP_CHILD_FAILED;
	exit(0);
}

static void finalize_at_exit(void)
{
	p11->C_Finalize(NULL);
}

static int exit_without_finalize(void *argument)
{
	unsigned int failures = CU_get_number_of_failures();

	start_and_sign(argument);
	return leave(failures);
}

static int exit_with_late_finalize(void *argument)
{
	unsigned int failures = CU_get_number_of_failures();

	MUST(atexit(finalize_at_exit) == 0);
	start_and_sign(argument);
	return leave(failures);
}

static int exit_after_dlclose(void *argument)
{
	unsigned int failures = CU_get_number_of_failures();

	start_and_sign(argument);
	p11_stop();
	CHECK(dlclose(p11_module) == 0);
	return leave(failures);
}

static int exit_after_open_dlclose(void *argument)
{
	unsigned int failures = CU_get_number_of_failures();

	start_and_sign(argument);
	CHECK(dlclose(p11_module) == 0);
	return leave(failures);
}

static void ends(void)
{
	p11_shared_pair(p11_shared_token(), 1024);
	p11_stop();
	ULONG_EQUAL(p11_in_child(exit_without_finalize, NULL), 0);
	ULONG_EQUAL(p11_in_child(exit_with_late_finalize, NULL), 0);
	ULONG_EQUAL(p11_in_child(exit_after_dlclose, NULL), 0);
	ULONG_EQUAL(p11_in_child(exit_after_open_dlclose, NULL), 0);
	ULONG_EQUAL(p11_in_child(start_and_sign, NULL), 0);
}

struct fork_test {
	CK_SESSION_HANDLE session;
	struct p11_pair pair;
};

static int forked(void *argument)
{
	const struct fork_test *test = argument;
	CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
	unsigned char room[20];
	CK_SESSION_INFO session_info;
	CK_INFO info;
	CK_ULONG count = 0;

	RV_EQUAL(p11->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
	RV_EQUAL(p11->C_GetSlotList(CK_TRUE, NULL, &count), CKR_CRYPTOKI_NOT_INITIALIZED);
	RV_EQUAL(p11->C_GetSessionInfo(test->session, &session_info), CKR_CRYPTOKI_NOT_INITIALIZED);
	RV_EQUAL(p11->C_SignInit(test->session, &m, test->pair.private),
		 CKR_CRYPTOKI_NOT_INITIALIZED);
	RV_EQUAL(p11->C_GenerateRandom(test->session, room, 20), CKR_CRYPTOKI_NOT_INITIALIZED);
	RV_EQUAL(p11->C_CloseSession(test->session), CKR_CRYPTOKI_NOT_INITIALIZED);
	RV_EQUAL(p11->C_Logout(test->session), CKR_CRYPTOKI_NOT_INITIALIZED);
	RV_EQUAL(p11->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	return 0;
}

static int forked_and_signing(void *argument)
{
	forked(argument);
	start_and_sign(NULL);
	p11_stop();
	return 0;
}

static int forked_and_leaving(void *argument)
{
	(void)argument;
	exit(0);
}

static void forks(void)
{
	int (*const children[])(void *) = { forked, forked_and_signing, forked_and_leaving };
	struct fork_test test;
	pid_t child;
	size_t i, j;

	test.session = p11_shared_token();
	test.pair = p11_shared_pair(test.session, 1024);
	CHECK(p11_signs(test.session, test.pair));
	for (i = 0; i < sizeof(children) / sizeof(*children); i++) {
		tap_about("child %zu", i);
		child = tap_child_start(children[i], &test);
		for (j = 0; j < 10; j++)
			CHECK(p11_signs(test.session, test.pair));
		ULONG_EQUAL(tap_child_wait(child), 0);
		for (j = 0; j < 10; j++)
			CHECK(p11_signs(test.session, test.pair));
		ULONG_EQUAL(p11_state(test.session), CKS_RW_USER_FUNCTIONS);
	}
}

/* A child that is forked before the parent's C_Initialize, and one that forks again. */
static int fork_again(void *argument)
{
	start_and_sign(argument);
	ULONG_EQUAL(p11_in_child(start_and_sign, NULL), 0);
	CHECK(p11_label_signs(p11_open(), "shared 1024"));
	return 0;
}

static void forks_of_forks(void)
{
	p11_shared_pair(p11_shared_token(), 1024);
	ULONG_EQUAL(p11_in_child(fork_again, NULL), 0);
	CHECK(p11_label_signs(p11_open(), "shared 1024"));
}

/* Without tcsd */

static void use_closed_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char port[16];

	MUST(fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0);
	MUST(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
	snprintf(port, sizeof(port), "%u", ntohs(address.sin_port));
	setenv("TSS_TCSD_PORT", port, 1);
	/* fd stays open, bound and not listening: nobody else gets the port. */
}

static void check_public_operations(CK_SESSION_HANDLE session)
{
	unsigned char data[] = "without tcsd", signature[P11_MAX_BYTES], out[P11_MAX_BYTES];
	CK_OBJECT_HANDLE key = p11_find(session, CKO_PUBLIC_KEY, "without tcsd");
	CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 }, verify = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
	CK_ULONG length = sizeof(out);

	RV_EQUAL(p11->C_DigestInit(session, &sha256), CKR_OK);
	RV_EQUAL(p11->C_Digest(session, data, sizeof(data), out, &length), CKR_OK);
	p11_soft_sign(p11_soft_key(1024), EVP_sha256(), data, sizeof(data), signature);
	RV_EQUAL(p11->C_VerifyInit(session, &verify, key), CKR_OK);
	RV_EQUAL(p11->C_Verify(session, data, sizeof(data), signature, 128), CKR_OK);
	length = sizeof(out);
	RV_EQUAL(p11->C_EncryptInit(session, &rsa, key), CKR_OK);
	RV_EQUAL(p11->C_Encrypt(session, data, sizeof(data), out, &length), CKR_OK);
	p11_data(session, "made without tcsd", true, false);
	p11_find(session, CKO_DATA, "made without tcsd");
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int without_tcsd(void *argument)
{
	CK_SESSION_HANDLE session;
	double begin;

	(void)argument;
	use_closed_port();
	begin = seconds();
	p11_start();
	ULONG_EQUAL(p11_flags(), 0x44d);
	session = p11_open();
	check_public_operations(session);
	TAP_CHECK(seconds() - begin < BOUND, "what needs no tcsd took %.1f s", seconds() - begin);

	begin = seconds();
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_DEVICE_ERROR);
	TAP_CHECK(seconds() - begin < BOUND, "two logins without tcsd took %.1f s", seconds() - begin);
	ULONG_EQUAL(p11_flags(), 0x44d);
	ULONG_EQUAL(p11_state(session), CKS_RW_PUBLIC_SESSION);
	p11_stop();
	return 0;
}

/* Another thread begins and ends with the module all the while: a child finds nothing half closed. */
#define FORKS 400

static atomic_bool enough;

static void *begin_and_end(void *argument)
{
	while (!enough) {
		p11->C_Initialize(NULL);
		p11->C_Finalize(NULL);
	}
	return argument;
}

static int leave_at_once(void *argument)
{
	(void)argument;
	return 0;
}

static void forks_beside_finalize(void)
{
	pthread_t thread;
	int died = 0;

	p11->C_Finalize(NULL); /* if it was initialised */
	enough = false;
	MUST(pthread_create(&thread, NULL, begin_and_end, NULL) == 0);
	for (int i = 0; i < FORKS; i++)
		died += tap_child_wait(tap_child_start(leave_at_once, NULL)) != 0;
	enough = true;
	pthread_join(thread, NULL);
	TAP_CHECK(died == 0, "%d of %d children died", died, FORKS);
	p11_start();
}

static void tcsd_unreachable(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE more[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "without tcsd") };
	CK_OBJECT_HANDLE key;

	RV_MUST(p11_import(session, p11_soft_key(1024), CKO_PUBLIC_KEY, TEMPLATE(more), &key),
		CKR_OK);
	p11_stop();
	ULONG_EQUAL(p11_in_child(without_tcsd, NULL), 0);
	p11_start();
	p11_find(p11_open_user(), CKO_DATA, "made without tcsd");
}

static const struct tap_case cases[] = {
	{ "four threads sign at once in four sessions", threads },
	{ "C_Finalize, C_Initialize, login and sign", finalize_and_again },
	{ "C_Finalize ends sessions and logs out", finalize_logs_out },
	{ "the process ends with and without C_Finalize and dlclose", ends },
	{ "a forked child begins anew and leaves its parent alone", forks },
	{ "a fork of a fork", forks_of_forks },
	{ "forks while another thread is in C_Finalize", forks_beside_finalize },
	{ "tcsd unreachable", tcsd_unreachable },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "processes and threads", cases);
}
