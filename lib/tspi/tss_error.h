/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TSPI_TSS_ERROR_H
#define TSPI_TSS_ERROR_H

#include <tss/platform.h>
#include <tss/tss_typedef.h>

#include "util/pkcs11.h"

/* The one place where a TSS error becomes a CK_RV and a line for the administrator. */

/* The code alone, without a word in the log. */
CK_RV tss_error_code(TSS_RESULT result);

/* Logs that call failed with result, and what to do; returns its code. */
CK_RV tss_error_report(const char *call, TSS_RESULT result);

#endif
