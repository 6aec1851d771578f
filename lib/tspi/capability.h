/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TSPI_CAPABILITY_H
#define TSPI_CAPABILITY_H

#include "tspi/link.h"
#include "util/buf.h"

/* TPM Main part 2, 21.1: those that Tspi_TPM_GetCapability() refuses, or gives to the owner only. */
#define CAPABILITY_FLAG 4
#define CAPABILITY_FLAG_PERMANENT 0x108
#define CAPABILITY_FLAG_VOLATILE 0x109
#define CAPABILITY_DA_LOGIC 0x19

/* TPM_GetCapability as the chip has it; inside link_run(). The answer is appended. TSP_ERROR(TSS_E_NOTIMPL):
   this libtspi, or this chip, does not tell. */
TSS_RESULT capability_get(const struct link *link, UINT32 area, const void *sub, size_t sub_len,
	struct buf *answer);

#endif
