/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/tspi.h"

#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "tspi/link.h"
#include "tspi/tss_error.h"

struct registration {
	TSS_UUID uuid;
	const struct buf *blob;
};

static TSS_UUID uuid_read(const uint8_t *p)
{
	TSS_UUID uuid;
	struct reader r;

	reader_init(&r, p, TSPI_UUID_LEN);
	uuid.ulTimeLow = reader_u32(&r);
	uuid.usTimeMid = reader_u16(&r);
	uuid.usTimeHigh = reader_u16(&r);
	uuid.bClockSeqHigh = reader_u8(&r);
	uuid.bClockSeqLow = reader_u8(&r);
	reader_copy(&r, uuid.rgbNode, sizeof uuid.rgbNode);
	return uuid;
}

/* An unloaded key object is enough to be registered. */
static TSS_RESULT registration_work(const struct link *link, void *arg)
{
	const struct registration *g = arg;
	static TSS_UUID srk = TSS_UUID_SRK;
	struct tspi_key_info info;
	TSS_HKEY handle;
	TSS_RESULT r;

	if (!tspi_blob_info(g->blob->data, g->blob->len, &info))
		return TSP_ERROR(TSS_E_BAD_PARAMETER);
	r = Tspi_Context_CreateObject(link->context, TSS_OBJECT_TYPE_RSAKEY, TSS_KEY_EMPTY_KEY, &handle);
	if (r != TSS_SUCCESS)
		return r;
	r = Tspi_SetAttribData(handle, TSS_TSPATTRIB_KEY_BLOB, TSS_TSPATTRIB_KEYBLOB_BLOB,
		(UINT32)g->blob->len, g->blob->data);
	if (r == TSS_SUCCESS)
		r = Tspi_Context_RegisterKey(link->context, handle, TSS_PS_TYPE_USER, g->uuid,
			TSS_PS_TYPE_SYSTEM, srk);
	Tspi_Context_CloseObject(link->context, handle);
	return ERROR_CODE(r) == TSS_E_KEY_ALREADY_REGISTERED ? TSS_SUCCESS : r;
}

CK_RV tspi_registry_add(const uint8_t uuid[TSPI_UUID_LEN], const struct buf *blob)
{
	struct registration g = { uuid_read(uuid), blob };

	return tss_error_report_plain("registering a key in user.data", link_run(registration_work, &g));
}

static TSS_RESULT unregistration_work(const struct link *link, void *arg)
{
	const struct registration *g = arg;
	TSS_HKEY handle;
	TSS_RESULT r = Tspi_Context_UnregisterKey(link->context, TSS_PS_TYPE_USER, g->uuid, &handle);

	if (r == TSS_SUCCESS)
		Tspi_Context_CloseObject(link->context, handle);
	return ERROR_CODE(r) == TSS_E_PS_KEY_NOTFOUND ? TSS_SUCCESS : r;
}

CK_RV tspi_registry_drop(const uint8_t uuid[TSPI_UUID_LEN])
{
	struct registration g = { uuid_read(uuid), NULL };

	return tss_error_report_plain("dropping a key from user.data", link_run(unregistration_work, &g));
}
