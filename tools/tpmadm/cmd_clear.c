/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include <tss/tpm_error.h>

#include "common/terminal.h"
#include "tpmadm/owner.h"
#include "tpmadm/tpmadm.h"

static TSS_RESULT lock_work(const struct link *link, void *arg)
{
	(void)arg;
	return Tspi_TPM_SetStatus(link->tpm, TSS_TPMSTATUS_RESETLOCK, TRUE);
}

static TSS_RESULT owner_work(const struct link *link, void *arg)
{
	(void)arg;
	return Tspi_TPM_ClearOwner(link->tpm, FALSE);
}

static bool is_meant(void)
{
	fputs("Every key of this TPM will be lost for ever, and what was encrypted with it.\n", stderr);
	if (terminal_confirm("Clear the TPM (yes or no)? "))
		return true;
	tpmadm_error("clear owner: not confirmed, nothing was changed");
	return false;
}

/* One wrong passphrase, and in that lockout the right one is refused too (TPM_ResetLockValue). */
static int clear_fail(const char *what, bool lock, TSS_RESULT r)
{
	if (lock && r == TPM_E_AUTHFAIL)
		return tpmadm_error("%s: the owner passphrase is wrong; or one was before, then the TPM "
			"takes none until the wait is over (0x%x)", what, (unsigned int)r);
	return tpmadm_fail(what, r);
}

static int clear_run(const struct args *args)
{
	bool all = strcmp(args->operand, "owner") == 0;
	const char *what = all ? "clear owner" : "clear lock";
	struct owner owner = { { 0 } };
	int status = owner_expect(what);
	TSS_RESULT r;

	if (status == TPMADM_OK && all && !args->yes && !is_meant())
		status = TPMADM_FAILED;
	if (status == TPMADM_OK && !owner_ask(&owner, args->known))
		status = TPMADM_FAILED;
	if (status == TPMADM_OK && (r = owner_run(&owner, all ? owner_work : lock_work, NULL)) != TSS_SUCCESS)
		status = clear_fail(what, !all, r);
	owner_wipe(&owner);
	if (status == TPMADM_OK)
		puts(all ? "The TPM has no owner any more. Restart the machine, enable and activate the\n"
			"TPM in the firmware setup, then run tpmadm init."
			: "The TPM's count of wrong passphrases and PINs is zero.");
	return status;
}

const struct command cmd_clear = { "clear", "[-yz] owner|lock", "yz", "owner|lock", true, clear_run };
