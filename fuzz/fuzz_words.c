/* SPDX-License-Identifier: BSD-2-Clause */
/* What pktool reads from its words: names, serial numbers, lifetimes, extensions. The input: a byte that says
   which, a text. */
#include "fuzz.h"

#include <stdarg.h>

#include <openssl/bn.h>
#include <openssl/err.h>

#include "pktool/extensions.h"
#include "pktool/lifetime.h"
#include "pktool/name.h"
#include "pktool/pktool.h"
#include "pktool/serial.h"
#include "pktool/values.h"

static unsigned int complaints;

/* In place of the program's. */
void pktool_error(const char *format, ...)
{
	char line[4096];
	va_list args;

	va_start(args, format);
	FUZZ_MUST(vsnprintf(line, sizeof line, format, args) >= 0);
	va_end(args);
	complaints++;
}

/* Taken without a word, or refused with one, and nothing left in libcrypto's queue. */
static void judged(bool taken)
{
	FUZZ_MUST(complaints == (taken ? 0 : 1));
	FUZZ_MUST(ERR_peek_error() == 0);
	complaints = 0;
}

/* What it says in one line is the same name again, unless there is a "#" that libcrypto does not protect. */
static void name_try(const char *text)
{
	X509_NAME *name = name_read("subject", text), *again = NULL;
	char *shown = NULL;

	judged(name != NULL);
	if (name == NULL)
		return;
	FUZZ_MUST(X509_NAME_entry_count(name) > 0);
	shown = name_text(name);
	FUZZ_MUST(shown != NULL);
	if (strstr(shown, "=#") == NULL) {
		again = name_read("subject", shown);
		judged(again != NULL);
		FUZZ_MUST(again != NULL && X509_NAME_cmp(name, again) == 0);
	}
	X509_NAME_free(again);
	X509_NAME_free(name);
	OPENSSL_free(shown);
}

static void serial_try(const char *text)
{
	ASN1_INTEGER *serial = serial_read(text);
	BIGNUM *number = NULL;

	judged(serial != NULL);
	if (serial == NULL)
		return;
	number = ASN1_INTEGER_to_BN(serial, NULL);
	FUZZ_MUST(number != NULL && !BN_is_zero(number) && !BN_is_negative(number));
	FUZZ_MUST(i2d_ASN1_INTEGER(serial, NULL) <= 22);
	BN_free(number);
	ASN1_INTEGER_free(serial);
}

static void lifetime_try(const char *text)
{
	X509_VAL *validity = X509_VAL_new();
	bool taken = lifetime_read(text, validity);
	int days = 0, seconds = 0;

	judged(taken);
	if (taken)
		FUZZ_MUST(ASN1_TIME_diff(&days, &seconds, validity->notBefore, validity->notAfter) == 1
			&& days >= 0 && seconds >= 0 && (days != 0 || seconds != 0));
	X509_VAL_free(validity);
}

static void altname_try(const char *text)
{
	GENERAL_NAMES *names = altname_read(text);

	judged(names != NULL);
	FUZZ_MUST(names == NULL || i2d_GENERAL_NAMES(names, NULL) > 0);
	GENERAL_NAMES_free(names);
}

/* A word of a command's, as the table has it. */
static bool word_say(struct words *words, const char *key, const char *text, char **argument)
{
	static const struct word table[] = { { "altname", WORD_VALUE, NULL, NULL },
		{ "keyusage", WORD_VALUE, NULL, NULL }, { "eku", WORD_VALUE, NULL, NULL },
		{ "number", WORD_VALUE, NULL, NULL }, { "hex", WORD_VALUE, NULL, NULL },
		{ "choice", WORD_VALUE, "rsa|dsa", NULL }, { "plain", WORD_PLAIN, NULL, NULL },
		{ NULL, WORD_PLAIN, NULL, NULL } };
	size_t room = strlen(key) + strlen(text) + 2;
	bool taken;

	*argument = malloc(room);
	FUZZ_MUST(*argument != NULL);
	snprintf(*argument, room, "%s%s%s", key, *key != '\0' ? "=" : "", text);
	taken = words_read(words, table, 1, argument);
	judged(taken);
	return taken;
}

static void extensions_try(const char *key, const char *text)
{
	STACK_OF(X509_EXTENSION) *list = NULL;
	struct words words;
	bool authority = false, taken;
	char *argument;

	if (word_say(&words, key, text, &argument)) {
		taken = extensions_read(&words, &list, &authority);
		judged(taken);
		FUZZ_MUST(!taken || sk_X509_EXTENSION_num(list) == 1);
		sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	}
	free(argument);
}

static void values_try(const char *text)
{
	unsigned long number = 0;
	struct words words;
	struct buf bytes = BUF_INIT;
	char *argument;
	bool taken;

	if (word_say(&words, "number", text, &argument)) {
		taken = value_number(&words, "number", 3, 4096, &number);
		judged(taken);
		FUZZ_MUST(!taken || (number >= 3 && number <= 4096));
	}
	free(argument);
	if (word_say(&words, "hex", text, &argument)) {
		taken = value_hex(&words, "hex", &bytes);
		judged(taken);
		FUZZ_MUST(!taken || (bytes.len != 0 && bytes.len <= strlen(text)));
	}
	free(argument);
	buf_free(&bytes);
	(void)word_say(&words, "", text, &argument);
	free(argument);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 2 || memchr(data + 1, '\0', size - 1) != NULL)
		return 0;
	text = malloc(size);
	FUZZ_MUST(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 7) {
	case 0:
		name_try(text);
		break;
	case 1:
		serial_try(text);
		break;
	case 2:
		lifetime_try(text);
		break;
	case 3:
		altname_try(text);
		break;
	case 4:
		extensions_try("keyusage", text);
		break;
	case 5:
		extensions_try("eku", text);
		break;
	case 6:
		values_try(text);
		break;
	}
	free(text);
	return 0;
}
