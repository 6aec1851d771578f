/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TPMADM_OWNER_H
#define TPMADM_OWNER_H

#include <stdbool.h>

#include "tspi/link.h"
#include "util/crypto.h"

/*
 * The owner's secret as tpm-tools have it: SHA-1 of the passphrase's bytes without a NUL, or the well-known
 * one of 20 zero bytes. Whoever has one wipes it.
 */
struct owner {
	BYTE secret[CRYPTO_SHA1_LEN];
};

/* Asks for the passphrase, unless it is the well-known one; a new one twice. False, with a message. */
bool owner_ask(struct owner *owner, bool known);
bool owner_ask_new(struct owner *owner, bool known);

/* Is there an owner, as there should be? TPMADM_OK, or TPMADM_FAILED with a message that begins with what. */
int owner_expect(const char *what);

/* The work with that secret at hand, on a connection of its own. What a chip may have done already when
   tcsd went away is not done again. */
TSS_RESULT owner_run(const struct owner *owner, link_work *work, void *arg);

void owner_wipe(struct owner *owner);

#endif
