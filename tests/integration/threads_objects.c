/* SPDX-License-Identifier: BSD-2-Clause */
#include "threads_work.h"

#include <stdio.h>
#include <string.h>

bool threads_search(struct worker *w, CK_OBJECT_CLASS class, char *label, CK_OBJECT_HANDLE *found,
	CK_ULONG *count)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, class), A_BYTES(CKA_LABEL, label, strlen(label)) };
	CK_OBJECT_HANDLE some[3] = { CK_INVALID_HANDLE };
	CK_RV rv = p11->C_FindObjectsInit(w->session, TEMPLATE(t));

	*count = 0;
	if (rv == CKR_OK)
		rv = p11->C_FindObjects(w->session, some, 3, count);
	if (rv == CKR_OK)
		rv = p11->C_FindObjectsFinal(w->session);
	*found = some[0];
	return threads_went(w, rv, false, "a search");
}

static CK_ULONG place_label(const struct worker *w, unsigned int place, char label[60])
{
	return (CK_ULONG)snprintf(label, 60, "object %u.%u.%u", w->number, place, w->places[place].serial);
}

static CK_ULONG place_value(const struct worker *w, unsigned int place, unsigned int version,
	char value[200])
{
	int length = snprintf(value, 200, "%u.%u.%u.%u %0*u", w->number, place, w->places[place].serial,
		version, (int)(version * 7 % 100 + 1), version);

	return (CK_ULONG)length;
}

static bool place_fill(struct worker *w, unsigned int place)
{
	char label[60], value[200];
	CK_OBJECT_HANDLE object;
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, threads_is_token(place)),
		A_BOOL(CKA_PRIVATE, threads_is_private(place)),
		A_BYTES(CKA_LABEL, label, place_label(w, place, label)),
		A_BYTES(CKA_VALUE, value, place_value(w, place, 0, value)),
	};
	if (!threads_went(w, p11->C_CreateObject(w->session, TEMPLATE(t), &object), threads_is_private(place),
			"creating an object"))
		return false;
	w->places[place].full = true;
	threads.data += threads_is_token(place);
	return true;
}

static bool place_find(struct worker *w, unsigned int place, CK_OBJECT_HANDLE *object)
{
	CK_ULONG count;
	char label[60];

	place_label(w, place, label);
	if (!threads_search(w, CKO_DATA, label, object, &count))
		return false;
	if (count == 0 && threads_is_private(place) && threads_login_ended(w)) {
		threads_login_lost(w);
		return false;
	}
	if (count != 1)
		threads_complain("thread %u finds its %s %lu times", w->number, label, count);
	return count == 1;
}

static bool place_check(struct worker *w, unsigned int place, CK_OBJECT_HANDLE object)
{
	char value[200], expected[200];
	CK_ULONG length = place_value(w, place, w->places[place].version, expected);
	CK_ATTRIBUTE a = A_ROOM(CKA_VALUE, value);

	if (!threads_went(w, p11->C_GetAttributeValue(w->session, object, &a, 1),
			threads_is_private(place), "reading an object"))
		return false;
	if (a.ulValueLen != length || memcmp(value, expected, length) != 0)
		threads_complain("thread %u reads %.*s, not %s", w->number, (int)a.ulValueLen, value,
			expected);
	return true;
}

static bool place_change(struct worker *w, unsigned int place, CK_OBJECT_HANDLE object)
{
	char value[200];
	CK_ULONG length = place_value(w, place, w->places[place].version + 1, value);
	CK_ATTRIBUTE a = A_BYTES(CKA_VALUE, value, length);

	if (!threads_went(w, p11->C_SetAttributeValue(w->session, object, &a, 1),
			threads_is_private(place), "changing an object"))
		return false;
	w->places[place].version++;
	return place_check(w, place, object);
}

static bool place_empty(struct worker *w, unsigned int place, CK_OBJECT_HANDLE object)
{
	if (!threads_went(w, p11->C_DestroyObject(w->session, object), threads_is_private(place),
			"destroying an object"))
		return false;
	threads_clear(&w->places[place]);
	threads.data -= threads_is_token(place);
	return true;
}

bool threads_object(struct worker *w)
{
	unsigned int place = threads_random(w, THREADS_PLACES);
	CK_OBJECT_HANDLE object;

	if (threads_is_private(place) && !w->logged_in)
		return false;
	if (!w->places[place].full)
		return place_fill(w, place);
	if (!place_find(w, place, &object) || !place_check(w, place, object))
		return false;
	return threads_random(w, 4) == 0 ? place_empty(w, place, object) : place_change(w, place, object);
}
