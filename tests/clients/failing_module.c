/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The module that $FAILING_MODULE names, but for one call: the one of that number (from 1) of $FAILING_CALL,
 * "set" (C_SetAttributeValue), "create" (C_CreateObject) or "sign" (C_Sign). The first two find the disk
 * full; the signature comes out wrong.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST list, real;

static int fails(const char *call)
{
	static int calls;
	const char *which = getenv("FAILING_CALL"), *number = getenv("FAILING_NUMBER");

	return which != NULL && number != NULL && strcmp(which, call) == 0 && ++calls == atoi(number);
}

static CK_RV set(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count)
{
	return fails("set") ? CKR_DEVICE_MEMORY : real.C_SetAttributeValue(session, object, template, count);
}

static CK_RV create(
	CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *object)
{
	return fails("create") ? CKR_DEVICE_MEMORY : real.C_CreateObject(session, template, count, object);
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG n, CK_BYTE *signature, CK_ULONG *length)
{
	CK_RV rv = real.C_Sign(session, data, n, signature, length);

	if (rv == CKR_OK && signature != NULL && fails("sign"))
		signature[*length - 1] ^= 1;
	return rv;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **given)
{
	CK_C_GetFunctionList get;
	CK_FUNCTION_LIST *found;
	CK_RV rv;

	*(void **)&get = dlsym(dlopen(getenv("FAILING_MODULE"), RTLD_NOW), "C_GetFunctionList");
	rv = get(&found);
	if (rv != CKR_OK)
		return rv;
	list = real = *found;
	list.C_SetAttributeValue = set;
	list.C_CreateObject = create;
	list.C_Sign = sign;
	*given = &list;
	return CKR_OK;
}
