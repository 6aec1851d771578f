/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 v2.40 base specification, 5.16: parallel function management, which only exists to say no. */
#include "api/call.h"

static CK_RV not_parallel(const char *name)
{
	struct call call;
	CK_RV rv = call_begin(&call, name);

	return call_end(&call, rv == CKR_OK ? CKR_FUNCTION_NOT_PARALLEL : rv);
}

CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE session)
{
	(void)session;
	return not_parallel(__func__);
}

CK_RV C_CancelFunction(CK_SESSION_HANDLE session)
{
	(void)session;
	return not_parallel(__func__);
}
