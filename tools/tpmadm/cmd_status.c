/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "common/chip.h"
#include "tpmadm/tpmadm.h"
#include "tspi/tspi.h"
#include "util/buf.h"

#define PCR_LEN 20

static const struct resource {
	const char *name;
	UINT32 left, all;
} resources[] = {
	{ "Contexts:", TSS_TPMCAP_PROP_CONTEXTS, TSS_TPMCAP_PROP_MAXCONTEXTS },
	{ "Sessions:", TSS_TPMCAP_PROP_SESSIONS, TSS_TPMCAP_PROP_MAXSESSIONS },
	{ "Auth sessions:", TSS_TPMCAP_PROP_AUTHSESSIONS, TSS_TPMCAP_PROP_MAXAUTHSESSIONS },
	{ "Loaded keys:", TSS_TPMCAP_PROP_KEYS, TSS_TPMCAP_PROP_MAXKEYS },
};
#define RESOURCES (sizeof resources / sizeof resources[0])

struct status {
	struct chip chip;
	struct {
		bool told;
		UINT32 left, all;
	} resources[RESOURCES];
	struct buf pcrs;
	TSS_RESULT pcr_result;
};

static TSS_RESULT pcrs_read(const struct link *link, struct buf *pcrs)
{
	UINT32 count = 0, len = 0;
	BYTE *value = NULL;
	TSS_RESULT r = chip_property(link, TSS_TPMCAP_PROP_PCR, &count);

	pcrs->len = 0;
	for (UINT32 i = 0; r == TSS_SUCCESS && i < count; i++) {
		r = Tspi_TPM_PcrRead(link->tpm, i, &len, &value);
		if (r != TSS_SUCCESS)
			break;
		if (len == PCR_LEN)
			buf_put(pcrs, value, len);
		Tspi_Context_FreeMemory(link->context, value);
	}
	return r;
}

static TSS_RESULT status_work(const struct link *link, void *arg)
{
	struct status *status = arg;
	TSS_RESULT r = chip_read(link, &status->chip);

	if (r != TSS_SUCCESS)
		return r;
	for (size_t i = 0; i < RESOURCES; i++)
		status->resources[i].told
			= chip_property(link, resources[i].left, &status->resources[i].left) == TSS_SUCCESS
			&& chip_property(link, resources[i].all, &status->resources[i].all) == TSS_SUCCESS
			&& status->resources[i].left <= status->resources[i].all;
	status->pcr_result = pcrs_read(link, &status->pcrs);
	return TSS_SUCCESS;
}

static void known_print(const char *name, enum known known)
{
	static const char *const words[] = { [UNKNOWN] = "not known", [NO] = "no", [YES] = "yes" };

	printf("%-17s%s\n", name, words[known]);
}

static void lockout_print(void)
{
	struct tspi_lockout lockout;
	CK_RV rv = tspi_lockout(&lockout);

	printf("%-17s", "Lockout:");
	if (rv != CKR_OK) {
		puts("not known");
		return;
	}
	fputs(lockout.active ? "yes" : "no", stdout);
	if (lockout.seconds != 0)
		printf(", for %u s", lockout.seconds);
	if (lockout.threshold != 0)
		printf(" (wrong passphrases and PINs: %u, without a wait: %u)", lockout.tries,
			lockout.threshold);
	putchar('\n');
}

static void chip_print(const struct chip *chip)
{
	printf("%-17s%u.%u (vendor %.4s, firmware %u.%u, specification level %u errata %u)\n", "TPM version:",
		chip->major, chip->minor, chip->vendor, chip->revision_major, chip->revision_minor,
		chip->level, chip->errata);
	known_print("Owner:", chip->owner);
	known_print("Endorsement key:", chip->endorsement_key);
	known_print("Enabled:", chip->enabled);
	known_print("Active:", chip->active);
}

static void resources_print(const struct status *status)
{
	puts("TPM resources");
	for (size_t i = 0; i < RESOURCES; i++) {
		UINT32 all = status->resources[i].all;

		printf("\t%-15s", resources[i].name);
		if (status->resources[i].told)
			printf("%u of %u in use\n", all - status->resources[i].left, all);
		else
			puts("not known");
	}
}

static void pcrs_print(const struct buf *pcrs)
{
	printf("Platform configuration registers (%zu)\n", pcrs->len / PCR_LEN);
	for (size_t i = 0; i < pcrs->len / PCR_LEN; i++) {
		printf("\tPCR %zu:%s", i, i < 10 ? " " : "");
		for (size_t j = 0; j < PCR_LEN; j++)
			printf(" %02X", pcrs->data[i * PCR_LEN + j]);
		putchar('\n');
	}
}

static int status_run(const struct args *args)
{
	struct status status = { .pcrs = BUF_INIT };
	TSS_RESULT r = link_run_bare(status_work, &status);

	(void)args;
	if (r != TSS_SUCCESS)
		return tpmadm_fail("status", r);
	chip_print(&status.chip);
	lockout_print();
	resources_print(&status);
	fflush(stdout);
	if (status.pcr_result == TSS_SUCCESS)
		pcrs_print(&status.pcrs);
	else
		tpmadm_fail("the platform configuration registers", status.pcr_result);
	buf_free(&status.pcrs);
	return TPMADM_OK;
}

const struct command cmd_status = { "status", "", "", NULL, false, status_run };
