/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_ISSUER_H
#define PKTOOL_ISSUER_H

#include <openssl/x509.h>

#include "pktool/module.h"

/*
 * In whose name a key signs. *name is the one asked for, or NULL: then that of the key's certificate in the
 * token. *certificate is the one of that name, or NULL where the token has none for the key. False, and
 * said why: no name, several, or one that no certificate of the key has.
 */
bool issuer_find(struct session *session, EVP_PKEY *key, X509_NAME **name, X509 **certificate);

#endif
