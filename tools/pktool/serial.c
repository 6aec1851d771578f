/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/serial.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/bn.h>

#include "pktool/pktool.h"
#include "util/crypto.h"

/* 20 bytes (RFC 5280, 4.1.2.2), the first bit of which is the sign. */
#define SERIAL_BITS 159
#define SERIAL_RANDOM_LEN 16

static ASN1_INTEGER *serial_of(BIGNUM *number)
{
	ASN1_INTEGER *serial = number == NULL ? NULL : BN_to_ASN1_INTEGER(number, NULL);

	BN_free(number);
	if (serial == NULL)
		pktool_error("serial: no memory");
	return serial;
}

ASN1_INTEGER *serial_read(const char *text)
{
	const char *digits = strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0 ? text + 2 : text;
	size_t n = strspn(digits, "0123456789abcdefABCDEF");
	BIGNUM *number = NULL;

	if (n == 0 || digits[n] != '\0') {
		pktool_error("serial: \"%.60s\" is no number in hex digits, such as 0x1234", text);
		return NULL;
	}
	digits += strspn(digits, "0");
	if (*digits == '\0') {
		pktool_error("serial: a serial number is greater than 0");
		return NULL;
	}
	/* Each digit is 4 bits, of the first as few as 1. */
	if (strlen(digits) * 4 > SERIAL_BITS + 3 || BN_hex2bn(&number, digits) == 0
		|| BN_num_bits(number) > SERIAL_BITS) {
		BN_free(number);
		pktool_error("serial: a serial number has at most 20 bytes, the first of them below 0x80");
		return NULL;
	}
	return serial_of(number);
}

ASN1_INTEGER *serial_random(void)
{
	unsigned char bytes[SERIAL_RANDOM_LEN];

	if (!crypto_random(bytes, sizeof bytes)) {
		pktool_error("serial: no random numbers to be had");
		return NULL;
	}
	bytes[0] = (unsigned char)((bytes[0] & 0x3f) | 0x40);
	return serial_of(BN_bin2bn(bytes, sizeof bytes, NULL));
}

ASN1_INTEGER *serial_from(const struct words *words)
{
	const char *text = words_value(words, "serial");

	return text == NULL ? serial_random() : serial_read(text);
}
