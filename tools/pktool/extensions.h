/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_EXTENSIONS_H
#define PKTOOL_EXTENSIONS_H

#include <stdbool.h>

#include <openssl/x509v3.h>

#include "pktool/words.h"

/*
 * The extensions of certificates and requests. *list may be NULL at first; the caller frees it with
 * sk_X509_EXTENSION_pop_free() in any case. False: failed, and said why.
 */

/* For the table of words. */
#define EXTENSIONS_WORDS                                                                                     \
	{ "altname", WORD_VALUE, NULL, "[critical:]TYPE=VALUE" },                                            \
		{ "keyusage", WORD_VALUE, NULL, "[critical:]USAGE,..." },                                    \
		{ "eku", WORD_VALUE, NULL, "[critical:]PURPOSE,..." }

/* What these words ask for. *authority: it is to sign certificates. */
bool extensions_read(const struct words *words, STACK_OF(X509_EXTENSION) **list, bool *authority);

/* Takes over from a request what list has not: names and uses of the key. A request to become an authority is
   refused: that is not the requester's to say. */
bool extensions_take(STACK_OF(X509_EXTENSION) **list, X509_REQ *request);

bool extensions_add_basic(STACK_OF(X509_EXTENSION) **list, bool authority);

/* The identifiers of the subject's key and of the issuer's. The issuer's is that of its certificate, or
   where there is none, or none in it, made from its key. */
bool extensions_add_key_ids(
	STACK_OF(X509_EXTENSION) **list, EVP_PKEY *subject, const X509 *issuer, EVP_PKEY *issuer_key);

/* "TYPE=VALUE" and further ones behind commas; NULL: said why not. */
GENERAL_NAMES *altname_read(const char *text);

#endif
