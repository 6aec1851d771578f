/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_PADDED_H
#define UTIL_PADDED_H

#include <stddef.h>

/*
 * Fills a field of room bytes with a text and blanks, without a NUL, as the info structures and labels
 * want it (PKCS#11 2.40, 3). The text ends at a NUL, at max bytes, or where the field does.
 */
void padded_fill(void *field, size_t room, const void *text, size_t max);

/* The same for arrays. */
#define PADDED(field, text) padded_fill((field), sizeof (field), (text), sizeof (text))

#endif
