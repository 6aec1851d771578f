/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_CORE_TOLD_H
#define TESTS_INTEGRATION_CORE_TOLD_H

/*
 * Secrets that nobody gave to the module: what it draws from libcrypto's generator, the numbers of a key
 * that it makes, what it gives out. The worker writes them down where they come up, for another process
 * to search for; veiled, so that no search finds them there.
 */
#include <stddef.h>

#include "core_search.h"

#define TOLD_MAX 64

struct told {
	enum search_kind kind;
	const char *name;
	size_t length;
	unsigned char veiled[256];
};

struct told_list {
	struct told told[TOLD_MAX];
	size_t count; /* more than there is room for, if too many were told */
};

/* The numbers of a key: the modulus, and then a prime. */
extern const char TOLD_MODULUS[], TOLD_PRIME[];

/* From here on what the module draws and makes goes to the list; NULL: nowhere. */
void told_start(struct told_list *list);

/* Room for a secret, and what makes an entry of it. */
struct told *told_begin(enum search_kind kind, const char *name);
void told_end(struct told *told, size_t length);

void told_unveil(struct told *told);

#endif
