/* SPDX-License-Identifier: BSD-2-Clause */
/* The storage root key and its secret. */
#include "pktool/doctor/doctor.h"

#include <string.h>

#include <tss/tpm_error.h>
#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "tspi/link.h"
#include "tspi/tss_error.h"

#define KEY_LEN 256

/* Laid out as a bind key of 2048 bits, but its private half is none that any chip has wrapped. */
static void made_up_key(struct buf *blob)
{
	static const uint8_t head[] = { 1, 1, 0, 0, 0, 0x14, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 3, 0, 1, 0, 0, 0,
		12, 0, 0, 8, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0 };

	buf_put(blob, head, sizeof head);
	for (int i = 0; i < 2; i++) {
		uint8_t *half;

		buf_put_u32(blob, KEY_LEN);
		if ((half = buf_extend(blob, KEY_LEN)) != NULL)
			memset(half, 0x5b, KEY_LEN);
	}
}

/* The chip checks the SRK's secret, and only then finds that the key is none of its own. */
static TSS_RESULT srk_work(const struct link *link, void *arg)
{
	struct buf blob = BUF_INIT;
	TSS_RESULT r = TSP_ERROR(TSS_E_OUTOFMEMORY);
	TSS_HKEY key;

	(void)arg;
	made_up_key(&blob);
	if (!buf_failed(&blob))
		r = Tspi_Context_LoadKeyByBlob(link->context, link->srk, (UINT32)blob.len, blob.data, &key);
	if (r == TSS_SUCCESS)
		Tspi_Context_CloseObject(link->context, key);
	buf_free(&blob);
	return r;
}

/* A wrong secret costs a try, as it does at each login: nothing tells whether it is right but its use. So it
   is not tried where that could lock the chip. */
void srk_check(struct doctor *d)
{
	TSS_RESULT r;

	if (doctor_skips(d, d->no_srk))
		return;
	if (d->fewest_tries <= 1) {
		d->no_srk = "one wrong try more could lock the chip";
		doctor_say(d, VERDICT_UNKNOWN,
			"its secret was not tried: one wrong try more could lock the chip");
		return;
	}
	r = link_run(srk_work, NULL);
	if (r == TPM_E_DECRYPT_ERROR || r == TSS_SUCCESS) {
		doctor_say(d, VERDICT_OK, "its secret is right");
		return;
	}
	d->no_srk = "the SRK cannot be used";
	if (ERROR_LAYER(r) != TSS_LAYER_TPM && ERROR_CODE(r) == TSS_E_POLICY_NO_SECRET)
		doctor_say(d, VERDICT_SKIP, "%s", doctor_complaint(d, tss_error_hint(r)));
	else
		doctor_say(d, VERDICT_FIX, "%s (0x%x)", tss_error_hint(r), (unsigned int)r);
}
