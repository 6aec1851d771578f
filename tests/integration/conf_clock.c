/* SPDX-License-Identifier: BSD-2-Clause */
/* The hardware feature object of the clock (PKCS#11 v2.40 base specification, 4.3). */
#define _GNU_SOURCE
#include "p11_conf.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static CK_ATTRIBUTE by_class[] = { A_ULONG(CKA_CLASS, CKO_HW_FEATURE) };

static CK_OBJECT_HANDLE find_clock(CK_SESSION_HANDLE session)
{
	CK_OBJECT_HANDLE found[4] = { 0 };

	ULONG_EQUAL(p11_search(session, TEMPLATE(by_class), found, 4), 1);
	MUST(found[0] != CK_INVALID_HANDLE);
	return found[0];
}

static void tells_the_time(void)
{
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE clock;
	char value[17] = "";
	struct tm tm;
	time_t now, then;

	p11_shared_token();
	RV_MUST(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	session = p11_open_ro();
	clock = find_clock(session);
	ULONG_EQUAL(p11_get_ulong(session, clock, CKA_CLASS), CKO_HW_FEATURE);
	ULONG_EQUAL(p11_get_ulong(session, clock, CKA_HW_FEATURE_TYPE), CKH_CLOCK);
	ULONG_EQUAL(p11_get_bytes(session, clock, CKA_VALUE, (unsigned char *)value, 16), 16);
	memset(&tm, 0, sizeof(tm));
	TAP_CHECK(strspn(value, "0123456789") == 16 && strcmp(value + 14, "00") == 0
			&& strptime(value, "%Y%m%d%H%M%S", &tm) != NULL,
		"the clock says \"%s\"", value);
	then = timegm(&tm);
	now = time(NULL);
	TAP_CHECK(then >= now - 60 && then <= now + 60, "the clock says \"%s\", and now is %ld", value,
		(long)now);
}

static void it_goes(void)
{
	const struct timespec moment = { 1, 100000000 };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE clock = find_clock(session);
	unsigned char before[16], after[16];

	p11_get_bytes(session, clock, CKA_VALUE, before, 16);
	nanosleep(&moment, NULL);
	p11_get_bytes(session, clock, CKA_VALUE, after, 16);
	CHECK(memcmp(before, after, 16) < 0);
	ULONG_EQUAL(find_clock(p11_open()), clock);
}

/* "Hardware feature objects are not returned unless the CKA_CLASS attribute has that value." */
static void found_by_its_class(void)
{
	CK_ATTRIBUTE by_type[] = { A_ULONG(CKA_HW_FEATURE_TYPE, CKH_CLOCK) };
	CK_ATTRIBUTE by_both[] = { A_ULONG(CKA_CLASS, CKO_HW_FEATURE),
		A_ULONG(CKA_HW_FEATURE_TYPE, CKH_CLOCK) };
	CK_ATTRIBUTE by_other[] = { A_ULONG(CKA_CLASS, CKO_HW_FEATURE),
		A_ULONG(CKA_HW_FEATURE_TYPE, CKH_MONOTONIC_COUNTER) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE clock = find_clock(session), found[64];
	CK_ULONG count, i;

	ULONG_EQUAL(p11_search(session, TEMPLATE(by_type), found, 4), 0);
	ULONG_EQUAL(p11_search(session, TEMPLATE(by_both), found, 4), 1);
	ULONG_EQUAL(found[0], clock);
	ULONG_EQUAL(p11_search(session, TEMPLATE(by_other), found, 4), 0);
	p11_data(session, "beside the clock", false, false);
	count = p11_search(session, NO_TEMPLATE, found, 64);
	CHECK(count > 0);
	for (i = 0; i < count && i < 64; i++)
		CHECK(found[i] != clock);
}

static void cannot_be_changed(void)
{
	CK_ATTRIBUTE time[] = { A_TEXT(CKA_VALUE, "2001010100000000") };
	CK_ATTRIBUTE new[] = { A_ULONG(CKA_CLASS, CKO_HW_FEATURE), A_ULONG(CKA_HW_FEATURE_TYPE, CKH_CLOCK) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE clock = find_clock(session), other;

	RV_ONE_OF(p11->C_SetAttributeValue(session, clock, TEMPLATE(time)), CKR_ACTION_PROHIBITED,
		CKR_ATTRIBUTE_READ_ONLY);
	RV_ONE_OF(p11->C_DestroyObject(session, clock), CKR_ACTION_PROHIBITED, CKR_ATTRIBUTE_READ_ONLY);
	CHECK(p11->C_CopyObject(session, clock, NO_TEMPLATE, &other) != CKR_OK);
	RV_ONE_OF(p11->C_CreateObject(session, TEMPLATE(new), &other), CKR_ATTRIBUTE_VALUE_INVALID,
		CKR_TEMPLATE_INCONSISTENT);
	ULONG_EQUAL(find_clock(session), clock);
	RV_EQUAL(p11_get_rv(session, clock, CKA_MODULUS), CKR_ATTRIBUTE_TYPE_INVALID);
}

static const struct tap_case cases[] = {
	{ "UTC, in a read-only session without login", tells_the_time },
	{ "the clock goes", it_goes },
	{ "found by its class only", found_by_its_class },
	{ "it cannot be set, destroyed, copied or made", cannot_be_changed },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "the clock", cases);
}
