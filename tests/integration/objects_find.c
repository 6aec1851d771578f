/* SPDX-License-Identifier: BSD-2-Clause */
/* Searches, and templates that make no object. */
#define _GNU_SOURCE
#include "p11.h"

#include <string.h>

static CK_SESSION_HANDLE start_public(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();

	RV_MUST(p11->C_Logout(session), CKR_OK);
	return session;
}

/* Searches */

static void search_rules(void)
{
	CK_SESSION_HANDLE session = start_public();
	CK_OBJECT_HANDLE found;
	CK_ULONG count = 9;

	RV_EQUAL(p11->C_FindObjects(session, &found, 1, &count), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_FindObjectsInit(session, NULL, 1), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_FindObjectsInit(session, NO_TEMPLATE), CKR_OK);
	RV_EQUAL(p11->C_FindObjectsInit(session, NO_TEMPLATE), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_FindObjects(session, &found, 1, NULL), CKR_ARGUMENTS_BAD);
	RV_ONE_OF(p11->C_FindObjectsFinal(session), CKR_OK, CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_FindObjectsInit(session, NO_TEMPLATE), CKR_OK);
	RV_EQUAL(p11->C_FindObjectsFinal(session), CKR_OK);
	RV_EQUAL(p11->C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_FindObjectsInit(0xfffffff, NO_TEMPLATE), CKR_SESSION_HANDLE_INVALID);
}

static void search_templates(void)
{
	CK_SESSION_HANDLE session = start_public();
	CK_OBJECT_HANDLE object = p11_data(session, "sought", false, false), found[4];
	CK_ATTRIBUTE by_value[] = { A_TEXT(CKA_VALUE, "value of sought") };
	CK_ATTRIBUTE by_other_value[] = { A_TEXT(CKA_LABEL, "sought"),
					  A_TEXT(CKA_VALUE, "another") };
	CK_ATTRIBUTE by_prefix[] = { A_TEXT(CKA_LABEL, "sough") };
	CK_ATTRIBUTE by_unknown[] = { A_TEXT(CKA_LABEL, "sought"), A_ULONG(0x0badf00d, 1) };
	CK_ATTRIBUTE by_absent[] = { A_TEXT(CKA_LABEL, "sought"), A_TEXT(CKA_MODULUS, "m") };
	CK_ATTRIBUTE by_hardware[] = { A_ULONG(CKA_CLASS, CKO_HW_FEATURE) };
	CK_ATTRIBUTE by_session[] = { A_BOOL(CKA_TOKEN, false), A_TEXT(CKA_LABEL, "sought") };
	CK_ATTRIBUTE by_token[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "sought") };
	CK_ATTRIBUTE by_empty[] = { A_TEXT(CKA_LABEL, "sought"), A_TEXT(CKA_APPLICATION, "") };

	ULONG_EQUAL(p11_search(session, TEMPLATE(by_value), found, 4), 1);
	ULONG_EQUAL(found[0], object);
	ULONG_EQUAL(p11_search(session, TEMPLATE(by_other_value), found, 4), 0);
	ULONG_EQUAL(p11_search(session, TEMPLATE(by_prefix), found, 4), 0);
	ULONG_EQUAL(p11_search(session, TEMPLATE(by_unknown), found, 4), 0);
	ULONG_EQUAL(p11_search(session, TEMPLATE(by_absent), found, 4), 0);
	ULONG_EQUAL(p11_search(session, TEMPLATE(by_hardware), found, 4), 1);
	ULONG_EQUAL(p11_search(session, TEMPLATE(by_session), found, 4), 1);
	ULONG_EQUAL(p11_search(session, TEMPLATE(by_token), found, 4), 0);
	ULONG_EQUAL(p11_search(session, TEMPLATE(by_empty), found, 4), 1);
	CHECK(p11_search(session, NO_TEMPLATE, found, 4) >= 1);
}

static int disturb(void *argument)
{
	CK_SESSION_HANDLE session;
	CK_ATTRIBUTE t[] = { A_TEXT(CKA_LABEL, "stable") };
	CK_OBJECT_HANDLE found[16];

	(void)argument;
	p11_start();
	session = p11_open();
	MUST(p11_search(session, TEMPLATE(t), found, 16) == 10);
	RV_EQUAL(p11->C_DestroyObject(session, found[9]), CKR_OK);
	p11_data(session, "stable", true, false);
	p11_data(session, "stable", true, false);
	return 0;
}

/* What other processes do shows at the next search, not in this one. */
static void search_under_way(void)
{
	CK_SESSION_HANDLE session = start_public();
	CK_ATTRIBUTE t[] = { A_TEXT(CKA_LABEL, "stable") };
	CK_OBJECT_HANDLE found[16] = { 0 }, again[16];
	CK_ULONG count = 0, rest = 0, i, j, left;

	for (i = 0; i < 10; i++)
		p11_data(session, "stable", true, false);
	RV_MUST(p11->C_FindObjectsInit(session, TEMPLATE(t)), CKR_OK);
	RV_MUST(p11->C_FindObjects(session, found, 3, &count), CKR_OK);
	ULONG_EQUAL(count, 3);
	ULONG_EQUAL(p11_in_child(disturb, NULL), 0);
	RV_MUST(p11->C_FindObjects(session, found + 3, 13, &rest), CKR_OK);
	TAP_CHECK(rest == 6 || rest == 7, "the search goes on with %lu objects, not 7, or 6", rest);
	RV_EQUAL(p11->C_FindObjectsFinal(session), CKR_OK);
	for (i = 0; i < count + rest; i++)
		for (j = 0; j < i; j++)
			CHECK(found[i] != found[j]);

	left = p11_search(session, TEMPLATE(t), again, 16);
	ULONG_EQUAL(left, 11);
	for (i = 0; i < left && i < 16; i++)
		RV_EQUAL(p11->C_DestroyObject(session, again[i]), CKR_OK);
}

static int create_elsewhere(void *argument)
{
	(void)argument;
	p11_start();
	p11_data(p11_open(), "from elsewhere", true, false);
	return 0;
}

static int destroy_elsewhere(void *argument)
{
	CK_SESSION_HANDLE session;

	(void)argument;
	p11_start();
	session = p11_open();
	RV_EQUAL(p11->C_DestroyObject(session, p11_find(session, CKO_DATA, "from elsewhere")),
		 CKR_OK);
	return 0;
}

static void other_processes(void)
{
	CK_SESSION_HANDLE session = start_public();
	CK_OBJECT_HANDLE object;
	CK_ATTRIBUTE label = A_BYTES(CKA_LABEL, NULL, 0);

	ULONG_EQUAL(p11_count(session, ANY_CLASS, "from elsewhere"), 0);
	ULONG_EQUAL(p11_in_child(create_elsewhere, NULL), 0);
	object = p11_find(session, CKO_DATA, "from elsewhere");
	RV_EQUAL(p11->C_GetAttributeValue(session, object, &label, 1), CKR_OK);
	ULONG_EQUAL(p11_find(session, CKO_DATA, "from elsewhere"), object);
	ULONG_EQUAL(p11_in_child(destroy_elsewhere, NULL), 0);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "from elsewhere"), 0);
	RV_EQUAL(p11->C_GetAttributeValue(session, object, &label, 1), CKR_OBJECT_HANDLE_INVALID);
}

/* Ten objects from each of two processes at once: twenty. */
static int create_ten(void *argument)
{
	CK_SESSION_HANDLE session;
	int i;

	p11_start();
	session = p11_open();
	for (i = 0; i < 10; i++)
		p11_data(session, argument, true, false);
	return 0;
}

static void two_writers(void)
{
	char label[] = "from two writers";
	CK_SESSION_HANDLE session = start_public();
	CK_ATTRIBUTE t[] = { A_TEXT(CKA_LABEL, "from two writers") };
	CK_OBJECT_HANDLE found[32];
	pid_t first = tap_child_start(create_ten, label),
	      second = tap_child_start(create_ten, label);
	CK_ULONG i, count;

	ULONG_EQUAL(tap_child_wait(first), 0);
	ULONG_EQUAL(tap_child_wait(second), 0);
	count = p11_search(session, TEMPLATE(t), found, 32);
	ULONG_EQUAL(count, 20);
	for (i = 0; i < count && i < 32; i++)
		RV_EQUAL(p11->C_DestroyObject(session, found[i]), CKR_OK);
}

/* Templates that make no object. Each asks for a token object with the label BAD. */

#define BAD A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "bad")
#define BAD_DATA A_ULONG(CKA_CLASS, CKO_DATA), BAD
#define BAD_CERTIFICATE A_ULONG(CKA_CLASS, CKO_CERTIFICATE), BAD
#define BAD_PUBLIC A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), BAD
#define BAD_PRIVATE A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), BAD
#define MODULUS \
	A_TEXT(CKA_MODULUS, "\xc1" \
			    "23456789012345678901234567890123456789012345678901234567890123")
#define EXPONENT A_TEXT(CKA_PUBLIC_EXPONENT, "\1\0\1")

static CK_ATTRIBUTE no_class[] = { BAD };
static CK_ATTRIBUTE short_class[] = { BAD, A_TEXT(CKA_CLASS, "\0") };
static CK_ATTRIBUTE no_such_class[] = { BAD, A_ULONG(CKA_CLASS, 0x77) };
static CK_ATTRIBUTE two_labels[] = { BAD_DATA, A_TEXT(CKA_LABEL, "other") };
static CK_ATTRIBUTE two_tokens[] = { BAD_DATA, A_BOOL(CKA_TOKEN, false) };
static CK_ATTRIBUTE two_classes[] = { BAD_DATA, A_ULONG(CKA_CLASS, CKO_CERTIFICATE) };
static CK_ATTRIBUTE long_bool[] = { BAD_DATA, A_TEXT(CKA_PRIVATE, "\0\0") };
static CK_ATTRIBUTE no_bool[] = { BAD_DATA, A_BYTES(CKA_PRIVATE, NULL, 0) };
static CK_ATTRIBUTE no_value[] = { BAD_DATA, A_BYTES(CKA_VALUE, NULL, 5) };
static CK_ATTRIBUTE endless_value[] = { BAD_DATA,
					A_BYTES(CKA_VALUE, (char[]) { "v" }, (CK_ULONG)-1) };
static CK_ATTRIBUTE unknown[] = { BAD_DATA, A_ULONG(0x0badf00d, 1) };
static CK_ATTRIBUTE modulus_of_data[] = { BAD_DATA, MODULUS };
static CK_ATTRIBUTE no_type[] = { BAD_CERTIFICATE, A_TEXT(CKA_SUBJECT, "s"),
				  A_TEXT(CKA_VALUE, "v") };
static CK_ATTRIBUTE no_certificate[] = {
	BAD_CERTIFICATE,
	A_ULONG(CKA_CERTIFICATE_TYPE, CKC_X_509),
	A_TEXT(CKA_SUBJECT, "s"),
};
static CK_ATTRIBUTE short_date[] = {
	BAD_CERTIFICATE,
	A_ULONG(CKA_CERTIFICATE_TYPE, CKC_X_509),
	A_TEXT(CKA_SUBJECT, "s"),
	A_TEXT(CKA_VALUE, "v"),
	A_TEXT(CKA_START_DATE, "202"),
};
static CK_ATTRIBUTE no_key_type[] = { BAD_PUBLIC, MODULUS, EXPONENT };
static CK_ATTRIBUTE no_modulus[] = { BAD_PUBLIC, A_ULONG(CKA_KEY_TYPE, CKK_RSA), EXPONENT };
static CK_ATTRIBUTE no_exponent[] = { BAD_PUBLIC, A_ULONG(CKA_KEY_TYPE, CKK_RSA), MODULUS };
static CK_ATTRIBUTE made_here[] = {
	BAD_PUBLIC, A_ULONG(CKA_KEY_TYPE, CKK_RSA), MODULUS, EXPONENT, A_BOOL(CKA_LOCAL, true),
};
static CK_ATTRIBUTE no_private_part[] = {
	BAD_PRIVATE,
	A_ULONG(CKA_KEY_TYPE, CKK_RSA),
	MODULUS,
	EXPONENT,
};

static const struct p11_refusal rows[] = {
	P11_REFUSAL(no_class, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCOMPLETE),
	P11_REFUSAL(short_class, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID),
	P11_REFUSAL(no_such_class, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(two_labels, CKR_TEMPLATE_INCONSISTENT, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(two_tokens, CKR_TEMPLATE_INCONSISTENT, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(two_classes, CKR_TEMPLATE_INCONSISTENT, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(long_bool, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID),
	P11_REFUSAL(no_bool, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID),
	P11_REFUSAL(no_value, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ARGUMENTS_BAD),
	P11_REFUSAL(endless_value, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ARGUMENTS_BAD),
	P11_REFUSAL(unknown, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_TYPE_INVALID),
	P11_REFUSAL(modulus_of_data, CKR_ATTRIBUTE_TYPE_INVALID, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(no_type, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCOMPLETE),
	P11_REFUSAL(no_certificate, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCOMPLETE),
	P11_REFUSAL(short_date, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID),
	P11_REFUSAL(no_key_type, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCOMPLETE),
	P11_REFUSAL(no_modulus, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCOMPLETE),
	P11_REFUSAL(no_exponent, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCOMPLETE),
	P11_REFUSAL(made_here, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(no_private_part, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCOMPLETE),
};

static void bad_templates(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ULONG objects = p11_count(session, ANY_CLASS, NULL);
	char before[65], after[65], directory[600];
	CK_OBJECT_HANDLE object;
	size_t i;

	/* A write first: it clears up what another one may have left, or the searches would. */
	RV_MUST(p11->C_DestroyObject(session, p11_data(session, "for now", true, false)), CKR_OK);
	snprintf(directory, sizeof(directory), "%s/objects", p11_store());
	p11_fingerprint(directory, before);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		tap_about("template %s", rows[i].name);
		RV_ONE_OF(p11->C_CreateObject(session, rows[i].template, rows[i].count, &object),
			  rows[i].one, rows[i].other);
		ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), objects);
		CHECK(strcmp(before, p11_fingerprint(directory, after)) == 0);
	}
}

static void bad_arguments(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE t[] = { BAD_DATA };
	CK_OBJECT_HANDLE object;

	RV_EQUAL(p11->C_CreateObject(session, NULL, 1, &object), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_CreateObject(session, TEMPLATE(t), NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_CreateObject(0xfffffff, NULL, 1, NULL), CKR_SESSION_HANDLE_INVALID);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "bad"), 0);
}

static void repetitions(void)
{
	CK_SESSION_HANDLE session = start_public();
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_TEXT(CKA_LABEL, "repeated"),
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_TEXT(CKA_LABEL, "repeated"),
	};
	CK_OBJECT_HANDLE object;

	RV_EQUAL(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	ULONG_EQUAL(p11_find(session, CKO_DATA, "repeated"), object);
}

static const struct tap_case cases[] = {
	{ "the order of the search calls", search_rules },
	{ "what a search template matches", search_templates },
	{ "a search under way is stable", search_under_way },
	{ "objects of other processes at the next search", other_processes },
	{ "two processes that write lose nothing", two_writers },
	{ "bad templates have their codes and change nothing", bad_templates },
	{ "bad arguments of C_CreateObject", bad_arguments },
	{ "identical repetitions in a template", repetitions },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "searches and templates", cases);
}
