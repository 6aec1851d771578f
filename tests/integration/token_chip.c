/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chip is exchanged: the store stays, the chip below it is another. The program runs itself
 * again under a second with-swtpm and hands it the store.
 */
#define _GNU_SOURCE
#include "p11.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void start_full(void)
{
	CK_SESSION_HANDLE session = p11_new_token();
	struct p11_pair pair;

	p11_data(session, "public", true, false);
	p11_data(session, "private", true, true);
	RV_MUST(p11_generate(session, 1024, "key", true, true, &pair), CKR_OK);
	p11_stop();
}

static void run_on_another_chip(const char *word)
{
	char program[512], option[32], directory[512], tool[512];
	char *argv[] = { tool, program, option, directory, NULL };
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	int status;

	MUST(length > 0);
	program[length] = '\0';
	snprintf(option, sizeof(option), "%s", word);
	snprintf(directory, sizeof(directory), "%s", p11_directory());
	snprintf(tool, sizeof(tool), "%s", p11_tool());
	status = p11_run_program(argv);
	TAP_CHECK(status == 0, "%s %s on another chip: exit status %d", tool, word, status);
}

static void exchanged_and_back(void)
{
	char before[65], after[65];
	CK_SESSION_HANDLE session;

	start_full();
	p11_fingerprint(p11_store(), before);
	run_on_another_chip("--refused");
	CHECK(strcmp(before, p11_fingerprint(p11_store(), after)) == 0);

	p11_start();
	session = p11_open_user();
	p11_find(session, CKO_DATA, "private");
	CHECK(p11_label_signs(session, "key"));
}

static void find_aside(char *path, size_t size)
{
	char pattern[600];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/aside.*", p11_store());
	if (glob(pattern, 0, NULL, &found) != 0) {
		snprintf(pattern, sizeof(pattern), "%s/aside.*", p11_directory());
		TAP_MUST(glob(pattern, 0, NULL, &found) == 0, "nothing is called aside.*");
	}
	ULONG_EQUAL(found.gl_pathc, 1);
	snprintf(path, size, "%s", found.gl_pathv[0]);
	globfree(&found);
}

/* What was set aside is a whole store: back on the old chip it is as it was. */
static void check_set_aside_is_whole(void)
{
	char aside[600], directory[600], store[700];
	CK_SESSION_HANDLE session;

	find_aside(aside, sizeof(aside));
	snprintf(directory, sizeof(directory), "%s/restored", p11_directory());
	snprintf(store, sizeof(store), "%s/token", directory);
	MUST(mkdir(directory, 0700) == 0 && rename(aside, store) == 0);
	p11_use_store(directory);
	p11_start();
	ULONG_EQUAL(p11_flags(), 0x44d);
	session = p11_open_user();
	p11_find(session, CKO_DATA, "public");
	p11_find(session, CKO_DATA, "private");
	CHECK(p11_label_signs(session, "key"));
}

static void exchanged_and_afresh(void)
{
	start_full();
	run_on_another_chip("--afresh");
	check_set_aside_is_whole();
}

static void exchanged_and_other_pin(void)
{
	start_full();
	run_on_another_chip("--other-pin");
	check_set_aside_is_whole();
}

/* On the other chip */

static void logins_refused(void)
{
	char before[65], after[65];
	CK_SESSION_HANDLE session;

	p11_fingerprint(p11_store(), before);
	p11_start();
	session = p11_open();
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(p11_login(session, CKU_USER, "wrong"), CKR_DEVICE_ERROR);
	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_DEVICE_ERROR);
	RV_EQUAL(p11_set_pin(session, USER_PIN, "new"), CKR_DEVICE_ERROR);
	ULONG_EQUAL(p11_state(session), CKS_RW_PUBLIC_SESSION);
	p11_find(session, CKO_DATA, "public");
	p11_stop();
	CHECK(strcmp(before, p11_fingerprint(p11_store(), after)) == 0);
}

/* Objects are not left behind, nor is any part of them. */
static void init_and_check_aside(const char *pin)
{
	char aside[600], path[900];
	static struct p11_files old, now;
	size_t i, j, objects = 0;

	p11_list_files(p11_store(), &old);
	p11_start();
	RV_MUST(p11_init_token(pin, "afresh"), CKR_OK);
	p11_stop();
	find_aside(aside, sizeof(aside));
	p11_list_files(p11_store(), &now);
	for (i = 0; i < old.count; i++) {
		for (j = 0; j < now.count; j++)
			if (strcmp(old.names[i], now.names[j]) == 0)
				break;
		if (j < now.count)
			continue;
		objects++;
		snprintf(path, sizeof(path), "%s/%s", aside, old.names[i]);
		TAP_CHECK(access(path, R_OK) == 0, "%s is neither here nor there", path);
	}
	TAP_CHECK(objects >= 4, "only %zu files were set aside", objects);
}

/* The user gets a PIN of his own on the new token, which is empty and works. */
static void check_new_token(void)
{
	CK_SESSION_HANDLE session = p11_open();
	struct p11_pair pair;

	ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), 0);
	RV_MUST(p11_login(session, CKU_USER, USER_DEFAULT), CKR_OK);
	RV_EQUAL(p11->C_FindObjectsInit(session, NO_TEMPLATE), CKR_PIN_EXPIRED);
	RV_MUST(p11_set_pin(session, USER_DEFAULT, USER_PIN), CKR_OK);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), 0);
	RV_MUST(p11_generate(session, 1024, "key", true, true, &pair), CKR_OK);
	CHECK(p11_signs(session, pair));
	p11_stop();
	p11_start();
	CHECK(p11_label_signs(p11_open_user(), "key"));
	p11_stop();
}

static void init_token_afresh(void)
{
	CK_SESSION_HANDLE session;

	init_and_check_aside(SO_DEFAULT);
	p11_start();
	ULONG_EQUAL(p11_flags(), 0x880445);
	session = p11_open();
	RV_MUST(p11_login(session, CKU_SO, SO_DEFAULT), CKR_OK);
	RV_EQUAL(p11->C_FindObjectsInit(session, NO_TEMPLATE), CKR_PIN_EXPIRED);
	RV_MUST(p11->C_CloseSession(session), CKR_OK);
	check_new_token();
}

static void init_token_other_pin(void)
{
	CK_SESSION_HANDLE session;

	init_and_check_aside("a pin for the new chip");
	p11_start();
	ULONG_EQUAL(p11_flags(), 0x80445);
	session = p11_open();
	RV_EQUAL(p11_login(session, CKU_SO, SO_PIN), CKR_PIN_INCORRECT);
	RV_MUST(p11_login(session, CKU_SO, "a pin for the new chip"), CKR_OK);
	RV_MUST(p11->C_CloseSession(session), CKR_OK);
	check_new_token();
}

static const struct tap_case refused[] = {
	{ "no login, no C_SetPIN, nothing changed", logins_refused },
	{ NULL, NULL },
};

static const struct tap_case afresh[] = {
	{ "no login, no C_SetPIN, nothing changed", logins_refused },
	{ "C_InitToken with the default PIN", init_token_afresh },
	{ NULL, NULL },
};

static const struct tap_case other_pin[] = {
	{ "C_InitToken with another PIN", init_token_other_pin },
	{ NULL, NULL },
};

static const struct {
	const char *option;
	const struct tap_case *cases;
} elsewhere[] = {
	{ "--refused", refused },
	{ "--afresh", afresh },
	{ "--other-pin", other_pin },
};

static const struct tap_case cases[] = {
	{ "chip exchanged: refused, and back on the old chip all is there", exchanged_and_back },
	{ "chip exchanged: C_InitToken sets the store aside and begins afresh",
	  exchanged_and_afresh },
	{ "chip exchanged: C_InitToken with an SO PIN of choice", exchanged_and_other_pin },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	static char no_arguments[] = "";
	char *inner_argv[] = { no_arguments, NULL };
	size_t i;

	for (i = 0; argc > 2 && i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
		if (strcmp(argv[1], elsewhere[i].option) == 0) {
			p11_use_store(argv[2]);
			return p11_main(1, inner_argv, "another chip", elsewhere[i].cases);
		}
	return p11_main(argc, argv, "chip exchanged", cases);
}
