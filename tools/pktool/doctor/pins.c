/* SPDX-License-Identifier: BSD-2-Clause */
/* The PINs, as far as they can be seen without trying one. */
#include "pktool/doctor/doctor.h"

#include "objstore/file.h"
#include "token/state.h"

static const char *const setpin_words[ROLES] = { [ROLE_SO] = " so", [ROLE_USER] = "" };

static void last_try_say(struct doctor *d)
{
	struct buf note = BUF_INIT;
	bool exists = false;
	struct stat st;

	if (file_read(d->store.dir, "note", &note, &exists, &st) == CKR_OK && note.len >= ROLES)
		for (int role = 0; role < ROLES; role++) {
			if (note.data[role] == TRY_FAILED)
				doctor_say(
					d, VERDICT_NOTE, "%s's was wrong when last tried", role_names[role]);
			if (note.data[role] == TRY_LOCKED)
				doctor_say(d, VERDICT_NOTE,
					"%s's was not taken when last tried, as the chip was locked",
					role_names[role]);
		}
	buf_free(&note);
}

void pins_check(struct doctor *d)
{
	const struct token_file *file = &d->store.file;
	bool all = true;
	int len = LABEL_LEN;

	if (doctor_skips(d, doctor_no_token(d)))
		return;
	while (len > 0 && file->label[len - 1] == ' ')
		len--;
	for (int role = 0; role < ROLES; role++)
		if (!file->roles[role].has_key) {
			all = false;
			doctor_say(d, VERDICT_FIX, "%s's is the default one: pktool setpin token=%.*s%s",
				role_names[role], len, file->label, setpin_words[role]);
		}
	if (all)
		doctor_say(d, VERDICT_OK, "the SO's and the user's are set");
	if (all && file->so_copy.len == 0)
		doctor_say(d, VERDICT_NOTE,
			"the SO cannot give the user a new PIN before the user has logged in once");
	last_try_say(d);
}
