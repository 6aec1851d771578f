/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/tspi.h"

#include <string.h>

#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "tspi/link.h"
#include "tspi/tss_error.h"
#include "util/wipe.h"

/* libtspi takes up to 4096, but tcsd 0.3.15 crashes at the second answer of more than 2030. */
#define RANDOM_MAX 1024
#define STIR_MAX 255

/* A refused authorisation or a lockout is nobody's PIN here. */
static CK_RV report(const char *what, TSS_RESULT r)
{
	CK_RV rv;

	if (r == TSS_SUCCESS)
		return CKR_OK;
	rv = tss_error_report(what, r);
	return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED ? CKR_DEVICE_ERROR : rv;
}

static TSS_RESULT version_work(const struct link *link, void *arg)
{
	struct tspi_version *version = arg;
	struct reader reader;
	UINT32 len = 0;
	BYTE *p = NULL;
	TSS_RESULT r = Tspi_TPM_GetCapability(link->tpm, TSS_TPMCAP_VERSION_VAL, 0, NULL, &len, &p);

	if (r != TSS_SUCCESS)
		return r;
	memset(version, 0, sizeof *version);
	reader_init(&reader, p, len); /* a TPM_CAP_VERSION_INFO */
	reader_u16(&reader);
	version->major = reader_u8(&reader);
	version->minor = reader_u8(&reader);
	version->revision_major = reader_u8(&reader);
	version->revision_minor = reader_u8(&reader);
	reader_u16(&reader);
	reader_u8(&reader);
	reader_copy(&reader, version->vendor, 4);
	Tspi_Context_FreeMemory(link->context, p);
	return reader_failed(&reader) ? TSP_ERROR(TSS_E_INTERNAL_ERROR) : TSS_SUCCESS;
}

CK_RV tspi_version(struct tspi_version *version)
{
	return report("asking for the TPM's version", link_run(version_work, version));
}

struct bytes {
	uint8_t *to;
	const uint8_t *from;
	size_t n;
};

static TSS_RESULT random_work(const struct link *link, void *arg)
{
	struct bytes *b = arg;

	while (b->n != 0) {
		UINT32 len = b->n < RANDOM_MAX ? (UINT32)b->n : RANDOM_MAX;
		BYTE *p = NULL;
		TSS_RESULT r = Tspi_TPM_GetRandom(link->tpm, len, &p);

		if (r != TSS_SUCCESS)
			return r;
		memcpy(b->to, p, len);
		wipe(p, len);
		Tspi_Context_FreeMemory(link->context, p);
		b->to += len;
		b->n -= len;
	}
	return TSS_SUCCESS;
}

CK_RV tspi_random(uint8_t *out, size_t n)
{
	struct bytes b = { out, NULL, n };

	return report("TPM_GetRandom", link_run(random_work, &b));
}

static TSS_RESULT stir_work(const struct link *link, void *arg)
{
	struct bytes *b = arg;

	while (b->n != 0) {
		UINT32 len = b->n < STIR_MAX ? (UINT32)b->n : STIR_MAX;
		BYTE copy[STIR_MAX];
		TSS_RESULT r;

		memcpy(copy, b->from, len);
		r = Tspi_TPM_StirRandom(link->tpm, len, copy);
		wipe(copy, sizeof copy);
		if (r != TSS_SUCCESS)
			return r;
		b->from += len;
		b->n -= len;
	}
	return TSS_SUCCESS;
}

CK_RV tspi_stir(const uint8_t *p, size_t n)
{
	struct bytes b = { NULL, p, n };

	return report("TPM_StirRandom", link_run(stir_work, &b));
}
