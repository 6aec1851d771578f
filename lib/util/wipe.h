/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_WIPE_H
#define UTIL_WIPE_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites n bytes at p so that no compiler leaves it out. NULL with n = 0 is fine. */
void wipe(void *p, size_t n);

/* Compares n bytes in a time that depends on n alone. */
bool wipe_equal(const void *a, const void *b, size_t n);

#endif
