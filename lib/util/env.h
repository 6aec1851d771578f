/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_ENV_H
#define UTIL_ENV_H

/* The variable's value, or NULL if it is unset, empty, or the process is set-uid or set-gid. */
const char *env_get(const char *name);

#endif
