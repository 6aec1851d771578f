/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/clock.h"

#include <string.h>
#include <time.h>

void clock_write(unsigned char out[CLOCK_LEN])
{
	time_t now = time(NULL);
	struct tm utc;
	char text[CLOCK_LEN + 1];

	if (gmtime_r(&now, &utc) == NULL || strftime(text, sizeof text, "%Y%m%d%H%M%S00", &utc) != CLOCK_LEN)
		memset(text, '0', sizeof text);
	memcpy(out, text, CLOCK_LEN);
}
