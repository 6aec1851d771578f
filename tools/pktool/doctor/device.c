/* SPDX-License-Identifier: BSD-2-Clause */
/* The chip's device file. */
#include "pktool/doctor/doctor.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/system.h"

/* Linux's, then that of Solaris and illumos. */
static const char *const devices[] = { "/dev/tpm0", "/dev/tpm" };

static void device_describe(struct doctor *d, const char *path, const struct stat *st)
{
	struct passwd *owner = getpwuid(st->st_uid);

	doctor_say(d, VERDICT_OK, "%s, owned by %s", system_tpm_version("") == 1 ? "TPM 1.2" : path,
		owner != NULL ? owner->pw_name : "a user without a name");
}

/* A tcsd that answers has its chip from somewhere, if only by way of software. */
void device_check(struct doctor *d)
{
	const struct tcsd *tcsd = doctor_tcsd(d);
	const char *fault = system_tpm_fault("");
	struct stat st;

	if (!tcsd->is_local) {
		doctor_say(d, VERDICT_SKIP, "tcsd is on another machine");
		return;
	}
	if (fault != NULL) {
		if (tcsd->answers)
			doctor_say(d, VERDICT_NOTE,
				"%.*s, but tcsd answers: it uses another chip, or a software TPM",
				(int)strcspn(fault, ":"), fault);
		else if (getenv("TCSD_USE_TCP_DEVICE") != NULL)
			doctor_say(d, VERDICT_NOTE, "%.*s, but tcsd is told to use a software TPM",
				(int)strcspn(fault, ":"), fault);
		else
			doctor_say(d, VERDICT_FIX, "%s", fault);
		return;
	}
	for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
		if (stat(devices[i], &st) == 0) {
			device_describe(d, devices[i], &st);
			return;
		}
	doctor_say(d, VERDICT_UNKNOWN, "cannot tell: this system does not say which devices it has");
}
