/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/operations.h"

#include <string.h>

void operations_end(struct session *session)
{
	digest_end(session);
	signature_end(session, PRIVATE_HALF);
	signature_end(session, PUBLIC_HALF);
	cipher_end(session, PRIVATE_HALF);
	cipher_end(session, PUBLIC_HALF);
	find_end(session);
}

bool output_asks(const struct output *out, size_t needed, CK_RV *rv)
{
	bool fits = out->p != NULL && *out->len >= needed;

	if (fits)
		return false;
	*rv = out->p == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL;
	*out->len = (CK_ULONG)needed;
	return true;
}

void output_give(const struct output *out, const void *p, size_t n)
{
	if (n != 0)
		memcpy(out->p, p, n);
	*out->len = (CK_ULONG)n;
}
