/* SPDX-License-Identifier: BSD-2-Clause */
/* The secret of the SRK: well-known, given, empty, wrong. */
#include "p11_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VARIABLE "PKCS11_TPM_SRK_SECRET_FILE"
#define SECRET "a secret, with blanks"
#define WRONG_LOGINS 5 /* swtpm locks after six */

/* A chip whose SRK has that secret; NULL: the well-known one. */
static void own_new_chip(const char *secret)
{
	int status;

	link_mend();
	link_control("new-tpm");
	link_control("create-ek");
	status = link_try_control("own-tpm", secret);
	TAP_MUST(status == 0, "own-tpm: exit status %d", status);
}

/* What the file says; NULL: there is no setting. */
static const char *set_secret(const char *content)
{
	static char path[700];

	unsetenv(VARIABLE);
	if (content == NULL)
		return NULL;
	snprintf(path, sizeof(path), "%s/srk.secret", getenv("WITH_SWTPM_DIR"));
	p11_write_file(path, content, strlen(content));
	MUST(chmod(path, 0600) == 0);
	setenv(VARIABLE, path, 1);
	return path;
}

static void check_refused(void)
{
	char log[4000];

	ULONG_EQUAL(p11_in_child(link_fail_to_log_in, NULL), 0);
	CHECK(link_log_read(log, sizeof(log)) >= 1);
	TAP_CHECK(strstr(log, "SRK") != NULL, "the log does not name the SRK: %s", log);
}

/* --- right ones --- */

static const struct {
	const char *about, *secret, *content;
} right[] = {
	{ "well-known", NULL, NULL },
	{ "given", SECRET, SECRET },
	{ "given, with a line end", SECRET, SECRET "\n" },
	{ "empty file", "", "" },
	{ "empty line", "", "\n" },
};

static void right_secrets(void)
{
	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		tap_about("%s", right[i].about);
		if (i == 0 || right[i].secret != right[i - 1].secret) {
			own_new_chip(right[i].secret);
			set_secret(right[i].content);
			link_new_token();
		}
		set_secret(right[i].content);
		ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
	}
	set_secret(NULL);
}

/* --- wrong ones --- */

static const struct {
	const char *about, *secret, *right_content, *content;
} wrong[] = {
	{ "given, though well-known", NULL, NULL, SECRET },
	{ "empty, though well-known", NULL, NULL, "" },
	{ "none, though given", SECRET, SECRET, NULL },
	{ "another", SECRET, SECRET, "another" },
	{ "two line ends", SECRET, SECRET, SECRET "\n\n" },
	{ "none, though empty", "", "", NULL },
};

/* The chip counts them like wrong PINs. */
static void wrong_secrets(void)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		tap_about("%s", wrong[i].about);
		if (i == 0 || wrong[i].secret != wrong[i - 1].secret) {
			own_new_chip(wrong[i].secret);
			set_secret(wrong[i].right_content);
			link_new_token();
		}
		set_secret(wrong[i].content);
		check_refused();
		p11_reset_lockout();
		set_secret(wrong[i].right_content);
		ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
	}
	set_secret(NULL);
}

/* All users of the chip may read the file; whoever could write to it could lock the chip. */
static void file_of_others(void)
{
	const char *path;

	own_new_chip(SECRET);
	path = set_secret(SECRET);
	link_new_token();
	MUST(chmod(path, 0622) == 0);
	check_refused();
	p11_reset_lockout();
	MUST(chmod(path, 0644) == 0);
	ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
	MUST(unlink(path) == 0);
	check_refused();
	set_secret(SECRET);
	ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
	if (geteuid() == 0) {
		path = set_secret(SECRET);
		MUST(chown(path, 65534, (gid_t)-1) == 0);
		check_refused();
		MUST(unlink(path) == 0);
	}
	set_secret(NULL);
}

static int log_in_badly(void *ignored)
{
	CK_SESSION_HANDLE session;

	(void)ignored;
	p11_start();
	session = p11_open();
	for (int i = 0; i < WRONG_LOGINS; i++) {
		const char *pin = i % 2 == 0 ? USER_PIN : "wrong";

		RV_EQUAL(p11_login(session, CKU_USER, pin), CKR_DEVICE_ERROR);
		ULONG_EQUAL(p11_flags(), 0x44d);
	}
	p11_stop();
	return 0;
}

/* Not one PIN was tried, so not one is missing: the chip is not locked, and the flags say nothing. */
static void no_pin_is_tried(void)
{
	own_new_chip(SECRET);
	set_secret(SECRET);
	link_new_token();
	set_secret("wrong");
	ULONG_EQUAL(p11_in_child(log_in_badly, NULL), 0);
	set_secret(SECRET);
	ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
	set_secret(NULL);
}

/* A key that is made or used with the wrong secret, by a host that is logged in. */
static int lose_secret(void *ignored)
{
	struct link_signer signer;
	struct p11_pair pair;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 0);
	link_log_in(&signer);
	set_secret("wrong");
	RV_EQUAL(link_sign(&signer), CKR_DEVICE_ERROR);
	RV_EQUAL(p11_generate(signer.session, 1024, "pair", false, true, &pair), CKR_DEVICE_ERROR);
	ULONG_EQUAL(p11_state(signer.session), CKS_RW_USER_FUNCTIONS);
	set_secret(SECRET);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	p11_stop();
	return 0;
}

static void secret_lost_later(void)
{
	own_new_chip(SECRET);
	set_secret(SECRET);
	link_new_token();
	ULONG_EQUAL(p11_in_child(lose_secret, NULL), 0);
	set_secret(NULL);
}

static int init_token_badly(void *ignored)
{
	CK_SESSION_HANDLE session;

	(void)ignored;
	p11_start();
	session = p11_open();
	RV_MUST(p11_login(session, CKU_USER, USER_DEFAULT), CKR_OK);
	RV_EQUAL(p11_set_pin(session, USER_DEFAULT, USER_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11->C_CloseSession(session), CKR_OK);
	RV_EQUAL(p11_init_token("a pin", "label"), CKR_DEVICE_ERROR);
	p11_stop();
	return 0;
}

/* The first key of a token cannot be made, and the token is what it was. */
static void first_key(void)
{
	CK_SESSION_HANDLE session;

	own_new_chip(SECRET);
	p11_fresh();
	p11_start();
	RV_MUST(p11_init_token(SO_DEFAULT, "test token"), CKR_OK);
	p11_stop();
	ULONG_EQUAL(p11_in_child(init_token_badly, NULL), 0);
	set_secret(SECRET);
	p11_start();
	ULONG_EQUAL(p11_flags(), 0x880445);
	session = p11_open();
	RV_EQUAL(p11_login(session, CKU_USER, USER_DEFAULT), CKR_OK);
	RV_EQUAL(p11_set_pin(session, USER_DEFAULT, USER_PIN), CKR_OK);
	p11_stop();
	set_secret(NULL);
}

static const struct tap_case cases[] = {
	{ "the right secret", right_secrets },
	{ "a wrong secret is said to be the SRK's", wrong_secrets },
	{ "a file that others can write to, another user's, and none", file_of_others },
	{ "with a wrong secret no PIN is tried", no_pin_is_tried },
	{ "the secret is lost while the user is logged in", secret_lost_later },
	{ "a wrong secret when the token's first key is made", first_key },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "secret of the SRK", cases);
}
