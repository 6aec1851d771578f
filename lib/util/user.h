/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_USER_H
#define UTIL_USER_H

#include <pwd.h>

#include "util/buf.h"

/* An entry of passwd may be this long, with all that a directory service puts into it. */
#define USER_ENTRY_MAX ((size_t)1024 * 1024)

/* The user's entry. What it points to lies in *space, which the caller frees. False: there is none, and errno
   is 0, or it cannot be read, and errno says why. */
bool user_entry(uid_t uid, struct passwd *entry, struct buf *space);

#endif
