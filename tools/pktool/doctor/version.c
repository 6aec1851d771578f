/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/doctor/version.h"

#include <stdio.h>
#include <string.h>

#define MARK "trousers "
#define TEXT_MAX 32

bool version_read(const char *text, struct version *version)
{
	const char *colon = strchr(text, ':');

	if (colon != NULL && strspn(text, "0123456789") == (size_t)(colon - text))
		text = colon + 1;
	return sscanf(text, "%4u.%4u.%4u", &version->major, &version->minor, &version->patch) == 3;
}

bool version_tcsd_is_unsafe(const struct version *version)
{
	static const unsigned int good[] = { 0, 3, 15 };
	const unsigned int is[] = { version->major, version->minor, version->patch };

	for (int i = 0; i < 3; i++)
		if (is[i] != good[i])
			return is[i] < good[i];
	return false;
}

bool version_find(const char *bytes, size_t len, struct version *version)
{
	for (size_t at = 0; at + sizeof MARK - 1 < len; at++) {
		char text[TEXT_MAX];
		size_t n = len - at - (sizeof MARK - 1);

		if (memcmp(bytes + at, MARK, sizeof MARK - 1) != 0)
			continue;
		n = n < sizeof text - 1 ? n : sizeof text - 1;
		memcpy(text, bytes + at + sizeof MARK - 1, n);
		text[n] = '\0';
		if (version_read(text, version))
			return true;
	}
	return false;
}

/* From Microsoft's advisory ADV170012 of 2017, which has Infineon's list; those of major versions 5 and 7 are
   TPM 2.0. */
bool version_firmware_is_weak(const char vendor[4], unsigned int major, unsigned int minor)
{
	static const struct {
		unsigned int major, first, last;
	} weak[] = {
		{ 4, 0, 33 },
		{ 4, 40, 42 },
		{ 5, 0, 61 },
		{ 6, 0, 42 },
		{ 7, 0, 61 },
		{ 133, 0, 32 },
	};

	if (memcmp(vendor, "IFX", 4) != 0)
		return false;
	for (size_t i = 0; i < sizeof weak / sizeof weak[0]; i++)
		if (major == weak[i].major && minor >= weak[i].first && minor <= weak[i].last)
			return true;
	return false;
}
