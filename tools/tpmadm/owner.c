/* SPDX-License-Identifier: BSD-2-Clause */
#include "tpmadm/owner.h"

#include <string.h>

#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "common/chip.h"
#include "common/terminal.h"
#include "tpmadm/tpmadm.h"
#include "tspi/tspi.h"
#include "util/wipe.h"

static const struct owner well_known = { TSS_WELL_KNOWN_SECRET };

static bool secret_make(struct owner *owner, const struct buf *words)
{
	if (crypto_digest("SHA1", words->data, words->len, owner->secret, sizeof owner->secret))
		return true;
	tpmadm_error("libcrypto does no SHA-1 here");
	return false;
}

bool owner_ask(struct owner *owner, bool known)
{
	struct buf words = BUF_INIT;
	bool ok;

	*owner = well_known;
	if (known)
		return true;
	ok = terminal_secret("Enter owner passphrase: ", &words) && secret_make(owner, &words);
	buf_free(&words);
	return ok;
}

bool owner_ask_new(struct owner *owner, bool known)
{
	struct buf words = BUF_INIT;
	bool ok;

	*owner = well_known;
	if (known)
		return true;
	ok = terminal_new_secret("Create new owner passphrase: ", "Re-enter new owner passphrase: ", &words);
	if (ok && words.len == 0) {
		tpmadm_error("an empty passphrase guards nothing: nothing was changed");
		ok = false;
	}
	ok = ok && secret_make(owner, &words);
	buf_free(&words);
	return ok;
}

int owner_expect(const char *what)
{
	struct chip chip;
	TSS_RESULT r = chip_look(&chip);

	if (r != TSS_SUCCESS)
		return tpmadm_fail(what, r);
	if (chip.owner != YES)
		return tpmadm_error("%s: the TPM has no owner: run tpmadm init", what);
	return TPMADM_OK;
}

struct once {
	const struct owner *owner;
	link_work *work;
	void *arg;
	bool begun;
};

static TSS_RESULT once_work(const struct link *link, void *arg)
{
	struct once *once = arg;
	BYTE copy[CRYPTO_SHA1_LEN];
	TSS_HPOLICY policy;
	TSS_RESULT r;

	if (once->begun)
		return TSP_ERROR(TSS_E_COMM_FAILURE);
	once->begun = true;
	r = Tspi_GetPolicyObject(link->tpm, TSS_POLICY_USAGE, &policy);
	if (r != TSS_SUCCESS)
		return r;
	memcpy(copy, once->owner->secret, sizeof copy);
	r = Tspi_Policy_SetSecret(policy, TSS_SECRET_MODE_SHA1, sizeof copy, copy);
	if (r == TSS_SUCCESS)
		r = once->work(link, once->arg);
	Tspi_Policy_FlushSecret(policy);
	wipe(copy, sizeof copy);
	return r;
}

TSS_RESULT owner_run(const struct owner *owner, link_work *work, void *arg)
{
	struct once once = { owner, work, arg, false };
	TSS_RESULT r = link_run_bare(once_work, &once);

	tspi_close();
	return r;
}

void owner_wipe(struct owner *owner)
{
	wipe(owner, sizeof *owner);
}
