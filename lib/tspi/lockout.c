/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/tspi.h"

#include <string.h>

#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "tspi/capability.h"
#include "tspi/link.h"
#include "tspi/tss_error.h"

/* TPM Main part 2, 21.9 to 21.12 */
#define TAG_DA_INFO 0x37
#define TAG_DA_INFO_LIMITED 0x38
#define DA_STATE_ACTIVE 1
#define DA_ACTION_TIMEOUT 1

static bool lockout_read(struct tspi_lockout *lockout, const struct buf *answer)
{
	struct reader reader;
	uint16_t tag;
	uint32_t actions, value;

	memset(lockout, 0, sizeof *lockout);
	reader_init(&reader, answer->data, answer->len);
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
	static const BYTE keys[] = { 0, 1 }; /* TPM_ET_KEYHANDLE */
	struct buf answer = BUF_INIT;
	TSS_RESULT r = capability_get(link, CAPABILITY_DA_LOGIC, keys, sizeof keys, &answer);

	if (r == TSS_SUCCESS && !lockout_read(arg, &answer))
		r = TSP_ERROR(TSS_E_NOTIMPL);
	buf_free(&answer);
	return r;
}

CK_RV tspi_lockout(struct tspi_lockout *lockout)
{
	TSS_RESULT r = link_run_bare(lockout_work, lockout);

	if (r == TSP_ERROR(TSS_E_NOTIMPL))
		return CKR_FUNCTION_NOT_SUPPORTED;
	return tss_error_report_plain("asking for the TPM's lockout", r);
}
