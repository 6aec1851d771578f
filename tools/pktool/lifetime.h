/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_LIFETIME_H
#define PKTOOL_LIFETIME_H

#include <stdbool.h>

#include <openssl/x509.h>

/* From now on for "N-hour", "N-day" or "N-year" (of 365 days). False: it is none of them, or ends after the
   year 9999, which has been said. */
#define LIFETIME_HELP "N-hour|N-day|N-year"
bool lifetime_read(const char *text, X509_VAL *validity);

/* The word "lifetime=", or a year; the caller frees. */
struct words;
X509_VAL *lifetime_from(const struct words *words);

#endif
