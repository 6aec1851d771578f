/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/chip.h"

#include <string.h>

#include <tss/tpm_error.h>
#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "tspi/capability.h"
#include "tspi/tspi.h"

TSS_RESULT chip_property(const struct link *link, UINT32 property, UINT32 *value)
{
	BYTE sub[sizeof property], *answer = NULL;
	UINT32 len = 0;
	TSS_RESULT r;

	memcpy(sub, &property, sizeof sub);
	r = Tspi_TPM_GetCapability(link->tpm, TSS_TPMCAP_PROPERTY, sizeof sub, sub, &len, &answer);
	if (r != TSS_SUCCESS)
		return r;
	*value = 0;
	if (len == sizeof *value)
		memcpy(value, answer, len);
	else if (len == sizeof(TSS_BOOL))
		*value = answer[0] != 0;
	else
		r = TSP_ERROR(TSS_E_INTERNAL_ERROR);
	Tspi_Context_FreeMemory(link->context, answer);
	return r;
}

static TSS_RESULT version_read(const struct link *link, struct chip *chip)
{
	struct reader reader;
	BYTE *answer = NULL;
	UINT32 len = 0;
	TSS_RESULT r = Tspi_TPM_GetCapability(link->tpm, TSS_TPMCAP_VERSION_VAL, 0, NULL, &len, &answer);

	if (r != TSS_SUCCESS)
		return r;
	reader_init(&reader, answer, len); /* a TPM_CAP_VERSION_INFO */
	reader_u16(&reader);
	chip->major = reader_u8(&reader);
	chip->minor = reader_u8(&reader);
	chip->revision_major = reader_u8(&reader);
	chip->revision_minor = reader_u8(&reader);
	chip->level = reader_u16(&reader);
	chip->errata = reader_u8(&reader);
	reader_copy(&reader, chip->vendor, 4);
	Tspi_Context_FreeMemory(link->context, answer);
	return reader_failed(&reader) ? TSP_ERROR(TSS_E_INTERNAL_ERROR) : TSS_SUCCESS;
}

/* The third byte behind the tag of TPM_PERMANENT_FLAGS, the first behind that of TPM_STCLEAR_FLAGS. */
static void flags_read(const struct link *link, struct chip *chip)
{
	static const BYTE permanent[] = { 0, 0, 1, 8 }, until_restart[] = { 0, 0, 1, 9 };
	struct buf answer = BUF_INIT;

	if (capability_get(link, CAPABILITY_FLAG, permanent, sizeof permanent, &answer) == TSS_SUCCESS
		&& answer.len > 4) {
		chip->enabled = answer.data[2] == 0 ? YES : NO;
		chip->active = answer.data[4] == 0 ? YES : NO;
	}
	answer.len = 0;
	if (capability_get(link, CAPABILITY_FLAG, until_restart, sizeof until_restart, &answer) == TSS_SUCCESS
		&& answer.len > 2)
		chip->active = answer.data[2] == 0 && chip->active != NO ? YES : NO;
	buf_free(&answer);
}

/* Who has an owner has the key too, and shows it to the owner alone. */
static enum known endorsement_key_read(const struct link *link, enum known owner)
{
	TSS_HKEY key = 0;
	TSS_RESULT r;

	if (owner == YES)
		return YES;
	r = Tspi_TPM_GetPubEndorsementKey(link->tpm, FALSE, NULL, &key);
	if (r == TSS_SUCCESS)
		Tspi_Context_CloseObject(link->context, key);
	return r == TSS_SUCCESS ? YES : r == TPM_E_NO_ENDORSEMENT ? NO : UNKNOWN;
}

TSS_RESULT chip_read(const struct link *link, struct chip *chip)
{
	UINT32 owner = 0;
	TSS_RESULT r;

	memset(chip, 0, sizeof *chip);
	r = version_read(link, chip);
	if (r != TSS_SUCCESS || (r = chip_property(link, TSS_TPMCAP_PROP_OWNER, &owner)) != TSS_SUCCESS)
		return r;
	chip->owner = owner != 0 ? YES : NO;
	flags_read(link, chip);
	chip->endorsement_key = endorsement_key_read(link, chip->owner);
	return TSS_SUCCESS;
}

static TSS_RESULT look_work(const struct link *link, void *arg)
{
	return chip_read(link, arg);
}

TSS_RESULT chip_look(struct chip *chip)
{
	TSS_RESULT r = link_run_bare(look_work, chip);

	tspi_close();
	return r;
}
