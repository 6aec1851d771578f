/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_P11_COMMANDS_H
#define TESTS_INTEGRATION_P11_COMMANDS_H

/* The commands that the chip has had, as with-swtpm --count writes them: exact where clocks are not. */
#include <stdbool.h>
#include <stddef.h>

#define COMMANDS_MAX 128

struct commands {
	char names[COMMANDS_MAX][32]; /* in the order in which they came; a name has no TPM_ before it */
	size_t count;
};

/* False: nobody counts here. */
bool commands_are_counted(void);

/* From here on. */
void commands_begin(void);

/* Those since commands_begin(). What has returned to its caller is in. */
void commands_read(struct commands *commands);

size_t commands_named(const struct commands *commands, const char *name);

/* "4: OIAP GetCapability Sign FlushSpecific". Good until the next call. */
const char *commands_text(const struct commands *commands);

/* Prints them below the case, and asserts that there are no more than so many. */
void commands_check(const char *what, size_t budget, const char *file, int line);

/* COMMANDS_WITHIN(4, RV_MUST(p11->C_Sign(...), CKR_OK)): what one call costs. */
#define COMMANDS_WITHIN(budget, what, call) \
	do { \
		commands_begin(); \
		call; \
		commands_check((what), (budget), __FILE__, __LINE__); \
	} while (0)

#endif
