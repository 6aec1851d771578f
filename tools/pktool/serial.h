/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_SERIAL_H
#define PKTOOL_SERIAL_H

#include <openssl/asn1.h>

/* "0x123", "123": a positive number in hex digits, of at most 20 bytes in a certificate. NULL: it is none,
   and that has been said. */
ASN1_INTEGER *serial_read(const char *text);

/* The word "serial=", or where it was not said a random one. */
struct words;
ASN1_INTEGER *serial_from(const struct words *words);

/* One that nobody else will hit on: 16 random bytes. */
ASN1_INTEGER *serial_random(void);

#endif
