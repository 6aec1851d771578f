/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_TREES_H
#define TESTS_UNIT_TREES_H

#include <stdbool.h>

#include "util/buf.h"

/* Files and directories as a whole. What cannot be done ends the case. */

void file_load(const char *path, struct buf *content);
void file_copy(const char *from, const char *to);

/* Missing files are the same. */
bool file_same(const char *a, const char *b);

/* Nothing comes of a directory that is not there. */
void tree_copy(const char *from, const char *to);

/* Do two directories have the same files? Directories in them do not count. */
bool tree_same(const char *a, const char *b);

#endif
