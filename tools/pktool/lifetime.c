/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/lifetime.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>

#include "pktool/pktool.h"

/* More than there are hours up to the year 9999. */
#define COUNT_MAX 100000000

static const struct {
	const char *name;
	int days, seconds;
} units[] = { { "-hour", 0, 3600 }, { "-day", 1, 0 }, { "-year", 365, 0 } };

/* Digits up to the unit; false: none, or more than can be meant. */
static bool count_read(const char **text, int64_t *count)
{
	const char *p = *text;

	for (*count = 0; *p >= '0' && *p <= '9'; p++) {
		*count = *count * 10 + (*p - '0');
		if (*count > COUNT_MAX)
			*count = COUNT_MAX;
	}
	if (p == *text)
		return false;
	*text = p;
	return true;
}

static bool period_set(X509_VAL *validity, int64_t days, int64_t seconds)
{
	time_t now = time(NULL);

	days += seconds / 86400;
	if (now != (time_t)-1 && days < INT_MAX && ASN1_TIME_adj(validity->notBefore, now, 0, 0) != NULL
		&& ASN1_TIME_adj(validity->notAfter, now, (int)days, (long)(seconds % 86400)) != NULL)
		return true;
	ERR_clear_error();
	pktool_error("lifetime: the year 9999 is the last that a certificate can name");
	return false;
}

bool lifetime_read(const char *text, X509_VAL *validity)
{
	const char *unit = text;
	int64_t count;

	if (count_read(&unit, &count) && count > 0)
		for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
			if (strcmp(unit, units[i].name) == 0)
				return period_set(validity, count * units[i].days, count * units[i].seconds);
	pktool_error("lifetime: \"%.60s\" is not N-hour, N-day or N-year, where N is 1 or more", text);
	return false;
}

X509_VAL *lifetime_from(const struct words *words)
{
	const char *text = words_value(words, "lifetime");
	X509_VAL *validity = X509_VAL_new();

	if (validity != NULL && lifetime_read(text == NULL ? "1-year" : text, validity))
		return validity;
	X509_VAL_free(validity);
	return NULL;
}
