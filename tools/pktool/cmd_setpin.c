/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/module.h"
#include "pktool/pktool.h"

#include <stdio.h>
#include <string.h>

#include "common/terminal.h"

static const struct word table[] = {
	TOKEN_WORDS,
	{ "so", WORD_PLAIN, NULL, NULL },
	{ "usertype", WORD_VALUE, "user|so", NULL },
	{ "pinfile", WORD_VALUE, NULL, "FILE" },
	{ "newpinfile", WORD_VALUE, NULL, "FILE" },
	{ NULL, WORD_PLAIN, NULL, NULL },
};

static bool new_pin(const char *file, struct buf *pin)
{
	return file != NULL ? terminal_secret_file(file, pin)
			    : terminal_new_secret("Create new passphrase:", "Re-enter new passphrase:", pin);
}

/* With the token's own keypad there is no PIN to be asked here. */
static bool login(
	struct session *session, CK_USER_TYPE role, const char *prompt, const char *file, struct buf *pin)
{
	bool keypad = (session->flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
	CK_RV rv;

	if (!keypad && !session_pin(prompt, file, pin))
		return false;
	rv = session->p11->C_Login(session->handle, role, keypad ? NULL : pin->data, pin->len);
	session->logged_in = rv == CKR_OK;
	if (rv != CKR_OK)
		(void)module_failed("login", rv);
	return session->logged_in;
}

/* A token of which the standard leaves it to the SO to give the user a first PIN. */
static bool pin_is_first(const struct session *session, CK_USER_TYPE role)
{
	return role == CKU_USER && (session->flags & CKF_TOKEN_INITIALIZED) != 0
		&& (session->flags & (CKF_USER_PIN_INITIALIZED | CKF_USER_PIN_TO_BE_CHANGED)) == 0;
}

static int pin_set(struct session *session, CK_USER_TYPE role, const char *file, const char *new_file)
{
	struct buf old = { .secret = true }, pin = { .secret = true };
	bool keypad = (session->flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
	bool first = pin_is_first(session, role);
	int status = PKTOOL_FAILED;
	CK_RV rv;

	if (first)
		fprintf(stderr, "%s has no user PIN yet; the security officer (SO) sets the first one.\n",
			session->label);
	if (!login(session, first ? CKU_SO : role, first ? "Enter SO PIN:" : "Enter token passphrase:", file,
		    &old)
		|| (!keypad && !new_pin(new_file, &pin)))
		goto out;
	if (first)
		rv = session->p11->C_InitPIN(session->handle, keypad ? NULL : pin.data, pin.len);
	else
		rv = session->p11->C_SetPIN(session->handle, keypad ? NULL : old.data, old.len,
			keypad ? NULL : pin.data, pin.len);
	if (rv != CKR_OK) {
		(void)module_failed("the new passphrase", rv);
		goto out;
	}
	puts("Passphrase changed.");
	status = PKTOOL_OK;
out:
	buf_free(&old);
	buf_free(&pin);
	return status;
}

static int run(const struct words *words)
{
	const char *usertype = words_value(words, "usertype");
	bool so = words_value(words, "so") != NULL;
	struct session session;
	int status;

	if (so && usertype != NULL && strcmp(usertype, "user") == 0) {
		pktool_error("so and usertype=user: one of them");
		return PKTOOL_USAGE;
	}
	so = so || (usertype != NULL && strcmp(usertype, "so") == 0);
	if (!session_open(&session, words_value(words, "token"), SESSION_WRITE))
		return PKTOOL_FAILED;
	if ((session.flags & (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED)) == 0) {
		pktool_error("%s is not initialised yet; do that first: pktool inittoken", session.label);
		status = PKTOOL_FAILED;
	} else {
		status = pin_set(&session, so ? CKU_SO : CKU_USER, words_value(words, "pinfile"),
			words_value(words, "newpinfile"));
	}
	session_close(&session);
	return status;
}

const struct command cmd_setpin = { "setpin", "changes the PIN of the user or of the security officer", table,
	run };
