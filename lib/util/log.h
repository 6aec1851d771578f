/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdatomic.h>

/*
 * One line for the administrator: errors and the rare info go to syslog, and whatever PKCS11_TPM_LOG
 * asks for (error, info or debug: that level and what is graver) to stderr as well. A failure is logged
 * once, where it is seen; never a PIN, an auth value, a key or a plaintext.
 */
enum log_level { LOG_LEVEL_NONE, LOG_LEVEL_ERROR, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Reads PKCS11_TPM_LOG again. Without it only syslog is written to. */
void log_start(void);

/* From here on errors and information go to take instead of syslog; NULL: no longer. For a program of one
   thread that shows them itself. */
typedef void log_taker(enum log_level level, const char *text);
void log_divert(log_taker *take);

void log_line(enum log_level level, const char *func, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __func__, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __func__, __VA_ARGS__)

/* What goes to stderr. Nearly every call has a debug line, which next to nobody wants to see. */
extern atomic_int log_stderr_level;
#define log_debug(...) \
	(atomic_load_explicit(&log_stderr_level, memory_order_relaxed) < LOG_LEVEL_DEBUG \
			? (void)0 : log_line(LOG_LEVEL_DEBUG, __func__, __VA_ARGS__))

#endif
