/* SPDX-License-Identifier: BSD-2-Clause */
#include "tpmadm/tpmadm.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <tss/tpm_error.h>
#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "tspi/tspi.h"
#include "tspi/tss_error.h"
#include "util/log.h"
#include "util/system.h"

static const struct command *const commands[] = {
	&cmd_status,
	&cmd_init,
	&cmd_clear,
	&cmd_auth,
	&cmd_keyinfo,
	&cmd_deletekey,
	NULL,
};

int tpmadm_error(const char *format, ...)
{
	va_list args;

	fputs("tpmadm: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return TPMADM_FAILED;
}

/* Codes that mean something else here than where a token is used. */
static const char *hint_find(TSS_RESULT result)
{
	static const struct {
		TSS_RESULT result;
		const char *hint;
	} hints[] = {
		{ TPM_E_AUTHFAIL, "the owner passphrase is wrong" },
		{ TPM_E_AUTH2FAIL, "the owner passphrase is wrong" },
		{ TPM_E_CLEAR_DISABLED, "only the firmware setup may clear this TPM" },
		{ TPM_E_DISABLED_CMD, "the TPM does not allow it" },
		{ TPM_E_INSTALL_DISABLED, "the TPM takes no owner: allow that in the firmware setup" },
		{ TPM_E_OWNER_SET, "the TPM has an owner already" },
		{ TPM_E_NOSRK, "the TPM has no owner: run tpmadm init" },
		{ TPM_E_DEFEND_LOCK_RUNNING,
			"too many wrong passphrases or PINs: the TPM answers again after a wait, "
			"or after tpmadm clear lock" },
	};

	for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
		if (hints[i].result == result)
			return hints[i].hint;
	return tss_error_hint(result);
}

int tpmadm_fail(const char *what, TSS_RESULT result)
{
	const char *fault = ERROR_LAYER(result) != TSS_LAYER_TPM && ERROR_CODE(result) == TSS_E_NO_CONNECTION
		? system_tpm_fault("") : NULL;

	return tpmadm_error("%s: %s%s%s (0x%x)", what, hint_find(result), fault != NULL ? "; " : "",
		fault != NULL ? fault : "", (unsigned int)result);
}

static int usage(FILE *to)
{
	for (size_t i = 0; commands[i] != NULL; i++)
		fprintf(to, "%s tpmadm %s%s%s\n", i == 0 ? "usage:" : "      ", commands[i]->name,
			commands[i]->usage[0] != '\0' ? " " : "", commands[i]->usage);
	return to == stdout ? TPMADM_OK : TPMADM_USAGE;
}

static bool options_read(const struct command *command, const char *letters, struct args *args)
{
	for (; *letters != '\0'; letters++) {
		if (strchr(command->options, *letters) == NULL) {
			tpmadm_error("%s takes no option -%c", command->name, *letters);
			return false;
		}
		args->yes |= *letters == 'y';
		args->known |= *letters == 'z';
		args->becomes_known |= *letters == 'r';
	}
	return true;
}

static bool is_one_of(const char *choices, const char *operand)
{
	size_t len = strlen(operand);
	const char *p = choices;

	while (p != NULL && (strncmp(p, operand, len) != 0 || (p[len] != '\0' && p[len] != '|')))
		p = (p = strchr(p, '|')) != NULL ? p + 1 : NULL;
	return len != 0 && p != NULL;
}

static bool operand_read(const struct command *command, const char *operand, struct args *args)
{
	if (command->operands == NULL || args->operand != NULL)
		tpmadm_error("%s: an argument too many: %s", command->name, operand);
	else if (command->operands[0] != '\0' && !is_one_of(command->operands, operand))
		tpmadm_error("%s: %s is not one of %s", command->name, operand, command->operands);
	else
		args->operand = operand;
	return args->operand == operand;
}

static bool args_read(const struct command *command, char **argv, struct args *args)
{
	memset(args, 0, sizeof *args);
	for (; *argv != NULL; argv++) {
		bool option = (*argv)[0] == '-' && (*argv)[1] != '\0';

		if (option ? !options_read(command, *argv + 1, args) : !operand_read(command, *argv, args))
			return false;
	}
	if (command->needs_operand && args->operand == NULL)
		tpmadm_error("%s: an argument is missing", command->name);
	return !command->needs_operand || args->operand != NULL;
}

static int command_run(const struct command *command, char **argv)
{
	struct args args;
	int status;

	if (!args_read(command, argv, &args))
		return usage(stderr);
	log_start();
	tspi_start(true);
	status = command->run(&args);
	tspi_stop();
	if (fflush(stdout) != 0 || ferror(stdout))
		return tpmadm_error("the output could not be written");
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage(stderr);
	for (size_t i = 0; commands[i] != NULL; i++)
		if (strcmp(commands[i]->name, argv[1]) == 0)
			return command_run(commands[i], argv + 2);
	if (is_one_of("help|-?|-h|--help", argv[1]))
		return usage(stdout);
	tpmadm_error("there is no command %s", argv[1]);
	return usage(stderr);
}
