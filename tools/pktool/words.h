/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_WORDS_H
#define PKTOOL_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Arguments as Solaris's tools take them: "key=value", without dashes. Each command has a const table of
 * the words that it knows; where one has its value, words_value() tells.
 */
enum word_kind {
	WORD_VALUE,    /* key=value */
	WORD_REQUIRED, /* key=value that must be there */
	WORD_PLAIN     /* the word alone: "so", "-i" */
};

struct word {
	const char *key;
	enum word_kind kind;
	const char *choices; /* "rsa|dsa", or NULL: anything but nothing */
	const char *help;    /* what stands behind "=" in the help: "LABEL" */
};

/* For the table of a command that uses a token. */
#define TOKEN_HELP "TOKEN[:MANUFACTURER[:SERIAL]]"
#define TOKEN_WORDS { "keystore", WORD_VALUE, "pkcs11", NULL }, { "token", WORD_VALUE, NULL, TOKEN_HELP }

#define WORDS_MAX 24

struct words {
	const struct word *table; /* ends with a NULL key */
	const char *values[WORDS_MAX];
};

/* Reads argv[0..argc). False, with one line on the standard error: an unknown word, one said twice, an empty
   value, one that is no choice, or a required one that is missing. Values point into argv. */
bool words_read(struct words *words, const struct word *table, int argc, char **argv);

/* The value, "" for a plain word that was said, NULL if it was not. The key must be in the table. */
const char *words_value(const struct words *words, const char *key);

/* The line or lines of a usage message: "[token=TOKEN] label=LABEL ...", folded at 80 columns. */
void words_usage(FILE *to, const char *command, const struct word *table);

#endif
