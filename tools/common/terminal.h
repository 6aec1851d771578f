/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COMMON_TERMINAL_H
#define COMMON_TERMINAL_H

#include <stdbool.h>

#include "util/buf.h"

/*
 * Talks with whoever sits there. Prompts go to the standard error. Answers come from the standard input: from
 * a terminal without echo where they are secret, else a line each, so that scripts can pipe them in.
 * A signal that ends the program puts the echo back.
 */

/* One line, without its end, appended to answer (a secret buffer); at most 256 bytes. False, with a message
   on the standard error: end of input, longer, or a NUL within. An empty line is an empty secret. */
bool terminal_secret(const char *prompt, struct buf *answer);

/* The same asked twice, with "again" the second prompt; false, with a message, if the two differ. */
bool terminal_new_secret(const char *prompt, const char *again, struct buf *answer);

/* The first line of a file, for "pinfile="; the same limits. Warns if others than the owner may read it. */
bool terminal_secret_file(const char *path, struct buf *answer);

/* One line that may be seen; empty: preset (which may be ""). NUL-terminated in answer. */
bool terminal_line(const char *prompt, const char *preset, struct buf *answer);

/* "y" or "yes" to a question. Anything else, or the end of the input, is no. */
bool terminal_confirm(const char *question);

/*
 * Long work: if the standard error is a terminal, shows text and that time goes by, until terminal_idle().
 * Nothing is shown elsewhere, nor for work of less than a second. One at a time.
 */
void terminal_busy(const char *text);
void terminal_idle(void);

#endif
