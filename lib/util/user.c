/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/user.h"

#include <errno.h>
#include <unistd.h>

#define USUAL_LEN 4096

/* What sysconf() tells is where to begin, not how long an entry can be. */
bool user_entry(uid_t uid, struct passwd *entry, struct buf *space)
{
	long hint = sysconf(_SC_GETPW_R_SIZE_MAX);
	size_t len = hint > 0 && (size_t)hint <= USER_ENTRY_MAX ? (size_t)hint : USUAL_LEN;
	struct passwd *found = NULL;
	int error = ERANGE;

	for (; error == ERANGE && len <= USER_ENTRY_MAX; len *= 2) {
		char *room;

		buf_free(space);
		room = (char *)buf_extend(space, len);
		error = room != NULL ? getpwuid_r(uid, entry, room, len, &found) : ENOMEM;
	}
	return error == 0 && found != NULL;
}
