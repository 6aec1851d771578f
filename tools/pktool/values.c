/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/values.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pktool/pktool.h"

static unsigned int digit_value(char digit)
{
	return isdigit((unsigned char)digit) ? (unsigned int)(digit - '0')
					     : (unsigned int)(tolower((unsigned char)digit) - 'a' + 10);
}

bool value_hex(const struct words *words, const char *key, struct buf *bytes)
{
	const char *text = words_value(words, key);
	const char *digits = text;
	size_t n;

	if (text == NULL)
		return true;
	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
		digits += 2;
	n = strlen(digits);
	if (n == 0 || strspn(digits, "0123456789abcdefABCDEF") != n) {
		pktool_error("%s=%s: not a number in hex", key, text);
		return false;
	}
	if (n % 2 != 0)
		buf_put_u8(bytes, (uint8_t)digit_value(*digits++));
	for (; digits[0] != '\0'; digits += 2)
		buf_put_u8(bytes, (uint8_t)(digit_value(digits[0]) << 4 | digit_value(digits[1])));
	return !buf_failed(bytes);
}

bool value_number(const struct words *words, const char *key, unsigned long min, unsigned long max,
	unsigned long *number)
{
	const char *text = words_value(words, key);
	char *end = NULL;

	if (text == NULL)
		return true;
	errno = 0;
	*number = strtoul(text, &end, 10);
	if (isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0 && *number >= min && *number <= max)
		return true;
	pktool_error("%s=%s: not a number from %lu to %lu", key, text, min, max);
	return false;
}

void value_yes(const struct words *words, const char *key, bool *yes)
{
	const char *text = words_value(words, key);

	if (text != NULL)
		*yes = text[0] == 'y';
}
