/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/srk.h"

#include <string.h>

#include <tss/tpm_error.h>
#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "util/crypto.h"
#include "util/log.h"
#include "util/setting.h"
#include "util/wipe.h"

static TSS_UUID srk_uuid = TSS_UUID_SRK;

/* What tpm_takeownership made of the words: their SHA-1. One line end is the editor's. */
static bool secret_read(const char *path, BYTE secret[CRYPTO_SHA1_LEN])
{
	struct buf words = BUF_INIT;
	const char *why;
	bool ok;

	words.secret = true;
	why = setting_read_file(path, &words);
	if (why == NULL && words.len != 0 && words.data[words.len - 1] == '\n')
		words.len--;
	if (why == NULL && words.len != 0 && words.data[words.len - 1] == '\r')
		words.len--;
	ok = why == NULL && crypto_digest("SHA1", words.data, words.len, secret, CRYPTO_SHA1_LEN);
	if (why != NULL)
		log_error("the SRK's secret cannot be had from %s: %s", path, why);
	buf_free(&words);
	return ok;
}

/* tcsd does not know the key: because there is none, or because it has lost its file. */
static TSS_RESULT why_unknown(const struct link *link, TSS_RESULT r)
{
	UINT32 asked = TSS_TPMCAP_PROP_OWNER, len = 0;
	BYTE *answer = NULL, parameter[sizeof asked];

	memcpy(parameter, &asked, sizeof asked);
	if (Tspi_TPM_GetCapability(link->tpm, TSS_TPMCAP_PROPERTY, sizeof parameter, parameter, &len,
			&answer) != TSS_SUCCESS)
		return r;
	if (len != 0 && answer[0] == 0)
		r = TPM_E_NOSRK;
	Tspi_Context_FreeMemory(link->context, answer);
	return r;
}

TSS_RESULT srk_open(struct link *link)
{
	const char *path = setting_get("PKCS11_TPM_SRK_SECRET_FILE");
	BYTE secret[CRYPTO_SHA1_LEN] = TSS_WELL_KNOWN_SECRET;
	TSS_HPOLICY policy;
	TSS_RESULT r;

	r = Tspi_Context_LoadKeyByUUID(link->context, TSS_PS_TYPE_SYSTEM, srk_uuid, &link->srk);
	if (ERROR_LAYER(r) != TSS_LAYER_TPM && ERROR_CODE(r) == TSS_E_PS_KEY_NOTFOUND)
		return why_unknown(link, r);
	if (r == TSS_SUCCESS && path != NULL && !secret_read(path, secret))
		r = TSP_ERROR(TSS_E_POLICY_NO_SECRET);
	if (r == TSS_SUCCESS
		&& (r = Tspi_GetPolicyObject(link->srk, TSS_POLICY_USAGE, &policy)) == TSS_SUCCESS)
		r = Tspi_Policy_SetSecret(policy, TSS_SECRET_MODE_SHA1, sizeof secret, secret);
	wipe(secret, sizeof secret);
	return r;
}

void srk_flush(const struct link *link)
{
	TSS_HPOLICY policy;

	if (link->srk != 0 && Tspi_GetPolicyObject(link->srk, TSS_POLICY_USAGE, &policy) == TSS_SUCCESS)
		Tspi_Policy_FlushSecret(policy);
}
