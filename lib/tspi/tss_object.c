/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/tss_object.h"

#include <string.h>

#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "tspi/tspi.h"
#include "util/wipe.h"

TSS_RESULT tss_policy_new(const struct link *link, TSS_HOBJECT object, UINT32 type,
	const uint8_t *auth, TSS_HPOLICY *policy)
{
	BYTE secret[TSPI_AUTH_LEN];
	TSS_RESULT r;

	memcpy(secret, auth, sizeof secret);
	r = Tspi_Context_CreateObject(link->context, TSS_OBJECT_TYPE_POLICY, type, policy);
	if (r == TSS_SUCCESS) {
		r = Tspi_Policy_SetSecret(*policy, TSS_SECRET_MODE_SHA1, sizeof secret, secret);
		if (r == TSS_SUCCESS && object != 0)
			r = Tspi_Policy_AssignToObject(*policy, object);
		if (r != TSS_SUCCESS)
			Tspi_Context_CloseObject(link->context, *policy);
	}
	wipe(secret, sizeof secret);
	return r;
}

TSS_RESULT tss_blob_read(const struct link *link, TSS_HKEY key, struct buf *blob)
{
	UINT32 len = 0;
	BYTE *p = NULL;
	TSS_RESULT r = Tspi_GetAttribData(key, TSS_TSPATTRIB_KEY_BLOB, TSS_TSPATTRIB_KEYBLOB_BLOB,
		&len, &p);

	if (r != TSS_SUCCESS)
		return r;
	buf_put(blob, p, len);
	Tspi_Context_FreeMemory(link->context, p);
	return buf_failed(blob) ? TSP_ERROR(TSS_E_OUTOFMEMORY) : TSS_SUCCESS;
}
