/* SPDX-License-Identifier: BSD-2-Clause */
/* More processes than tcsd has places, which are ten. */
#include "p11_link.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLACES 10
#define SIGNATURES 20

/* --- idle --- */

static int idle_then_sign(void *ignored)
{
	struct link_signer signer;

	(void)ignored;
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	link_crowd_line_up();
	ULONG_EQUAL(p11_state(signer.session), CKS_RW_USER_FUNCTIONS);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	p11_stop();
	return 0;
}

/* tcsd ends when its last client has hung up, which each does by itself. */
static void many_idle(void)
{
	struct link_crowd crowd;

	link_new_token();
	if (getenv("TESTS_LONG") == NULL)
		link_set("PKCS11_TPM_IDLE", 1);
	link_crowd_start(&crowd, link_amount(12, 30), idle_then_sign, NULL);
	link_crowd_await(&crowd);
	ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
	link_restart_tcsd();
	link_crowd_end(&crowd);
	unsetenv("PKCS11_TPM_IDLE");
}

/* --- at once --- */

static int sign_many(void *ignored)
{
	struct link_signer signer;
	unsigned int signatures = 0;
	CK_RV rv = CKR_OK;

	(void)ignored;
	link_crowd_line_up();
	link_log_in(&signer);
	while (signatures < SIGNATURES && rv == CKR_OK) {
		rv = link_sign(&signer);
		signatures += rv == CKR_OK;
	}
	RV_EQUAL(rv, CKR_OK);
	ULONG_EQUAL(signatures, SIGNATURES);
	p11_stop();
	return 0;
}

static void many_at_once(void)
{
	struct link_crowd crowd;
	double begin;

	link_new_token();
	/* The unlucky ones wait for one of the few places nearly until the end. */
	link_set("PKCS11_TPM_TIMEOUT", 250);
	link_crowd_start(&crowd, link_amount(16, 50), sign_many, NULL);
	link_crowd_await(&crowd);
	begin = link_seconds();
	link_crowd_end(&crowd);
	printf("# %d processes, a login and %d signatures each: %.1f s\n", crowd.size, SIGNATURES,
	       link_seconds() - begin);
	unsetenv("PKCS11_TPM_TIMEOUT");
}

/* The places of those that died are free again. */
static int sign_and_die(void *ignored)
{
	struct link_signer signer;

	(void)ignored;
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	return 0;
}

static void many_one_after_another(void)
{
	link_new_token();
	for (int i = 0; i < PLACES + 2; i++)
		ULONG_EQUAL(p11_in_child(sign_and_die, NULL), 0);
}

/* --- all places taken by others --- */

static void take_places(int *fds)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	address.sin_port = htons((unsigned short)atoi(getenv("TSS_TCSD_PORT")));
	for (int i = 0; i < PLACES; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		MUST(fds[i] >= 0 && connect(fds[i], (struct sockaddr *)&address, sizeof(address)) == 0);
	}
	/* tcsd gives a place when it has accepted, which it does one by one. */
	link_sleep(1);
}

/* Also those that a child has inherited. */
static void give_places(const int *fds)
{
	for (int i = 0; i < PLACES; i++) {
		shutdown(fds[i], SHUT_RDWR);
		close(fds[i]);
	}
}

static int fail_by_the_deadline(void *ignored)
{
	link_set("PKCS11_TPM_TIMEOUT", 2);
	return link_fail_to_log_in(ignored);
}

static void no_place_by_the_deadline(void)
{
	int fds[PLACES];
	char log[4000];

	link_new_token();
	take_places(fds);
	ULONG_EQUAL(p11_in_child(fail_by_the_deadline, NULL), 0);
	ULONG_EQUAL(link_log_read(log, sizeof(log)), 1);
	CHECK(strstr(log, "tcsd") != NULL);
	give_places(fds);
	ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
}

static void place_found_in_time(void)
{
	int fds[PLACES];
	pid_t child;

	link_new_token();
	take_places(fds);
	child = tap_child_start(link_start_and_sign, NULL);
	link_sleep(3);
	give_places(fds);
	ULONG_EQUAL(tap_child_wait(child), 0);
}

static int knock_in_vain(void *listener)
{
	link_set("TSS_TCSD_PORT", ((struct link_listener *)listener)->seen->port);
	return fail_by_the_deadline(NULL);
}

/* As tcsd does it to the eleventh: it is tried again, and not without a pause. */
static void hung_up_on(void)
{
	struct link_listener listener;
	char log[4000];

	if (geteuid() != 0) {
		tap_skip("a listener that passes for tcsd has to be root's");
		return;
	}
	link_new_token();
	link_listen(&listener, 0, true);
	ULONG_EQUAL(p11_in_child(knock_in_vain, &listener), 0);
	ULONG_EQUAL(link_log_read(log, sizeof(log)), 1);
	TAP_CHECK(listener.seen->connections >= 2 && listener.seen->connections <= 200, "%u knocks in 2 s",
		  listener.seen->connections);
	link_listener_end(&listener);
}

static const struct tap_case cases[] = {
	{ "processes that have signed and idle leave room for one more, and let tcsd end", many_idle },
	{ "many processes that log in and sign at once", many_at_once },
	{ "processes that end without C_Finalize leave their places", many_one_after_another },
	{ "no place by the deadline", no_place_by_the_deadline },
	{ "a place that is given up is found", place_found_in_time },
	{ "hung up on until the deadline", hung_up_on },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "link in a crowd", cases);
}
