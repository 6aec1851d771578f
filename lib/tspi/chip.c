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
	return tss_error_report_plain("asking for the TPM's version", link_run(version_work, version));
}

struct bytes {
	uint8_t *to;
	const uint8_t *from;
	size_t n;
};

static TSS_RESULT random_work(const struct link *link, void *arg)
{
	const struct bytes *b = arg;
	BYTE *p = NULL;
	TSS_RESULT r = Tspi_TPM_GetRandom(link->tpm, (UINT32)b->n, &p);

	if (r != TSS_SUCCESS)
		return r;
	memcpy(b->to, p, b->n);
	wipe(p, b->n);
	Tspi_Context_FreeMemory(link->context, p);
	link_overwrite_packet(link);
	return TSS_SUCCESS;
}

static TSS_RESULT stir_work(const struct link *link, void *arg)
{
	const struct bytes *b = arg;
	BYTE copy[STIR_MAX];
	TSS_RESULT r;

	memcpy(copy, b->from, b->n);
	r = Tspi_TPM_StirRandom(link->tpm, (UINT32)b->n, copy);
	wipe(copy, sizeof copy);
	link_overwrite_packet(link);
	return r;
}

/* Piece by piece, so that others get their turn at the chip. */
static CK_RV in_pieces(const char *what, link_work *work, struct bytes b, size_t max)
{
	size_t left = b.n;
	CK_RV rv = CKR_OK;

	while (rv == CKR_OK && left != 0) {
		b.n = left < max ? left : max;
		rv = tss_error_report_plain(what, link_run(work, &b));
		left -= b.n;
		b.to = b.to != NULL ? b.to + b.n : NULL;
		b.from = b.from != NULL ? b.from + b.n : NULL;
	}
	return rv;
}

CK_RV tspi_random(uint8_t *out, size_t n)
{
	return in_pieces("TPM_GetRandom", random_work, (struct bytes){ out, NULL, n }, RANDOM_MAX);
}

CK_RV tspi_stir(const uint8_t *p, size_t n)
{
	return in_pieces("TPM_StirRandom", stir_work, (struct bytes){ NULL, p, n }, STIR_MAX);
}
