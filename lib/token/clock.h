/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_CLOCK_H
#define TOKEN_CLOCK_H

/* The time as the standard writes it, YYYYMMDDhhmmss00 in UTC, without a NUL. */
#define CLOCK_LEN 16
void clock_write(unsigned char out[CLOCK_LEN]);

#endif
