/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/pktool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = {
	&cmd_delete,
	&cmd_doctor,
	&cmd_export,
	&cmd_gencert,
	&cmd_gencsr,
	&cmd_genkey,
	&cmd_genkeypair,
	&cmd_import,
	&cmd_inittoken,
	&cmd_list,
	&cmd_setpin,
	&cmd_signcsr,
	&cmd_tokens,
	NULL,
};

#define FILE_BYTES_MAX 8192
#define FILE_WORDS_MAX 64

static const char *module;

void pktool_error(const char *format, ...)
{
	va_list args;

	fputs("pktool: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

const char *pktool_module(void)
{
	const char *name = module != NULL ? module : getenv("PKCS11_MODULE");

	return name != NULL && name[0] != '\0' ? name : DEFAULT_MODULE;
}

static const struct command *command_find(const char *name)
{
	size_t i = 0;

	while (commands[i] != NULL && strcmp(commands[i]->name, name) != 0)
		i++;
	return commands[i];
}

static int usage(FILE *to)
{
	fputs("usage: pktool [--module FILE] [-i] COMMAND [WORD...]\n"
	      "       pktool [--module FILE] -f FILE\n"
	      "       pktool help COMMAND\n\n",
		to);
	for (size_t i = 0; commands[i] != NULL; i++)
		fprintf(to, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
	return to == stdout ? PKTOOL_OK : PKTOOL_USAGE;
}

static int command_help(const struct command *command, FILE *to)
{
	char name[64];

	fprintf(to, "%s\n", command->summary);
	snprintf(name, sizeof name, "usage: pktool %s", command->name);
	words_usage(to, name, command->words);
	return to == stdout ? PKTOOL_OK : PKTOOL_USAGE;
}

static bool asks_for_help(const char *arg)
{
	return strcmp(arg, "-?") == 0 || strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0;
}

static int command_run(const struct command *command, int argc, char **argv)
{
	struct words words;

	if (argc > 0 && asks_for_help(argv[0]))
		return command_help(command, stdout);
	if (!words_read(&words, command->words, argc, argv))
		return command_help(command, stderr);
	return command->run(&words);
}

/* An option at the front, as "NAME VALUE" or, of a long one, "NAME=VALUE": its value, or NULL. */
static const char *take_option(const char *name, int *argc, char ***argv)
{
	const char *arg = *argc > 0 ? (*argv)[0] : "";
	size_t len = strlen(name);

	if (strncmp(arg, name, len) == 0 && arg[len] == '=') {
		++*argv, --*argc;
		return arg + len + 1;
	}
	if (strcmp(arg, name) != 0 || *argc < 2)
		return NULL;
	*argv += 2, *argc -= 2;
	return (*argv)[-1];
}

/* "-f FILE": a word a line. The lines stay in text as long as the program runs. */
static bool file_words(const char *path, char *text, size_t size, char **argv, int *argc)
{
	FILE *file = fopen(path, "re");
	size_t len = file != NULL ? fread(text, 1, size - 1, file) : 0;

	*argc = 0;
	if (file == NULL || ferror(file) || len == size - 1) {
		pktool_error("%s: %s", path, len == size - 1 ? "too long" : strerror(errno));
		if (file != NULL)
			fclose(file);
		return false;
	}
	fclose(file);
	text[len] = '\0';
	for (char *line = strtok(text, "\r\n"); line != NULL && *argc < FILE_WORDS_MAX;
		line = strtok(NULL, "\r\n"))
		argv[(*argc)++] = line;
	return true;
}

static int run(int argc, char **argv)
{
	bool interactive = argc > 1 && strcmp(argv[0], "-i") == 0;
	bool help = argc > 0 && strcmp(argv[0], "help") == 0;
	const struct command *command;

	if (argc == 0)
		return usage(stderr);
	if ((help && argc == 1) || asks_for_help(argv[0]))
		return usage(stdout);
	command = command_find(argv[help || interactive ? 1 : 0]);
	if (command == NULL) {
		pktool_error("there is no command %s", argv[help || interactive ? 1 : 0]);
		return usage(stderr);
	}
	if (help)
		return command_help(command, stdout);
	/* "pktool -i gencert ..." is "pktool gencert -i ...". */
	if (interactive)
		argv[1] = argv[0];
	return command_run(command, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	char text[FILE_BYTES_MAX], *words[FILE_WORDS_MAX];
	const char *file;
	int status;

	argv++, argc--;
	module = take_option("--module", &argc, &argv);
	file = take_option("-f", &argc, &argv);
	if (file != NULL) {
		if (argc != 0)
			return usage(stderr);
		if (!file_words(file, text, sizeof text, words, &argc))
			return PKTOOL_USAGE;
		argv = words;
	}
	status = run(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		pktool_error("the output could not be written");
		return PKTOOL_FAILED;
	}
	return status;
}
