/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_PADDED_H
#define API_PADDED_H

#include <string.h>

/* Fills a fixed field of an info structure with a text and blanks, without a NUL. */
#define PADDED(field, text) \
	(memset((field), ' ', sizeof (field)), memcpy((field), (text), sizeof (text) - 1))

#endif
