/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_KEEP_H
#define TESTS_INTEGRATION_KEEP_H

/*
 * malloc() and its kin for the whole program, libraries included, which never give a block out again: what
 * was freed lies there as it was left. munmap() leaves its pages in place as well. A program has
 * this by being linked with keep.c; a sanitizer has an allocator of its own, so that there is none then.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEEP_CALLERS 12

/* What lies in front of a block, and is as well aligned. */
struct keep_block {
	uintptr_t check; /* the block's own address, veiled */
	size_t size;
	/* Return addresses, innermost first; the first of freed is NULL while the block is in use. */
	void *allocated[KEEP_CALLERS], *freed[KEEP_CALLERS];
} __attribute__((aligned(16)));

/* Is the allocator in the program? */
bool keep_works(void);

/* From here on blocks remember their callers. */
void keep_trace(void);

/* The block that holds the byte at address, and its own address; the n bytes before have been read. 0: none
   of those that begin there. */
uintptr_t keep_find(const unsigned char *before, size_t n, uintptr_t address, struct keep_block *block);

bool keep_is_freed(const struct keep_block *block);

/* "libcrypto.so.3 EVP_PKEY_free+0x12 < ..." of return addresses of this program. */
void keep_describe(void *const callers[KEEP_CALLERS], char *text, size_t size);

#endif
