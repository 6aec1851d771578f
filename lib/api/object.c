/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 v2.40 base specification, 5.7: object management functions. */
#include "api/call.h"
#include "policy/template.h"

CK_RV C_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count,
	CK_OBJECT_HANDLE_PTR object)
{
	struct call call;
	CK_RV rv = call_begin_objects(&call, __func__, session,
		object != NULL && template_pointers(template, count));

	if (rv == CKR_OK)
		rv = keys_create_object(call.token, &call.session->actor, template, count, object);
	return call_end(&call, rv);
}

CK_RV C_CopyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR template,
	CK_ULONG count, CK_OBJECT_HANDLE_PTR new_object)
{
	struct call call;
	CK_RV rv = call_begin_objects(&call, __func__, session,
		new_object != NULL && template_pointers(template, count));

	if (rv == CKR_OK)
		rv = objects_copy(call.token, &call.session->actor, object, template, count, new_object);
	return call_end(&call, rv);
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	struct call call;
	CK_RV rv = call_begin_objects(&call, __func__, session, true);

	if (rv == CKR_OK)
		rv = objects_destroy(call.token, &call.session->actor, object);
	return call_end(&call, rv);
}

CK_RV C_GetObjectSize(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ULONG_PTR size)
{
	struct call call;
	struct object *found = NULL;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = size == NULL ? CKR_ARGUMENTS_BAD : objects_get(call.token, object, &found);
	if (rv == CKR_OK)
		*size = (CK_ULONG)found->attrs.len;
	object_free(&found);
	return call_end(&call, rv);
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE_PTR template,
	CK_ULONG count)
{
	struct call call;
	struct object *object = NULL;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK && template == NULL)
		rv = CKR_ARGUMENTS_BAD;
	if (rv == CKR_OK)
		rv = objects_get(call.token, handle, &object);
	if (rv == CKR_OK)
		rv = template_get(object->policy, &object->attrs, template, count);
	object_free(&object);
	return call_end(&call, rv);
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR template,
	CK_ULONG count)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = template == NULL ? CKR_ARGUMENTS_BAD
			: objects_set(call.token, &call.session->actor, object, template, count);
	return call_end(&call, rv);
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count)
{
	struct call call;
	CK_RV rv = call_begin_objects(&call, __func__, session, template_pointers(template, count));

	if (rv == CKR_OK)
		rv = find_init(call.session, template, count);
	return call_end(&call, rv);
}

CK_RV C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects, CK_ULONG max,
	CK_ULONG_PTR count)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = find_next(call.session, objects, max, count);
	return call_end(&call, rv);
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE session)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = find_final(call.session);
	return call_end(&call, rv);
}
