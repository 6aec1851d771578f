/* SPDX-License-Identifier: BSD-2-Clause */
/* pktool doctor: what is wrong between chip and token, and what to do. The original has no such thing. */
#include "pktool/pktool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pktool/doctor/doctor.h"
#include "util/log.h"

static const struct {
	const char *name;
	doctor_check *check;
} checks[] = {
	{ "settings", settings_check },
	{ "/dev/tpm0", device_check },
	{ "tcsd", tcsd_check },
	{ "tcsd's version", tcsd_version_check },
	{ "tcsd's places", tcsd_places_check },
	{ "chip", chip_check },
	{ "firmware", firmware_check },
	{ "owner", owner_check },
	{ "lockout", lockout_check },
	{ "SRK", srk_check },
	{ "module", module_check },
	{ "slot", slot_check },
	{ "p11-kit", p11_kit_check },
	{ "directory", directory_check },
	{ "rights", rights_check },
	{ "room", room_check },
	{ "token", token_check },
	{ "objects", objects_check },
	{ "set aside", aside_check },
	{ "user.data", mirror_check },
	{ "keys in the chip", chip_keys_check },
	{ "weak keys", weak_keys_check },
	{ "PINs", pins_check },
};

static struct doctor doctor;

static void take(enum log_level level, const char *text)
{
	if (level == LOG_LEVEL_ERROR && doctor.n_complaints < COMPLAINTS_MAX)
		snprintf(doctor.complaints[doctor.n_complaints++], COMPLAINT_LEN, "%s", text);
}

static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0')
		&& (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

static void finish(void)
{
	tspi_stop();
	for (int i = 0; i < 2; i++)
		buf_free(&doctor.store.copies[i].body);
	token_file_free(&doctor.store.file);
	if (doctor.store.dir >= 0)
		close(doctor.store.dir);
	log_divert(NULL);
}

/* 1: something is to be done. */
static int run(const struct words *words)
{
	(void)words;
	doctor = (struct doctor){ .coloured = wants_colour(), .fewest_tries = ~0u, .store.dir = -1 };
	log_divert(take);
	mirror_hide();
	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
		doctor.name = checks[i].name;
		doctor_complaints_clear(&doctor);
		checks[i].check(&doctor);
	}
	finish();
	return doctor.to_do ? 1 : 0;
}

static const struct word words[] = {
	{ NULL, WORD_PLAIN, NULL, NULL },
};

const struct command cmd_doctor = {
	"doctor",
	"look at every link from chip to token, and say what to do",
	words,
	run,
};
