/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TSPI_TSS_OBJECT_H
#define TSPI_TSS_OBJECT_H

#include "tspi/link.h"
#include "util/buf.h"

/* Pieces of work with TSS objects that several others share; all inside link_run(). */

/* A policy that holds the auth (TSPI_AUTH_LEN bytes), assigned to object unless that is 0. Whoever
   called flushes its secret and closes it. */
TSS_RESULT tss_policy_new(const struct link *link, TSS_HOBJECT object, UINT32 type,
	const uint8_t *auth, TSS_HPOLICY *policy);

/* Appends the key's wrapped blob. */
TSS_RESULT tss_blob_read(const struct link *link, TSS_HKEY key, struct buf *blob);

#endif
