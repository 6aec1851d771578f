/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_REQUEST_H
#define PKTOOL_REQUEST_H

#include <openssl/x509.h>

/* A PKCS#10 request from a file in PEM or DER, the signature of which verifies. NULL: said why not. */
X509_REQ *request_read(const char *path);

#endif
