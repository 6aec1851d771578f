/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pktool reads from its words, fed with text of all kinds: it is either taken, or refused with exactly
 * one line; what was taken is what it said.
 */
#include "unit.h"

#include <stdarg.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>

#include "pktool/extensions.h"
#include "pktool/lifetime.h"
#include "pktool/name.h"
#include "pktool/pktool.h"
#include "pktool/serial.h"

#define ROUNDS 60000
#define TEXT_MAX 96

static unsigned int complaints;

/* In place of the program's. */
void pktool_error(const char *format, ...)
{
	char line[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	complaints++;
}

/* --- text --- */

static uint32_t state;

static uint32_t dice(uint32_t sides)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % sides;
}

/* Of pieces that the grammar knows, and now and then a byte of any kind. */
static void text_make(char *text, const char *const *pieces, size_t n)
{
	size_t len = 0;

	while (dice(12) != 0) {
		const char *piece = pieces[dice((uint32_t)n)];
		char byte[2] = { (char)(1 + dice(255)), '\0' };

		if (dice(16) == 0)
			piece = byte;
		if (len + strlen(piece) >= TEXT_MAX)
			break;
		memcpy(text + len, piece, strlen(piece));
		len += strlen(piece);
	}
	text[len] = '\0';
}

/* Taken without a word, or refused with one, and nothing left in libcrypto's queue. */
static void judged(const char *text, bool taken)
{
	TAP_CHECK(complaints == (taken ? 0 : 1), "\"%s\": %s with %u lines", text,
		taken ? "taken" : "refused", complaints);
	TAP_CHECK(ERR_peek_error() == 0, "\"%s\" leaves an error behind", text);
	ERR_clear_error();
	complaints = 0;
}

#define LOOP(pieces, body)                                                                                   \
	do {                                                                                                 \
		char text[TEXT_MAX];                                                                         \
		unsigned int taken = 0;                                                                      \
		                                                                                             \
		state = 4711;                                                                                \
		complaints = 0;                                                                              \
		for (unsigned int round = 0; round < ROUNDS; round++) {                                      \
			text_make(text, pieces, sizeof(pieces) / sizeof(pieces)[0]);                         \
			taken += body(text);                                                                 \
		}                                                                                            \
		TAP_CHECK(taken > ROUNDS / 200 && taken < ROUNDS, "%u of %d were taken", taken, ROUNDS);     \
	} while (0)

/* --- names --- */

/* What it says in one line is the same name again, unless there is a "#" that libcrypto does not protect. */
static void name_again(const X509_NAME *name, const char *text)
{
	char *shown = name_text(name);
	X509_NAME *again = NULL;

	TAP_MUST(shown != NULL, "\"%s\" has no text", text);
	if (strstr(shown, "=#") == NULL) {
		again = name_read("subject", shown);
		judged(shown, again != NULL);
		TAP_CHECK(again != NULL && X509_NAME_cmp(name, again) == 0, "\"%s\" becomes \"%s\"", text,
			shown);
	}
	X509_NAME_free(again);
	OPENSSL_free(shown);
}

static bool name_tried(const char *text)
{
	X509_NAME *name = name_read("subject", text);

	judged(text, name != NULL);
	if (name == NULL)
		return false;
	TAP_CHECK(X509_NAME_entry_count(name) > 0, "\"%s\" is empty", text);
	name_again(name, text);
	X509_NAME_free(name);
	return true;
}

static void names(void)
{
	static const char *const pieces[] = { "CN=", "C=", "O=", "UID=", "DC=", "2.5.4.11=", "OID.1.2.3=",
		"E=", "DE", "joe", "a b", " ", ",", ", ", ";", "+", "\"", "\\", "\\2C", "\\,", "\\ ",
		"\\C3\\A4", "ä", "\\00", "#", "=", "XX=", "CN", "\n" };

	LOOP(pieces, name_tried);
}

/* --- serial numbers --- */

static bool serial_tried(const char *text)
{
	ASN1_INTEGER *serial = serial_read(text);
	const char *digits = text + (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 2 : 0);
	BIGNUM *number = NULL, *wanted = NULL;
	bool taken = serial != NULL;

	judged(text, taken);
	if (!taken)
		return false;
	number = ASN1_INTEGER_to_BN(serial, NULL);
	TAP_CHECK(BN_hex2bn(&wanted, digits) == (int)strlen(digits), "\"%s\" is no number", text);
	TAP_CHECK(number != NULL && BN_cmp(number, wanted) == 0, "\"%s\" becomes another number", text);
	TAP_CHECK(!BN_is_zero(number) && !BN_is_negative(number) && i2d_ASN1_INTEGER(serial, NULL) <= 22,
		"\"%s\" is 0, or too long", text);
	BN_free(number);
	BN_free(wanted);
	ASN1_INTEGER_free(serial);
	return true;
}

static void serials(void)
{
	static const char *const pieces[] = { "0", "1", "7", "8", "f", "A", "ff", "0x", "00",
		"123456789abcdef", "x", "g", " ", "-" };

	LOOP(pieces, serial_tried);
}

static void serials_at_the_edge(void)
{
	static const struct {
		const char *text;
		bool fits;
	} rows[] = {
		{ "0x7fffffffffffffffffffffffffffffffffffffff", true },
		{ "0x007fffffffffffffffffffffffffffffffffffffff", true },
		{ "0x0000000000000000000000000000000000000000000000000000000001", true },
		{ "0x8000000000000000000000000000000000000000", false },
		{ "0x10000000000000000000000000000000000000000", false },
		{ "0x0000000000000000", false },
		{ "", false },
	};

	complaints = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		TAP_CHECK(serial_tried(rows[i].text) == rows[i].fits, "\"%s\"", rows[i].text);
}

static void serials_at_random(void)
{
	for (unsigned int i = 0; i < 1000; i++) {
		ASN1_INTEGER *serial = serial_random();
		int n = serial == NULL ? 0 : i2d_ASN1_INTEGER(serial, NULL);

		TAP_CHECK(n == 18, "%d bytes", n);
		ASN1_INTEGER_free(serial);
	}
}

/* --- lifetimes --- */

static bool lifetime_tried(const char *text)
{
	X509_VAL *validity = X509_VAL_new();
	bool taken = validity != NULL && lifetime_read(text, validity);
	int days = 0, seconds = 0;

	judged(text, taken);
	if (taken)
		TAP_CHECK(ASN1_TIME_diff(&days, &seconds, validity->notBefore, validity->notAfter) == 1
				&& days >= 0 && seconds >= 0 && days + seconds > 0,
			"\"%s\" lasts %d days and %d seconds", text, days, seconds);
	X509_VAL_free(validity);
	return taken;
}

static void lifetimes(void)
{
	static const char *const pieces[] = { "0", "1", "2", "9", "365", "99999", "-hour", "-day", "-year",
		"-", "day", " ", "s" };

	LOOP(pieces, lifetime_tried);
}

static void lifetimes_are_exact(void)
{
	static const struct {
		const char *text;
		int days, seconds;
	} rows[] = { { "1-hour", 0, 3600 }, { "25-hour", 1, 3600 }, { "8760-hour", 365, 0 },
		{ "1-day", 1, 0 }, { "007-day", 7, 0 }, { "1-year", 365, 0 }, { "30-year", 30 * 365, 0 },
		{ "2000000-day", 2000000, 0 } };
	int days, seconds;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		X509_VAL *validity = X509_VAL_new();

		days = seconds = -1;
		TAP_CHECK(lifetime_read(rows[i].text, validity)
				&& ASN1_TIME_diff(&days, &seconds, validity->notBefore, validity->notAfter)
					== 1
				&& days == rows[i].days && seconds == rows[i].seconds,
			"%s is %d days and %d seconds", rows[i].text, days, seconds);
		X509_VAL_free(validity);
	}
}

/* --- alternative names --- */

static bool altname_tried(const char *text)
{
	GENERAL_NAMES *all = altname_read(text);
	bool taken = all != NULL;
	unsigned char *der = NULL;

	judged(text, taken);
	TAP_CHECK(!taken || i2d_GENERAL_NAMES(all, &der) > 4, "\"%s\" has no encoding", text);
	OPENSSL_free(der);
	GENERAL_NAMES_free(all);
	return taken;
}

static void altnames(void)
{
	static const char *const pieces[] = { "IP=", "DNS=", "EMAIL=", "URI=", "DN=", "KRB=", "UPN=", "RID=",
		"DNS=a.b", "IP=1.2.3.4", ",", ", ", "a", "a.b", "1.2.3.4", "::1", "@", "x@y", "/",
		"http://a/b", "CN=joe", "CN=", "\\", "\"", "ä", " ", "=" };

	LOOP(pieces, altname_tried);
}

/* --- usages --- */

static const struct word table[] = {
	{ "altname", WORD_VALUE, NULL, NULL },
	{ "keyusage", WORD_VALUE, NULL, NULL },
	{ "eku", WORD_VALUE, NULL, NULL },
	{ NULL, WORD_PLAIN, NULL, NULL },
};

static bool word_tried(const char *key, const char *value)
{
	char argument[TEXT_MAX + 16], *arguments[] = { argument };
	struct words words;
	STACK_OF(X509_EXTENSION) *list = NULL;
	bool authority, taken = false;

	if (*value == '\0')
		return false;
	snprintf(argument, sizeof argument, "%s=%s", key, value);
	TAP_CHECK(words_read(&words, table, 1, arguments), "%s", argument);
	taken = extensions_read(&words, &list, &authority);
	judged(argument, taken);
	TAP_CHECK(!taken || sk_X509_EXTENSION_num(list) == 1, "%s makes %d extensions", argument,
		sk_X509_EXTENSION_num(list));
	TAP_CHECK(!taken || authority == (strstr(argument, "keyCertSign") != NULL), "%s", argument);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	return taken;
}

static bool usage_tried(const char *text)
{
	return word_tried("keyusage", text);
}

static bool purpose_tried(const char *text)
{
	return word_tried("eku", text);
}

static void usages(void)
{
	static const char *const pieces[] = { "critical:", "digitalSignature", "keyCertSign", "cRLSign",
		"decipherOnly", ",", ", ", ":", "key", " " };

	LOOP(pieces, usage_tried);
}

static void purposes(void)
{
	static const char *const pieces[] = { "critical:", "serverAuth", "KPKdc", "scLogon", "OCSPSigning",
		",", ", ", ",critical:", ":", "Auth", " " };

	LOOP(pieces, purpose_tried);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "names", names },
		{ "serial numbers", serials },
		{ "serial numbers at the edge", serials_at_the_edge },
		{ "serial numbers at random", serials_at_random },
		{ "lifetimes", lifetimes },
		{ "lifetimes are exact", lifetimes_are_exact },
		{ "alternative names", altnames },
		{ "key usages", usages },
		{ "extended key usages", purposes },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "pktool_parsers", cases);
}
