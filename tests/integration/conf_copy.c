/* SPDX-License-Identifier: BSD-2-Clause */
/* C_CopyObject and C_GetObjectSize (PKCS#11 v2.40 base specification, 5.7). */
#include "p11_conf.h"

#include <string.h>

static CK_RV copy_rv(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template,
	CK_ULONG count)
{
	CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;

	return p11->C_CopyObject(session, object, template, count, &copy);
}

static CK_OBJECT_HANDLE copy_must(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
	CK_ATTRIBUTE *template, CK_ULONG count)
{
	CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;

	RV_MUST(p11->C_CopyObject(session, object, template, count, &copy), CKR_OK);
	CHECK(copy != CK_INVALID_HANDLE && copy != object);
	return copy;
}


static void whole_copy(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE nothing = A_TEXT(CKA_LABEL, "not read");
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_TEXT(CKA_LABEL, "whole copy"),
		A_TEXT(CKA_APPLICATION, "an application"),
		A_TEXT(CKA_OBJECT_ID, "\6\1\1"),
		A_TEXT(CKA_VALUE, "a value"),
	};
	CK_OBJECT_HANDLE object = p11_create(session, TEMPLATE(t)), copies[2], found[4];
	size_t i, j;

	copies[0] = copy_must(session, object, NO_TEMPLATE);
	copies[1] = copy_must(session, object, &nothing, 0);
	CHECK(copies[0] != copies[1]);
	ULONG_EQUAL(p11_search(session, TEMPLATE(t), found, 4), 3);
	for (i = 0; i < 2; i++)
		for (j = 1; j < COUNT_OF(t); j++)
			p11_check_bytes(session, copies[i], t[j].type, t[j].pValue, t[j].ulValueLen);

	RV_EQUAL(p11_set_label(session, object, "changed"), CKR_OK);
	p11_check_text(session, copies[0], CKA_LABEL, "whole copy");
	RV_EQUAL(p11->C_DestroyObject(session, object), CKR_OK);
	p11_check_text(session, copies[0], CKA_VALUE, "a value");
	RV_EQUAL(p11->C_DestroyObject(session, copies[0]), CKR_OK);
	p11_check_text(session, copies[1], CKA_VALUE, "a value");
}

static int count_elsewhere(void *argument)
{
	p11_start();
	return (int)p11_count(p11_open(), CKO_DATA, argument);
}

static void to_the_token_and_back(void)
{
	char label[] = "there", back_label[] = "and back";
	CK_ATTRIBUTE to_token[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "there") };
	CK_ATTRIBUTE to_session[] = { A_BOOL(CKA_TOKEN, false), A_TEXT(CKA_LABEL, "and back") };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE object = p11_data(session, "here", false, false), there, back;

	there = copy_must(session, object, TEMPLATE(to_token));
	ULONG_EQUAL(p11_get_bool(session, object, CKA_TOKEN), CK_FALSE);
	ULONG_EQUAL(p11_get_bool(session, there, CKA_TOKEN), CK_TRUE);
	p11_check_text(session, there, CKA_VALUE, "value of here");
	ULONG_EQUAL(p11_in_child(count_elsewhere, label), 1);

	back = copy_must(session, there, TEMPLATE(to_session));
	ULONG_EQUAL(p11_get_bool(session, back, CKA_TOKEN), CK_FALSE);
	ULONG_EQUAL(p11_in_child(count_elsewhere, back_label), 0);
	RV_EQUAL(p11->C_DestroyObject(session, there), CKR_OK);
	p11_check_text(session, back, CKA_VALUE, "value of here");
	p11_check_text(session, back, CKA_LABEL, "and back");
	ULONG_EQUAL(p11_in_child(count_elsewhere, label), 0);
}

static void private_or_not(void)
{
	CK_ATTRIBUTE hide[] = { A_BOOL(CKA_PRIVATE, true), A_TEXT(CKA_LABEL, "hidden copy") };
	CK_ATTRIBUTE show[] = { A_BOOL(CKA_PRIVATE, false), A_TEXT(CKA_LABEL, "open copy") };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE open = p11_data(session, "open", false, false), copy;

	copy = copy_must(session, open, TEMPLATE(hide));
	ULONG_EQUAL(p11_get_bool(session, copy, CKA_PRIVATE), CK_TRUE);
	ULONG_EQUAL(p11_get_bool(session, copy_must(session, copy, TEMPLATE(show)), CKA_PRIVATE), CK_FALSE);
	/* Data may be opened by a copy, keys not. */
	RV_EQUAL(copy_rv(session, p11_secret(session, "s", 1), TEMPLATE(show)), CKR_TEMPLATE_INCONSISTENT);
	RV_EQUAL(copy_rv(session, p11_soft_private(session, 512, NO_TEMPLATE), TEMPLATE(show)),
		CKR_TEMPLATE_INCONSISTENT);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "open copy"), 1);

	RV_MUST(p11->C_Logout(session), CKR_OK);
	ULONG_EQUAL(p11_count(session, CKO_DATA, "hidden copy"), 0);
	ULONG_EQUAL(p11_count(session, CKO_DATA, "open copy"), 1);
	RV_EQUAL(copy_rv(session, open, TEMPLATE(hide)), CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(copy_rv(session, copy, NO_TEMPLATE), CKR_OBJECT_HANDLE_INVALID);
	copy_must(session, open, NO_TEMPLATE);
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	ULONG_EQUAL(p11_count(session, CKO_DATA, "hidden copy"), 0);
}

static CK_OBJECT_HANDLE generate_secret(CK_SESSION_HANDLE session, bool sensitive, bool extractable)
{
	CK_MECHANISM m = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_VALUE_LEN, 20),
		A_BOOL(CKA_SENSITIVE, sensitive),
		A_BOOL(CKA_EXTRACTABLE, extractable),
	};
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	RV_MUST(p11->C_GenerateKey(session, &m, TEMPLATE(t), &key), CKR_OK);
	return key;
}

/* What has happened to a key stays true of its copy. */
static void history(void)
{
	static const struct p11_bool closed[] = {
		{ CKA_LOCAL, CK_TRUE },		   { CKA_SENSITIVE, CK_TRUE },
		{ CKA_ALWAYS_SENSITIVE, CK_TRUE }, { CKA_EXTRACTABLE, CK_FALSE },
		{ CKA_NEVER_EXTRACTABLE, CK_TRUE },
	};
	static const struct p11_bool closed_later[] = {
		{ CKA_LOCAL, CK_TRUE },		    { CKA_SENSITIVE, CK_TRUE },
		{ CKA_ALWAYS_SENSITIVE, CK_FALSE }, { CKA_EXTRACTABLE, CK_FALSE },
		{ CKA_NEVER_EXTRACTABLE, CK_FALSE },
	};
	static const struct p11_bool imported[] = {
		{ CKA_LOCAL, CK_FALSE },
		{ CKA_ALWAYS_SENSITIVE, CK_FALSE },
		{ CKA_NEVER_EXTRACTABLE, CK_FALSE },
	};
	CK_ATTRIBUTE close[] = { A_BOOL(CKA_SENSITIVE, true), A_BOOL(CKA_EXTRACTABLE, false) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = generate_secret(session, true, false), copy;

	copy = copy_must(session, key, NO_TEMPLATE);
	CHECK_BOOLS(session, copy, closed);
	ULONG_EQUAL(p11_get_ulong(session, copy, CKA_KEY_GEN_MECHANISM), CKM_GENERIC_SECRET_KEY_GEN);
	copy = copy_must(session, generate_secret(session, false, true), TEMPLATE(close));
	CHECK_BOOLS(session, copy, closed_later);
	copy = copy_must(session, p11_secret(session, "secret", 6), TEMPLATE(close));
	CHECK_BOOLS(session, copy, imported);
	ULONG_EQUAL(p11_get_ulong(session, copy, CKA_KEY_GEN_MECHANISM), CK_UNAVAILABLE_INFORMATION);
}

static void one_way(void)
{
	CK_ATTRIBUTE open[] = { A_BOOL(CKA_SENSITIVE, false) };
	CK_ATTRIBUTE extractable[] = { A_BOOL(CKA_EXTRACTABLE, true) };
	CK_ATTRIBUTE copyable[] = { A_BOOL(CKA_COPYABLE, false) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = generate_secret(session, true, false), data, copy;

	RV_ONE_OF(copy_rv(session, key, TEMPLATE(open)), CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT);
	RV_ONE_OF(copy_rv(session, key, TEMPLATE(extractable)), CKR_ATTRIBUTE_READ_ONLY,
		CKR_TEMPLATE_INCONSISTENT);

	data = p11_data(session, "copied once", false, false);
	copy = copy_must(session, data, TEMPLATE(copyable));
	ULONG_EQUAL(p11_get_bool(session, data, CKA_COPYABLE), CK_TRUE);
	ULONG_EQUAL(p11_get_bool(session, copy, CKA_COPYABLE), CK_FALSE);
	RV_EQUAL(copy_rv(session, copy, NO_TEMPLATE), CKR_ACTION_PROHIBITED);
	RV_EQUAL(p11_set_bool(session, copy, CKA_COPYABLE, true), CKR_ATTRIBUTE_READ_ONLY);
	RV_EQUAL(p11_set_bool(session, data, CKA_COPYABLE, false), CKR_OK);
	RV_EQUAL(copy_rv(session, data, NO_TEMPLATE), CKR_ACTION_PROHIBITED);
}

static void refused(void)
{
	CK_ATTRIBUTE class[] = { A_ULONG(CKA_CLASS, CKO_CERTIFICATE), A_TEXT(CKA_LABEL, "refused") };
	CK_ATTRIBUTE unknown[] = { A_TEXT(CKA_LABEL, "refused"), A_ULONG(0x0badf00d, 1) };
	CK_ATTRIBUTE twice[] = { A_TEXT(CKA_LABEL, "refused"), A_TEXT(CKA_LABEL, "refused too") };
	CK_ATTRIBUTE size[] = { A_TEXT(CKA_LABEL, "refused"), A_TEXT(CKA_TOKEN, "\1\1") };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE object = p11_data(session, "not copied", false, false), copy;
	CK_ULONG objects = p11_count(session, ANY_CLASS, NULL);
	char before[65], after[65];

	p11_fingerprint(p11_store(), before);
	RV_ONE_OF(copy_rv(session, object, TEMPLATE(class)), CKR_ATTRIBUTE_READ_ONLY,
		CKR_TEMPLATE_INCONSISTENT);
	RV_EQUAL(copy_rv(session, object, TEMPLATE(unknown)), CKR_ATTRIBUTE_TYPE_INVALID);
	RV_EQUAL(copy_rv(session, object, TEMPLATE(twice)), CKR_TEMPLATE_INCONSISTENT);
	RV_EQUAL(copy_rv(session, object, TEMPLATE(size)), CKR_ATTRIBUTE_VALUE_INVALID);
	RV_EQUAL(copy_rv(session, object, NULL, 1), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_CopyObject(session, object, NO_TEMPLATE, NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(copy_rv(session, NO_KEY, NO_TEMPLATE), CKR_OBJECT_HANDLE_INVALID);
	RV_EQUAL(p11->C_CopyObject(NO_KEY, object, NO_TEMPLATE, &copy), CKR_SESSION_HANDLE_INVALID);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), objects);
	CHECK(strcmp(before, p11_fingerprint(p11_store(), after)) == 0);
}

static void read_only_session(void)
{
	CK_ATTRIBUTE to_token[] = { A_BOOL(CKA_TOKEN, true) }, to_session[] = { A_BOOL(CKA_TOKEN, false) };
	CK_SESSION_HANDLE writing = p11_shared_token(), session = p11_open_ro();
	CK_OBJECT_HANDLE on_token = p11_data(writing, "on the token", true, false);
	CK_OBJECT_HANDLE of_session = p11_data(session, "of the session", false, false);

	RV_EQUAL(copy_rv(session, on_token, NO_TEMPLATE), CKR_SESSION_READ_ONLY);
	RV_EQUAL(copy_rv(session, of_session, TEMPLATE(to_token)), CKR_SESSION_READ_ONLY);
	copy_must(session, on_token, TEMPLATE(to_session));
	copy_must(session, of_session, NO_TEMPLATE);
	RV_EQUAL(p11->C_DestroyObject(writing, on_token), CKR_OK);
}

static int sign_elsewhere(void *argument)
{
	p11_start();
	CHECK(p11_label_signs(p11_open_user(), argument));
	return 0;
}

/* What Java's KeyStore does: a session pair becomes a token pair. The originals may then go. */
static void chip_keys(void)
{
	char label[] = "copied to the token";
	CK_ATTRIBUTE to_token[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "copied to the token"),
		A_TEXT(CKA_ID, "\7") };
	CK_ATTRIBUTE to_session[] = { A_BOOL(CKA_TOKEN, false) };
	CK_ATTRIBUTE sign[] = { A_BOOL(CKA_SIGN, false) };
	CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair, on_token, back;

	RV_MUST(p11_generate(session, 1024, "copied", false, true, &pair), CKR_OK);
	on_token.public = copy_must(session, pair.public, TEMPLATE(to_token));
	on_token.private = copy_must(session, pair.private, TEMPLATE(to_token));
	RV_EQUAL(p11->C_DestroyObject(session, pair.public), CKR_OK);
	RV_EQUAL(p11->C_DestroyObject(session, pair.private), CKR_OK);
	CHECK(p11_signs(session, on_token));
	p11_check_text(session, on_token.private, CKA_ID, "\7");
	ULONG_EQUAL(p11_get_bool(session, on_token.private, CKA_LOCAL), CK_TRUE);
	ULONG_EQUAL(p11_in_child(sign_elsewhere, label), 0);

	back.public = copy_must(session, on_token.public, TEMPLATE(to_session));
	back.private = copy_must(session, on_token.private, TEMPLATE(to_session));
	RV_EQUAL(p11->C_DestroyObject(session, on_token.public), CKR_OK);
	RV_EQUAL(p11->C_DestroyObject(session, on_token.private), CKR_OK);
	CHECK(p11_signs(session, back));
	RV_EQUAL(p11->C_SignInit(session, &rsa, copy_must(session, back.private, TEMPLATE(sign))),
		CKR_KEY_FUNCTION_NOT_PERMITTED);
}

static void imported_keys(void)
{
	CK_ATTRIBUTE to_token[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "imported, copied") };
	CK_ATTRIBUTE modulus[] = { A_TEXT(CKA_MODULUS, "m") }, prime[] = { A_TEXT(CKA_PRIME_1, "p") };
	char label[] = "imported, copied";
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE private = p11_soft_private(session, 1024, NO_TEMPLATE);

	RV_ONE_OF(copy_rv(session, private, TEMPLATE(modulus)), CKR_ATTRIBUTE_READ_ONLY,
		CKR_TEMPLATE_INCONSISTENT);
	RV_ONE_OF(copy_rv(session, private, TEMPLATE(prime)), CKR_ATTRIBUTE_READ_ONLY,
		CKR_TEMPLATE_INCONSISTENT);
	copy_must(session, private, TEMPLATE(to_token));
	copy_must(session, p11_soft_public(session, 1024, NO_TEMPLATE), TEMPLATE(to_token));
	ULONG_EQUAL(p11_in_child(sign_elsewhere, label), 0);
}

static void sizes(void)
{
	static unsigned char value[3000];
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_ROOM(CKA_VALUE, value) };
	CK_OBJECT_HANDLE large = p11_create(session, TEMPLATE(t));
	CK_OBJECT_HANDLE small = p11_data(session, "small", false, false);
	CK_OBJECT_HANDLE key = p11_shared_pair(session, 1024).private;
	CK_ULONG size[3] = { 0, 0, 0 };

	RV_EQUAL(p11->C_GetObjectSize(session, large, &size[0]), CKR_OK);
	RV_EQUAL(p11->C_GetObjectSize(session, small, &size[1]), CKR_OK);
	RV_EQUAL(p11->C_GetObjectSize(session, key, &size[2]), CKR_OK);
	TAP_CHECK(size[0] >= sizeof(value) && size[1] > 0 && size[2] >= 128,
		"the sizes are %lu, %lu and %lu", size[0], size[1], size[2]);
	TAP_CHECK(size[0] == CK_UNAVAILABLE_INFORMATION || size[0] > size[1],
		"%lu for 3,000 bytes, %lu for few", size[0], size[1]);
	RV_EQUAL(p11->C_GetObjectSize(session, small, NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_GetObjectSize(session, NO_KEY, &size[0]), CKR_OBJECT_HANDLE_INVALID);
	RV_EQUAL(p11->C_GetObjectSize(NO_KEY, small, &size[0]), CKR_SESSION_HANDLE_INVALID);
}

static const struct tap_case cases[] = {
	{ "a copy with 0 attributes is whole and independent", whole_copy },
	{ "from the session to the token and back", to_the_token_and_back },
	{ "CKA_PRIVATE of a copy", private_or_not },
	{ "LOCAL, ALWAYS_SENSITIVE and NEVER_EXTRACTABLE are inherited", history },
	{ "one-way attributes of a copy, and COPYABLE FALSE", one_way },
	{ "refused copies leave nothing", refused },
	{ "copies in a read-only session", read_only_session },
	{ "copies of a key in the chip sign", chip_keys },
	{ "a copy of an imported key signs", imported_keys },
	{ "C_GetObjectSize", sizes },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "copies", cases);
}
