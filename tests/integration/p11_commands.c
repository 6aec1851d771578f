/* SPDX-License-Identifier: BSD-2-Clause */
#include "p11_commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "p11.h"

static long begin;

static FILE *commands_open(void)
{
	FILE *file = fopen(getenv("WITH_SWTPM_COMMANDS"), "r");

	MUST(file != NULL);
	return file;
}

bool commands_are_counted(void)
{
	return getenv("WITH_SWTPM_COMMANDS") != NULL;
}

void commands_begin(void)
{
	FILE *file = commands_open();

	MUST(fseek(file, 0, SEEK_END) == 0 && (begin = ftell(file)) >= 0);
	fclose(file);
}

void commands_read(struct commands *commands)
{
	FILE *file = commands_open();
	char line[128], *name;

	commands->count = 0;
	MUST(fseek(file, begin, SEEK_SET) == 0);
	while (fgets(line, sizeof(line), file) != NULL) {
		MUST(commands->count < COMMANDS_MAX);
		line[strcspn(line, " ")] = '\0';
		name = strncmp(line, "TPM_", 4) == 0 ? line + 4 : line;
		snprintf(commands->names[commands->count++], sizeof(commands->names[0]), "%.31s", name);
	}
	fclose(file);
}

size_t commands_named(const struct commands *commands, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < commands->count; i++)
		n += strcmp(commands->names[i], name) == 0;
	return n;
}

const char *commands_text(const struct commands *commands)
{
	static char text[COMMANDS_MAX * 33 + 16];
	size_t length = (size_t)snprintf(text, sizeof(text), "%zu:", commands->count);

	for (size_t i = 0; i < commands->count; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, " %s", commands->names[i]);
	return text;
}

void commands_check(const char *what, size_t budget, const char *file, int line)
{
	struct commands commands;

	commands_read(&commands);
	printf("# %s: %s\n", what, commands_text(&commands));
	tap_check(commands.count <= budget, false, file, line, "%s costs more than %zu TPM commands: %s",
		what, budget, commands_text(&commands));
}
