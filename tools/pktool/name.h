/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_NAME_H
#define PKTOOL_NAME_H

#include <openssl/x509.h>

/*
 * Distinguished names. Each gives a name that the caller frees, or NULL and has said why; word is what the
 * message begins with: "subject", "issuer".
 */

/* "C=US, ST=CA, O=Sun Microsystems Inc., CN=John Smith": UTF-8, encoded in the order in which it stands
   there;
   "+" joins attributes, and quotes and backslashes protect, as in RFC 4514. */
X509_NAME *name_read(const char *word, const char *text);

/* Asks for the parts one after the other. */
X509_NAME *name_ask(void);

/* From the words "subject=" and "-i", one of which has to be there. */
struct words;
X509_NAME *name_from(const struct words *words);

/* In one line, as name_read() takes it, but for a "#" that begins a value, which libcrypto does not protect;
   the caller frees with OPENSSL_free(). NULL: no memory. */
char *name_text(const X509_NAME *name);

#endif
