/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/user.h"

#include <errno.h>
#include <unistd.h>

#define USUAL_LEN 4096

/* What the systems say where nobody has that number; an entry that is too long is of no use either. */
static bool is_none(int error)
{
	return error == ENOENT || error == ESRCH || error == ERANGE;
}

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
	errno = is_none(error) ? 0 : error;
	return error == 0 && found != NULL;
}
