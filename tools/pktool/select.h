/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_SELECT_H
#define PKTOOL_SELECT_H

#include "pktool/words.h"
#include "pktool/module.h"

#include <openssl/bn.h>
#include <openssl/x509.h>

/* Which objects of a token are meant: what "list" and "delete" have in common. */

/* For the table of words. */
#define SELECT_WORDS                                                                                         \
	TOKEN_WORDS,                                                                                         \
		{ "objtype", WORD_VALUE, NULL, "[cert:|key:]public|private|both" },                          \
		{ "label", WORD_VALUE, NULL, "LABEL" }, { "serial", WORD_VALUE, NULL, "HEX" },               \
		{ "issuer", WORD_VALUE, NULL, "DN" }, { "subject", WORD_VALUE, NULL, "DN" },                 \
	{                                                                                                    \
		"pinfile", WORD_VALUE, NULL, "FILE"                                                          \
	}

enum select_kind { SELECT_ALL, SELECT_CERT, SELECT_KEY };

struct selection {
	enum select_kind kind;
	bool public, private; /* which values of CKA_PRIVATE */
	const char *label;
	BIGNUM *serial;
	X509_NAME *issuer, *subject;
};

/* False: words that mean nothing, which was said. */
bool select_read(struct selection *selection, const struct words *words);
void select_free(struct selection *selection);

/* Logs in where private objects are meant, then finds; the caller frees. None is no failure. */
bool select_find(struct session *session, const struct selection *selection, const char *pinfile,
	CK_OBJECT_HANDLE **handles, size_t *count);

/* A command: finds what the words select in a session of that kind, and ends as work does, which gets it. */
typedef int select_work(
	struct session *session, const CK_OBJECT_HANDLE *handles, size_t count, const struct words *words);
int select_run(const struct words *words, enum session_kind kind, select_work *work);

/* The certificate of an object; NULL: it is none, or one that cannot be read. */
X509 *select_certificate(struct session *session, CK_OBJECT_HANDLE object);

#endif
