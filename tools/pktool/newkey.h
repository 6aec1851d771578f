/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_NEWKEY_H
#define PKTOOL_NEWKEY_H

#include "pktool/words.h"
#include "pktool/created.h"
#include "pktool/extensions.h"
#include "pktool/sign.h"

/* What gencert and gencsr have in common: a new key that signs something about itself. */

/* The words of both. */
#define NEWKEY_WORDS                                                                                         \
	{ "-i", WORD_PLAIN, NULL, NULL }, TOKEN_WORDS, { "label", WORD_REQUIRED, NULL, "LABEL" },            \
		{ "subject", WORD_VALUE, NULL, "DN" }, EXTENSIONS_WORDS,                                     \
		{ "keytype", WORD_VALUE, "rsa", NULL }, { "keylen", WORD_VALUE, NULL, "BITS" },              \
		{ "hash", WORD_VALUE, HASH_CHOICES, NULL }, { "format", WORD_VALUE, "pem|der", NULL },       \
	{                                                                                                    \
		"pinfile", WORD_VALUE, NULL, "FILE"                                                          \
	}

struct newkey {
	/* asked for */
	const struct words *words;
	const char *label;
	unsigned long bits;
	bool der, authority;
	X509_NAME *subject;
	STACK_OF(X509_EXTENSION) *extensions;
	/* made */
	struct session session;
	struct created created;
	struct signer signer;
	struct buf id; /* of both keys */
};

/* Reads the words into a zeroed one. False: said why; in any case newkey_free() afterwards. */
bool newkey_read(struct newkey *newkey, const struct words *words);

/* Opens the token, and makes the pair. */
bool newkey_make(struct newkey *newkey);

/* Takes everything back unless done, and frees. */
void newkey_free(struct newkey *newkey, bool done);

#endif
