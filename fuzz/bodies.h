/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FUZZ_BODIES_H
#define FUZZ_BODIES_H

#include "fuzz.h"

/* What stands in the files of the store, behind their header, whatever it is. */

/* What can be read is what would be written. */
void token_body_check(const struct buf *body);

/* The object, if it is one: each of its attributes is shown, its key opened. */
void object_body_check(const struct buf *body);

#endif
