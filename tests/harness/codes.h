/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_HARNESS_CODES_H
#define TESTS_HARNESS_CODES_H

#include <stdbool.h>

#include <p11-kit/pkcs11.h>

/* Does the standard list that code for the function (PKCS#11 v2.40 base specification, 5.1 and 5.4 to
   5.16)? */
bool codes_listed(const char *function, CK_RV rv);

#endif
