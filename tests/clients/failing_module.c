/* SPDX-License-Identifier: BSD-2-Clause */
/* The module that $FAILING_MODULE names, but for its fourth C_SetAttributeValue: that finds the disk full. */
#include <dlfcn.h>
#include <stdlib.h>

#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST list;
static CK_C_SetAttributeValue set;

static CK_RV fail_late(
	CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count)
{
	static int calls;

	return ++calls == 4 ? CKR_DEVICE_MEMORY : set(session, object, template, count);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **given)
{
	CK_C_GetFunctionList get;
	CK_FUNCTION_LIST *real;
	CK_RV rv;

	*(void **)&get = dlsym(dlopen(getenv("FAILING_MODULE"), RTLD_NOW), "C_GetFunctionList");
	rv = get(&real);
	if (rv != CKR_OK)
		return rv;
	list = *real;
	set = list.C_SetAttributeValue;
	list.C_SetAttributeValue = fail_late;
	*given = &list;
	return CKR_OK;
}
