/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FUZZ_CODES_H
#define FUZZ_CODES_H

#include "util/pkcs11.h"

/* Ends the program if the standard lists no such code for the function (PKCS#11 v2.40 base specification, 5.1
   and 5.4 to 5.16). Returns rv. */
CK_RV codes_check(const char *function, CK_RV rv);

#define CALL(function, ...) codes_check(#function, function(__VA_ARGS__))

#endif
