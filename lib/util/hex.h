/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_HEX_H
#define UTIL_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes 2 * n lower-case digits and a NUL to out. */
void hex_encode(const uint8_t *p, size_t n, char *out);

/* Reads exactly 2 * n lower-case digits; false if text is anything else. */
bool hex_decode(const char *text, uint8_t *out, size_t n);

#endif
