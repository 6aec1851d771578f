/* SPDX-License-Identifier: BSD-2-Clause */
/* What is set, and where (pkcs11_tpm.conf(5)). */
#include "pktool/doctor/doctor.h"

#include <stdio.h>
#include <string.h>

#include "util/setting.h"

#define NUMBER_MAX 86400

static const char *const names[] = {
	"PKCS11_TPM_ACCEPT_WEAK_KEYS",
	"PKCS11_TPM_DIR",
	"PKCS11_TPM_IDLE",
	"PKCS11_TPM_LOG",
	"PKCS11_TPM_SRK_SECRET_FILE",
	"PKCS11_TPM_TIMEOUT",
};

static bool complaints_say(struct doctor *d)
{
	for (size_t i = 0; i < d->n_complaints; i++)
		doctor_say(d, VERDICT_FIX, "%s", d->complaints[i]);
	return d->n_complaints != 0;
}

static bool secret_file_say(struct doctor *d)
{
	const char *path = setting_get("PKCS11_TPM_SRK_SECRET_FILE"), *why;
	struct buf content = BUF_INIT;

	content.secret = true;
	why = path != NULL ? setting_read_file(path, &content) : NULL;
	buf_free(&content);
	if (why != NULL)
		doctor_say(d, VERDICT_FIX, "PKCS11_TPM_SRK_SECRET_FILE, %s: %s", path, why);
	return why != NULL;
}

void settings_check(struct doctor *d)
{
	const char *conf = setting_env("PKCS11_TPM_CONF"), *weak;
	const char *file = conf != NULL ? conf : SYSCONFDIR "/pkcs11_tpm.conf";
	char list[1024] = "";
	bool bad;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *value = setting_get(names[i]);
		size_t len = strlen(list);

		if (value != NULL)
			snprintf(list + len, sizeof list - len, "%s%s from %s", len != 0 ? ", " : "",
				names[i], setting_env(names[i]) != NULL ? "the environment" : file);
	}
	setting_number("PKCS11_TPM_IDLE", 0, NUMBER_MAX);
	setting_number("PKCS11_TPM_TIMEOUT", 0, NUMBER_MAX);
	bad = complaints_say(d);
	bad |= secret_file_say(d);
	if (!bad)
		doctor_say(d, VERDICT_OK, "%s", list[0] != '\0' ? list : "none, so the defaults hold");
	weak = setting_get("PKCS11_TPM_ACCEPT_WEAK_KEYS");
	if (weak != NULL && strcmp(weak, "1") == 0)
		doctor_say(d, VERDICT_NOTE,
			"PKCS11_TPM_ACCEPT_WEAK_KEYS is 1: keys with the ROCA weakness are made and "
			"imported");
}
