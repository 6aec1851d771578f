/* SPDX-License-Identifier: BSD-2-Clause */
/* What the chip says of itself. No command here is authorised. */
#include "pktool/doctor/doctor.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tss/tpm_error.h>

#include "common/chip.h"
#include "common/terminal.h"
#include "pktool/doctor/version.h"
#include "tspi/tss_error.h"

#define PATIENCE_MS 20000
#define PATIENCE_WORDS "20 seconds"
#define TIMEOUT_WORDS "10" /* for a tcsd without a free place */

static struct chip chip;

static void child_ask(int to)
{
	TSS_RESULT r;

	setenv("PKCS11_TPM_TIMEOUT", TIMEOUT_WORDS, 1);
	tspi_start(true);
	r = chip_look(&chip);
	tspi_stop();
	_exit(write(to, &r, sizeof r) == sizeof r ? 0 : 1);
}

/* A chip that makes a key, or hangs, keeps whoever asks waiting: a child asks first. */
static bool chip_answers(TSS_RESULT *r)
{
	struct pollfd waiting = { -1, POLLIN, 0 };
	int ends[2];
	bool ok;
	pid_t child;

	if (pipe(ends) != 0)
		return false;
	fflush(stdout);
	child = fork();
	if (child == 0)
		child_ask(ends[1]);
	close(ends[1]);
	waiting.fd = ends[0];
	terminal_busy("Waiting for the chip");
	ok = child > 0 && poll(&waiting, 1, PATIENCE_MS) == 1 && read(ends[0], r, sizeof *r) == sizeof *r;
	terminal_idle();
	close(ends[0]);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	return ok;
}

static void chip_describe(struct doctor *d)
{
	const char *hint = NULL;

	if (chip.enabled == NO)
		hint = tss_error_hint(TPM_E_DISABLED);
	else if (chip.active == NO)
		hint = tss_error_hint(TPM_E_DEACTIVATED);
	if (hint == NULL) {
		doctor_say(d, VERDICT_OK,
			"TPM %u.%u of %s, firmware %u.%u, specification level %u errata %u%s", chip.major,
			chip.minor, chip.vendor, chip.revision_major, chip.revision_minor, chip.level,
			chip.errata, chip.enabled == YES && chip.active == YES ? ", enabled and active" : "");
		return;
	}
	d->no_chip = chip.enabled == NO ? "the chip is disabled" : "the chip is deactivated";
	doctor_say(d, VERDICT_FIX, "%s", hint);
}

void chip_check(struct doctor *d)
{
	TSS_RESULT r = TSS_SUCCESS;

	if (doctor_skips(d, d->no_chip))
		return;
	if (!chip_answers(&r)) {
		d->no_chip = "the chip does not answer";
		doctor_say(d, VERDICT_FIX,
			"no answer in " PATIENCE_WORDS ": it makes a key for another program, or hangs; "
			"if that stays so, restart tcsd, then the machine");
		return;
	}
	if (r == TSS_SUCCESS) {
		tspi_start(true);
		r = chip_look(&chip);
	}
	if (r == TSS_SUCCESS) {
		chip_describe(d);
		return;
	}
	d->no_chip = "the chip cannot be asked";
	doctor_say(d, VERDICT_FIX, "%s (0x%x)", tss_error_hint(r), (unsigned int)r);
}

void firmware_check(struct doctor *d)
{
	if (doctor_skips(d, chip.vendor[0] == '\0' ? "the chip's version is not known" : NULL))
		return;
	if (version_firmware_is_weak(chip.vendor, chip.revision_major, chip.revision_minor))
		doctor_say(d, VERDICT_FIX,
			"%u.%u of Infineon makes RSA keys that can be broken (ROCA, CVE-2017-15361): "
			"update it, then make the keys anew",
			chip.revision_major, chip.revision_minor);
	else
		doctor_say(d, VERDICT_OK, "not one that makes RSA keys that can be broken (ROCA)");
}

void owner_check(struct doctor *d)
{
	if (doctor_skips(d, d->no_chip)) {
		d->no_srk = d->no_chip;
		return;
	}
	if (chip.owner == YES) {
		doctor_say(d, VERDICT_OK, "the chip has one");
		return;
	}
	d->no_srk = "the chip has no owner";
	if (chip.endorsement_key == NO)
		doctor_say(d, VERDICT_FIX,
			"the chip has neither an endorsement key nor an owner: run tpmadm init");
	else
		doctor_say(d, VERDICT_FIX, "the chip has no owner: run tpmadm init");
}

static void lockout_say(struct doctor *d, const struct tspi_lockout *lockout)
{
	unsigned int left = lockout->threshold > lockout->tries ? lockout->threshold - lockout->tries : 0;
	char tries[32] = "too many", wait[64] = "how long is not reported";

	if (lockout->tries != 0)
		snprintf(tries, sizeof tries, "%u", lockout->tries);
	if (lockout->seconds != 0)
		snprintf(wait, sizeof wait, "%u seconds are left", lockout->seconds);
	if (lockout->active) {
		d->no_srk = "the chip is locked";
		doctor_say(d, VERDICT_FIX,
			"after %s wrong PINs no PIN is taken: wait (%s; another try may make it longer), or "
			"run tpmadm clear lock as the owner",
			tries, wait);
	} else if (lockout->threshold == 0) {
		doctor_say(d, VERDICT_OK, "not active; how many tries are left the chip does not say");
	} else {
		d->fewest_tries = left;
		doctor_say(d, lockout->tries != 0 ? VERDICT_NOTE : VERDICT_OK,
			"not active; %u wrong PINs of %u so far", lockout->tries, lockout->threshold);
	}
}

void lockout_check(struct doctor *d)
{
	struct tspi_lockout lockout;
	CK_RV rv;

	if (doctor_skips(d, d->no_chip))
		return;
	rv = tspi_lockout(&lockout);
	if (rv == CKR_OK)
		lockout_say(d, &lockout);
	else if (rv == CKR_FUNCTION_NOT_SUPPORTED)
		doctor_say(d, VERDICT_UNKNOWN, "cannot tell: this chip, or this libtspi, does not say");
	else
		doctor_say(d, VERDICT_UNKNOWN, "cannot tell: %s", doctor_complaint(d, "no answer"));
}
