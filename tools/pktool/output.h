/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_OUTPUT_H
#define PKTOOL_OUTPUT_H

#include <stdbool.h>

#include <openssl/x509.h>

#include "common/userfile.h"

/* What goes to files, in PEM or, if der, in DER. False: failed, and said why; the file is as it was. */

bool output_certificate(const char *path, const X509 *certificate, bool der);
bool output_certificates(const char *path, const STACK_OF(X509) *certificates);
bool output_request(const char *path, const X509_REQ *request, bool der);
bool output_public_key(const char *path, const EVP_PKEY *key, bool der);
/* PKCS#8, without a passphrase. */
bool output_private_key(const char *path, const EVP_PKEY *key, bool der);
/* PKCS#12; key may be NULL. */
bool output_pkcs12(
	const char *path, const char *label, EVP_PKEY *key, X509 *certificate, STACK_OF(X509) *others);

#endif
