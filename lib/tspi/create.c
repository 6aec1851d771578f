/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/tspi.h"

#include "tspi/link.h"
#include "tspi/tss_error.h"
#include "tspi/tss_object.h"

struct creation {
	enum tspi_usage usage;
	TSS_FLAG size;
	const uint8_t *auth;
	struct buf *blob;
};

static const struct {
	TSS_FLAG type;
	UINT32 encryption_scheme, signature_scheme;
} templates[] = {
	[TSPI_BIND] = { TSS_KEY_TYPE_BIND, TSS_ES_RSAESOAEP_SHA1_MGF1, TSS_SS_NONE },
	[TSPI_STORAGE] = { TSS_KEY_TYPE_STORAGE, TSS_ES_RSAESOAEP_SHA1_MGF1, TSS_SS_NONE },
	[TSPI_SIGNING] = { TSS_KEY_TYPE_SIGNING, TSS_ES_NONE, TSS_SS_RSASSAPKCS1V15_DER },
	[TSPI_LEGACY] = { TSS_KEY_TYPE_LEGACY, TSS_ES_RSAESPKCSV15, TSS_SS_RSASSAPKCS1V15_DER },
};

static TSS_RESULT creation_work(const struct link *link, void *arg)
{
	const struct creation *c = arg;
	TSS_FLAG flags = templates[c->usage].type | c->size | TSS_KEY_NOT_MIGRATABLE
		| (c->auth != NULL ? TSS_KEY_AUTHORIZATION : TSS_KEY_NO_AUTHORIZATION);
	TSS_HPOLICY policy = 0;
	TSS_HKEY handle;
	TSS_RESULT r;

	r = Tspi_Context_CreateObject(link->context, TSS_OBJECT_TYPE_RSAKEY, flags, &handle);
	if (r != TSS_SUCCESS)
		return r;
	if (c->auth != NULL)
		r = tss_policy_new(link, handle, TSS_POLICY_USAGE, c->auth, &policy);
	if (r == TSS_SUCCESS
		&& (r = Tspi_SetAttribUint32(handle, TSS_TSPATTRIB_KEY_INFO, TSS_TSPATTRIB_KEYINFO_ENCSCHEME,
			templates[c->usage].encryption_scheme)) == TSS_SUCCESS
		&& (r = Tspi_SetAttribUint32(handle, TSS_TSPATTRIB_KEY_INFO, TSS_TSPATTRIB_KEYINFO_SIGSCHEME,
			templates[c->usage].signature_scheme)) == TSS_SUCCESS
		&& (r = Tspi_Key_CreateKey(handle, link->srk, 0)) == TSS_SUCCESS)
		r = tss_blob_read(link, handle, c->blob);
	if (policy != 0) {
		Tspi_Policy_FlushSecret(policy);
		Tspi_Context_CloseObject(link->context, policy);
	}
	Tspi_Context_CloseObject(link->context, handle);
	return r;
}

CK_RV tspi_key_create(enum tspi_usage usage, unsigned int bits, const uint8_t *auth, struct buf *blob)
{
	struct creation c = { usage, 0, auth, blob };

	c.size = bits == 512 ? TSS_KEY_SIZE_512 : bits == 1024 ? TSS_KEY_SIZE_1024 : TSS_KEY_SIZE_2048;
	return tss_error_report_plain("making a key", link_run(creation_work, &c));
}
