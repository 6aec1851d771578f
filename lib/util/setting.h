/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_SETTING_H
#define UTIL_SETTING_H

#include <stdbool.h>

#include "util/buf.h"

/*
 * What users and administrators can set: by variables of the environment, or by lines "NAME = value" of
 * pkcs11_tpm.conf in sysconfdir (or $PKCS11_TPM_CONF), which is read once a process. A set-uid or set-gid
 * program takes nothing from the environment. An empty value is none.
 */

/* A variable of the environment, or NULL. */
const char *setting_env(const char *name);

/* Is the variable set, but may not be looked at? */
bool setting_env_denied(const char *name);

/* One of the settings that pkcs11_tpm.conf(5) names, or NULL. */
const char *setting_get(const char *name);

/* The same as a number of 0 to max; preset where there is none, or none that can be read (logged). */
unsigned int setting_number(const char *name, unsigned int preset, unsigned int max);

/* Reads a file of at most 64 KiB that belongs to root or the user and that no other may write to. NULL,
   or why not. */
const char *setting_read_file(const char *path, struct buf *content);

#endif
