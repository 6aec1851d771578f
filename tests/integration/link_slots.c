/* SPDX-License-Identifier: BSD-2-Clause */
/* Several processes use the same keys, which are more than the chip has room for. */
#include "p11_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SLOTS 20 /* of swtpm */
#define KEYS (SLOTS + 4)
#define PROCESSES 3
#define WRONG 4
#define SWTPM_TRIES 6 /* that many wrong PINs, then it locks */

static void label_of(int key, char label[32])
{
	snprintf(label, 32, "key %d", key);
}

static void make_keys(void)
{
	CK_SESSION_HANDLE session;
	struct p11_pair pair;
	char label[32];

	link_new_token();
	p11_start();
	session = p11_open_user();
	for (int i = 0; i < KEYS; i++) {
		label_of(i, label);
		RV_MUST(p11_generate(session, 512, label, true, true, &pair), CKR_OK);
	}
	p11_stop();
}

static int sign_round_robin(void *rounds)
{
	struct link_signer signers[KEYS];
	CK_SESSION_HANDLE session;
	char label[32];

	p11_start();
	session = p11_open_user();
	for (int i = 0; i < KEYS; i++) {
		label_of(i, label);
		signers[i].session = session;
		signers[i].pair.public = p11_find(session, CKO_PUBLIC_KEY, label);
		signers[i].pair.private = p11_find(session, CKO_PRIVATE_KEY, label);
		signers[i].public = p11_read_public(session, signers[i].pair.public);
	}
	link_crowd_line_up();
	for (int round = 0; round < *(int *)rounds; round++)
		for (int i = 0; i < KEYS; i++) {
			/* Each from another place on, so that they take the slots from each other. */
			const struct link_signer *signer = &signers[(i + (int)getpid() * 7) % KEYS];

			tap_about("round %d, key %d", round, i);
			RV_MUST(link_sign(signer), CKR_OK);
		}
	p11_stop();
	return 0;
}

/* In processes of their own, as those of ssh-agent and p11tool are. */
static int log_in_wrongly(void *ignored)
{
	(void)ignored;
	p11_start();
	RV_EQUAL(p11_login(p11_open(), CKU_USER, "wrong"), CKR_PIN_INCORRECT);
	p11_stop();
	return 0;
}

/* What is left of the tries says how many have been made. */
static unsigned int use_up_tries(void)
{
	CK_SESSION_HANDLE session;
	unsigned int tries = 0;
	CK_RV rv;

	p11_start();
	session = p11_open();
	while ((rv = p11_login(session, CKU_USER, "wrong")) == CKR_PIN_INCORRECT && tries < 50)
		tries++;
	RV_EQUAL(rv, CKR_PIN_LOCKED);
	p11_stop();
	p11_reset_lockout();
	return tries;
}

static void same_keys(void)
{
	struct link_crowd crowd;
	int rounds = link_amount(4, 12);
	unsigned int left;

	make_keys();
	link_crowd_start(&crowd, PROCESSES, sign_round_robin, &rounds);
	link_crowd_await(&crowd);
	link_crowd_release(&crowd);
	for (int i = 0; i < WRONG; i++)
		ULONG_EQUAL(p11_in_child(log_in_wrongly, NULL), 0);
	link_crowd_end(&crowd);
	left = use_up_tries();
	/* The lockout's first second may pass unseen, and the next two as well: each gives one more. */
	TAP_CHECK(left >= SWTPM_TRIES - WRONG && left <= SWTPM_TRIES - WRONG + 2,
		  "%d wrong PINs and %u more until the chip locks, which it does after %d", WRONG, left,
		  SWTPM_TRIES);
}

static const struct tap_case cases[] = {
	{ "processes on the same keys, and wrong PINs meanwhile: each costs one try", same_keys },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "slots of the chip", cases);
}
