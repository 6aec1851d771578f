/* SPDX-License-Identifier: BSD-2-Clause */
/* When there is a connection to tcsd and a thread that minds it, and when there is none. */
#include "p11_link.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_SECONDS 30

#define QUIET(what) TAP_CHECK(link_is_quiet(), "%s: %u connections, %u threads", (what), link_connections(), \
			      link_threads(0))

/* Digest, verification, encryption: libcrypto does them. */
static void use_public_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 }, sha256_rsa = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
	unsigned char data[] = "no chip needed", signature[P11_MAX_BYTES], out[P11_MAX_BYTES];
	CK_ULONG length = sizeof(out);

	RV_EQUAL(p11->C_DigestInit(session, &sha256), CKR_OK);
	RV_EQUAL(p11->C_Digest(session, data, sizeof(data), out, &length), CKR_OK);
	QUIET("digest");
	p11_soft_sign(p11_soft_key(1024), EVP_sha256(), data, sizeof(data), signature);
	RV_EQUAL(p11->C_VerifyInit(session, &sha256_rsa, key), CKR_OK);
	RV_EQUAL(p11->C_Verify(session, data, sizeof(data), signature, 128), CKR_OK);
	signature[5] ^= 1;
	RV_EQUAL(p11->C_VerifyInit(session, &sha256_rsa, key), CKR_OK);
	RV_EQUAL(p11->C_Verify(session, data, sizeof(data), signature, 128), CKR_SIGNATURE_INVALID);
	QUIET("verify");
	length = sizeof(out);
	RV_EQUAL(p11->C_EncryptInit(session, &rsa, key), CKR_OK);
	RV_EQUAL(p11->C_Encrypt(session, data, sizeof(data), out, &length), CKR_OK);
	QUIET("encrypt");
}

static void use_slot(void)
{
	CK_MECHANISM_TYPE types[64];
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;
	CK_ULONG count = 1;

	RV_EQUAL(p11->C_GetSlotList(CK_TRUE, &p11_slot, &count), CKR_OK);
	ULONG_EQUAL(count, 1);
	QUIET("C_GetSlotList");
	RV_EQUAL(p11->C_GetSlotInfo(p11_slot, &slot), CKR_OK);
	CHECK((slot.flags & CKF_TOKEN_PRESENT) != 0);
	RV_EQUAL(p11->C_GetTokenInfo(p11_slot, &token), CKR_OK);
	ULONG_EQUAL(token.flags, 0x44d);
	QUIET("C_GetTokenInfo");
	count = sizeof(types) / sizeof(*types);
	RV_EQUAL(p11->C_GetMechanismList(p11_slot, types, &count), CKR_OK);
	CHECK(count > 5);
}

static int use_without_chip(void *ignored)
{
	CK_SESSION_HANDLE session;

	(void)ignored;
	QUIET("before C_Initialize");
	p11_start();
	QUIET("C_Initialize");
	use_slot();
	session = p11_open();
	ULONG_EQUAL(p11_count(session, CKO_PUBLIC_KEY, NULL), 2);
	use_public_key(session, p11_find(session, CKO_PUBLIC_KEY, "soft"));
	RV_EQUAL(p11->C_DestroyObject(session, p11_data(session, "public", true, false)), CKR_OK);
	QUIET("objects");
	p11_stop();
	QUIET("C_Finalize");
	return 0;
}

static void make_soft_key(void)
{
	CK_ATTRIBUTE more[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "soft") };
	CK_OBJECT_HANDLE key;

	link_new_token();
	p11_start();
	RV_MUST(p11_import(p11_open(), p11_soft_key(1024), CKO_PUBLIC_KEY, TEMPLATE(more), &key), CKR_OK);
	p11_stop();
}

static void nothing_without_need(void)
{
	make_soft_key();
	ULONG_EQUAL(p11_in_child(use_without_chip, NULL), 0);
	link_control("stop-tcsd");
	ULONG_EQUAL(p11_in_child(use_without_chip, NULL), 0);
	link_control("start-tcsd");
	ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
}

static int use_beside_listener(void *listener)
{
	link_set("TSS_TCSD_PORT", ((struct link_listener *)listener)->seen->port);
	return use_without_chip(NULL);
}

/* Not even a knock that leaves no trace behind: it would cost tcsd one of its places. */
static void no_knock(void)
{
	struct link_listener listener;

	make_soft_key();
	link_listen(&listener, geteuid(), false);
	ULONG_EQUAL(p11_in_child(use_beside_listener, &listener), 0);
	ULONG_EQUAL(listener.seen->connections, 0);
	link_listener_end(&listener);
}

/* Idle */

static int idle_and_again(void *ignored)
{
	static struct link_files before;
	struct link_signer signer = { .session = CK_INVALID_HANDLE };
	struct p11_pair of_session;
	int i;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 3);
	link_list_files(&before);
	link_log_in(&signer);
	RV_MUST(p11_generate(signer.session, 512, "of the session", false, true, &of_session), CKR_OK);
	for (i = 0; i < 2; i++) {
		RV_EQUAL(link_sign(&signer), CKR_OK);
		ULONG_EQUAL(link_connections(), 1);
		TAP_MUST(link_wait(link_is_quiet, WAIT_SECONDS), "not idle: %u connections, %u threads",
			  link_connections(), link_threads(0));
		ULONG_EQUAL(p11_state(signer.session), CKS_RW_USER_FUNCTIONS);
		CHECK(p11_signs(signer.session, of_session));
	}
	RV_EQUAL(link_sign(&signer), CKR_OK);
	p11_stop();
	QUIET("C_Finalize");
	link_check_files(&before);
	return 0;
}

static int idle_at_once(void *ignored)
{
	struct link_signer signer;
	int i;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 0);
	link_log_in(&signer);
	CHECK(link_closed_at_once());
	for (i = 0; i < 3; i++) {
		RV_EQUAL(link_sign(&signer), CKR_OK);
		CHECK(link_closed_at_once());
		RV_EQUAL(link_decrypt(&signer), CKR_OK);
		CHECK(link_closed_at_once());
	}
	MUST(link_wait(link_is_quiet, WAIT_SECONDS));
	p11_stop();
	return 0;
}

/* A signature in parts, whose first part the key has seen before the connection went. */
static int idle_inside_operation(void *ignored)
{
	CK_MECHANISM sha256_rsa = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	unsigned char data[] = "one part, another part", signature[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);
	struct link_signer signer;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 1);
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	RV_EQUAL(p11->C_SignInit(signer.session, &sha256_rsa, signer.pair.private), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(signer.session, data, 8), CKR_OK);
	MUST(link_wait(link_is_quiet, WAIT_SECONDS));
	RV_EQUAL(p11->C_SignUpdate(signer.session, data + 8, sizeof(data) - 8), CKR_OK);
	RV_EQUAL(p11->C_SignFinal(signer.session, signature, &length), CKR_OK);
	CHECK(p11_soft_verify(signer.public, EVP_sha256(), data, sizeof(data), signature, length));
	p11_stop();
	return 0;
}

static int init_token(void *ignored)
{
	(void)ignored;
	p11_start();
	RV_EQUAL(p11_init_token(SO_PIN, "replaced"), CKR_OK);
	p11_stop();
	return 0;
}

/* With the connection the auths of that login leave libtspi. */
static int login_ended_elsewhere(void *ignored)
{
	struct link_signer signer;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 3600);
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	ULONG_EQUAL(p11_in_child(init_token, NULL), 0);
	ULONG_EQUAL(link_connections(), 1);
	ULONG_EQUAL(p11_state(signer.session), CKS_RW_PUBLIC_SESSION);
	ULONG_EQUAL(link_connections(), 0);
	p11_stop();
	return 0;
}

/* The signals that the kernel may hand to any thread must not choose the module's. */
static void check_signals_blocked(const char *thread)
{
	static const int wanted[] = { SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCHLD };
	unsigned long long blocked = 0;
	char path[64], line[256];
	FILE *status;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", thread);
	status = fopen(path, "r");
	MUST(status != NULL);
	while (fgets(line, sizeof(line), status) != NULL)
		if (strncmp(line, "SigBlk:", 7) == 0)
			blocked = strtoull(line + 7, NULL, 16);
	fclose(status);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		TAP_CHECK((blocked >> (wanted[i] - 1) & 1) == 1, "the thread of the module takes signal %d",
			  wanted[i]);
}

static int look_at_thread(void *ignored)
{
	const struct dirent *entry;
	struct link_signer signer;
	unsigned int others = 0;
	DIR *tasks;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 60);
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	tasks = opendir("/proc/self/task");
	MUST(tasks != NULL);
	while ((entry = readdir(tasks)) != NULL)
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != (int)getpid()) {
			others++;
			check_signals_blocked(entry->d_name);
		}
	closedir(tasks);
	TAP_CHECK(others >= 1, "no thread minds the idle connection");
	p11_stop();
	QUIET("C_Finalize");
	return 0;
}

/* No threads wanted */

static int without_threads(void *ignored)
{
	CK_C_INITIALIZE_ARGS arguments = { .flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS | CKF_OS_LOCKING_OK };
	struct link_signer signer = { .session = CK_INVALID_HANDLE };
	struct p11_pair pair;
	unsigned char random[20];

	(void)ignored;
	RV_MUST(p11->C_Initialize(&arguments), CKR_OK);
	signer.session = p11_open();
	RV_EQUAL(p11_login(signer.session, CKU_USER, USER_PIN), CKR_OK);
	QUIET("C_Login");
	link_find_pair(&signer);
	for (int i = 0; i < 10; i++) {
		RV_EQUAL(link_sign(&signer), CKR_OK);
		QUIET("C_Sign");
		RV_EQUAL(link_decrypt(&signer), CKR_OK);
		QUIET("C_Decrypt");
		RV_EQUAL(p11->C_GenerateRandom(signer.session, random, sizeof(random)), CKR_OK);
		QUIET("C_GenerateRandom");
	}
	RV_EQUAL(p11_generate(signer.session, 1024, "pair", false, true, &pair), CKR_OK);
	QUIET("C_GenerateKeyPair");
	RV_EQUAL(p11->C_Logout(signer.session), CKR_OK);
	QUIET("C_Logout");
	p11_stop();
	return 0;
}

/* The parent looks on, so that it sees the inside of the calls too. */
static void no_thread_ever(void)
{
	unsigned int threads, most = 0, looks = 0;
	int status = 0;
	pid_t child;

	link_new_token();
	child = tap_child_start(without_threads, NULL);
	while (waitpid(child, &status, WNOHANG) == 0) {
		threads = link_threads((int)child);
		most = threads > most ? threads : most;
		looks++;
		link_sleep(0.0005);
	}
	TAP_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with status 0x%x",
		  (unsigned int)status);
	ULONG_EQUAL(most, 1);
	CHECK(looks > 10);
}

static void run_in_child(int (*run)(void *))
{
	link_new_token();
	ULONG_EQUAL(p11_in_child(run, NULL), 0);
}

static void idle(void)
{
	run_in_child(idle_and_again);
}

static void idle_zero(void)
{
	run_in_child(idle_at_once);
}

static void idle_operation(void)
{
	run_in_child(idle_inside_operation);
}

static void login_ended(void)
{
	run_in_child(login_ended_elsewhere);
}

static void signals_of_thread(void)
{
	run_in_child(look_at_thread);
}

static const struct tap_case cases[] = {
	{ "no connection where the chip is not needed, and no tcsd needed", nothing_without_need },
	{ "no knock at the port of tcsd where the chip is not needed", no_knock },
	{ "an idle connection is closed, and the next signature opens one", idle },
	{ "PKCS11_TPM_IDLE=0: no connection stays", idle_zero },
	{ "a signature in parts with the connection closed between them", idle_operation },
	{ "a login that another process ends leaves no connection", login_ended },
	{ "the thread of the module takes no signal", signals_of_thread },
	{ "CKF_LIBRARY_CANT_CREATE_OS_THREADS: never a thread, no connection stays", no_thread_ever },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "link when needed", cases);
}
