/* SPDX-License-Identifier: BSD-2-Clause */
/* Forks of a host that is connected to tcsd. */
#include "p11_link.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 4

static const struct link_signer *parent;

/* Each as the workers of a web server whose master has initialised the module. */
static int serve(void *ignored)
{
	struct link_signer signer;

	(void)ignored;
	RV_EQUAL(link_sign(parent), CKR_CRYPTOKI_NOT_INITIALIZED);
	link_crowd_line_up();
	link_log_in(&signer);
	for (int i = 0; i < link_amount(20, 100); i++)
		RV_MUST(link_sign(&signer), CKR_OK);
	p11_stop();
	return 0;
}

static void start_parent(struct link_signer *signer)
{
	link_new_token();
	link_log_in(signer);
	RV_EQUAL(link_sign(signer), CKR_OK);
	parent = signer;
}

static void check_parent(const struct link_signer *signer)
{
	RV_EQUAL(link_sign(signer), CKR_OK);
	RV_EQUAL(link_decrypt(signer), CKR_OK);
	ULONG_EQUAL(p11_state(signer->session), CKS_RW_USER_FUNCTIONS);
}

static void workers(void)
{
	struct link_signer signer;
	struct link_crowd crowd;

	start_parent(&signer);
	link_crowd_start(&crowd, WORKERS, serve, NULL);
	check_parent(&signer);
	link_crowd_await(&crowd);
	link_crowd_release(&crowd);
	for (int i = 0; i < link_amount(40, 200); i++)
		RV_MUST(link_sign(&signer), CKR_OK);
	link_crowd_end(&crowd);
	check_parent(&signer);
	p11_stop();
}

/* --- children that leave --- */

static int leave(void *ignored)
{
	(void)ignored;
	exit(0);
}

static int call_and_leave(void *ignored)
{
	CK_SLOT_ID slot;
	CK_ULONG count = 1;

	RV_EQUAL(p11->C_GetSlotList(CK_TRUE, &slot, &count), CKR_CRYPTOKI_NOT_INITIALIZED);
	RV_EQUAL(p11->C_CloseAllSessions(p11_slot), CKR_CRYPTOKI_NOT_INITIALIZED);
	RV_EQUAL(p11->C_Logout(parent->session), CKR_CRYPTOKI_NOT_INITIALIZED);
	RV_EQUAL(link_sign(parent), CKR_CRYPTOKI_NOT_INITIALIZED);
	RV_EQUAL(p11->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	return leave(ignored);
}

static int start_and_leave(void *ignored)
{
	struct link_signer signer;

	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	return leave(ignored);
}

static int die(void *ignored)
{
	(void)ignored;
	raise(SIGKILL);
	return 0;
}

static void leaving(void)
{
	static const struct {
		int (*run)(void *);
		int status;
	} children[] = {
		{ leave, 0 },
		{ call_and_leave, 0 },
		{ start_and_leave, 0 },
		{ die, 128 + SIGKILL },
	};
	struct link_signer signer;

	start_parent(&signer);
	for (size_t i = 0; i < sizeof(children) / sizeof(*children); i++) {
		tap_about("child %zu", i);
		ULONG_EQUAL(p11_in_child(children[i].run, NULL), children[i].status);
		check_parent(&signer);
	}
	p11_stop();
}

/* --- children that stay --- */

static int stay(void *ignored)
{
	(void)ignored;
	link_crowd_line_up();
	return 0;
}

/* What a child inherits must not keep tcsd from ending when the parent has closed. */
static void child_stays(void)
{
	struct link_signer signer;
	struct link_crowd crowd;

	start_parent(&signer);
	link_crowd_start(&crowd, 1, stay, NULL);
	link_crowd_await(&crowd);
	p11_stop();
	link_restart_tcsd();
	link_crowd_end(&crowd);
}

/* The child has the parent's connection from the fork on, and is rid of it once it is initialised. */
static int look_at_own(void *ignored)
{
	struct link_signer signer;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 600);
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	ULONG_EQUAL(link_connections(), 1);
	p11_stop();
	ULONG_EQUAL(link_connections(), 0);
	return 0;
}

static void child_has_its_own(void)
{
	struct link_signer signer;

	link_set("PKCS11_TPM_IDLE", 600);
	start_parent(&signer);
	ULONG_EQUAL(link_connections(), 1);
	ULONG_EQUAL(p11_in_child(look_at_own, NULL), 0);
	check_parent(&signer);
	p11_stop();
	unsetenv("PKCS11_TPM_IDLE");
}

/* The parent goes, its children work on. */
static int serve_after_parent(void *ignored)
{
	link_crowd_line_up();
	return link_start_and_sign(ignored);
}

static void parent_finalizes(void)
{
	struct link_signer signer;
	struct link_crowd crowd;

	start_parent(&signer);
	link_crowd_start(&crowd, WORKERS, serve_after_parent, NULL);
	link_crowd_await(&crowd);
	p11_stop();
	link_crowd_end(&crowd);
	link_log_in(&signer);
	check_parent(&signer);
	p11_stop();
}

static const struct tap_case cases[] = {
	{ "four workers sign while the parent does", workers },
	{ "children that leave do not disturb the parent", leaving },
	{ "a child that stays does not hold the parent's connection", child_stays },
	{ "a child that is initialised has a connection of its own, and no other", child_has_its_own },
	{ "children work on when the parent has called C_Finalize", parent_finalizes },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "link and forks", cases);
}
