/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/capability.h"

#include <stdlib.h>
#include <string.h>

#include <tss/tpm_error.h>
#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#define SUB_MAX 8

/* What Tspi_TPM_GetCapability() itself calls. TrouSerS exports it, but no header has it: a libtspi without
   it will do. */
extern TSS_RESULT RPC_GetTPMCapability(TSS_HCONTEXT context, UINT32 area, UINT32 sub_len, BYTE *sub,
	UINT32 *len, BYTE **answer) __attribute__((weak));

TSS_RESULT capability_get(const struct link *link, UINT32 area, const void *sub, size_t sub_len,
	struct buf *answer)
{
	BYTE *p = NULL, copy[SUB_MAX];
	UINT32 len = 0;
	TSS_RESULT r;

	if (RPC_GetTPMCapability == NULL || sub_len > sizeof copy)
		return TSP_ERROR(TSS_E_NOTIMPL);
	memcpy(copy, sub, sub_len);
	r = RPC_GetTPMCapability(link->context, area, (UINT32)sub_len, copy, &len, &p);
	if (r == TPM_E_BAD_MODE || r == TPM_E_BAD_PARAMETER || r == TPM_E_BAD_PARAM_SIZE)
		return TSP_ERROR(TSS_E_NOTIMPL);
	if (r != TSS_SUCCESS)
		return r;
	buf_put(answer, p, len);
	free(p);
	return buf_failed(answer) ? TSP_ERROR(TSS_E_OUTOFMEMORY) : TSS_SUCCESS;
}
