/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 v2.40 base specification, 5.5: slot and token management functions. */
#include <string.h>

#include "api/call.h"
#include "util/padded.h"

/* A list in the manner of 5.2: *count is what list has room for, then what there is. */
static CK_RV list_give(CK_ULONG *list, CK_ULONG *count, const CK_ULONG *items, CK_ULONG available)
{
	CK_ULONG room = *count;

	*count = available;
	if (list == NULL)
		return CKR_OK;
	if (room < available)
		return CKR_BUFFER_TOO_SMALL;
	for (CK_ULONG i = 0; i < available; i++)
		list[i] = items[i];
	return CKR_OK;
}

CK_RV C_GetSlotList(CK_BBOOL token_present_only, CK_SLOT_ID_PTR list, CK_ULONG_PTR count)
{
	static const CK_SLOT_ID slots[] = { SLOT_ID };
	struct call call;
	CK_RV rv = call_begin(&call, __func__);

	if (rv == CKR_OK && count == NULL)
		rv = CKR_ARGUMENTS_BAD;
	if (rv == CKR_OK)
		rv = list_give(list, count, slots, !token_present_only || token_present(call.token) ? 1 : 0);
	return call_end(&call, rv);
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info)
{
	struct call call;
	CK_RV rv = call_begin_slot(&call, __func__, slot);

	if (rv == CKR_OK && info == NULL)
		rv = CKR_ARGUMENTS_BAD;
	if (rv == CKR_OK) {
		memset(info, 0, sizeof *info);
		PADDED(info->slotDescription, "PKCS#11 Interface for TPM");
		PADDED(info->manufacturerID, "pkcs11_tpm");
		info->flags = CKF_HW_SLOT | (token_present(call.token) ? CKF_TOKEN_PRESENT : 0);
	}
	return call_end(&call, rv);
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
	struct call call;
	CK_RV rv = call_begin_slot(&call, __func__, slot);

	if (rv == CKR_OK && info == NULL)
		rv = CKR_ARGUMENTS_BAD;
	if (rv == CKR_OK && (rv = token_info(call.token, info)) == CKR_OK) {
		sessions_count(call.sessions, &info->ulSessionCount, &info->ulRwSessionCount);
		info->ulMaxSessionCount = info->ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE;
	}
	return call_end(&call, rv);
}

CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR slot, CK_VOID_PTR reserved)
{
	struct call call;
	CK_RV rv = call_begin(&call, __func__);

	if (rv == CKR_OK && (slot == NULL || reserved != NULL))
		rv = CKR_ARGUMENTS_BAD;
	else if (rv == CKR_OK)
		rv = CKR_NO_EVENT;
	/* The slot never changes, so who waits does so until C_Finalize. */
	rv = call_end(&call, rv);
	return rv == CKR_NO_EVENT && (flags & CKF_DONT_BLOCK) == 0 ? library_wait_stop() : rv;
}

CK_RV C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count)
{
	struct call call;
	CK_MECHANISM_TYPE types[MECHANISMS_COUNT];
	CK_ULONG n = 0;
	CK_RV rv = call_begin_slot(&call, __func__, slot);

	if (rv == CKR_OK && count == NULL)
		rv = CKR_ARGUMENTS_BAD;
	if (rv == CKR_OK) {
		for (size_t i = 0; i < MECHANISMS_COUNT; i++)
			if (mechanisms[i].listed)
				types[n++] = mechanisms[i].type;
		rv = list_give(list, count, types, n);
	}
	return call_end(&call, rv);
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info)
{
	struct call call;
	const struct mechanism *found = mechanism_find(type);
	CK_RV rv = call_begin_slot(&call, __func__, slot);

	if (rv == CKR_OK && info == NULL)
		rv = CKR_ARGUMENTS_BAD;
	if (rv == CKR_OK && (found == NULL || !found->listed))
		rv = CKR_MECHANISM_INVALID;
	if (rv == CKR_OK)
		*info = found->info;
	return call_end(&call, rv);
}

CK_RV C_InitToken(CK_SLOT_ID slot, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len, CK_UTF8CHAR_PTR label)
{
	struct call call;
	CK_RV rv = call_begin_slot(&call, __func__, slot);

	if (rv == CKR_OK)
		rv = sessions_init_token(call.sessions, pin, pin_len, label);
	return call_end(&call, rv);
}

CK_RV C_InitPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = session_init_pin(call.session, pin, pin_len);
	return call_end(&call, rv);
}

CK_RV C_SetPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR old_pin, CK_ULONG old_len,
	CK_UTF8CHAR_PTR new_pin, CK_ULONG new_len)
{
	struct call call;
	CK_RV rv = call_begin_session(&call, __func__, session);

	if (rv == CKR_OK)
		rv = session_set_pin(call.session, old_pin, old_len, new_pin, new_len);
	return call_end(&call, rv);
}
