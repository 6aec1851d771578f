/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals that meet the host while the module talks to tcsd. */
#define _GNU_SOURCE
#include "p11_link.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define SIGNATURES 200
#define TICKS_MAX 250000 /* of the storm, which takes the place of the harness's alarm */

static volatile sig_atomic_t ticks;

static void count_tick(int ignored)
{
	(void)ignored;
	if (++ticks > TICKS_MAX)
		_exit(TAP_CHILD_HUNG);
}

static void start_storm(void)
{
	const struct itimerval each_ms = { { 0, 1000 }, { 0, 1000 } };
	struct sigaction action = { .sa_handler = count_tick }; /* without SA_RESTART */

	MUST(sigaction(SIGALRM, &action, NULL) == 0);
	MUST(setitimer(ITIMER_REAL, &each_ms, NULL) == 0);
}

static void end_storm(void)
{
	const struct itimerval none = { { 0, 0 }, { 0, 0 } };

	MUST(setitimer(ITIMER_REAL, &none, NULL) == 0);
}

static void use_chip(struct link_signer *signer)
{
	unsigned char random[20];
	struct p11_pair pair;

	link_log_in(signer);
	for (int i = 0; i < SIGNATURES; i++)
		RV_MUST(link_sign(signer), CKR_OK);
	RV_EQUAL(link_decrypt(signer), CKR_OK);
	RV_EQUAL(p11_generate(signer->session, 2048, "in a storm", true, true, &pair), CKR_OK);
	CHECK(p11_signs(signer->session, pair));
	RV_EQUAL(p11->C_GenerateRandom(signer->session, random, sizeof(random)), CKR_OK);
	RV_EQUAL(p11_set_pin(signer->session, USER_PIN, "another pin"), CKR_OK);
	RV_EQUAL(p11_set_pin(signer->session, "another pin", USER_PIN), CKR_OK);
	p11_stop();
}

static int sign_in_storm(void *idle)
{
	static struct link_files before;
	struct link_signer signer = { .session = CK_INVALID_HANDLE };
	sigset_t mask;

	link_set("PKCS11_TPM_IDLE", *(int *)idle);
	link_list_files(&before);
	start_storm();
	use_chip(&signer);
	end_storm();
	link_check_files(&before);
	TAP_CHECK(ticks > 100, "the handler ran %d times", (int)ticks);
	MUST(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0);
	CHECK(sigismember(&mask, SIGALRM) == 0 && sigismember(&mask, SIGPIPE) == 0);
	return 0;
}

static void storm(void)
{
	int idle[] = { 5, 0 };

	link_new_token();
	for (int i = 0; i < 2; i++)
		ULONG_EQUAL(p11_in_child(sign_in_storm, &idle[i]), 0);
}

/* --- a signal while a command is under way --- */

static bool handles;

static int wait_for_chip(void *ignored)
{
	struct link_signer signer;
	struct p11_pair pair;
	CK_RV rv;

	(void)ignored;
	signal(SIGINT, SIG_DFL);
	if (handles)
		MUST(sigaction(SIGINT, &(struct sigaction){ .sa_handler = count_tick }, NULL) == 0);
	link_log_in(&signer);
	link_crowd_line_up();
	rv = p11_generate(signer.session, 2048, "slow", false, true, &pair);
	RV_EQUAL(rv, CKR_OK);
	if (handles)
		ULONG_EQUAL(ticks, 1);
	p11_stop();
	return 0;
}

static void check_interrupt(int signal_number, int expected)
{
	struct link_crowd user;
	int status;

	link_new_token();
	link_crowd_start(&user, 1, wait_for_chip, NULL);
	link_crowd_await(&user);
	link_control("freeze-tpm");
	link_crowd_release(&user);
	link_sleep(1);
	kill(user.children[0], signal_number);
	if (expected == 0) {
		link_sleep(0.5);
		link_control("thaw-tpm");
	}
	status = tap_child_wait(user.children[0]);
	ULONG_EQUAL(status, expected);
	link_control("thaw-tpm");
	user.size = 0;
	link_crowd_end(&user);
	ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
}

static void interrupt_ends(void)
{
	handles = false;
	check_interrupt(SIGINT, 128 + SIGINT);
}

static void terminate_ends(void)
{
	handles = false;
	check_interrupt(SIGTERM, 128 + SIGTERM);
}

/* Held back or not, it arrives once, and the call succeeds. */
static void interrupt_handled(void)
{
	handles = true;
	check_interrupt(SIGINT, 0);
}

/* --- SIGPIPE --- */

static volatile sig_atomic_t pipes;

static void count_pipe(int ignored)
{
	(void)ignored;
	pipes++;
}

/* The host's own SIGPIPE is its own: the module neither eats it nor adds one. */
static int keep_sigpipe(void *ignored)
{
	struct sigaction action = { .sa_handler = count_pipe };
	struct link_signer signer;
	sigset_t only_pipe, pending;

	(void)ignored;
	sigaction(SIGPIPE, &action, NULL);
	link_set("PKCS11_TPM_IDLE", 600);
	link_log_in(&signer);
	link_control("kill-tcsd");
	link_control("start-tcsd");
	RV_EQUAL(link_sign(&signer), CKR_OK);
	ULONG_EQUAL(pipes, 0);
	sigemptyset(&only_pipe);
	sigaddset(&only_pipe, SIGPIPE);
	sigprocmask(SIG_BLOCK, &only_pipe, NULL);
	raise(SIGPIPE);
	link_control("kill-tcsd");
	link_control("start-tcsd");
	RV_EQUAL(link_sign(&signer), CKR_OK);
	sigpending(&pending);
	CHECK(sigismember(&pending, SIGPIPE) == 1);
	sigprocmask(SIG_UNBLOCK, &only_pipe, NULL);
	ULONG_EQUAL(pipes, 1);
	p11_stop();
	return 0;
}

static void sigpipe(void)
{
	link_new_token();
	ULONG_EQUAL(p11_in_child(keep_sigpipe, NULL), 0);
}

static const struct tap_case cases[] = {
	{ "a storm of SIGALRM without SA_RESTART", storm },
	{ "SIGINT ends a program that waits for the chip", interrupt_ends },
	{ "SIGTERM ends a program that waits for the chip", terminate_ends },
	{ "SIGINT with a handler does not disturb the call", interrupt_handled },
	{ "the host's SIGPIPE is left alone", sigpipe },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "link among signals", cases);
}
