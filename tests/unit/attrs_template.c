/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes as bytes, the tables of the classes, and the templates that make objects. */
#include "made.h"

static const CK_OBJECT_CLASS classes[] = { CKO_DATA, CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY,
	CKO_SECRET_KEY };

/* --- attributes as bytes --- */

static void attrs_round_trip(void)
{
	struct buf attrs = BUF_INIT;
	const uint8_t *value;
	size_t n;

	attrs_put(&attrs, CKA_LABEL, "label", 5);
	attrs_put_bool(&attrs, CKA_TOKEN, true);
	attrs_put_ulong(&attrs, CKA_KEY_TYPE, 0x12345678);
	attrs_put_ulong(&attrs, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION);
	attrs_put(&attrs, ATTR_KEY_AUTH, NULL, 0);
	CHECK(attrs_valid(&attrs) && !buf_failed(&attrs));
	CHECK(attrs_get(&attrs, CKA_LABEL, &value, &n));
	BYTES_EQUAL(value, n, "label", 5);
	CHECK(attrs_get(&attrs, ATTR_KEY_AUTH, &value, &n) && n == 0);
	CHECK(!attrs_get(&attrs, CKA_ID, &value, &n) && value == NULL && n == 0);
	CHECK(attrs_bool(&attrs, CKA_TOKEN) && !attrs_bool(&attrs, CKA_PRIVATE) && !attrs_bool(&attrs,
		CKA_LABEL));
	CHECK(attrs_ulong(&attrs, CKA_KEY_TYPE, 9) == 0x12345678 && attrs_ulong(&attrs, CKA_ID, 9) == 9);
	CHECK(attrs_ulong(&attrs, CKA_LABEL, 9) == 9 && attrs_ulong(&attrs, CKA_TOKEN, 9) == 9);
	CHECK(attrs_ulong(&attrs, CKA_KEY_GEN_MECHANISM, 9) == CK_UNAVAILABLE_INFORMATION);
	attrs_put(&attrs, CKA_LABEL, "another, longer label", 21);
	attrs_put_bool(&attrs, CKA_TOKEN, false);
	CHECK(attrs_get(&attrs, CKA_LABEL, &value, &n));
	BYTES_EQUAL(value, n, "another, longer label", 21);
	CHECK(!attrs_bool(&attrs, CKA_TOKEN) && attrs_ulong(&attrs, CKA_KEY_TYPE, 9) == 0x12345678);
	buf_free(&attrs);
}

/* The same bytes on every machine: they are what the store holds. */
static void attrs_form(void)
{
	static const uint8_t expected[] = { 0, 0, 0, 1, 0, 0, 0, 1, 1, /* CKA_TOKEN */
		0, 0, 1, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0x80, 0x01, 0x02, 0x03, /* CKA_KEY_TYPE */
		0, 0, 1, 0x66, 0, 0, 0, 8, 255, 255, 255, 255, 255, 255, 255, 255,
			/* CKA_KEY_GEN_MECHANISM */
		0, 0, 0, 3, 0, 0, 0, 2, 'h', 'i' };
	struct buf attrs = BUF_INIT;

	attrs_put_bool(&attrs, CKA_TOKEN, true);
	attrs_put_ulong(&attrs, CKA_KEY_TYPE, 0x80010203);
	attrs_put_ulong(&attrs, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION);
	attrs_put(&attrs, CKA_LABEL, "hi", 2);
	BYTES_EQUAL(attrs.data, attrs.len, expected, sizeof expected);
	for (size_t n = 0; n < sizeof expected; n++) {
		struct buf cut = { .data = malloc(n != 0 ? n : 1), .len = n, .cap = n };

		tap_about("%zu bytes", n);
		memcpy(cut.data, expected, n);
		CHECK(attrs_valid(&cut) == (n == 0 || n == 9 || n == 25 || n == 41));
		buf_free(&cut);
	}
	attrs.data[5] = 0xff;
	CHECK(!attrs_valid(&attrs));
	CHECK(!attrs_bool(&attrs, CKA_TOKEN));
	buf_free(&attrs);
}

/* --- the tables --- */

static void tables(void)
{
	for (size_t i = 0; i < COUNT(classes); i++) {
		const struct class_policy *policy = class_find(classes[i]);

		MUST(policy != NULL && policy->class == classes[i]);
		CHECK(class_rule(policy, policy->subtype_attr) != NULL);
		for (size_t a = 0; a < policy->count; a++) {
			const struct attr_rule *rule = &policy->rules[a];
			unsigned int defaults = rule->flags
				& (DEFAULT_TRUE | DEFAULT_FALSE | DEFAULT_EMPTY | DEFAULT_ZERO);

			tap_about("class %lu, attribute 0x%lx", classes[i], rule->type);
			CHECK(class_rule(policy, rule->type) == rule);
			CHECK((defaults & (defaults - 1)) == 0);
			CHECK((defaults & (DEFAULT_TRUE | DEFAULT_FALSE)) == 0 || rule->kind == KIND_BOOL);
			CHECK((rule->flags & (ONLY_TO_TRUE | ONLY_TO_FALSE | TRUE_BY_SO)) == 0
				|| rule->kind == KIND_BOOL);
			CHECK((defaults & DEFAULT_ZERO) == 0 || rule->kind == KIND_ULONG);
			CHECK((rule->flags & UNIQUE_VALUE) == 0 || rule->kind == KIND_ULONG);
			CHECK((rule->flags & MUST_CREATE) == 0 || (rule->flags & MAY_CREATE) != 0);
			CHECK((rule->flags & MUST_GENERATE) == 0 || (rule->flags & MAY_GENERATE) != 0);
			CHECK((rule->flags & IN_CHIP) == 0 || defaults == 0);
		}
	}
	tap_about(NULL);
	CHECK(class_find(CKO_DOMAIN_PARAMETERS) == NULL && class_find(CKO_VENDOR_DEFINED) == NULL);
	CHECK(class_rule(class_find(CKO_PRIVATE_KEY), ATTR_KEY_AUTH) == NULL);
}

enum { F, T, EMPTY, ZERO };
static const struct {
	CK_ATTRIBUTE_TYPE type;
	int values[5]; /* in the order of classes; -1: there is none; -2: there is one */
} expected_defaults[] = {
	{ CKA_TOKEN, { F, F, F, F, F } },
	{ CKA_PRIVATE, { F, F, F, T, T } },
	{ CKA_MODIFIABLE, { T, T, T, T, T } },
	{ CKA_COPYABLE, { T, T, T, T, T } },
	{ CKA_DESTROYABLE, { T, T, T, T, T } },
	{ CKA_LABEL, { EMPTY, EMPTY, EMPTY, EMPTY, EMPTY } },
	{ CKA_APPLICATION, { EMPTY, -1, -1, -1, -1 } },
	{ CKA_OBJECT_ID, { EMPTY, -1, -1, -1, -1 } },
	{ CKA_VALUE, { EMPTY, -2, -1, -1, -2 } },
	{ CKA_ID, { -1, EMPTY, EMPTY, EMPTY, EMPTY } },
	{ CKA_SUBJECT, { -1, -2, EMPTY, EMPTY, -1 } },
	{ CKA_ISSUER, { -1, EMPTY, -1, -1, -1 } },
	{ CKA_SERIAL_NUMBER, { -1, EMPTY, -1, -1, -1 } },
	{ CKA_START_DATE, { -1, EMPTY, EMPTY, EMPTY, EMPTY } },
	{ CKA_END_DATE, { -1, EMPTY, EMPTY, EMPTY, EMPTY } },
	{ CKA_TRUSTED, { -1, F, F, -1, F } },
	{ CKA_CERTIFICATE_CATEGORY, { -1, ZERO, -1, -1, -1 } },
	{ CKA_DERIVE, { -1, -1, F, F, F } },
	{ CKA_LOCAL, { -1, -1, F, F, F } },
	{ CKA_ENCRYPT, { -1, -1, T, -1, -2 } },
	{ CKA_VERIFY, { -1, -1, T, -1, -2 } },
	{ CKA_VERIFY_RECOVER, { -1, -1, T, -1, -1 } },
	{ CKA_WRAP, { -1, -1, T, -1, -2 } },
	{ CKA_DECRYPT, { -1, -1, -1, T, -2 } },
	{ CKA_SIGN, { -1, -1, -1, T, -2 } },
	{ CKA_SIGN_RECOVER, { -1, -1, -1, T, -1 } },
	{ CKA_UNWRAP, { -1, -1, -1, T, -2 } },
	{ CKA_SENSITIVE, { -1, -1, -1, T, F } },
	{ CKA_EXTRACTABLE, { -1, -1, -1, F, T } },
	{ CKA_ALWAYS_SENSITIVE, { -1, -1, -1, F, F } },
	{ CKA_NEVER_EXTRACTABLE, { -1, -1, -1, F, F } },
	{ CKA_WRAP_WITH_TRUSTED, { -1, -1, -1, F, F } },
	{ CKA_ALWAYS_AUTHENTICATE, { -1, -1, -1, F, -1 } },
};

static void defaults(void)
{
	for (size_t c = 0; c < COUNT(classes); c++) {
		struct buf attrs = BUF_INIT;

		made(classes[c], NULL, 0, &attrs);
		CHECK(attrs_ulong(&attrs, CKA_CLASS, 99) == classes[c]);
		for (size_t i = 0; i < COUNT(expected_defaults); i++) {
			uint8_t room[64] = { 0 };
			CK_ATTRIBUTE a = { expected_defaults[i].type, room, sizeof room };
			int expected = expected_defaults[i].values[c];
			CK_RV rv = template_get(class_find(classes[c]), &attrs, &a, 1);

			tap_about("class %lu, attribute 0x%lx", classes[c], expected_defaults[i].type);
			RV_EQUAL(rv, expected == -1 ? CKR_ATTRIBUTE_TYPE_INVALID : CKR_OK);
			if (expected == T || expected == F)
				CHECK(a.ulValueLen == 1 && room[0] == (expected == T ? CK_TRUE : CK_FALSE));
			if (expected == EMPTY)
				NUMBER_EQUAL(a.ulValueLen, 0);
			if (expected == ZERO)
				CHECK(a.ulValueLen == sizeof (CK_ULONG) && memcmp(room,
					&(CK_ULONG){ 0 }, sizeof (CK_ULONG)) == 0);
		}
		buf_free(&attrs);
	}
}

/* --- templates of C_CreateObject and C_GenerateKeyPair --- */

static void arguments(void)
{
	CK_ATTRIBUTE none[] = { A_TEXT(CKA_LABEL, "x") }, good[] = { A_TEXT(CKA_LABEL, "x"),
		A_ULONG(CKA_CLASS, CKO_DATA) };
	CK_ATTRIBUTE unknown[] = { A_ULONG(CKA_CLASS, CKO_VENDOR_DEFINED) },
		small[] = { A_TEXT(CKA_CLASS, "x") };
	CK_ATTRIBUTE feature[] = { A_ULONG(CKA_CLASS, CKO_HW_FEATURE) };
	CK_ATTRIBUTE null[] = { { CKA_CLASS, NULL, sizeof (CK_ULONG) } };
	const struct class_policy *policy;

	CHECK(template_pointers(NULL, 0) && !template_pointers(NULL, 1) && template_pointers(none, 1));
	CHECK(template_find(NULL, 0, CKA_CLASS) == NULL && template_find(TEMPLATE(none),
		CKA_CLASS) == NULL);
	CHECK(template_find(TEMPLATE(good), CKA_CLASS) == &good[1]);
	RV_EQUAL(template_class(TEMPLATE(good), &policy), CKR_OK);
	CHECK(policy == class_find(CKO_DATA));
	RV_EQUAL(template_class(TEMPLATE(none), &policy), CKR_TEMPLATE_INCOMPLETE);
	RV_EQUAL(template_class(NULL, 0, &policy), CKR_TEMPLATE_INCOMPLETE);
	RV_EQUAL(template_class(TEMPLATE(unknown), &policy), CKR_ATTRIBUTE_VALUE_INVALID);
	RV_EQUAL(template_class(TEMPLATE(feature), &policy), CKR_ATTRIBUTE_VALUE_INVALID);
	RV_EQUAL(template_class(TEMPLATE(small), &policy), CKR_ATTRIBUTE_VALUE_INVALID);
	RV_EQUAL(template_class(TEMPLATE(null), &policy), CKR_ATTRIBUTE_VALUE_INVALID);
}

#define SOME_ERROR ((CK_RV)-1)

static void check_code(CK_RV rv, CK_RV expected)
{
	if (expected == SOME_ERROR)
		CHECK(rv != CKR_OK);
	else
		RV_EQUAL(rv, expected);
}

static void create_codes(void)
{
	const struct {
		CK_OBJECT_CLASS class;
		CK_ATTRIBUTE a;
		CK_RV rv;
	} rows[] = {
		{ CKO_DATA, A_TEXT(CKA_LABEL, "a label"), CKR_OK },
		{ CKO_DATA, A_TEXT(CKA_LABEL, ""), CKR_OK },
		{ CKO_DATA, { CKA_LABEL, NULL, 0 }, CKR_OK },
		{ CKO_DATA, { CKA_LABEL, NULL, 1 }, CKR_ATTRIBUTE_VALUE_INVALID },
		{ CKO_DATA, A_BOOL(CKA_SIGN, true), CKR_ATTRIBUTE_TYPE_INVALID },
		{ CKO_DATA, A_TEXT(CKA_VENDOR_DEFINED | 1, "x"), CKR_ATTRIBUTE_TYPE_INVALID },
		{ CKO_PRIVATE_KEY, A_TEXT(ATTR_KEY_AUTH, "x"), CKR_ATTRIBUTE_TYPE_INVALID },
		{ CKO_PRIVATE_KEY, A_TEXT(ATTR_KEY_BLOB, "x"), SOME_ERROR },
		{ CKO_PRIVATE_KEY, A_ULONG(ATTR_KEY_HOME, 1), SOME_ERROR },
		{ CKO_DATA, A_ULONG(CKA_TOKEN, 1), CKR_ATTRIBUTE_VALUE_INVALID },
		{ CKO_DATA, A_TEXT(CKA_TOKEN, ""), CKR_ATTRIBUTE_VALUE_INVALID },
		{ CKO_DATA, A_TEXT(CKA_TOKEN, "\2"), CKR_ATTRIBUTE_VALUE_INVALID },
		{ CKO_CERTIFICATE, A_TEXT(CKA_START_DATE, "20260131"), CKR_OK },
		{ CKO_CERTIFICATE, A_TEXT(CKA_START_DATE, ""), CKR_OK },
		{ CKO_CERTIFICATE, A_TEXT(CKA_START_DATE, "2026013"), CKR_ATTRIBUTE_VALUE_INVALID },
		{ CKO_CERTIFICATE, A_TEXT(CKA_START_DATE, "2026013x"), CKR_ATTRIBUTE_VALUE_INVALID },
		{ CKO_CERTIFICATE, A_TEXT(CKA_CERTIFICATE_CATEGORY, "x"), CKR_ATTRIBUTE_VALUE_INVALID },
		{ CKO_CERTIFICATE, A_BOOL(CKA_TRUSTED, false), CKR_OK },
		{ CKO_CERTIFICATE, A_BOOL(CKA_TRUSTED, true), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_CERTIFICATE, A_ULONG(CKA_CERTIFICATE_TYPE, CKC_X_509), CKR_OK },
		{ CKO_CERTIFICATE, A_ULONG(CKA_CERTIFICATE_TYPE, CKC_WTLS), CKR_TEMPLATE_INCONSISTENT },
		{ CKO_PRIVATE_KEY, A_BOOL(CKA_LOCAL, true), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_PRIVATE_KEY, A_BOOL(CKA_ALWAYS_SENSITIVE, true), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_PRIVATE_KEY, A_BOOL(CKA_NEVER_EXTRACTABLE, true), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_PRIVATE_KEY, A_ULONG(CKA_KEY_GEN_MECHANISM, 0), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_PUBLIC_KEY, A_ULONG(CKA_MODULUS_BITS, 8), CKR_ATTRIBUTE_READ_ONLY },
		{ CKO_PRIVATE_KEY, A_TEXT(CKA_ALLOWED_MECHANISMS, ""), CKR_OK },
		{ CKO_PRIVATE_KEY, A_ULONG(CKA_ALLOWED_MECHANISMS, CKM_RSA_PKCS), CKR_OK },
		{ CKO_PRIVATE_KEY, A_TEXT(CKA_ALLOWED_MECHANISMS, "x"), CKR_ATTRIBUTE_VALUE_INVALID },
		{ CKO_PRIVATE_KEY, A_BOOL(CKA_EXTRACTABLE, true), CKR_OK },
		{ CKO_PRIVATE_KEY, A_TEXT(CKA_MODULUS, "\x80modulus"), CKR_OK },
		{ CKO_PRIVATE_KEY, A_TEXT(CKA_MODULUS, "\x80moduluz"), CKR_TEMPLATE_INCONSISTENT },
		{ CKO_PRIVATE_KEY, A_TEXT(CKA_MODULUS, "\x80modulu"), CKR_TEMPLATE_INCONSISTENT },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf attrs = BUF_INIT;

		tap_about("row %zu: class %lu, attribute 0x%lx", i, rows[i].class, rows[i].a.type);
		check_code(apply(rows[i].class, &rows[i].a, 1, &attrs), rows[i].rv);
		buf_free(&attrs);
	}
}

/* Each attribute that the standard demands, left out alone (base specification, 4.6; mechanisms, 2.1). */
static void incomplete(void)
{
	const CK_ATTRIBUTE whole[] = {
		A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, CKK_RSA),
		A_TEXT(CKA_MODULUS, "\x80modulus"),
		A_TEXT(CKA_PUBLIC_EXPONENT, "\1\0\1"), A_TEXT(CKA_PRIME_1, "prime"),
		A_TEXT(CKA_LABEL, "may be left out"),
	};
	CK_ATTRIBUTE bits[] = { A_ULONG(CKA_MODULUS_BITS, 1024) }, ec[] = { A_ULONG(CKA_KEY_TYPE, CKK_EC) };
	CK_ATTRIBUTE data[] = { A_ULONG(CKA_MODULUS_BITS, 1024), A_ULONG(CKA_CLASS, CKO_DATA) };
	struct buf attrs = BUF_INIT;

	for (size_t out = 0; out < COUNT(whole); out++) {
		CK_ATTRIBUTE part[COUNT(whole)];
		CK_ULONG n = 0;

		tap_about("without attribute 0x%lx", whole[out].type);
		for (size_t i = 0; i < COUNT(whole); i++)
			if (i != out)
				part[n++] = whole[i];
		RV_EQUAL(template_apply(class_find(CKO_PRIVATE_KEY), TEMPLATE_CREATE, false, part, n,
			&attrs),
			whole[out].type == CKA_LABEL ? CKR_OK : CKR_TEMPLATE_INCOMPLETE);
		buf_free(&attrs);
	}
	tap_about("generated");
	RV_EQUAL(template_apply(class_find(CKO_PUBLIC_KEY), TEMPLATE_GENERATE, false, NULL, 0, &attrs),
		CKR_TEMPLATE_INCOMPLETE);
	buf_free(&attrs);
	RV_EQUAL(template_apply(class_find(CKO_PUBLIC_KEY), TEMPLATE_GENERATE, false, TEMPLATE(bits),
		&attrs), CKR_OK);
	CHECK(attrs_ulong(&attrs, CKA_MODULUS_BITS, 0) == 1024
		&& attrs_ulong(&attrs, CKA_KEY_TYPE, 9) == CKK_RSA);
	buf_free(&attrs);
	RV_EQUAL(template_apply(class_find(CKO_PRIVATE_KEY), TEMPLATE_GENERATE, false, NULL, 0, &attrs),
		CKR_OK);
	CHECK(attrs_ulong(&attrs, CKA_CLASS, 9) == CKO_PRIVATE_KEY);
	buf_free(&attrs);
	RV_EQUAL(template_apply(class_find(CKO_PRIVATE_KEY), TEMPLATE_GENERATE, false, TEMPLATE(ec),
		&attrs), CKR_TEMPLATE_INCONSISTENT);
	buf_free(&attrs);
	RV_EQUAL(template_apply(class_find(CKO_PUBLIC_KEY), TEMPLATE_GENERATE, false, TEMPLATE(data),
		&attrs), CKR_TEMPLATE_INCONSISTENT);
	buf_free(&attrs);
}

static void repeated(void)
{
	CK_ATTRIBUTE same[] = { A_TEXT(CKA_LABEL, "x"), A_TEXT(CKA_LABEL, "x") };
	CK_ATTRIBUTE other[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "x"),
		A_BOOL(CKA_TOKEN, false) };
	struct buf attrs = BUF_INIT;

	made(CKO_DATA, TEMPLATE(same), &attrs);
	CHECK(template_matches(class_find(CKO_DATA), &attrs, same, 1));
	RV_EQUAL(template_set(class_find(CKO_DATA), false, TEMPLATE(same), &attrs), CKR_OK);
	buf_free(&attrs);
	RV_EQUAL(apply(CKO_DATA, TEMPLATE(other), &attrs), CKR_TEMPLATE_INCONSISTENT);
	buf_free(&attrs);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "attributes are put and got", attrs_round_trip },
		{ "the form of attributes", attrs_form },
		{ "the tables contradict themselves nowhere", tables },
		{ "the defaults of each class", defaults },
		{ "arguments and classes", arguments },
		{ "codes of C_CreateObject's template", create_codes },
		{ "templates that lack something", incomplete },
		{ "an attribute twice", repeated },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "attrs_template", cases);
}
