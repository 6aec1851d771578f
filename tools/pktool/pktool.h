/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_PKTOOL_H
#define PKTOOL_PKTOOL_H

#include "pktool/words.h"

/* How a command ends: what the shell gets. */
enum { PKTOOL_OK = 0, PKTOOL_USAGE = 1, PKTOOL_FAILED = 2 };

struct command {
	const char *name;
	const char *summary;      /* one line for the list of commands */
	const struct word *words;
	int (*run)(const struct words *words);
};

/* One file a command: tools/pktool/cmd_NAME.c has it, tools/pktool/pktool.c lists them all. */
extern const struct command cmd_delete, cmd_doctor, cmd_export, cmd_gencert, cmd_gencsr, cmd_genkey,
	cmd_genkeypair, cmd_import, cmd_inittoken, cmd_list, cmd_setpin, cmd_signcsr, cmd_tokens;

/* "pktool: ..." and a line end, on the standard error. */
void pktool_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The module to be used: --module, else $PKCS11_MODULE, else the one that was installed with this program. */
const char *pktool_module(void);

#endif
