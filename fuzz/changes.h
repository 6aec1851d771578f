/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FUZZ_CHANGES_H
#define FUZZ_CHANGES_H

#include "fuzz.h"
#include "objstore/format.h"

/* Changes to what stands in files of the store, which an input describes. */

struct changed_file {
	const char *name; /* NULL: there is none */
	struct format_header header;
	struct buf body, now; /* as it was, and as it is to become */
};

/* One attribute of one of the objects, maybe as another has it. */
void object_change(struct reader *r, struct changed_file *objects, unsigned int count);

/* One field of the token file. */
void token_change(struct reader *r, struct changed_file *token);

#endif
