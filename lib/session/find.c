/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/operations.h"

#include <stdlib.h>
#include <string.h>

void find_end(struct session *session)
{
	free(session->find.handles);
	memset(&session->find, 0, sizeof session->find);
}

CK_RV find_init(struct session *session, const CK_ATTRIBUTE *template, CK_ULONG count)
{
	struct find_op *op = &session->find;
	CK_RV rv;

	if (op->active)
		return CKR_OPERATION_ACTIVE;
	rv = objects_find(session->token, template, count, &op->handles, &op->count);
	op->active = rv == CKR_OK;
	if (rv != CKR_OK)
		find_end(session);
	return rv;
}

CK_RV find_next(struct session *session, CK_OBJECT_HANDLE *handles, CK_ULONG max, CK_ULONG *count)
{
	struct find_op *op = &session->find;

	if (!op->active)
		return CKR_OPERATION_NOT_INITIALIZED;
	if (count == NULL || (handles == NULL && max != 0))
		return CKR_ARGUMENTS_BAD;
	for (*count = 0; *count < max && op->next < op->count; ++*count)
		handles[*count] = op->handles[op->next++];
	return CKR_OK;
}

CK_RV find_final(struct session *session)
{
	if (!session->find.active)
		return CKR_OPERATION_NOT_INITIALIZED;
	find_end(session);
	return CKR_OK;
}
