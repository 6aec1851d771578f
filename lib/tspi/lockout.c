/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/tspi.h"

#include <stdlib.h>
#include <string.h>

#include <tss/tpm_error.h>
#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "tspi/link.h"
#include "tspi/tss_error.h"

/* TPM Main part 2, 21.1 and 21.9 to 21.12 */
#define CAP_DA_LOGIC 0x19
#define TAG_DA_INFO 0x37
#define TAG_DA_INFO_LIMITED 0x38
#define DA_STATE_ACTIVE 1
#define DA_ACTION_TIMEOUT 1

/* Tspi_TPM_GetCapability() of TrouSerS refuses this capability. What it calls does not, and is exported, but
   stands in no header: a libtspi without it will do. */
extern TSS_RESULT RPC_GetTPMCapability(TSS_HCONTEXT context, UINT32 area, UINT32 sub_len, BYTE *sub,
	UINT32 *len, BYTE **answer) __attribute__((weak));

static bool lockout_read(struct tspi_lockout *lockout, const BYTE *p, UINT32 len)
{
	struct reader reader;
	uint16_t tag;
	uint32_t actions, value;

	reader_init(&reader, p, len);
	tag = reader_u16(&reader);
	lockout->active = reader_u8(&reader) == DA_STATE_ACTIVE;
	if (tag == TAG_DA_INFO) {
		lockout->tries = reader_u16(&reader);
		lockout->threshold = reader_u16(&reader);
		reader_u16(&reader);
		actions = reader_u32(&reader);
		value = reader_u32(&reader);
		lockout->seconds = lockout->active && (actions & DA_ACTION_TIMEOUT) != 0 ? value : 0;
	}
	return !reader_failed(&reader) && (tag == TAG_DA_INFO || tag == TAG_DA_INFO_LIMITED);
}

static TSS_RESULT lockout_work(const struct link *link, void *arg)
{
	BYTE keys[2] = { 0, 1 }; /* TPM_ET_KEYHANDLE */
	struct tspi_lockout *lockout = arg;
	BYTE *answer = NULL;
	UINT32 len = 0;
	TSS_RESULT r;

	if (RPC_GetTPMCapability == NULL)
		return TSP_ERROR(TSS_E_NOTIMPL);
	r = RPC_GetTPMCapability(link->context, CAP_DA_LOGIC, sizeof keys, keys, &len, &answer);
	if (r != TSS_SUCCESS)
		return r;
	memset(lockout, 0, sizeof *lockout);
	if (!lockout_read(lockout, answer, len))
		r = TSP_ERROR(TSS_E_NOTIMPL);
	free(answer);
	return r;
}

CK_RV tspi_lockout(struct tspi_lockout *lockout)
{
	TSS_RESULT r = link_run_bare(lockout_work, lockout);

	if (r == TPM_E_BAD_MODE || r == TPM_E_BAD_PARAMETER || r == TPM_E_BAD_PARAM_SIZE
		|| r == TSP_ERROR(TSS_E_NOTIMPL))
		return CKR_FUNCTION_NOT_SUPPORTED;
	return tss_error_report_plain("asking for the TPM's lockout", r);
}
