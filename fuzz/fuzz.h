/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/pkcs11.h"

/*
 * What the fuzz targets share. Each is one function that is called with bytes, by libFuzzer or by
 * replay.c, and that ends the program where something is not as it has to be. Each begins in the same
 * state, so that the same bytes do the same again.
 */

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define FUZZ_MUST(condition)                                                                                 \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			fuzz_fail(__FILE__, __LINE__, #condition);                                           \
	} while (0)

_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* Ends the program if the standard lists no such code for the function. Returns rv. */
CK_RV fuzz_code(const char *function, CK_RV rv);

#define CALL(function, ...) fuzz_code(#function, function(__VA_ARGS__))

/* --- libFuzzer's names --- */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of a target whose input has checksums. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

/* --- what an input is made of --- */

/* A copy in an allocation of its very size, so that a look past its end is seen. Freed by the caller. */
uint8_t *fuzz_copy(const void *p, size_t n);

/* Up to max of the bytes that are left, as many as one byte says. */
const uint8_t *fuzz_bytes(struct reader *r, size_t max, size_t *n);

/* A number below sides. */
unsigned int fuzz_pick(struct reader *r, unsigned int sides);

/* --- files --- */

/* A directory of this process's own, which is gone when it ends. */
const char *fuzz_directory(void);

/* The path of something in it. Good until the next call. */
const char *fuzz_path(const char *name);

void fuzz_write(const char *path, const void *p, size_t n);
void fuzz_read(const char *path, struct buf *content);

/* Lines that were logged since the last call. */
unsigned int fuzz_log_lines(void);

#endif
