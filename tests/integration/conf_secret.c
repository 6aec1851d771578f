/* SPDX-License-Identifier: BSD-2-Clause */
/* Generic secret keys: created and generated, their defaults, who reads their value; refused types. */
#include "p11_conf.h"

#include <string.h>

#define VALUE "value of a secret key"
#define VALUE_LEN (sizeof(VALUE) - 1)

static CK_MECHANISM generate = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };

static CK_OBJECT_HANDLE secret_with(CK_SESSION_HANDLE session, const CK_ATTRIBUTE *more, CK_ULONG count)
{
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	RV_MUST(p11_secret_rv(session, VALUE, VALUE_LEN, more, count, &key), CKR_OK);
	return key;
}

static CK_OBJECT_HANDLE generate_with(CK_SESSION_HANDLE session, CK_ATTRIBUTE *t, CK_ULONG count)
{
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	RV_MUST(p11->C_GenerateKey(session, &generate, t, count, &key), CKR_OK);
	CHECK(key != CK_INVALID_HANDLE);
	return key;
}

static void check_defaults(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	static const struct p11_bool flags[] = {
		{ CKA_TOKEN, CK_FALSE },
		{ CKA_PRIVATE, CK_TRUE },
		{ CKA_MODIFIABLE, CK_TRUE },
		{ CKA_COPYABLE, CK_TRUE },
		{ CKA_DESTROYABLE, CK_TRUE },
		{ CKA_DERIVE, CK_FALSE },
		{ CKA_SENSITIVE, CK_FALSE },
		{ CKA_EXTRACTABLE, CK_TRUE },
		{ CKA_WRAP_WITH_TRUSTED, CK_FALSE },
		{ CKA_SIGN, CK_TRUE },
		{ CKA_VERIFY, CK_TRUE },
		{ CKA_TRUSTED, CK_FALSE },
	};
	static const CK_ATTRIBUTE_TYPE empty[] = { CKA_LABEL, CKA_ID, CKA_START_DATE, CKA_END_DATE };
	size_t i;

	CHECK_BOOLS(session, key, flags);
	for (i = 0; i < COUNT_OF(empty); i++)
		p11_check_bytes(session, key, empty[i], "", 0);
	ULONG_EQUAL(p11_get_ulong(session, key, CKA_CLASS), CKO_SECRET_KEY);
	ULONG_EQUAL(p11_get_ulong(session, key, CKA_KEY_TYPE), CKK_GENERIC_SECRET);
}

static void created(void)
{
	static const struct p11_bool history[] = {
		{ CKA_LOCAL, CK_FALSE },
		{ CKA_ALWAYS_SENSITIVE, CK_FALSE },
		{ CKA_NEVER_EXTRACTABLE, CK_FALSE },
	};
	CK_ATTRIBUTE closed[] = { A_BOOL(CKA_SENSITIVE, true), A_BOOL(CKA_EXTRACTABLE, false) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = secret_with(session, NO_TEMPLATE);

	check_defaults(session, key);
	p11_check_text(session, key, CKA_VALUE, VALUE);
	ULONG_EQUAL(p11_get_ulong(session, key, CKA_VALUE_LEN), VALUE_LEN);
	CHECK_BOOLS(session, key, history);
	ULONG_EQUAL(p11_get_ulong(session, key, CKA_KEY_GEN_MECHANISM), CK_UNAVAILABLE_INFORMATION);
	CHECK_BOOLS(session, secret_with(session, TEMPLATE(closed)), history);
}

static void generated(void)
{
	static const struct p11_bool open_history[] = {
		{ CKA_LOCAL, CK_TRUE },
		{ CKA_ALWAYS_SENSITIVE, CK_FALSE },
		{ CKA_NEVER_EXTRACTABLE, CK_FALSE },
	};
	static const struct p11_bool closed_history[] = {
		{ CKA_LOCAL, CK_TRUE },
		{ CKA_ALWAYS_SENSITIVE, CK_TRUE },
		{ CKA_NEVER_EXTRACTABLE, CK_TRUE },
	};
	CK_ATTRIBUTE open[] = { A_ULONG(CKA_VALUE_LEN, 32) };
	CK_ATTRIBUTE closed[] = { A_ULONG(CKA_VALUE_LEN, 32), A_BOOL(CKA_SENSITIVE, true),
		A_BOOL(CKA_EXTRACTABLE, false), A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = generate_with(session, TEMPLATE(open));
	unsigned char values[2][64];

	check_defaults(session, key);
	CHECK_BOOLS(session, key, open_history);
	ULONG_EQUAL(p11_get_ulong(session, key, CKA_VALUE_LEN), 32);
	ULONG_EQUAL(p11_get_ulong(session, key, CKA_KEY_GEN_MECHANISM), CKM_GENERIC_SECRET_KEY_GEN);
	ULONG_EQUAL(p11_get_bytes(session, key, CKA_VALUE, values[0], 64), 32);
	key = generate_with(session, TEMPLATE(open));
	ULONG_EQUAL(p11_get_bytes(session, key, CKA_VALUE, values[1], 64), 32);
	CHECK(memcmp(values[0], values[1], 32) != 0);

	key = generate_with(session, TEMPLATE(closed));
	CHECK_BOOLS(session, key, closed_history);
	ULONG_EQUAL(p11_get_ulong(session, key, CKA_VALUE_LEN), 32);
	RV_EQUAL(p11_get_rv(session, key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
}

static void value_is_hidden(void)
{
	CK_ATTRIBUTE sensitive[] = { A_TEXT(CKA_LABEL, "hidden value"), A_BOOL(CKA_SENSITIVE, true) };
	CK_ATTRIBUTE unextractable[] = { A_TEXT(CKA_LABEL, "hidden value"), A_BOOL(CKA_EXTRACTABLE, false) };
	CK_ATTRIBUTE later[] = { A_TEXT(CKA_LABEL, "hidden value") };
	CK_ATTRIBUTE sought[] = { A_TEXT(CKA_LABEL, "hidden value"), A_TEXT(CKA_VALUE, VALUE) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE keys[3], found[8];
	unsigned char room[64];
	size_t i;

	keys[2] = secret_with(session, TEMPLATE(later));
	ULONG_EQUAL(p11_search(session, TEMPLATE(sought), found, 8), 1);
	RV_EQUAL(p11_set_bool(session, keys[2], CKA_SENSITIVE, true), CKR_OK);
	keys[0] = secret_with(session, TEMPLATE(sensitive));
	keys[1] = secret_with(session, TEMPLATE(unextractable));
	for (i = 0; i < 3; i++) {
		CK_ATTRIBUTE get[] = { A_ROOM(CKA_VALUE, room), A_BYTES(CKA_VALUE_LEN, NULL, 0) };

		tap_about("key %zu", i);
		RV_EQUAL(p11->C_GetAttributeValue(session, keys[i], TEMPLATE(get)), CKR_ATTRIBUTE_SENSITIVE);
		ULONG_EQUAL(get[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
		ULONG_EQUAL(get[1].ulValueLen, sizeof(CK_ULONG));
		ULONG_EQUAL(p11_get_ulong(session, keys[i], CKA_VALUE_LEN), VALUE_LEN);
	}
	ULONG_EQUAL(p11_search(session, TEMPLATE(sought), found, 8), 0);
	ULONG_EQUAL(p11_search(session, sought, 1, found, 8), 3);
}

static int read_elsewhere(void *argument)
{
	CK_SESSION_HANDLE session;

	p11_start();
	session = p11_open();
	ULONG_EQUAL(p11_count(session, CKO_SECRET_KEY, argument), 0);
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	p11_check_text(session, p11_find(session, CKO_SECRET_KEY, argument), CKA_VALUE, VALUE);
	return 0;
}

static void on_the_token(void)
{
	char label[] = "secret on the token";
	CK_ATTRIBUTE more[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "secret on the token") };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = secret_with(session, TEMPLATE(more));

	ULONG_EQUAL(p11_in_child(read_elsewhere, label), 0);
	TAP_CHECK(!p11_files_contain(p11_directory(), VALUE, VALUE_LEN), "the value lies in a file in clear");
	RV_EQUAL(p11->C_SetAttributeValue(session, key, &(CK_ATTRIBUTE)A_TEXT(CKA_VALUE, "new"), 1),
		CKR_ATTRIBUTE_READ_ONLY);
	RV_EQUAL(p11->C_DestroyObject(session, key), CKR_OK);
}

static void without_login(void)
{
	CK_ATTRIBUTE open[] = { A_BOOL(CKA_PRIVATE, false) };
	CK_ATTRIBUTE length[] = { A_ULONG(CKA_VALUE_LEN, 16), A_BOOL(CKA_PRIVATE, false) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key;

	RV_MUST(p11->C_CloseSession(session), CKR_OK);
	session = p11_open_ro();
	RV_EQUAL(p11_secret_rv(session, "s", 1, NO_TEMPLATE, &key), CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(p11->C_GenerateKey(session, &generate, length, 1, &key), CKR_USER_NOT_LOGGED_IN);
	secret_with(session, TEMPLATE(open));
	generate_with(session, TEMPLATE(length));
}

/* Refusals */

static CK_ATTRIBUTE no_length[] = { A_TEXT(CKA_LABEL, "refused") };
static CK_ATTRIBUTE zero_length[] = { A_TEXT(CKA_LABEL, "refused"), A_ULONG(CKA_VALUE_LEN, 0) };
static CK_ATTRIBUTE endless[] = { A_TEXT(CKA_LABEL, "refused"), A_ULONG(CKA_VALUE_LEN, (CK_ULONG)-1) };
static CK_ATTRIBUTE short_length[] = { A_TEXT(CKA_LABEL, "refused"), A_TEXT(CKA_VALUE_LEN, "\20") };
static CK_ATTRIBUTE value_given[] = { A_TEXT(CKA_LABEL, "refused"), A_ULONG(CKA_VALUE_LEN, 2),
	A_TEXT(CKA_VALUE, "v") };
static CK_ATTRIBUTE other_class[] = { A_TEXT(CKA_LABEL, "refused"), A_ULONG(CKA_VALUE_LEN, 16),
	A_ULONG(CKA_CLASS, CKO_DATA) };
static CK_ATTRIBUTE other_type[] = { A_TEXT(CKA_LABEL, "refused"), A_ULONG(CKA_VALUE_LEN, 16),
	A_ULONG(CKA_KEY_TYPE, CKK_AES) };
static CK_ATTRIBUTE unknown[] = { A_TEXT(CKA_LABEL, "refused"), A_ULONG(CKA_VALUE_LEN, 16),
	A_ULONG(0x0badf00d, 1) };
static CK_ATTRIBUTE local[] = { A_TEXT(CKA_LABEL, "refused"), A_ULONG(CKA_VALUE_LEN, 16),
	A_BOOL(CKA_LOCAL, true) };

static const struct p11_refusal generations[] = {
	P11_REFUSAL(no_length, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCOMPLETE),
	P11_REFUSAL(zero_length, CKR_KEY_SIZE_RANGE, CKR_ATTRIBUTE_VALUE_INVALID),
	P11_REFUSAL(endless, CKR_KEY_SIZE_RANGE, CKR_ATTRIBUTE_VALUE_INVALID),
	P11_REFUSAL(short_length, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID),
	P11_REFUSAL(value_given, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(other_class, CKR_TEMPLATE_INCONSISTENT, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(other_type, CKR_TEMPLATE_INCONSISTENT, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(unknown, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_TYPE_INVALID),
	P11_REFUSAL(local, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT),
};

static void generation_refused(void)
{
	CK_MECHANISM parameter = { CKM_GENERIC_SECRET_KEY_GEN, &(CK_ULONG){ 1 }, sizeof(CK_ULONG) };
	CK_MECHANISM pair = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 }, aes = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE good[] = { A_ULONG(CKA_VALUE_LEN, 16), A_TEXT(CKA_LABEL, "refused") };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key;
	size_t i;

	for (i = 0; i < COUNT_OF(generations); i++) {
		tap_about("template %s", generations[i].name);
		RV_ONE_OF(p11->C_GenerateKey(
				  session, &generate, generations[i].template, generations[i].count, &key),
			generations[i].one, generations[i].other);
	}
	tap_about("arguments");
	RV_EQUAL(p11->C_GenerateKey(session, NULL, TEMPLATE(good), &key), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_GenerateKey(session, &generate, NULL, 1, &key), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_GenerateKey(session, &generate, TEMPLATE(good), NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_GenerateKey(session, &parameter, TEMPLATE(good), &key), CKR_MECHANISM_PARAM_INVALID);
	RV_EQUAL(p11->C_GenerateKey(session, &pair, TEMPLATE(good), &key), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_GenerateKey(session, &aes, TEMPLATE(good), &key), CKR_MECHANISM_INVALID);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "refused"), 0);
}

static CK_RV generate_bytes(CK_SESSION_HANDLE session, CK_ULONG length)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_VALUE_LEN, length) };
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_RV rv = p11->C_GenerateKey(session, &generate, TEMPLATE(t), &key);

	if (rv == CKR_OK)
		ULONG_EQUAL(p11_get_ulong(session, key, CKA_VALUE_LEN), length);
	return rv;
}

/* The sizes of the mechanism are in bits (current mechanisms, 2.8). */
static void generation_sizes(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_MECHANISM_INFO info;

	RV_MUST(p11->C_GetMechanismInfo(p11_slot, CKM_GENERIC_SECRET_KEY_GEN, &info), CKR_OK);
	MUST(info.ulMaxKeySize >= 512);
	RV_EQUAL(generate_bytes(session, (info.ulMinKeySize + 7) / 8), CKR_OK);
	RV_EQUAL(generate_bytes(session, info.ulMaxKeySize / 8), CKR_OK);
	RV_EQUAL(generate_bytes(session, info.ulMaxKeySize / 8 + 1), CKR_KEY_SIZE_RANGE);
}

#define BAD A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "refused")
#define BAD_SECRET BAD, A_ULONG(CKA_CLASS, CKO_SECRET_KEY)
#define GENERIC A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET)

static CK_ATTRIBUTE no_value[] = { BAD_SECRET, GENERIC };
static CK_ATTRIBUTE no_type[] = { BAD_SECRET, A_TEXT(CKA_VALUE, "0123456789abcdef") };
static CK_ATTRIBUTE length_given[] = { BAD_SECRET, GENERIC, A_TEXT(CKA_VALUE, "v"),
	A_ULONG(CKA_VALUE_LEN, 9) };
static CK_ATTRIBUTE aes[] = { BAD_SECRET, A_ULONG(CKA_KEY_TYPE, CKK_AES),
	A_TEXT(CKA_VALUE, "0123456789abcdef") };
static CK_ATTRIBUTE des3[] = { BAD_SECRET, A_ULONG(CKA_KEY_TYPE, CKK_DES3),
	A_TEXT(CKA_VALUE, "0123456789abcdef01234567") };
static CK_ATTRIBUTE modulus[] = { BAD_SECRET, GENERIC, A_TEXT(CKA_VALUE, "v"), A_TEXT(CKA_MODULUS, "m") };
static CK_ATTRIBUTE sensitive_once[] = { BAD_SECRET, GENERIC, A_TEXT(CKA_VALUE, "v"),
	A_BOOL(CKA_ALWAYS_SENSITIVE, true) };
static CK_ATTRIBUTE authenticate[] = { BAD_SECRET, GENERIC, A_TEXT(CKA_VALUE, "v"),
	A_BOOL(CKA_ALWAYS_AUTHENTICATE, false) };
static CK_ATTRIBUTE domain[] = { BAD, A_ULONG(CKA_CLASS, CKO_DOMAIN_PARAMETERS),
	A_ULONG(CKA_KEY_TYPE, CKK_DSA), A_TEXT(CKA_PRIME, "p"), A_TEXT(CKA_SUBPRIME, "q"),
	A_TEXT(CKA_BASE, "g") };
static CK_ATTRIBUTE ec_public[] = { BAD, A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), A_ULONG(CKA_KEY_TYPE, CKK_EC),
	A_TEXT(CKA_EC_PARAMS, "\6\1\1"), A_TEXT(CKA_EC_POINT, "\4\1\4") };
static CK_ATTRIBUTE ec_private[] = { BAD, A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, CKK_EC),
	A_TEXT(CKA_EC_PARAMS, "\6\1\1"), A_TEXT(CKA_VALUE, "1") };
static CK_ATTRIBUTE attribute_certificate[] = { BAD, A_ULONG(CKA_CLASS, CKO_CERTIFICATE),
	A_ULONG(CKA_CERTIFICATE_TYPE, CKC_X_509_ATTR_CERT), A_TEXT(CKA_OWNER, "o"), A_TEXT(CKA_VALUE, "v") };

static const struct p11_refusal creations[] = {
	P11_REFUSAL(no_value, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCOMPLETE),
	P11_REFUSAL(no_type, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCOMPLETE),
	P11_REFUSAL(length_given, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(aes, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(des3, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(modulus, CKR_ATTRIBUTE_TYPE_INVALID, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(sensitive_once, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(authenticate, CKR_ATTRIBUTE_TYPE_INVALID, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(domain, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(ec_public, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(ec_private, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT),
	P11_REFUSAL(attribute_certificate, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT),
};

static void creation_refused(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	char before[65], after[65];
	CK_OBJECT_HANDLE object;
	size_t i;

	p11_fingerprint(p11_store(), before);
	for (i = 0; i < COUNT_OF(creations); i++) {
		tap_about("template %s", creations[i].name);
		RV_ONE_OF(p11->C_CreateObject(session, creations[i].template, creations[i].count, &object),
			creations[i].one, creations[i].other);
		ULONG_EQUAL(p11_count(session, ANY_CLASS, "refused"), 0);
		CHECK(strcmp(before, p11_fingerprint(p11_store(), after)) == 0);
	}
}

static const struct tap_case cases[] = {
	{ "a created secret key and its defaults", created },
	{ "a generated secret key and its defaults", generated },
	{ "the value of SENSITIVE or not EXTRACTABLE keys is hidden", value_is_hidden },
	{ "a secret key on the token", on_the_token },
	{ "secret keys without login", without_login },
	{ "C_GenerateKey refused", generation_refused },
	{ "C_GenerateKey keeps to the sizes of the mechanism", generation_sizes },
	{ "classes and key types that are not held", creation_refused },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "secret keys", cases);
}
