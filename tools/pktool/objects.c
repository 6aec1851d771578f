/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/objects.h"

#include <stdlib.h>

#define AT_ONCE 64

static bool handles_add(CK_OBJECT_HANDLE **handles, size_t *count, const CK_OBJECT_HANDLE *found, CK_ULONG n)
{
	CK_OBJECT_HANDLE *grown = realloc(*handles, (*count + n) * sizeof *grown);

	if (grown == NULL) {
		(void)module_failed("searching", CKR_HOST_MEMORY);
		return false;
	}
	*handles = grown;
	for (CK_ULONG i = 0; i < n; i++)
		grown[(*count)++] = found[i];
	return true;
}

bool objects_find(
	struct session *session, CK_ATTRIBUTE *pattern, CK_ULONG n, CK_OBJECT_HANDLE **handles, size_t *count)
{
	CK_OBJECT_HANDLE found[AT_ONCE];
	CK_ULONG got = 0;
	CK_RV rv;
	bool ok = true;

	*handles = NULL;
	*count = 0;
	rv = session->p11->C_FindObjectsInit(session->handle, pattern, n);
	if (rv != CKR_OK) {
		(void)module_failed("searching", rv);
		return false;
	}
	do {
		rv = session->p11->C_FindObjects(session->handle, found, AT_ONCE, &got);
		if (rv == CKR_OK && got > 0)
			ok = handles_add(handles, count, found, got);
	} while (rv == CKR_OK && got > 0 && ok);
	(void)session->p11->C_FindObjectsFinal(session->handle);
	if (rv != CKR_OK)
		(void)module_failed("searching", rv);
	if (rv == CKR_OK && ok)
		return true;
	free(*handles);
	*handles = NULL;
	*count = 0;
	return false;
}

bool objects_value(
	struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct buf *value)
{
	CK_ATTRIBUTE attribute = { type, NULL, 0 };
	size_t before = value->len;

	if (session->p11->C_GetAttributeValue(session->handle, object, &attribute, 1) != CKR_OK
		|| attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION)
		return false;
	if (attribute.ulValueLen == 0)
		return true;
	attribute.pValue = buf_extend(value, attribute.ulValueLen);
	if (attribute.pValue == NULL)
		return false;
	if (session->p11->C_GetAttributeValue(session->handle, object, &attribute, 1) != CKR_OK
		|| attribute.ulValueLen > value->len - before) {
		buf_cut(value, before, value->len - before);
		return false;
	}
	buf_cut(value, before + attribute.ulValueLen, value->len - before - attribute.ulValueLen);
	return true;
}

static bool objects_fixed(
	struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG size)
{
	CK_ATTRIBUTE attribute = { type, value, size };

	return session->p11->C_GetAttributeValue(session->handle, object, &attribute, 1) == CKR_OK
		&& attribute.ulValueLen == size;
}

bool objects_ulong(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG *value)
{
	return objects_fixed(session, object, type, value, sizeof *value);
}

bool objects_bool(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool *value)
{
	CK_BBOOL given = CK_FALSE;

	if (!objects_fixed(session, object, type, &given, sizeof given))
		return false;
	*value = given != CK_FALSE;
	return true;
}
