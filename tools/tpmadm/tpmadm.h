/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TPMADM_TPMADM_H
#define TPMADM_TPMADM_H

#include <stdbool.h>

#include "tspi/link.h"

/* How a command ends: what the shell gets. */
enum { TPMADM_OK = 0, TPMADM_FAILED = 1, TPMADM_USAGE = 2 };

struct args {
	bool yes;            /* -y */
	bool known;          /* -z: the owner's secret is, or shall be, the well-known one */
	bool becomes_known;  /* -r: the new one shall be */
	const char *operand; /* or NULL */
};

struct command {
	const char *name;
	const char *usage;    /* what may stand behind the name */
	const char *options;  /* their letters */
	const char *operands; /* "owner|lock": one of these; "": any; NULL: none */
	bool needs_operand;
	int (*run)(const struct args *args);
};

extern const struct command cmd_status, cmd_init, cmd_clear, cmd_auth, cmd_keyinfo, cmd_deletekey;

/* "tpmadm: ..." and a line end, on the standard error. Gives TPMADM_FAILED. */
int tpmadm_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "tpmadm: WHAT: what to do about it (0xCODE)". */
int tpmadm_fail(const char *what, TSS_RESULT result);

#endif
