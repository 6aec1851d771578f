/* SPDX-License-Identifier: BSD-2-Clause */
/* tcsd dies and comes back, the chip is reset: between calls, and in the middle of them. */
#define _GNU_SOURCE
#include "p11_link.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORKERS 3

/* --- between calls --- */

static const char *const restarts[][2] = {
	{ "kill-tcsd", "start-tcsd" },
	{ "stop-tcsd", "start-tcsd" },
	{ "reset-tpm", NULL },
};
#define RESTARTS (sizeof(restarts) / sizeof(*restarts))

static void restart(size_t how)
{
	link_control(restarts[how][0]);
	if (restarts[how][1] != NULL)
		link_control(restarts[how][1]);
}

static int sign_across_restarts(void *ignored)
{
	static struct link_files before;
	struct link_signer signer = { .session = CK_INVALID_HANDLE };
	struct p11_pair pair;
	unsigned char random[20];

	(void)ignored;
	signal(SIGPIPE, SIG_DFL);
	link_set("PKCS11_TPM_IDLE", 600);
	link_list_files(&before);
	link_log_in(&signer);
	RV_MUST(p11_generate(signer.session, 512, "of the session", false, true, &pair), CKR_OK);
	for (size_t i = 0; i < RESTARTS; i++) {
		tap_about("%s", restarts[i][0]);
		RV_EQUAL(link_sign(&signer), CKR_OK);
		restart(i);
		RV_EQUAL(link_sign(&signer), CKR_OK);
		restart(i);
		RV_EQUAL(link_decrypt(&signer), CKR_OK);
		CHECK(p11_signs(signer.session, pair));
		restart(i);
		RV_EQUAL(p11->C_GenerateRandom(signer.session, random, sizeof(random)), CKR_OK);
		restart(i);
		RV_EQUAL(p11_generate(signer.session, 512, "after", false, true, &pair), CKR_OK);
		restart(i);
		RV_EQUAL(p11->C_Logout(signer.session), CKR_OK);
		RV_EQUAL(p11_login(signer.session, CKU_USER, USER_PIN), CKR_OK);
		link_find_pair(&signer);
		RV_MUST(p11_generate(signer.session, 512, "of the session", false, true, &pair), CKR_OK);
	}
	restart(0);
	p11_stop();
	link_check_files(&before);
	return 0;
}

static void between_calls(void)
{
	link_new_token();
	ULONG_EQUAL(p11_in_child(sign_across_restarts, NULL), 0);
}

/* The first call after tcsd's death is the one that libtspi raises SIGPIPE in. */
static int sign_while_away(void *ignored)
{
	static struct link_files before;
	struct link_signer signer = { .session = CK_INVALID_HANDLE };

	(void)ignored;
	signal(SIGPIPE, SIG_DFL);
	link_set("PKCS11_TPM_IDLE", 600);
	link_list_files(&before);
	link_log_in(&signer);
	for (int i = 0; i < 5; i++) {
		RV_EQUAL(link_sign(&signer), CKR_OK);
		link_control("kill-tcsd");
		for (int j = 0; j < 3; j++)
			RV_EQUAL(link_sign(&signer), CKR_DEVICE_ERROR);
		ULONG_EQUAL(p11_state(signer.session), CKS_RW_USER_FUNCTIONS);
		link_control("start-tcsd");
	}
	RV_EQUAL(link_sign(&signer), CKR_OK);
	link_control("kill-tcsd");
	p11_stop();
	link_check_files(&before);
	return 0;
}

static void away(void)
{
	link_new_token();
	ULONG_EQUAL(p11_in_child(sign_while_away, NULL), 0);
	link_control("start-tcsd");
	ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
}

/* --- at any moment --- */

struct shared {
	atomic_bool over;
	atomic_uint workers, fine, failed;
};

/* False: the call ended as none may. */
static bool note_result(struct shared *shared, CK_RV rv, const char *call)
{
	if (rv == CKR_OK) {
		atomic_fetch_add(&shared->fine, 1);
		return true;
	}
	atomic_fetch_add(&shared->failed, 1);
	TAP_CHECK(rv == CKR_DEVICE_ERROR, "%s gives %s", call, p11_rv_name(rv));
	link_sleep(0.01);
	return rv == CKR_DEVICE_ERROR;
}

static bool use_everything(struct shared *shared, const struct link_signer *signer)
{
	struct p11_pair pair;
	unsigned char random[20];
	CK_RV rv;
	bool sane = true;

	for (int i = 0; i < 4; i++)
		sane = note_result(shared, link_sign(signer), "C_Sign") && sane;
	sane = note_result(shared, link_decrypt(signer), "C_Decrypt") && sane;
	rv = p11->C_GenerateRandom(signer->session, random, sizeof(random));
	sane = note_result(shared, rv, "C_GenerateRandom") && sane;
	rv = p11_generate(signer->session, 512, "for once", false, true, &pair);
	sane = note_result(shared, rv, "C_GenerateKeyPair") && sane;
	if (rv == CKR_OK) {
		RV_EQUAL(p11->C_DestroyObject(signer->session, pair.private), CKR_OK);
		RV_EQUAL(p11->C_DestroyObject(signer->session, pair.public), CKR_OK);
	}
	return sane;
}

static void work(struct shared *shared, struct link_signer *signer)
{
	CK_RV rv = CKR_DEVICE_ERROR;
	bool sane = true;

	while (sane && rv != CKR_OK) {
		rv = p11_login(signer->session, CKU_USER, USER_PIN);
		sane = note_result(shared, rv, "C_Login");
	}
	link_find_pair(signer);
	while (sane && !atomic_load(&shared->over))
		sane = use_everything(shared, signer);
}

static void log_in_and_out(struct shared *shared, struct link_signer *signer)
{
	CK_RV rv;

	do {
		rv = p11_login(signer->session, CKU_USER, USER_PIN);
		if (rv == CKR_OK)
			RV_EQUAL(p11->C_Logout(signer->session), CKR_OK);
	} while (note_result(shared, rv, "C_Login") && !atomic_load(&shared->over));
	RV_EQUAL(p11_login(signer->session, CKU_USER, USER_PIN), CKR_OK);
	link_find_pair(signer);
}

static int worker(void *argument)
{
	static struct link_files before;
	struct link_signer signer = { .session = CK_INVALID_HANDLE };
	struct shared *shared = argument;

	signal(SIGPIPE, SIG_DFL);
	link_crowd_line_up();
	link_list_files(&before);
	p11_start();
	signer.session = p11_open();
	if (atomic_fetch_add(&shared->workers, 1) == 0)
		log_in_and_out(shared, &signer);
	else
		work(shared, &signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	p11_stop();
	link_check_files(&before);
	return 0;
}

/* Fixed seed: what can be repeated is, though the moments are the scheduler's. */
static void disturb(struct shared *shared, double end)
{
	unsigned int seed = 4711, disturbed = 0;

	while (link_seconds() < end) {
		link_sleep(0.05 + (double)(rand_r(&seed) % 300) / 1000);
		restart((size_t)rand_r(&seed) % RESTARTS);
		disturbed++;
	}
	printf("# %u restarts, %u calls that succeeded, %u that failed\n", disturbed,
	       atomic_load(&shared->fine), atomic_load(&shared->failed));
}

static void at_any_moment(void)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct link_crowd workers;

	MUST(shared != MAP_FAILED);
	link_new_token();
	link_crowd_start(&workers, WORKERS, worker, shared);
	link_crowd_await(&workers);
	link_crowd_release(&workers);
	disturb(shared, link_seconds() + link_amount(4, 12));
	atomic_store(&shared->over, true);
	link_crowd_end(&workers);
	CHECK(atomic_load(&shared->fine) > 20);
	munmap(shared, sizeof(*shared));
}

static const struct tap_case cases[] = {
	{ "tcsd or the chip restarted between calls", between_calls },
	{ "tcsd away and back: no SIGPIPE, no descriptor lost", away },
	{ "tcsd or the chip restarted at any moment", at_any_moment },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "link that breaks", cases);
}
