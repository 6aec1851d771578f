/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "common/chip.h"
#include "common/terminal.h"
#include "tpmadm/owner.h"
#include "tpmadm/tpmadm.h"

#define WHAT "init"

static TSS_RESULT endorsement_key_work(const struct link *link, void *arg)
{
	TSS_HKEY key;
	TSS_RESULT r;

	(void)arg;
	r = Tspi_Context_CreateObject(link->context, TSS_OBJECT_TYPE_RSAKEY,
		TSS_KEY_SIZE_2048 | TSS_KEY_TYPE_LEGACY, &key);
	if (r == TSS_SUCCESS) {
		r = Tspi_TPM_CreateEndorsementKey(link->tpm, key, NULL);
		Tspi_Context_CloseObject(link->context, key);
	}
	return r;
}

/* tcsd keeps the storage root key that comes of it. */
static TSS_RESULT ownership_work(const struct link *link, void *arg)
{
	BYTE secret[] = TSS_WELL_KNOWN_SECRET;
	TSS_HPOLICY policy;
	TSS_HKEY key;
	TSS_RESULT r;

	(void)arg;
	r = Tspi_Context_CreateObject(link->context, TSS_OBJECT_TYPE_RSAKEY,
		TSS_KEY_TSP_SRK | TSS_KEY_AUTHORIZATION, &key);
	if (r != TSS_SUCCESS)
		return r;
	if ((r = Tspi_GetPolicyObject(key, TSS_POLICY_USAGE, &policy)) == TSS_SUCCESS
		&& (r = Tspi_Policy_SetSecret(policy, TSS_SECRET_MODE_SHA1, sizeof secret, secret))
			== TSS_SUCCESS)
		r = Tspi_TPM_TakeOwnership(link->tpm, key, 0);
	Tspi_Context_CloseObject(link->context, key);
	return r;
}

/* What the chip refuses, somebody else may have done since it was looked at. */
static int step(const struct owner *owner, const char *what, const char *busy, link_work *work)
{
	struct chip now;
	TSS_RESULT r;

	terminal_busy(busy);
	r = owner_run(owner, work, NULL);
	terminal_idle();
	if (r == TSS_SUCCESS)
		return TPMADM_OK;
	if (ERROR_LAYER(r) == TSS_LAYER_TPM && chip_look(&now) == TSS_SUCCESS) {
		if (now.owner == YES)
			return tpmadm_error("%s: the TPM has an owner by now: somebody else was faster",
				what);
		if (work == endorsement_key_work && now.endorsement_key == YES)
			return TPMADM_OK;
	}
	return tpmadm_fail(what, r);
}

static int usable(const struct chip *chip)
{
	if (chip->owner == YES)
		return tpmadm_error("init: the TPM has an owner already; "
			"tpmadm clear owner ends that, and all keys with it");
	if (chip->enabled == NO)
		return tpmadm_error("init: the TPM is disabled: enable it in the firmware setup");
	if (chip->active == NO)
		return tpmadm_error("init: the TPM is deactivated: activate it in the firmware setup");
	return TPMADM_OK;
}

static int init_run(const struct args *args)
{
	struct owner owner = { { 0 } };
	struct chip chip;
	TSS_RESULT r = chip_look(&chip);
	int status = r != TSS_SUCCESS ? tpmadm_fail(WHAT, r) : usable(&chip);

	if (status == TPMADM_OK && !owner_ask_new(&owner, args->known))
		status = TPMADM_FAILED;
	if (status == TPMADM_OK && chip.endorsement_key == NO)
		status = step(&owner, "making the endorsement key", "Making the endorsement key:",
			endorsement_key_work);
	if (status == TPMADM_OK)
		status = step(&owner, "taking ownership", "Taking ownership:", ownership_work);
	owner_wipe(&owner);
	if (status == TPMADM_OK)
		puts("The TPM has an owner, and a storage root key with the well-known secret.\n"
			"Next, each user makes a token of their own: pktool inittoken currlabel=TPM\n"
			"Keep a copy of tcsd's system.data, which names the storage root key.");
	return status;
}

const struct command cmd_init = { "init", "[-z]", "z", NULL, false, init_run };
