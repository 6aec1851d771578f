/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects that everybody may see: made, found, read, changed, destroyed. */
#define _GNU_SOURCE
#include "p11_conf.h"

#include <string.h>

struct expectation {
	const char *label;
	CK_ULONG count;
};

static int look_elsewhere(void *argument)
{
	const struct expectation *expected = argument;
	CK_SESSION_HANDLE session;

	p11_start();
	session = p11_open_ro();
	tap_about("objects labelled %s", expected->label);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, expected->label), expected->count);
	return 0;
}

static void check_elsewhere(const char *label, CK_ULONG count)
{
	struct expectation expected = { label, count };

	ULONG_EQUAL(p11_in_child(look_elsewhere, &expected), 0);
}

static CK_SESSION_HANDLE start_public(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();

	RV_MUST(p11->C_Logout(session), CKR_OK);
	return session;
}

static void check_text(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
		       const char *expected)
{
	unsigned char bytes[256];
	size_t length = p11_get_bytes(session, object, type, bytes, sizeof(bytes));

	TAP_CHECK(length == strlen(expected) && memcmp(bytes, expected, length) == 0,
		  "attribute 0x%lx is \"%.*s\", not \"%s\"", type, (int)length, (char *)bytes,
		  expected);
}

static void data_life(void)
{
	CK_SESSION_HANDLE session = start_public(), second = p11_open_ro();
	CK_OBJECT_HANDLE object, found;
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true),
		A_TEXT(CKA_LABEL, "data life"),
		A_TEXT(CKA_APPLICATION, "a test"),
		A_BYTES(CKA_OBJECT_ID, ((unsigned char[]) { 0x06, 0x03, 0x2a, 0x03, 0x04 }), 5),
		A_BYTES(CKA_VALUE, ((unsigned char[]) { 0, 1, 2, 0, 0xff }), 5),
	};
	CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "data life, changed");
	unsigned char value[16];

	RV_MUST(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	found = p11_find(second, CKO_DATA, "data life");
	ULONG_EQUAL(found, object);
	check_text(second, found, CKA_APPLICATION, "a test");
	ULONG_EQUAL(p11_get_bytes(second, found, CKA_VALUE, value, sizeof(value)), 5);
	CHECK(memcmp(value, t[5].pValue, 5) == 0);
	ULONG_EQUAL(p11_get_bytes(second, found, CKA_OBJECT_ID, value, sizeof(value)), 5);
	CHECK(memcmp(value, t[4].pValue, 5) == 0);
	ULONG_EQUAL(p11_get_ulong(second, found, CKA_CLASS), CKO_DATA);
	ULONG_EQUAL(p11_get_bool(second, found, CKA_TOKEN), CK_TRUE);
	ULONG_EQUAL(p11_get_bool(second, found, CKA_PRIVATE), CK_FALSE);
	ULONG_EQUAL(p11_get_bool(second, found, CKA_MODIFIABLE), CK_TRUE);
	check_elsewhere("data life", 1);

	RV_EQUAL(p11->C_SetAttributeValue(session, object, &label, 1), CKR_OK);
	check_text(second, object, CKA_LABEL, "data life, changed");
	check_elsewhere("data life", 0);
	check_elsewhere("data life, changed", 1);

	RV_EQUAL(p11->C_DestroyObject(session, object), CKR_OK);
	RV_EQUAL(p11->C_GetAttributeValue(second, object, &label, 1), CKR_OBJECT_HANDLE_INVALID);
	RV_EQUAL(p11->C_DestroyObject(session, object), CKR_OBJECT_HANDLE_INVALID);
	check_elsewhere("data life, changed", 0);
}

static void certificate_life(void)
{
	unsigned char der[2000], back[2000], subject[] = { 0x30, 0x00 }, id[] = { 1, 2, 3 };
	size_t length = p11_soft_certificate(p11_soft_key(1024), der, sizeof(der));
	CK_SESSION_HANDLE session = start_public();
	CK_OBJECT_HANDLE object, found[2];
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_CERTIFICATE),
		A_ULONG(CKA_CERTIFICATE_TYPE, CKC_X_509),
		A_BOOL(CKA_TOKEN, true),
		A_TEXT(CKA_LABEL, "certificate life"),
		A_ROOM(CKA_SUBJECT, subject),
		A_ROOM(CKA_ID, id),
		A_BYTES(CKA_VALUE, der, length),
	};

	RV_MUST(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	check_elsewhere("certificate life", 1);
	ULONG_EQUAL(p11_search(session, t, 6, found, 2), 1);
	ULONG_EQUAL(found[0], object);
	ULONG_EQUAL(p11_search(session, t, 7, found, 2), 1);
	ULONG_EQUAL(p11_get_ulong(session, object, CKA_CERTIFICATE_TYPE), CKC_X_509);
	ULONG_EQUAL(p11_get_bool(session, object, CKA_PRIVATE), CK_FALSE);
	ULONG_EQUAL(p11_get_bool(session, object, CKA_TRUSTED), CK_FALSE);
	ULONG_EQUAL(p11_get_bytes(session, object, CKA_VALUE, back, sizeof(back)), length);
	CHECK(memcmp(der, back, length) == 0);
	RV_EQUAL(p11->C_DestroyObject(session, object), CKR_OK);
	check_elsewhere("certificate life", 0);
}

static void public_key_life(void)
{
	static const unsigned int sizes[] = { 512, 1024, 2048 };
	CK_SESSION_HANDLE session = start_public();
	CK_ATTRIBUTE more[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "public key life") };
	CK_OBJECT_HANDLE key;
	EVP_PKEY *back;
	size_t i;

	for (i = 0; i < 3; i++) {
		tap_about("%u bits", sizes[i]);
		RV_MUST(p11_import(session, p11_soft_key(sizes[i]), CKO_PUBLIC_KEY, TEMPLATE(more),
				   &key),
			CKR_OK);
		check_elsewhere("public key life", 1);
		ULONG_EQUAL(p11_get_ulong(session, key, CKA_KEY_TYPE), CKK_RSA);
		ULONG_EQUAL(p11_get_ulong(session, key, CKA_MODULUS_BITS), sizes[i]);
		ULONG_EQUAL(p11_get_bool(session, key, CKA_PRIVATE), CK_FALSE);
		ULONG_EQUAL(p11_get_bool(session, key, CKA_LOCAL), CK_FALSE);
		ULONG_EQUAL(p11_get_ulong(session, key, CKA_KEY_GEN_MECHANISM),
			    CK_UNAVAILABLE_INFORMATION);
		back = p11_read_public(session, key);
		CHECK(EVP_PKEY_eq(back, p11_soft_key(sizes[i])) == 1);
		EVP_PKEY_free(back);
		RV_EQUAL(p11->C_DestroyObject(session, key), CKR_OK);
	}
}

/* Attributes that nobody gave: there, and empty. */
static void check_empty(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			const CK_ATTRIBUTE_TYPE *types, size_t count)
{
	unsigned char byte;
	size_t i;

	for (i = 0; i < count; i++) {
		CK_ATTRIBUTE ask = A_BYTES(types[i], NULL, 99), get = A_BYTES(types[i], &byte, 1);

		tap_about("attribute 0x%lx", types[i]);
		RV_EQUAL(p11->C_GetAttributeValue(session, object, &ask, 1), CKR_OK);
		ULONG_EQUAL(ask.ulValueLen, 0);
		RV_EQUAL(p11->C_GetAttributeValue(session, object, &get, 1), CKR_OK);
		ULONG_EQUAL(get.ulValueLen, 0);
	}
}

static void empty_attributes(void)
{
	static const CK_ATTRIBUTE_TYPE of_data[] = { CKA_LABEL, CKA_APPLICATION, CKA_OBJECT_ID,
						     CKA_VALUE };
	static const CK_ATTRIBUTE_TYPE of_certificate[] = {
		CKA_LABEL, CKA_ID, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_START_DATE, CKA_END_DATE,
	};
	static const CK_ATTRIBUTE_TYPE of_key[] = {
		CKA_LABEL, CKA_ID, CKA_SUBJECT, CKA_START_DATE, CKA_END_DATE,
	};
	CK_SESSION_HANDLE session = start_public();
	CK_ATTRIBUTE data[] = { A_ULONG(CKA_CLASS, CKO_DATA) };
	CK_ATTRIBUTE certificate[] = {
		A_ULONG(CKA_CLASS, CKO_CERTIFICATE),
		A_ULONG(CKA_CERTIFICATE_TYPE, CKC_X_509),
		A_TEXT(CKA_SUBJECT, "0"),
		A_TEXT(CKA_VALUE, "0"),
	};
	CK_ATTRIBUTE open[] = { A_BOOL(CKA_PRIVATE, false) };
	CK_OBJECT_HANDLE object;

	RV_MUST(p11->C_CreateObject(session, TEMPLATE(data), &object), CKR_OK);
	check_empty(session, object, of_data, 4);
	RV_MUST(p11->C_CreateObject(session, TEMPLATE(certificate), &object), CKR_OK);
	check_empty(session, object, of_certificate, 6);
	RV_MUST(p11_import(session, p11_soft_key(512), CKO_PUBLIC_KEY, NO_TEMPLATE, &object),
		CKR_OK);
	check_empty(session, object, of_key, 5);
	RV_MUST(p11_import(session, p11_soft_key(512), CKO_PRIVATE_KEY, TEMPLATE(open), &object),
		CKR_OK);
	check_empty(session, object, of_key, 5);
}

/* Reading */

static void get_one_fault_each(void)
{
	CK_SESSION_HANDLE session = start_public();
	CK_OBJECT_HANDLE object = p11_data(session, "faults", false, false);
	unsigned char small[3] = "xxx", room[64];
	CK_ATTRIBUTE too_small = A_ROOM(CKA_LABEL, small), absent = A_ROOM(CKA_MODULUS, room);
	CK_ATTRIBUTE unknown = A_ROOM(0x0badf00d, room);

	RV_EQUAL(p11->C_GetAttributeValue(session, object, &too_small, 1), CKR_BUFFER_TOO_SMALL);
	ULONG_EQUAL(too_small.ulValueLen, CK_UNAVAILABLE_INFORMATION);
	RV_EQUAL(p11->C_GetAttributeValue(session, object, &absent, 1), CKR_ATTRIBUTE_TYPE_INVALID);
	ULONG_EQUAL(absent.ulValueLen, CK_UNAVAILABLE_INFORMATION);
	RV_EQUAL(p11->C_GetAttributeValue(session, object, &unknown, 1),
		 CKR_ATTRIBUTE_TYPE_INVALID);
	ULONG_EQUAL(unknown.ulValueLen, CK_UNAVAILABLE_INFORMATION);
	RV_EQUAL(p11->C_GetAttributeValue(session, object, NULL, 1), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_GetAttributeValue(session, CK_INVALID_HANDLE, &absent, 1),
		 CKR_OBJECT_HANDLE_INVALID);
	RV_EQUAL(p11->C_GetAttributeValue(session, 0xfffffff, &absent, 1),
		 CKR_OBJECT_HANDLE_INVALID);
}

/* Whatever an entry says, those behind it are served. */
static void get_goes_through_all(void)
{
	CK_SESSION_HANDLE session = start_public();
	CK_OBJECT_HANDLE object = p11_data(session, "every entry", false, false);
	unsigned char small[3], room[64], label[64], value[64];
	CK_ULONG class = 99;
	CK_ATTRIBUTE t[] = {
		A_ROOM(CKA_MODULUS, room),
		A_ROOM(CKA_LABEL, label),
		A_ROOM(CKA_VALUE, small),
		A_BYTES(CKA_VALUE, NULL, 0),
		A_ROOM(0x0badf00d, room),
		A_ROOM(CKA_VALUE, value),
		A_BYTES(CKA_CLASS, &class, sizeof(class)),
	};

	RV_ONE_OF(p11->C_GetAttributeValue(session, object, TEMPLATE(t)),
		  CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL);
	ULONG_EQUAL(t[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	ULONG_EQUAL(t[1].ulValueLen, 11);
	CHECK(memcmp(label, "every entry", 11) == 0);
	ULONG_EQUAL(t[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	ULONG_EQUAL(t[3].ulValueLen, 20);
	ULONG_EQUAL(t[4].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	ULONG_EQUAL(t[5].ulValueLen, 20);
	CHECK(memcmp(value, "value of every entry", 20) == 0);
	ULONG_EQUAL(t[6].ulValueLen, sizeof(class));
	ULONG_EQUAL(class, CKO_DATA);
}

static void get_during_search(void)
{
	CK_SESSION_HANDLE session = start_public();
	CK_OBJECT_HANDLE object = p11_data(session, "searched", false, false), found = 0;
	CK_ATTRIBUTE t[] = { A_TEXT(CKA_LABEL, "searched") };
	CK_ULONG count = 0;

	RV_EQUAL(p11->C_FindObjectsInit(session, TEMPLATE(t)), CKR_OK);
	check_text(session, object, CKA_VALUE, "value of searched");
	RV_EQUAL(p11->C_FindObjects(session, &found, 1, &count), CKR_OK);
	ULONG_EQUAL(count, 1);
	check_text(session, found, CKA_VALUE, "value of searched");
	RV_EQUAL(p11->C_FindObjectsFinal(session), CKR_OK);
}

static void large_value(void)
{
	static unsigned char value[20000], back[20000];
	CK_SESSION_HANDLE session = start_public();
	CK_OBJECT_HANDLE object;
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true),
		A_TEXT(CKA_LABEL, "large"),
		A_ROOM(CKA_VALUE, value),
	};
	size_t i;

	for (i = 0; i < sizeof(value); i++)
		value[i] = (unsigned char)(i * i >> 3);
	RV_MUST(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	p11_stop();
	p11_start();
	session = p11_open();
	object = p11_find(session, CKO_DATA, "large");
	ULONG_EQUAL(p11_get_bytes(session, object, CKA_VALUE, back, sizeof(back)), sizeof(value));
	CHECK(memcmp(value, back, sizeof(value)) == 0);
	RV_EQUAL(p11->C_DestroyObject(session, object), CKR_OK);
}

/* Session objects and read-only sessions */

static void session_object_life(void)
{
	CK_SESSION_HANDLE session = start_public(), second = p11_open();
	CK_OBJECT_HANDLE object = p11_data(second, "of a session", false, false);
	CK_ATTRIBUTE label = A_BYTES(CKA_LABEL, NULL, 0);

	ULONG_EQUAL(p11_find(session, CKO_DATA, "of a session"), object);
	ULONG_EQUAL(p11_get_bool(session, object, CKA_TOKEN), CK_FALSE);
	check_elsewhere("of a session", 0);
	RV_EQUAL(p11->C_CloseSession(second), CKR_OK);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "of a session"), 0);
	RV_EQUAL(p11->C_GetAttributeValue(session, object, &label, 1), CKR_OBJECT_HANDLE_INVALID);
}

static void read_only_session(void)
{
	CK_SESSION_HANDLE writing = p11_shared_token(), session = p11_open_ro();
	CK_OBJECT_HANDLE on_token = p11_data(writing, "for reading", true, false), object;
	CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "changed");
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true),
		A_TEXT(CKA_LABEL, "not on the token"),
	};
	struct p11_pair pair;

	RV_EQUAL(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_SESSION_READ_ONLY);
	RV_EQUAL(p11_generate(session, 512, "not on the token", true, true, &pair),
		 CKR_SESSION_READ_ONLY);
	RV_EQUAL(p11->C_SetAttributeValue(session, on_token, &label, 1), CKR_SESSION_READ_ONLY);
	RV_EQUAL(p11->C_DestroyObject(session, on_token), CKR_SESSION_READ_ONLY);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "not on the token"), 0);
	check_elsewhere("for reading", 1);

	object = p11_data(session, "of a session", false, false);
	RV_EQUAL(p11->C_SetAttributeValue(session, object, &label, 1), CKR_OK);
	check_text(session, object, CKA_LABEL, "changed");
	RV_EQUAL(p11->C_DestroyObject(session, object), CKR_OK);
	RV_EQUAL(p11->C_DestroyObject(writing, on_token), CKR_OK);
}

/* Changing */

static void set_refused(void)
{
	CK_ATTRIBUTE class[] = { A_ULONG(CKA_CLASS, CKO_CERTIFICATE) };
	CK_ATTRIBUTE token[] = { A_BOOL(CKA_TOKEN, false) };
	CK_ATTRIBUTE is_private[] = { A_BOOL(CKA_PRIVATE, true) };
	CK_ATTRIBUTE modifiable[] = { A_BOOL(CKA_MODIFIABLE, false) };
	CK_ATTRIBUTE unknown[] = { A_TEXT(CKA_LABEL, "changed"), A_ULONG(0x0badf00d, 1) };
	CK_ATTRIBUTE partly[] = { A_TEXT(CKA_LABEL, "changed"), A_BOOL(CKA_TOKEN, false) };
	CK_ATTRIBUTE contradictory[] = { A_TEXT(CKA_LABEL, "changed"), A_TEXT(CKA_LABEL, "twice") };
	const struct {
		CK_ATTRIBUTE *template;
		CK_ULONG count;
		CK_RV rv;
	} rows[] = {
		{ class, 1, CKR_ATTRIBUTE_READ_ONLY },
		{ token, 1, CKR_ATTRIBUTE_READ_ONLY },
		{ is_private, 1, CKR_ATTRIBUTE_READ_ONLY },
		{ modifiable, 1, CKR_ATTRIBUTE_READ_ONLY },
		{ unknown, 2, CKR_ATTRIBUTE_TYPE_INVALID },
		{ partly, 2, CKR_ATTRIBUTE_READ_ONLY },
		{ contradictory, 2, CKR_TEMPLATE_INCONSISTENT },
		{ NULL, 1, CKR_ARGUMENTS_BAD },
	};
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE object = p11_data(session, "unchanged", true, false);
	char before[65], after[65];
	size_t i;

	p11_fingerprint(p11_store(), before);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		tap_about("row %zu", i);
		RV_EQUAL(p11->C_SetAttributeValue(session, object, rows[i].template, rows[i].count),
			 rows[i].rv);
		check_text(session, object, CKA_LABEL, "unchanged");
		CHECK(strcmp(before, p11_fingerprint(p11_store(), after)) == 0);
	}
	RV_EQUAL(p11->C_DestroyObject(session, object), CKR_OK);
}

static void unchangeable(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "changed");
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_TEXT(CKA_LABEL, "unchangeable"),
		A_BOOL(CKA_MODIFIABLE, false),
		A_BOOL(CKA_DESTROYABLE, false),
	};
	CK_OBJECT_HANDLE object;

	RV_MUST(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	RV_EQUAL(p11->C_SetAttributeValue(session, object, &label, 1), CKR_ACTION_PROHIBITED);
	RV_EQUAL(p11->C_DestroyObject(session, object), CKR_ACTION_PROHIBITED);
	check_text(session, object, CKA_LABEL, "unchangeable");
}

static void handles(void)
{
	CK_SESSION_HANDLE session = start_public(), second = p11_open();
	CK_OBJECT_HANDLE seen[60], kept = p11_data(session, "kept", true, false);
	size_t i, j;

	for (i = 0; i < 60; i++) {
		seen[i] = p11_data(session, "passing", i % 2 == 0, false);
		CHECK(seen[i] != kept);
		for (j = 0; j < i; j++)
			TAP_CHECK(seen[i] != seen[j], "handle %lu is used again", seen[i]);
		ULONG_EQUAL(p11_find(second, CKO_DATA, "passing"), seen[i]);
		RV_EQUAL(p11->C_DestroyObject(second, seen[i]), CKR_OK);
		RV_EQUAL(p11->C_DestroyObject(session, seen[i]), CKR_OBJECT_HANDLE_INVALID);
	}
	ULONG_EQUAL(p11_find(session, CKO_DATA, "kept"), kept);
	ULONG_EQUAL(p11_find(second, CKO_DATA, "kept"), kept);
	RV_EQUAL(p11->C_DestroyObject(second, kept), CKR_OK);
}

static const struct tap_case cases[] = {
	{ "a data object from making to destruction, without login", data_life },
	{ "a certificate from making to destruction, without login", certificate_life },
	{ "a public key from making to destruction, without login", public_key_life },
	{ "attributes that were not given are there and empty", empty_attributes },
	{ "C_GetAttributeValue has a code for each fault", get_one_fault_each },
	{ "C_GetAttributeValue goes through every entry", get_goes_through_all },
	{ "C_GetAttributeValue during a search", get_during_search },
	{ "a value of 20,000 bytes", large_value },
	{ "a session object dies with its session and is nowhere else", session_object_life },
	{ "a read-only session makes and changes session objects only", read_only_session },
	{ "C_SetAttributeValue that is refused changes nothing", set_refused },
	{ "MODIFIABLE FALSE and DESTROYABLE FALSE", unchangeable },
	{ "a handle is one object's and never another's", handles },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "objects", cases);
}
