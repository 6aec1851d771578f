/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_SECMEM_H
#define UTIL_SECMEM_H

#include <stddef.h>

/*
 * Memory for secrets that stay a while: not swapped out as far as the user may lock memory, in no core
 * dump, and gone in a forked child, each where the system can. Not libcrypto's secure heap, as that is
 * one of fixed size for the whole program: what we put there, the host program's keys would lack.
 */

/* n bytes of zeros; NULL: no memory. */
void *secmem_alloc(size_t n);

/* Wipes and frees what secmem_alloc(n) gave. NULL-safe. */
void secmem_free(void *p, size_t n);

/* In the child after a fork: what was allocated before is no longer looked after. */
void secmem_forget(void);

#endif
