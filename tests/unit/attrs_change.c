/* SPDX-License-Identifier: BSD-2-Clause */
/* Templates that change, copy, read and find objects. */
#include "made.h"

/* What only the chip keeps is not among the attributes. */
static void in_chip(void)
{
	static const CK_ATTRIBUTE_TYPE types[] = { CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2,
		CKA_EXPONENT_1,
		CKA_EXPONENT_2, CKA_COEFFICIENT };
	CK_ATTRIBUTE more[] = { A_TEXT(CKA_PRIME_2, "confidential"),
		A_TEXT(CKA_PRIVATE_EXPONENT, "confidential") };
	struct buf attrs = BUF_INIT;

	made(CKO_PRIVATE_KEY, TEMPLATE(more), &attrs);
	for (size_t i = 0; i + 12 <= attrs.len; i++)
		CHECK(memcmp(attrs.data + i, "confidential", 12) != 0 && memcmp(attrs.data + i, "prime",
			5) != 0);
	for (size_t i = 0; i < COUNT(types); i++) {
		uint8_t room[16] = { 0 };
		CK_ATTRIBUTE a = { types[i], room, sizeof room }, wanted[] = { A_TEXT(types[i],
			"confidential") };

		tap_about("attribute 0x%lx", types[i]);
		RV_EQUAL(template_get(class_find(CKO_PRIVATE_KEY), &attrs, &a, 1), CKR_ATTRIBUTE_SENSITIVE);
		CHECK(a.ulValueLen == CK_UNAVAILABLE_INFORMATION);
		CHECK(!template_matches(class_find(CKO_PRIVATE_KEY), &attrs, wanted, 1));
		RV_EQUAL(template_set(class_find(CKO_PRIVATE_KEY), false, wanted, 1, &attrs),
			CKR_ATTRIBUTE_READ_ONLY);
	}
	buf_free(&attrs);
}

/* Values may lie at any address. */
static void unaligned(void)
{
	uint8_t space[3 * sizeof (CK_ULONG) + 1];
	CK_ULONG numbers[2] = { CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS };
	CK_ATTRIBUTE a = { CKA_ALLOWED_MECHANISMS, space + 1, sizeof numbers };
	struct buf attrs = BUF_INIT;

	memcpy(space + 1, numbers, sizeof numbers);
	made(CKO_PRIVATE_KEY, &a, 1, &attrs);
	CHECK(template_matches(class_find(CKO_PRIVATE_KEY), &attrs, &a, 1));
	memset(space, 0, sizeof space);
	a.pValue = space + 1;
	RV_EQUAL(template_get(class_find(CKO_PRIVATE_KEY), &attrs, &a, 1), CKR_OK);
	CHECK(a.ulValueLen == sizeof numbers && memcmp(space + 1, numbers, sizeof numbers) == 0);
	buf_free(&attrs);
}

/* --- C_SetAttributeValue --- */

static void set_codes(void)
{
	const struct {
		CK_OBJECT_CLASS class;
		CK_ATTRIBUTE a;
		CK_RV rv;
	} rows[] = {
		{ CKO_DATA, A_TEXT(CKA_LABEL, "new"), CKR_OK },
		{ CKO_DATA, A_TEXT(CKA_VALUE, "new"), CKR_OK },
		{ CKO_DATA, A_TEXT(CKA_ID, "new"), CKR_ATTRIBUTE_TYPE_INVALID },
		{ CKO_DATA, A_TEXT(CKA_TOKEN, "long"), CKR_ATTRIBUTE_VALUE_INVALID },
		{ CKO_DATA, A_BOOL(CKA_TOKEN, true), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_DATA, A_BOOL(CKA_PRIVATE, true), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_DATA, A_BOOL(CKA_MODIFIABLE, false), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_DATA, A_ULONG(CKA_CLASS, CKO_DATA), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_CERTIFICATE, A_TEXT(CKA_VALUE, "new"), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_CERTIFICATE, A_TEXT(CKA_ID, "new"), CKR_OK },
		{ CKO_PRIVATE_KEY, A_TEXT(CKA_ID, "new"), CKR_OK },
		{ CKO_PRIVATE_KEY, A_TEXT(CKA_MODULUS, "new"), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_PRIVATE_KEY, A_BOOL(CKA_LOCAL, true), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_PRIVATE_KEY, A_BOOL(CKA_SENSITIVE, true), CKR_OK },
		{ CKO_PRIVATE_KEY, A_BOOL(CKA_SENSITIVE, false), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_PRIVATE_KEY, A_BOOL(CKA_EXTRACTABLE, false), CKR_OK },
		{ CKO_PRIVATE_KEY, A_BOOL(CKA_EXTRACTABLE, true), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_PRIVATE_KEY, A_TEXT(ATTR_KEY_AUTH, "new"), CKR_ATTRIBUTE_TYPE_INVALID },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf attrs = BUF_INIT;

		tap_about("row %zu: class %lu, attribute 0x%lx", i, rows[i].class, rows[i].a.type);
		made(rows[i].class, NULL, 0, &attrs);
		RV_EQUAL(template_set(class_find(rows[i].class), false, &rows[i].a, 1, &attrs), rows[i].rv);
		if (rows[i].rv == CKR_OK)
			CHECK(template_matches(class_find(rows[i].class), &attrs, &rows[i].a, 1));
		buf_free(&attrs);
	}
}

/* What goes one way only goes it, and does not come back. */
static void one_way(void)
{
	static const struct {
		CK_OBJECT_CLASS class;
		CK_ATTRIBUTE_TYPE type;
		bool from;
	} rows[] = {
		{ CKO_PRIVATE_KEY, CKA_SENSITIVE, false }, { CKO_PRIVATE_KEY, CKA_EXTRACTABLE, true },
		{ CKO_PRIVATE_KEY, CKA_WRAP_WITH_TRUSTED, false }, { CKO_DATA, CKA_COPYABLE, true },
		{ CKO_CERTIFICATE, CKA_COPYABLE, true }, { CKO_PUBLIC_KEY, CKA_COPYABLE, true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct class_policy *policy = class_find(rows[i].class);
		CK_ATTRIBUTE there[] = { A_BOOL(rows[i].type, !rows[i].from) },
			back[] = { A_BOOL(rows[i].type, rows[i].from) };
		struct buf attrs = BUF_INIT;

		tap_about("class %lu, attribute 0x%lx", rows[i].class, rows[i].type);
		made(rows[i].class, back, 1, &attrs);
		RV_EQUAL(template_set(policy, false, back, 1, &attrs), CKR_OK);
		RV_EQUAL(template_set(policy, false, there, 1, &attrs), CKR_OK);
		CHECK(attrs_bool(&attrs, rows[i].type) == !rows[i].from);
		RV_EQUAL(template_set(policy, false, there, 1, &attrs), CKR_OK);
		RV_EQUAL(template_set(policy, false, back, 1, &attrs), CKR_ATTRIBUTE_READ_ONLY);
		buf_free(&attrs);
	}
}

static void not_modifiable(void)
{
	CK_ATTRIBUTE fixed[] = { A_BOOL(CKA_MODIFIABLE, false) }, label[] = { A_TEXT(CKA_LABEL, "x") };
	struct buf attrs = BUF_INIT;

	made(CKO_DATA, fixed, 1, &attrs);
	RV_EQUAL(template_set(class_find(CKO_DATA), false, label, 1, &attrs), CKR_ACTION_PROHIBITED);
	CHECK(!template_matches(class_find(CKO_DATA), &attrs, label, 1));
	buf_free(&attrs);
}

/* Only the SO makes anything trusted. */
static void trusted(void)
{
	CK_ATTRIBUTE yes[] = { A_BOOL(CKA_TRUSTED, true) }, no[] = { A_BOOL(CKA_TRUSTED, false) };
	const struct class_policy *policy = class_find(CKO_CERTIFICATE);
	struct buf attrs = BUF_INIT;

	made(CKO_CERTIFICATE, no, 1, &attrs);
	RV_EQUAL(template_set(policy, false, yes, 1, &attrs), CKR_ATTRIBUTE_READ_ONLY);
	RV_EQUAL(template_set(policy, true, yes, 1, &attrs), CKR_OK);
	CHECK(attrs_bool(&attrs, CKA_TRUSTED));
	buf_free(&attrs);
}

/* --- C_CopyObject --- */

static void copy_codes(void)
{
	const struct {
		CK_OBJECT_CLASS class;
		CK_ATTRIBUTE a;
		CK_RV rv;
	} rows[] = {
		{ CKO_DATA, A_BOOL(CKA_TOKEN, true), CKR_OK },
		{ CKO_DATA, A_BOOL(CKA_PRIVATE, true), CKR_OK },
		{ CKO_DATA, A_BOOL(CKA_MODIFIABLE, false), CKR_OK },
		{ CKO_DATA, A_TEXT(CKA_LABEL, "new"), CKR_OK },
		{ CKO_DATA, A_ULONG(CKA_CLASS, CKO_DATA), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_DATA, A_BOOL(CKA_SIGN, true), CKR_ATTRIBUTE_TYPE_INVALID },
		{ CKO_PRIVATE_KEY, A_BOOL(CKA_PRIVATE, false), CKR_TEMPLATE_INCONSISTENT },
		{ CKO_PRIVATE_KEY, A_BOOL(CKA_SENSITIVE, false), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_PRIVATE_KEY, A_BOOL(CKA_EXTRACTABLE, true), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_PRIVATE_KEY, A_BOOL(CKA_LOCAL, true), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_PRIVATE_KEY, A_TEXT(CKA_MODULUS, "new"), CKR_ATTRIBUTE_READ_ONLY },
	};
	CK_ATTRIBUTE fixed[] = { A_BOOL(CKA_MODIFIABLE, false) },
		single[] = { A_BOOL(CKA_COPYABLE, false) };
	CK_ATTRIBUTE label[] = { A_TEXT(CKA_LABEL, "new") };
	struct buf attrs = BUF_INIT;

	for (size_t i = 0; i < COUNT(rows); i++) {
		tap_about("row %zu: class %lu, attribute 0x%lx", i, rows[i].class, rows[i].a.type);
		made(rows[i].class, NULL, 0, &attrs);
		RV_EQUAL(template_copy(class_find(rows[i].class), false, &rows[i].a, 1, &attrs),
			rows[i].rv);
		buf_free(&attrs);
	}
	tap_about(NULL);
	made(CKO_DATA, fixed, 1, &attrs);
	RV_EQUAL(template_copy(class_find(CKO_DATA), false, label, 1, &attrs), CKR_OK);
	buf_free(&attrs);
	made(CKO_DATA, single, 1, &attrs);
	RV_EQUAL(template_copy(class_find(CKO_DATA), false, NULL, 0, &attrs), CKR_ACTION_PROHIBITED);
	buf_free(&attrs);
}

/* --- C_GetAttributeValue --- */

/* A secret key's value is shown, and compared, only where neither flag hides it. */
static void secret_value(void)
{
	const struct class_policy *policy = class_find(CKO_SECRET_KEY);
	CK_ATTRIBUTE wanted[] = { A_TEXT(CKA_VALUE, "value") };

	for (int i = 0; i < 4; i++) {
		bool sensitive = (i & 1) != 0, extractable = (i & 2) != 0, shown = !sensitive
			&& extractable;
		CK_ATTRIBUTE flags[] = { A_BOOL(CKA_SENSITIVE, sensitive),
			A_BOOL(CKA_EXTRACTABLE, extractable) };
		uint8_t room[16] = { 0 };
		CK_ATTRIBUTE a = { CKA_VALUE, room, sizeof room };
		struct buf attrs = BUF_INIT;

		tap_about("sensitive %d, extractable %d", sensitive, extractable);
		made(CKO_SECRET_KEY, TEMPLATE(flags), &attrs);
		RV_EQUAL(template_get(policy, &attrs, &a, 1), shown ? CKR_OK : CKR_ATTRIBUTE_SENSITIVE);
		CHECK((memcmp(room, "value", 5) == 0) == shown);
		CHECK(template_matches(policy, &attrs, wanted, 1) == shown);
		buf_free(&attrs);
	}
}

static void get_mixed(void)
{
	CK_ATTRIBUTE more[] = { A_TEXT(CKA_LABEL, "a label"), A_TEXT(CKA_ID, "an id") };
	char label[7], id[4], subject[1];
	CK_BBOOL sensitive = 9;
	CK_ULONG type = 9;
	CK_ATTRIBUTE t[] = {
		{ CKA_LABEL, label, sizeof label }, { CKA_ID, id, sizeof id }, { CKA_PRIME_1, id,
			sizeof id },
		{ CKA_APPLICATION, id, sizeof id }, { CKA_KEY_GEN_MECHANISM, NULL, 0 },
		{ CKA_SENSITIVE, &sensitive, 1 }, { CKA_ID, NULL, 0 }, { CKA_SUBJECT, subject, 0 },
		{ CKA_KEY_TYPE, &type, sizeof type }, { ATTR_KEY_AUTH, NULL, 0 },
	};
	static const CK_ULONG lengths[] = { 7, CK_UNAVAILABLE_INFORMATION, CK_UNAVAILABLE_INFORMATION,
		CK_UNAVAILABLE_INFORMATION, CK_UNAVAILABLE_INFORMATION, 1, 5, 0, sizeof type,
			CK_UNAVAILABLE_INFORMATION };
	struct buf attrs = BUF_INIT;
	CK_RV rv;

	memset(id, '?', sizeof id);
	made(CKO_PRIVATE_KEY, TEMPLATE(more), &attrs);
	attrs_put(&attrs, ATTR_KEY_AUTH, "hidden", 6);
	rv = template_get(class_find(CKO_PRIVATE_KEY), &attrs, TEMPLATE(t));
	CHECK(rv == CKR_BUFFER_TOO_SMALL || rv == CKR_ATTRIBUTE_SENSITIVE
		|| rv == CKR_ATTRIBUTE_TYPE_INVALID);
	for (size_t i = 0; i < COUNT(t); i++) {
		tap_about("entry %zu", i);
		NUMBER_EQUAL(t[i].ulValueLen, lengths[i]);
	}
	CHECK(memcmp(label, "a label", 7) == 0 && memcmp(id, "????", 4) == 0 && sensitive == CK_TRUE
		&& type == CKK_RSA);
	buf_free(&attrs);
}

/* Each reason alone has its own code; a query is answered whatever length was in the entry. */
static void get_codes(void)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		bool room;
		CK_ULONG in, out;
		CK_RV rv;
	} rows[] = {
		{ CKA_LABEL, true, 7, 7, CKR_OK }, { CKA_LABEL, true, 64, 7, CKR_OK },
		{ CKA_LABEL, false, 0, 7, CKR_OK },
		{ CKA_LABEL, false, 99, 7, CKR_OK }, { CKA_LABEL, false, CK_UNAVAILABLE_INFORMATION, 7,
			CKR_OK },
		{ CKA_LABEL, true, 6, CK_UNAVAILABLE_INFORMATION, CKR_BUFFER_TOO_SMALL },
		{ CKA_LABEL, true, 0, CK_UNAVAILABLE_INFORMATION, CKR_BUFFER_TOO_SMALL },
		{ CKA_TOKEN, true, 0, CK_UNAVAILABLE_INFORMATION, CKR_BUFFER_TOO_SMALL },
		{ CKA_CLASS, true, sizeof (CK_ULONG) - 1, CK_UNAVAILABLE_INFORMATION,
			CKR_BUFFER_TOO_SMALL },
		{ CKA_CLASS, false, 0, sizeof (CK_ULONG), CKR_OK },
		{ CKA_VALUE, true, 0, 0, CKR_OK },
		{ CKA_ID, true, 64, CK_UNAVAILABLE_INFORMATION, CKR_ATTRIBUTE_TYPE_INVALID },
		{ CKA_VENDOR_DEFINED, true, 64, CK_UNAVAILABLE_INFORMATION, CKR_ATTRIBUTE_TYPE_INVALID },
	};
	CK_ATTRIBUTE more[] = { A_TEXT(CKA_LABEL, "a label") };
	struct buf attrs = BUF_INIT;

	made(CKO_DATA, more, 1, &attrs);
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t room[64];
		CK_ATTRIBUTE a = { rows[i].type, rows[i].room ? room : NULL, rows[i].in };

		tap_about("row %zu: attribute 0x%lx", i, rows[i].type);
		RV_EQUAL(template_get(class_find(CKO_DATA), &attrs, &a, 1), rows[i].rv);
		NUMBER_EQUAL(a.ulValueLen, rows[i].out);
	}
	RV_EQUAL(template_get(class_find(CKO_DATA), &attrs, NULL, 0), CKR_OK);
	buf_free(&attrs);
}

/* --- C_FindObjectsInit --- */

static void matches(void)
{
	const struct {
		CK_ATTRIBUTE a;
		bool matches;
	} rows[] = {
		{ A_TEXT(CKA_LABEL, "a label"), true }, { A_TEXT(CKA_LABEL, "a labe"), false },
		{ A_TEXT(CKA_LABEL, "a label."), false }, { A_TEXT(CKA_LABEL, "b label"), false },
		{ { CKA_LABEL, NULL, 7 }, false }, { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), true },
		{ A_ULONG(CKA_CLASS, CKO_DATA), false }, { A_TEXT(CKA_CLASS, "\3"), false },
		{ A_TEXT(CKA_ID, ""), true }, { { CKA_ID, NULL, 0 }, true },
		{ A_BOOL(CKA_PRIVATE, true), true },
		{ A_BOOL(CKA_PRIVATE, false), false }, { A_ULONG(CKA_PRIVATE, 1), false },
		{ A_TEXT(CKA_APPLICATION, ""), false }, { A_TEXT(CKA_VENDOR_DEFINED, ""), false },
		{ A_TEXT(ATTR_KEY_AUTH, "hidden"), false }, { A_TEXT(CKA_PRIME_1, "prime"), false },
		{ A_TEXT(CKA_PRIME_2, ""), false }, { A_ULONG(CKA_KEY_GEN_MECHANISM, 0), false },
	};
	const struct class_policy *policy = class_find(CKO_PRIVATE_KEY);
	CK_ATTRIBUTE more[] = { A_TEXT(CKA_LABEL, "a label") };
	struct buf attrs = BUF_INIT;

	made(CKO_PRIVATE_KEY, more, 1, &attrs);
	attrs_put(&attrs, ATTR_KEY_AUTH, "hidden", 6);
	CHECK(template_matches(policy, &attrs, NULL, 0));
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_ATTRIBUTE two[] = { A_BOOL(CKA_TOKEN, false), rows[i].a };

		tap_about("row %zu: attribute 0x%lx", i, rows[i].a.type);
		CHECK(template_matches(policy, &attrs, &rows[i].a, 1) == rows[i].matches);
		CHECK(template_matches(policy, &attrs, two, 2) == rows[i].matches);
	}
	buf_free(&attrs);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "what only the chip keeps", in_chip },
		{ "values at odd addresses", unaligned },
		{ "codes of C_SetAttributeValue", set_codes },
		{ "attributes that go one way", one_way },
		{ "an object that is not modifiable", not_modifiable },
		{ "trusted objects", trusted },
		{ "codes of C_CopyObject", copy_codes },
		{ "the value of a secret key", secret_value },
		{ "entries of all kinds in one C_GetAttributeValue", get_mixed },
		{ "codes of C_GetAttributeValue", get_codes },
		{ "what a search template matches", matches },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "attrs_change", cases);
}
