/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/padded.h"

#include <string.h>

void padded_fill(void *field, size_t room, const void *text, size_t max)
{
	size_t len = strnlen(text, max < room ? max : room);

	memset(field, ' ', room);
	memcpy(field, text, len);
}
