/* SPDX-License-Identifier: BSD-2-Clause */
/* A chip that cannot serve says why, in words that doc/TROUBLESHOOTING.md has too. */
#include "p11_link.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANUAL "doc/TROUBLESHOOTING.md"

struct state {
	const char *name;
	const char *words[4]; /* of with-swtpm, that bring the chip there */
	const char *back[4];
	const char *expected; /* in the log */
};

static const struct state states[] = {
	{ "tcsd stopped", { "stop-tcsd" }, { "start-tcsd" }, "start" },
	{ "TPM disabled", { "disable-tpm" }, { "enable-tpm" }, "disabled" },
	{ "TPM deactivated", { "deactivate-tpm" }, { "reset-tpm" }, "deactivated" },
	{ "system.data lost", { "lose-srk" }, { "find-srk" }, "system.data" },
	{ "TPM without owner", { "new-tpm", "create-ek" }, { "own-tpm" }, "owner" },
	{ "TPM without endorsement key", { "new-tpm" }, { "create-ek", "own-tpm" }, "run tpmadm init" },
	{ "TPM exchanged", { "new-tpm", "create-ek", "own-tpm" }, { NULL }, "another chip" },
};
#define STATES (sizeof(states) / sizeof(*states))

static void obey(const char *const *words)
{
	for (int i = 0; i < 4 && words[i] != NULL; i++)
		link_control(words[i]);
}

static int fail_to_do_anything(void *ignored)
{
	CK_SESSION_HANDLE session;

	(void)ignored;
	p11_start();
	session = p11_open();
	RV_EQUAL(p11_login(session, CKU_USER, "wrong"), CKR_DEVICE_ERROR);
	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(p11_set_pin(session, USER_PIN, "another"), CKR_DEVICE_ERROR);
	ULONG_EQUAL(p11_flags(), 0x44d);
	ULONG_EQUAL(p11_count(session, CKO_PUBLIC_KEY, "link"), 1);
	p11_stop();
	return 0;
}

static const struct state *state_of_case(void)
{
	for (size_t i = 0; i < STATES; i++)
		if (strcmp(states[i].name, tap_case_name()) == 0)
			return &states[i];
	TAP_MUST(false, "no state is called %s", tap_case_name());
	return NULL;
}

/* The hint alone: what stands behind the code in brackets, up to the end of the line. */
static void read_hint(char *hint, size_t size)
{
	char log[4000], *begin, *end;
	size_t lines = link_log_read(log, sizeof(log));

	TAP_CHECK(lines == 1, "%zu lines of log, not one: %s", lines, log);
	begin = strstr(log, "): ");
	begin = begin == NULL ? log : begin + 3;
	end = strchr(begin, '\n');
	snprintf(hint, size, "%.*s", (int)(end == NULL ? (ptrdiff_t)strlen(begin) : end - begin), begin);
}

/* One blank for each run of them, as lines are folded. */
static void fold(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++) {
		if (!isspace((unsigned char)*text))
			*to++ = *text;
		else if (text[1] != '\0' && !isspace((unsigned char)text[1]))
			*to++ = ' ';
	}
	*to = '\0';
}

/* The hint, or its parts: what is known of the machine besides stands behind a semicolon. */
static bool is_in_manual(const char *manual, const char *hint)
{
	char first[2000];
	const char *more;

	if (strstr(manual, hint) != NULL)
		return true;
	for (more = strstr(hint, "; "); more != NULL; more = strstr(more + 1, "; ")) {
		snprintf(first, sizeof(first), "%.*s", (int)(more - hint), hint);
		if (strstr(manual, first) != NULL && strstr(manual, more + 2) != NULL)
			return true;
	}
	return false;
}

static void check_manual(char *hint)
{
	const char *source = getenv("srcdir");
	char path[600], *manual;
	size_t length = 0;

	snprintf(path, sizeof(path), "%s/%s", source == NULL ? "." : source, MANUAL);
	manual = (char *)p11_read_file(path, &length);
	TAP_MUST(manual != NULL && length > 0, "%s cannot be read", path);
	manual[length - 1] = '\0';
	fold(manual);
	fold(hint);
	TAP_CHECK(is_in_manual(manual, hint), "%s does not have: %s", MANUAL, hint);
	free(manual);
}

static void check_state(void)
{
	const struct state *state = state_of_case();
	char before[65], after[65], hint[2000];

	link_new_token();
	p11_fingerprint(p11_store(), before);
	obey(state->words);
	ULONG_EQUAL(p11_in_child(link_fail_to_log_in, NULL), 0);
	read_hint(hint, sizeof(hint));
	TAP_CHECK(strstr(hint, state->expected) != NULL, "the log does not say \"%s\": %s", state->expected,
		  hint);
	ULONG_EQUAL(p11_in_child(fail_to_do_anything, NULL), 0);
	CHECK(strcmp(before, p11_fingerprint(p11_store(), after)) == 0);
	obey(state->back);
	if (strcmp(state->words[0], "new-tpm") != 0)
		ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
	check_manual(hint);
}

/* A host that is logged in when it happens: it fails, and recovers with the chip. */
static int meet_each(void *ignored)
{
	struct link_signer signer;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 600);
	link_log_in(&signer);
	for (size_t i = 0; i < 4; i++) {
		tap_about("%s", states[i].name);
		RV_EQUAL(link_sign(&signer), CKR_OK);
		obey(states[i].words);
		RV_EQUAL(link_sign(&signer), CKR_DEVICE_ERROR);
		ULONG_EQUAL(p11_state(signer.session), CKS_RW_USER_FUNCTIONS);
		obey(states[i].back);
		RV_EQUAL(link_sign(&signer), CKR_OK);
	}
	p11_stop();
	return 0;
}

static void while_logged_in(void)
{
	link_new_token();
	ULONG_EQUAL(p11_in_child(meet_each, NULL), 0);
}

static const struct tap_case cases[] = {
	{ "tcsd stopped", check_state },
	{ "TPM disabled", check_state },
	{ "TPM deactivated", check_state },
	{ "system.data lost", check_state },
	{ "any of these while logged in", while_logged_in },
	{ "TPM without owner", check_state },
	{ "TPM without endorsement key", check_state },
	{ "TPM exchanged", check_state },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "states of the chip", cases);
}
