/* SPDX-License-Identifier: BSD-2-Clause */
/* A tcsd that takes connections and answers nothing, and one that waits for the chip. */
#include "p11_link.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT 2
/* Generous: what must end ends far sooner. */
#define BOUND 40

/* --- tcsd frozen --- */

struct call {
	const char *name;
	CK_RV (*run)(const struct link_signer *signer);
};

static CK_RV generate(const struct link_signer *signer)
{
	struct p11_pair pair;

	return p11_generate(signer->session, 2048, "frozen", false, true, &pair);
}

static CK_RV draw(const struct link_signer *signer)
{
	unsigned char random[20];

	return p11->C_GenerateRandom(signer->session, random, sizeof(random));
}

static const struct call calls[] = {
	{ "C_Sign", link_sign },
	{ "C_GenerateKeyPair", generate },
	{ "C_Decrypt", link_decrypt },
	{ "C_GenerateRandom", draw },
};
#define CALLS ((size_t)link_amount(2, sizeof(calls) / sizeof(*calls)))

static void fail_in_time(const struct link_signer *signer, const struct call *call)
{
	double begin = link_seconds(), taken;
	CK_RV rv = call->run(signer);

	taken = link_seconds() - begin;
	TAP_CHECK(rv == CKR_DEVICE_ERROR, "%s gives %s", call->name, p11_rv_name(rv));
	TAP_CHECK(taken < BOUND, "%s took %.1f s", call->name, taken);
}

/* IDLE: whether the connection stands when tcsd falls silent, or is to be opened then. */
static int freeze_and_thaw(void *idle)
{
	static struct link_files before;
	struct link_signer signer = { .session = CK_INVALID_HANDLE };

	link_set("PKCS11_TPM_TIMEOUT", TIMEOUT);
	link_set("PKCS11_TPM_IDLE", *(int *)idle);
	link_list_files(&before);
	link_log_in(&signer);
	for (size_t i = 0; i < CALLS; i++) {
		tap_about("%s, idle %d", calls[i].name, *(int *)idle);
		RV_EQUAL(link_sign(&signer), CKR_OK);
		link_control("freeze-tcsd");
		fail_in_time(&signer, &calls[i]);
		ULONG_EQUAL(p11_state(signer.session), CKS_RW_USER_FUNCTIONS);
		ULONG_EQUAL(p11_flags(), 0x44d);
		link_control("thaw-tcsd");
		RV_EQUAL(calls[i].run(&signer), CKR_OK);
	}
	p11_stop();
	link_check_files(&before);
	return 0;
}

static void frozen_with(int idle)
{
	link_new_token();
	ULONG_EQUAL(p11_in_child(freeze_and_thaw, &idle), 0);
	link_control("thaw-tcsd");
	ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
}

static void frozen_while_connected(void)
{
	frozen_with(600);
}

static void frozen_before_connecting(void)
{
	frozen_with(0);
}

static int finalize_frozen(void *ignored)
{
	struct link_signer signer = { .session = CK_INVALID_HANDLE };
	double begin;

	(void)ignored;
	link_set("PKCS11_TPM_TIMEOUT", TIMEOUT);
	link_set("PKCS11_TPM_IDLE", 600);
	link_log_to(link_log_path());
	link_log_in(&signer);
	link_control("freeze-tcsd");
	fail_in_time(&signer, &calls[0]);
	begin = link_seconds();
	p11_stop();
	/* And with a connection that has not been found silent yet. */
	link_control("thaw-tcsd");
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	link_control("freeze-tcsd");
	p11_stop();
	TAP_CHECK(link_seconds() - begin < BOUND, "C_Finalize took %.1f s", link_seconds() - begin);
	CHECK(link_is_quiet());
	link_control("thaw-tcsd");
	return link_start_and_sign(NULL);
}

static void finalized_while_frozen(void)
{
	char log[4000];

	link_new_token();
	ULONG_EQUAL(p11_in_child(finalize_frozen, NULL), 0);
	ULONG_EQUAL(link_log_read(log, sizeof(log)), 1);
	CHECK(strstr(log, "tcsd") != NULL);
}

static int exit_frozen(void *ignored)
{
	struct link_signer signer;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 600);
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	link_control("freeze-tcsd");
	exit(0);
}

static void ended_while_frozen(void)
{
	link_new_token();
	ULONG_EQUAL(p11_in_child(exit_frozen, NULL), 0);
	link_control("thaw-tcsd");
}

static int log_in_frozen(void *ignored)
{
	CK_SESSION_HANDLE session;

	(void)ignored;
	link_set("PKCS11_TPM_TIMEOUT", TIMEOUT);
	p11_start();
	session = p11_open();
	link_control("freeze-tcsd");
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(p11_set_pin(session, USER_PIN, "another"), CKR_DEVICE_ERROR);
	ULONG_EQUAL(p11_state(session), CKS_RW_PUBLIC_SESSION);
	ULONG_EQUAL(p11_flags(), 0x44d);
	link_control("thaw-tcsd");
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	p11_stop();
	return 0;
}

static void login_while_frozen(void)
{
	link_new_token();
	ULONG_EQUAL(p11_in_child(log_in_frozen, NULL), 0);
}

/* --- tcsd busy: it waits for the chip, and its clients wait with it --- */

static int use_all_calls(void *ignored)
{
	struct link_signer signer = { .session = CK_INVALID_HANDLE };

	(void)ignored;
	link_set("PKCS11_TPM_TIMEOUT", TIMEOUT);
	link_log_in(&signer);
	link_crowd_line_up();
	for (size_t i = 0; i < CALLS; i++) {
		tap_about("%s", calls[i].name);
		RV_EQUAL(calls[i].run(&signer), CKR_OK);
	}
	p11_stop();
	return 0;
}

/* Three times the time-out, as the making of a key takes many minutes on some chips. */
static void chip_slow(void)
{
	struct link_crowd users;

	link_new_token();
	link_crowd_start(&users, 3, use_all_calls, NULL);
	link_crowd_await(&users);
	link_control("freeze-tpm");
	link_crowd_release(&users);
	link_sleep(3 * TIMEOUT);
	link_control("thaw-tpm");
	link_crowd_end(&users);
}

/* tcsd falls silent in the middle of a command, that of a key generation among them. */
static int use_call(void *argument)
{
	struct link_signer signer;

	link_set("PKCS11_TPM_TIMEOUT", TIMEOUT);
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	link_crowd_line_up();
	fail_in_time(&signer, argument);
	p11_stop();
	return 0;
}

static void frozen_in_a_command(void)
{
	struct link_crowd user;

	link_new_token();
	for (size_t i = 0; i < CALLS; i++) {
		struct call call = calls[i];

		tap_about("%s", call.name);
		link_crowd_start(&user, 1, use_call, &call);
		link_crowd_await(&user);
		link_control("freeze-tpm");
		link_crowd_release(&user);
		link_sleep(0.5);
		link_control("freeze-tcsd");
		link_crowd_end(&user);
		link_control("thaw-tpm");
		link_control("thaw-tcsd");
		ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
	}
}

static int generate_for_long(void *ignored)
{
	struct link_signer signer;
	double end;

	(void)ignored;
	link_set("PKCS11_TPM_TIMEOUT", TIMEOUT);
	link_log_in(&signer);
	link_crowd_line_up();
	for (end = link_seconds() + link_amount(3, 8); link_seconds() < end;)
		RV_MUST(generate(&signer), CKR_OK);
	p11_stop();
	return 0;
}

static void neighbour_generates(void)
{
	struct link_signer signer;
	struct link_crowd neighbours;
	double end;

	link_new_token();
	link_set("PKCS11_TPM_TIMEOUT", TIMEOUT);
	link_crowd_start(&neighbours, 2, generate_for_long, NULL);
	link_crowd_await(&neighbours);
	link_log_in(&signer);
	link_crowd_release(&neighbours);
	for (end = link_seconds() + link_amount(3, 8); link_seconds() < end;)
		RV_MUST(link_sign(&signer), CKR_OK);
	p11_stop();
	link_crowd_end(&neighbours);
	unsetenv("PKCS11_TPM_TIMEOUT");
}

/* --- what needs no chip goes on meanwhile --- */

struct waiting {
	struct link_signer signer;
	atomic_bool done;
	CK_RV rv;
};

static void *sign_in_thread(void *argument)
{
	struct waiting *waiting = argument;

	waiting->rv = link_sign(&waiting->signer);
	atomic_store(&waiting->done, true);
	return NULL;
}

static void use_no_chip(void)
{
	CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 };
	unsigned char data[] = "meanwhile", out[32];
	CK_ULONG length = sizeof(out);
	CK_SESSION_HANDLE session = p11_open();

	RV_EQUAL(p11->C_DigestInit(session, &sha256), CKR_OK);
	RV_EQUAL(p11->C_Digest(session, data, sizeof(data), out, &length), CKR_OK);
	ULONG_EQUAL(p11_count(session, CKO_PUBLIC_KEY, "link"), 1);
	ULONG_EQUAL(p11_count(session, CKO_PRIVATE_KEY, "link"), 1);
	ULONG_EQUAL(p11_flags(), 0x44d);
	EVP_PKEY_free(p11_read_public(session, p11_find(session, CKO_PUBLIC_KEY, "link")));
	RV_EQUAL(p11->C_DestroyObject(session, p11_data(session, "meanwhile", true, false)), CKR_OK);
	RV_EQUAL(p11->C_CloseSession(session), CKR_OK);
}

/* The child is past what must not wait. */
static int past[2];

static int use_two_threads(void *ignored)
{
	struct waiting waiting = { .rv = CKR_GENERAL_ERROR };
	pthread_t thread;

	(void)ignored;
	link_log_in(&waiting.signer);
	link_crowd_line_up();
	MUST(pthread_create(&thread, NULL, sign_in_thread, &waiting) == 0);
	link_sleep(0.5);
	use_no_chip();
	TAP_CHECK(!atomic_load(&waiting.done), "the other thread was waited for");
	MUST(write(past[1], "", 1) == 1);
	pthread_join(thread, NULL);
	RV_EQUAL(waiting.rv, CKR_OK);
	p11_stop();
	return 0;
}

static void others_go_on(void)
{
	struct pollfd word = { .events = POLLIN };
	struct link_crowd user;

	link_new_token();
	MUST(pipe(past) == 0);
	word.fd = past[0];
	link_crowd_start(&user, 1, use_two_threads, NULL);
	link_crowd_await(&user);
	link_control("freeze-tpm");
	link_crowd_release(&user);
	poll(&word, 1, BOUND * 1000); /* in vain if it does wait, which it says then */
	link_control("thaw-tpm");
	link_crowd_end(&user);
	close(past[0]);
	close(past[1]);
}

static const struct tap_case cases[] = {
	{ "tcsd frozen while connected", frozen_while_connected },
	{ "tcsd frozen before the connection is made", frozen_before_connecting },
	{ "tcsd frozen in the middle of a command", frozen_in_a_command },
	{ "C_Finalize while tcsd is frozen", finalized_while_frozen },
	{ "the end of the program while tcsd is frozen", ended_while_frozen },
	{ "logins while tcsd is frozen", login_while_frozen },
	{ "a command that takes longer than the time-out", chip_slow },
	{ "neighbours that generate keys", neighbour_generates },
	{ "what needs no chip does not wait for another thread's command", others_go_on },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "link to a silent tcsd", cases);
}
