/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "util/setting.h"

static const char *const level_names[] = { "none", "error", "info", "debug" };
static const int level_priorities[] = { LOG_DEBUG, LOG_ERR, LOG_INFO, LOG_DEBUG };

atomic_int log_stderr_level = LOG_LEVEL_NONE;
static log_taker *taker;

void log_start(void)
{
	const char *wanted = setting_get("PKCS11_TPM_LOG");
	int level = wanted == NULL ? LOG_LEVEL_NONE : LOG_LEVEL_INFO;

	for (int i = LOG_LEVEL_NONE; wanted != NULL && i <= LOG_LEVEL_DEBUG; i++)
		if (strcmp(wanted, level_names[i]) == 0)
			level = i;
	atomic_store(&log_stderr_level, level);
}

void log_divert(log_taker *take)
{
	taker = take;
}

void log_line(enum log_level level, const char *func, const char *format, ...)
{
	int wanted = atomic_load(&log_stderr_level);
	int saved_errno = errno;
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	/* The host program's openlog() ident is not ours to change. */
	if (level != LOG_LEVEL_DEBUG && taker != NULL)
		taker(level, text);
	else if (level != LOG_LEVEL_DEBUG)
		syslog(LOG_USER | level_priorities[level], "pkcs11_tpm: %s: %s", func, text);
	if ((int)level <= wanted)
		fprintf(stderr, "pkcs11_tpm: %s: %s: %s\n", level_names[level], func, text);
	errno = saved_errno;
}
