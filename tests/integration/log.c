/* SPDX-License-Identifier: BSD-2-Clause */
/* What is written to the log, at its most talkative. */
#include "p11.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char wrong_pin[] = "a pin that is wrong";
static const char new_pin[] = "a pin that is new";

/* Everything that takes a PIN, well and badly. */
static int talk(void *path)
{
	CK_SESSION_HANDLE session;
	struct p11_pair pair;

	setenv("PKCS11_TPM_LOG", "debug", 1);
	MUST(freopen(path, "w", stderr) != NULL);
	p11_start();
	RV_EQUAL(p11_init_token(wrong_pin, "label"), CKR_PIN_INCORRECT);
	session = p11_open();
	RV_EQUAL(p11_login(session, CKU_USER, wrong_pin), CKR_PIN_INCORRECT);
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	RV_EQUAL(p11_generate(session, 512, "key", false, true, &pair), CKR_OK);
	RV_EQUAL(p11_set_pin(session, USER_PIN, new_pin), CKR_OK);
	RV_EQUAL(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	RV_EQUAL(p11_init_pin(session, USER_PIN), CKR_OK);
	p11_stop();
	fflush(stderr);
	return 0;
}

static bool contains(const unsigned char *text, size_t length, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= length; i++)
		if (memcmp(text + i, word, n) == 0)
			return true;
	return false;
}

static void no_pin_in_the_log(void)
{
	static const char *const secrets[] = { wrong_pin, new_pin, USER_PIN, SO_PIN };
	char path[700];
	unsigned char *text;
	size_t length;

	p11_new_token();
	p11_stop();
	snprintf(path, sizeof(path), "%s/log", p11_directory());
	ULONG_EQUAL(p11_in_child(talk, path), 0);
	text = p11_read_file(path, &length);
	MUST(text != NULL);
	CHECK(contains(text, length, "C_Login"));
	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
		TAP_CHECK(!contains(text, length, secrets[i]), "secret %u is in the log", (unsigned int)i);
	free(text);
}

/* A signature that cannot be had: one line, with what to do. */
static int sign_without_tcsd(void *path)
{
	setenv("PKCS11_TPM_LOG", "error", 1);
	setenv("TSS_TCSD_PORT", "1", 1);
	MUST(freopen(path, "w", stderr) != NULL);
	p11_start();
	RV_EQUAL(p11_login(p11_open(), CKU_USER, USER_PIN), CKR_DEVICE_ERROR);
	p11_stop();
	fflush(stderr);
	return 0;
}

static void one_line_a_failure(void)
{
	char path[700];
	unsigned char *text;
	size_t length, lines = 0;

	p11_new_token();
	p11_stop();
	snprintf(path, sizeof(path), "%s/log", p11_directory());
	ULONG_EQUAL(p11_in_child(sign_without_tcsd, path), 0);
	text = p11_read_file(path, &length);
	MUST(text != NULL);
	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	ULONG_EQUAL(lines, 1);
	CHECK(contains(text, length, "0x3102"));
	CHECK(contains(text, length, "start it"));
	free(text);
}

static const struct tap_case cases[] = {
	{ "no PIN in the log, whatever is done with it", no_pin_in_the_log },
	{ "a failure is one line that says what to do", one_line_a_failure },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "log", cases);
}
