/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TSPI_TSS_ERROR_H
#define TSPI_TSS_ERROR_H

#include <tss/platform.h>
#include <tss/tss_typedef.h>

#include "util/pkcs11.h"

/* The one place where a TSS error becomes a CK_RV and a line for the administrator. */

/* The code alone, without a word in the log. */
CK_RV tss_error_code(TSS_RESULT result);

/* What to do about it, in words for the administrator. */
const char *tss_error_hint(TSS_RESULT result);

/* Logs that what the caller did failed with result, and what to do; returns its code. */
CK_RV tss_error_report(const char *what, TSS_RESULT result);

/* The same where no PIN is in play: a refused authorisation, or a lockout, is CKR_DEVICE_ERROR. CKR_OK
   and no word for a success. */
CK_RV tss_error_report_plain(const char *what, TSS_RESULT result);

#endif
