/* SPDX-License-Identifier: BSD-2-Clause */
/* TrouSerS's file of the user's keys, a mirror of the keys of both PINs. The token works without. */
#define _GNU_SOURCE /* memmem() */
#include "pktool/doctor/doctor.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE_MAX_READ ((size_t)4 * 1024 * 1024)

static char mirror[PLACE_PATH_MAX];

void mirror_hide(void)
{
	const char *named = getenv("TSS_USER_PS_FILE");
	struct passwd *user = getpwuid(getuid());

	if (named != NULL)
		snprintf(mirror, sizeof mirror, "%s", named);
	else if (user != NULL)
		snprintf(mirror, sizeof mirror, "%s/.trousers/user.data", user->pw_dir);
	setenv("TSS_USER_PS_FILE", "/dev/null", 1);
}

static bool has(const char *bytes, size_t n, const struct buf *blob)
{
	return blob->len != 0 && memmem(bytes, n, blob->data, blob->len) != NULL;
}

static void content_say(struct doctor *d, const char *bytes, size_t n)
{
	const struct role_record *roles = d->store.file.roles;

	for (int role = 0; role < ROLES; role++)
		if (roles[role].has_key && !has(bytes, n, &roles[role].blob)) {
			doctor_say(d, VERDICT_NOTE, "%s lacks the key of %s; the next login adds it", mirror,
				role_names[role]);
			return;
		}
	doctor_say(d, VERDICT_OK, "%s has the token's keys", mirror);
}

void mirror_check(struct doctor *d)
{
	char *bytes = NULL;
	FILE *file;

	if (doctor_skips(d, doctor_no_token(d)))
		return;
	file = fopen(mirror, "re");
	if (file == NULL && errno == ENOENT)
		doctor_say(d, VERDICT_NOTE, "%s is not there; the token works without it", mirror);
	else if (file == NULL)
		doctor_say(d, VERDICT_NOTE, "%s cannot be read (%s); the token works without it", mirror,
			strerror(errno));
	else if ((bytes = malloc(SIZE_MAX_READ)) != NULL)
		content_say(d, bytes, fread(bytes, 1, SIZE_MAX_READ, file));
	free(bytes);
	if (file != NULL)
		fclose(file);
}
