/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COMMON_USERFILE_H
#define COMMON_USERFILE_H

#include <stdbool.h>

#include "util/buf.h"

/* Files of the user's. False: failed, and said why on the standard error. */

/* Appends all of it; at most 1 MB. "-" is the standard input. */
bool userfile_read(const char *path, struct buf *content);

/* Whether userfile_write() would get anywhere: to be asked before work that would be lost. */
bool userfile_can_write(const char *path);

enum userfile_kind { USERFILE_PUBLIC, USERFILE_SECRET };

/*
 * Writes a file, whole or not at all: beside it, then renamed. What was there before is replaced, also where
 * a link leads to it. A secret one only its owner can read. What is no file, as /dev/stdout, is written to.
 */
bool userfile_write(const char *path, const void *content, size_t n, enum userfile_kind kind);

#endif
