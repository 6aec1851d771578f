/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FUZZ_ATTRIBUTES_H
#define FUZZ_ATTRIBUTES_H

#include "fuzz.h"

/* Templates that an input describes. */

#define ATTRIBUTES_MAX 32

struct attributes {
	CK_ATTRIBUTE a[ATTRIBUTES_MAX];
	CK_ATTRIBUTE *p; /* a, or NULL */
	CK_ULONG count;
	CK_ULONG rooms[ATTRIBUTES_MAX]; /* what ulValueLen said before the call */
};

/* Beginning with the least that makes an object of some class, or with nothing. */
void attributes_read(struct reader *r, struct attributes *t);

/* Rooms for values: each exact, too small, too large, or NULL. */
void attributes_read_rooms(struct reader *r, struct attributes *t);

/* After C_GetAttributeValue: every length says that there is nothing, or is what was written. */
void attributes_check_rooms(const struct attributes *t, CK_RV rv);

void attributes_free(struct attributes *t);

#endif
