/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_VALUES_H
#define PKTOOL_VALUES_H

#include <stdbool.h>

#include "pktool/words.h"
#include "util/buf.h"

/* The values of words that are not just text. False: it is none, which was said. A word that was not said
   leaves what is there. */

/* Whole bytes in hex, "0x" or not before them, appended; an odd number of digits gets a zero in front. */
bool value_hex(const struct words *words, const char *key, struct buf *bytes);

/* A decimal number of min to max. */
bool value_number(const struct words *words, const char *key, unsigned long min, unsigned long max,
	unsigned long *number);

/* "y" or "n" */
void value_yes(const struct words *words, const char *key, bool *yes);

#endif
