/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/tss_error.h"

#include <stddef.h>

#include <tss/tcs_error.h>
#include <tss/tpm_error.h>
#include <tss/tss_defines.h>
#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "util/log.h"
#include "util/system.h"

struct tss_error {
	TSS_RESULT result;
	CK_RV rv;
	const char *hint;
};

/* Codes of the TPM layer stand as they are; those of TCS and TSP without their layer. */
#define ANY_LAYER 0x80000000u

static const struct tss_error errors[] = {
	{ TPM_E_AUTHFAIL, CKR_PIN_INCORRECT,
		"the SRK has another secret than the well-known one, or PKCS11_TPM_SRK_SECRET_FILE's" },
	{ TPM_E_AUTH2FAIL, CKR_PIN_INCORRECT, "the authorisation to be changed was refused" },
	{ TPM_E_DEFEND_LOCK_RUNNING, CKR_PIN_LOCKED,
		"too many wrong PINs: the chip answers again after a wait, or after tpm_resetdalock" },
	{ TPM_E_DECRYPT_ERROR, CKR_TOKEN_NOT_RECOGNIZED,
		"the key was made by another chip, or before this one was cleared" },
	{ TPM_E_NOSRK, CKR_DEVICE_ERROR, "the TPM has no owner: run tpmadm init" },
	{ TPM_E_NO_ENDORSEMENT, CKR_DEVICE_ERROR, "the TPM has no endorsement key: run tpmadm init" },
	{ TPM_E_DEACTIVATED, CKR_DEVICE_ERROR, "the TPM is deactivated: activate it in the firmware setup" },
	{ TPM_E_DISABLED, CKR_DEVICE_ERROR, "the TPM is disabled: enable it in the firmware setup" },
	{ TPM_E_FAILEDSELFTEST, CKR_DEVICE_ERROR, "the TPM failed its self test" },
	{ TPM_E_INVALID_POSTINIT, CKR_DEVICE_ERROR, "the TPM was not started: restart the machine" },
	{ TPM_E_BAD_PARAMETER, CKR_DEVICE_ERROR, "the TPM, or tcsd, takes the command for a wrong one" },
	{ TPM_E_RETRY, CKR_DEVICE_ERROR, "the TPM is busy: try again" },
	{ TPM_E_DOING_SELFTEST, CKR_DEVICE_ERROR, "the TPM is testing itself: try again" },
	{ TPM_E_RESOURCES, CKR_DEVICE_MEMORY, "the TPM has no room for one more key" },
	{ TPM_E_NOSPACE, CKR_DEVICE_MEMORY, "the TPM has no room for one more key" },
	{ TSS_E_NO_CONNECTION | ANY_LAYER, CKR_DEVICE_ERROR,
		"tcsd does not answer: start it (systemctl start tcsd; svcadm enable tcsd)" },
	{ TSS_E_CONNECTION_FAILED | ANY_LAYER, CKR_DEVICE_ERROR,
		"what listens on tcsd's port is not used" },
	{ TSS_E_CONNECTION_BROKEN | ANY_LAYER, CKR_HOST_MEMORY,
		"tcsd was not asked: this program, or the system, has no descriptor left" },
	{ TSS_E_NOTIMPL | ANY_LAYER, CKR_DEVICE_ERROR, "TrouSerS cannot do this here" },
	{ TSS_E_COMM_FAILURE | ANY_LAYER, CKR_DEVICE_ERROR,
		"tcsd hangs up: it is stopping, or all its places are taken (num_threads in tcsd.conf)" },
	{ TSS_E_OUTOFMEMORY | ANY_LAYER, CKR_HOST_MEMORY, "out of memory" },
	{ TSS_E_PS_KEY_NOTFOUND | ANY_LAYER, CKR_DEVICE_ERROR,
		"tcsd does not know the SRK: its system.data is lost, bring it back from a backup" },
	{ TSS_E_INTERNAL_ERROR | ANY_LAYER, CKR_DEVICE_ERROR, "TrouSerS failed, or its file is damaged" },
	{ TSS_E_CANCELED | ANY_LAYER, CKR_FUNCTION_CANCELED, "cancelled" },
	{ TSS_E_TIMEOUT | ANY_LAYER, CKR_DEVICE_ERROR,
		"tcsd, or the chip, did not answer in time: restart tcsd if that stays so" },
	{ TSS_E_POLICY_NO_SECRET | ANY_LAYER, CKR_DEVICE_ERROR,
		"the SRK's secret cannot be read: see PKCS11_TPM_SRK_SECRET_FILE" },
};

static const struct tss_error *find(TSS_RESULT result)
{
	static const struct tss_error unnamed = { 0, CKR_DEVICE_ERROR, "no cure is known" };
	TSS_RESULT wanted = ERROR_LAYER(result) == TSS_LAYER_TPM ? result
		: (TSS_RESULT)(ERROR_CODE(result) | ANY_LAYER);

	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
		if (errors[i].result == wanted)
			return &errors[i];
	return &unnamed;
}

CK_RV tss_error_code(TSS_RESULT result)
{
	return result == TSS_SUCCESS ? CKR_OK : find(result)->rv;
}

const char *tss_error_hint(TSS_RESULT result)
{
	return find(result)->hint;
}

CK_RV tss_error_report(const char *what, TSS_RESULT result)
{
	const struct tss_error *error = find(result);
	const char *fault = ERROR_CODE(result) == TSS_E_NO_CONNECTION && ERROR_LAYER(result) != TSS_LAYER_TPM
		? system_tpm_fault("") : NULL;

	log_error("%s failed (0x%x): %s%s%s", what, (unsigned int)result, error->hint,
		fault != NULL ? "; " : "", fault != NULL ? fault : "");
	return error->rv;
}

CK_RV tss_error_report_plain(const char *what, TSS_RESULT result)
{
	CK_RV rv = result == TSS_SUCCESS ? CKR_OK : tss_error_report(what, result);

	return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED ? CKR_DEVICE_ERROR : rv;
}
