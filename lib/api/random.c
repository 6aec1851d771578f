/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 v2.40 base specification, 5.15: random number generation functions. */
#include "api/call.h"
#include "tspi/tspi.h"

CK_RV C_SeedRandom(CK_SESSION_HANDLE session, CK_BYTE_PTR seed, CK_ULONG seed_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = seed == NULL && seed_len != 0 ? CKR_ARGUMENTS_BAD : tspi_stir(seed, seed_len);
	return call_end(&call, rv);
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE session, CK_BYTE_PTR random, CK_ULONG random_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = random == NULL && random_len != 0 ? CKR_ARGUMENTS_BAD : tspi_random(random, random_len);
	return call_end(&call, rv);
}
