/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_CODES_H
#define PKTOOL_CODES_H

#include "util/pkcs11.h"

/* What a module answers, for people. */
struct code {
	CK_RV rv;
	const char *name; /* "CKR_PIN_INCORRECT" */
	const char *words; /* "the PIN is wrong", or NULL where the name says no less */
};

/* NULL: not one of the standard's. */
const struct code *code_find(CK_RV rv);

#endif
