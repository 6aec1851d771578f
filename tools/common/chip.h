/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COMMON_CHIP_H
#define COMMON_CHIP_H

#include <stdint.h>

#include "tspi/link.h"

/* What a chip tells of itself to everybody, an owner or not. */

enum known { UNKNOWN, NO, YES };

struct chip {
	char vendor[5];
	uint8_t major, minor, revision_major, revision_minor, errata;
	uint16_t level; /* of the specification */
	enum known owner, endorsement_key, enabled, active;
};

/* Both inside link_run_bare(). */
TSS_RESULT chip_read(const struct link *link, struct chip *chip);
TSS_RESULT chip_property(const struct link *link, UINT32 property, UINT32 *value);

/* Alone, on a connection of its own. */
TSS_RESULT chip_look(struct chip *chip);

#endif
