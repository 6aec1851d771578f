/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TSPI_SRK_H
#define TSPI_SRK_H

#include "tspi/link.h"

/* Opens the storage root key with its secret: well-known, or what $PKCS11_TPM_SRK_SECRET_FILE holds. No TPM
   command unless it fails. */
TSS_RESULT srk_open(struct link *link);

/* Takes the secret out of libtspi's memory, which closing the context does not. */
void srk_flush(const struct link *link);

#endif
