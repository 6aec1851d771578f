/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_MODULE_H
#define PKTOOL_MODULE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/pkcs11.h"

/* The PKCS#11 module, its tokens, and a session with one of them. Whatever fails here has said so. */

struct module {
	void *library;
	CK_FUNCTION_LIST *p11;
};

/* Loads and initialises pktool_module(). */
bool module_open(struct module *module);
void module_close(struct module *module);

/* Every slot with a token in it; the caller frees. */
bool module_slots(const struct module *module, CK_SLOT_ID **slots, CK_ULONG *count);

/* What "pktool tokens" shows of the fields of a token. */
#define MODULE_LABEL_SHOWN 30
#define MODULE_MANUFACTURER_SHOWN 15
#define MODULE_SERIAL_SHOWN 15

/* The token that "LABEL[:MANUFACTURER[:SERIAL]]" names, blanks at the end of its fields ignored; a colon
   within one has a backslash before it. NULL: the only one there is, else the only one that is initialised,
   else the one called TPM. None, or several: false. */
bool module_find_token(const struct module *module, const char *name, CK_SLOT_ID *slot);

/* A blank-padded field of n bytes as text without its blanks; out has n + 1 bytes. What a terminal would obey
   becomes "?". */
void module_text(const CK_UTF8CHAR *field, size_t n, char *out);

/* Says what failed and why, in words and with the code's name. Returns PKTOOL_FAILED. */
int module_failed(const char *what, CK_RV rv);

/* An open session with a token. */
struct session {
	struct module module;
	CK_FUNCTION_LIST *p11;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE handle;
	char label[33]; /* of the token, without the blanks */
	CK_FLAGS flags; /* of the token, as they were when the session was opened */
	bool logged_in;
};

enum session_kind { SESSION_READ, SESSION_WRITE };

/* Opens module, token (words "token=") and session. */
bool session_open(struct session *session, const char *token, enum session_kind kind);

/* Logs the user in if the token wants a login: "Enter PIN for LABEL:", or the first line of pinfile. Says so
   when the PIN is still the default one and has to be changed first. */
bool session_login(struct session *session, const char *pinfile);

/* The PIN of a role: the first line of pinfile, or asked with prompt. */
bool session_pin(const char *prompt, const char *pinfile, struct buf *pin);

/* Logs out, closes all. Fine on one that was never opened, if it was zeroed. */
void session_close(struct session *session);

#endif
