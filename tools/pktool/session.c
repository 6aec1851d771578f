/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/module.h"

#include <stdio.h>
#include <string.h>

#include "common/terminal.h"
#include "pktool/pktool.h"

bool session_open(struct session *session, const char *token, enum session_kind kind)
{
	CK_FLAGS flags = CKF_SERIAL_SESSION | (kind == SESSION_WRITE ? CKF_RW_SESSION : 0);
	CK_TOKEN_INFO info;
	CK_RV rv;

	memset(session, 0, sizeof *session);
	if (!module_open(&session->module))
		return false;
	if (!module_find_token(&session->module, token, &session->slot))
		goto fail;
	rv = session->module.p11->C_GetTokenInfo(session->slot, &info);
	if (rv == CKR_OK)
		rv = session->module.p11->C_OpenSession(session->slot, flags, NULL, NULL, &session->handle);
	if (rv != CKR_OK) {
		(void)module_failed("opening the token", rv);
		goto fail;
	}
	session->p11 = session->module.p11;
	session->flags = info.flags;
	module_text(info.label, sizeof info.label, session->label);
	return true;
fail:
	session_close(session);
	return false;
}

/* What would become of a login; asking for a PIN first would be in vain. */
static bool login_possible(const struct session *session)
{
	bool never_set = (session->flags & CKF_USER_PIN_INITIALIZED) == 0;

	if (never_set && (session->flags & CKF_TOKEN_INITIALIZED) == 0)
		pktool_error("%s is not initialised yet; do that first: pktool inittoken", session->label);
	else if ((session->flags & CKF_USER_PIN_TO_BE_CHANGED) != 0)
		pktool_error(
			"the PIN of %s is still the default one; set your own first: pktool setpin token=%s",
			session->label, session->label);
	else if (never_set)
		pktool_error("%s has no user PIN yet; set one first: pktool setpin token=%s", session->label,
			session->label);
	else
		return true;
	return false;
}

bool session_pin(const char *prompt, const char *pinfile, struct buf *pin)
{
	return pinfile != NULL ? terminal_secret_file(pinfile, pin) : terminal_secret(prompt, pin);
}

bool session_login(struct session *session, const char *pinfile)
{
	struct buf pin = { .secret = true };
	char prompt[sizeof "Enter PIN for :" + sizeof session->label];
	bool keypad = (session->flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
	CK_RV rv;

	if (session->logged_in || (session->flags & CKF_LOGIN_REQUIRED) == 0)
		return true;
	if (!login_possible(session))
		return false;
	(void)snprintf(prompt, sizeof prompt, "Enter PIN for %s:", session->label);
	if (!keypad && !session_pin(prompt, pinfile, &pin)) {
		buf_free(&pin);
		return false;
	}
	if (keypad)
		(void)fprintf(stderr, "Enter the PIN for %s at the token's own keypad.\n", session->label);
	rv = session->p11->C_Login(session->handle, CKU_USER, keypad ? NULL : pin.data, pin.len);
	buf_free(&pin);
	if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN) {
		(void)module_failed("login", rv);
		return false;
	}
	session->logged_in = true;
	return true;
}

void session_close(struct session *session)
{
	if (session->p11 != NULL) {
		if (session->logged_in)
			(void)session->p11->C_Logout(session->handle);
		(void)session->p11->C_CloseSession(session->handle);
	}
	module_close(&session->module);
	memset(session, 0, sizeof *session);
}
