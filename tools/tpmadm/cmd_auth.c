/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "tpmadm/owner.h"
#include "tpmadm/tpmadm.h"
#include "tspi/tss_object.h"

static TSS_RESULT auth_work(const struct link *link, void *arg)
{
	const struct owner *fresh = arg;
	TSS_HPOLICY policy;
	TSS_RESULT r = tss_policy_new(link, 0, TSS_POLICY_USAGE, fresh->secret, &policy);

	if (r != TSS_SUCCESS)
		return r;
	r = Tspi_ChangeAuth(link->tpm, 0, policy);
	Tspi_Policy_FlushSecret(policy);
	Tspi_Context_CloseObject(link->context, policy);
	return r;
}

static int auth_run(const struct args *args)
{
	struct owner owner = { { 0 } }, fresh = { { 0 } };
	int status = owner_expect("auth");
	TSS_RESULT r;

	if (status == TPMADM_OK
		&& (!owner_ask(&owner, args->known) || !owner_ask_new(&fresh, args->becomes_known)))
		status = TPMADM_FAILED;
	if (status == TPMADM_OK && (r = owner_run(&owner, auth_work, &fresh)) != TSS_SUCCESS)
		status = tpmadm_fail("auth", r);
	owner_wipe(&owner);
	owner_wipe(&fresh);
	if (status == TPMADM_OK)
		puts("The owner passphrase was changed.");
	return status;
}

const struct command cmd_auth = { "auth", "[-rz]", "rz", NULL, false, auth_run };
