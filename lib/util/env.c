/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "config.h"
#include "util/env.h"

#include <stdlib.h>
#include <unistd.h>

const char *env_get(const char *name)
{
	const char *value;

#ifdef HAVE_SECURE_GETENV
	value = secure_getenv(name);
#else
	value = issetugid() ? NULL : getenv(name);
#endif
	return value != NULL && *value != '\0' ? value : NULL;
}
