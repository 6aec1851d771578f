/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of several faults is told, and rules of the calls that go beyond one function. */
#include "p11_conf.h"

#include <string.h>

static CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
static CK_MECHANISM sha256 = { CKM_SHA256_RSA_PKCS, NULL, 0 };

/* Every function that is given nothing but a good session: its arguments come before the login state. */
static void call_without_arguments(CK_SESSION_HANDLE s)
{
	const CK_RV rv = CKR_ARGUMENTS_BAD;

	RV_EQUAL(p11->C_GetSessionInfo(s, NULL), rv);
	RV_EQUAL(p11->C_Login(s, CKU_USER, NULL, 1), rv);
	RV_EQUAL(p11->C_Login(s, CKU_CONTEXT_SPECIFIC, NULL, 1), rv);
	RV_EQUAL(p11->C_InitPIN(s, NULL, 1), rv);
	RV_EQUAL(p11->C_SetPIN(s, NULL, 1, NULL, 1), rv);
	RV_EQUAL(p11->C_CreateObject(s, NULL, 1, NULL), rv);
	RV_EQUAL(p11->C_CopyObject(s, 1, NULL, 1, NULL), rv);
	RV_EQUAL(p11->C_FindObjectsInit(s, NULL, 1), rv);
	RV_EQUAL(p11->C_EncryptInit(s, NULL, 1), rv);
	RV_EQUAL(p11->C_DecryptInit(s, NULL, 1), rv);
	RV_EQUAL(p11->C_DigestInit(s, NULL), rv);
	RV_EQUAL(p11->C_SignInit(s, NULL, 1), rv);
	RV_EQUAL(p11->C_SignRecoverInit(s, NULL, 1), rv);
	RV_EQUAL(p11->C_VerifyInit(s, NULL, 1), rv);
	RV_EQUAL(p11->C_VerifyRecoverInit(s, NULL, 1), rv);
	RV_EQUAL(p11->C_GenerateKey(s, NULL, NULL, 1, NULL), rv);
	RV_EQUAL(p11->C_GenerateKeyPair(s, NULL, NULL, 1, NULL, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_WrapKey(s, NULL, 1, 1, NULL, NULL), rv);
	RV_EQUAL(p11->C_UnwrapKey(s, NULL, 1, NULL, 1, NULL, 1, NULL), rv);
	RV_EQUAL(p11->C_GenerateRandom(s, NULL, 1), rv);
	RV_EQUAL(p11->C_SeedRandom(s, NULL, 1), rv);
}

static void arguments_before_login(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();

	tap_about("user");
	call_without_arguments(session);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	tap_about("nobody");
	call_without_arguments(session);
	tap_about("nobody, read-only");
	call_without_arguments(p11_open_ro());
}

/* A login with the default PIN is an expired one; that is said last. */
static void arguments_before_expiry(void)
{
	CK_MECHANISM generate = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA) };
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE object;

	p11_fresh();
	p11_start();
	RV_MUST(p11_init_token(SO_DEFAULT, "expired"), CKR_OK);
	session = p11_open();
	RV_MUST(p11_login(session, CKU_USER, USER_DEFAULT), CKR_OK);
	RV_EQUAL(p11->C_CreateObject(NO_KEY, TEMPLATE(t), &object), CKR_SESSION_HANDLE_INVALID);
	RV_EQUAL(p11->C_CreateObject(session, NULL, 1, &object), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_CreateObject(session, TEMPLATE(t), NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_SignInit(session, NULL, 1), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_FindObjectsInit(session, NULL, 1), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_PIN_EXPIRED);
	RV_EQUAL(p11->C_FindObjectsInit(session, NO_TEMPLATE), CKR_PIN_EXPIRED);
	RV_EQUAL(p11->C_SignInit(session, &rsa, 1), CKR_PIN_EXPIRED);
	RV_EQUAL(p11->C_SignRecoverInit(session, &rsa, 1), CKR_PIN_EXPIRED);
	RV_EQUAL(p11->C_GenerateKey(session, &generate, NO_TEMPLATE, &object), CKR_PIN_EXPIRED);
}

/* Mixed kinds of faults and of questions in one call; a private key has all of them. */
static void every_entry_is_answered(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = p11_soft_private(session, 1024, NO_TEMPLATE);
	unsigned char room[3][P11_MAX_BYTES], small[2];
	CK_BBOOL sign = 77;
	CK_ATTRIBUTE t[] = {
		A_ROOM(CKA_PRIVATE_EXPONENT, room[0]),
		A_BYTES(CKA_MODULUS, NULL, 0),
		A_ROOM(CKA_MODULUS, small),
		A_BYTES(CKA_PRIME_1, NULL, 0),
		A_ROOM(CKA_VALUE_LEN, room[1]),
		A_BYTES(CKA_SIGN, &sign, sizeof(sign)),
		A_BYTES(CKA_LABEL, NULL, 99),
		A_ROOM(CKA_MODULUS, room[2]),
	};
	static const CK_ULONG lengths[] = { CK_UNAVAILABLE_INFORMATION, 128, CK_UNAVAILABLE_INFORMATION,
		CK_UNAVAILABLE_INFORMATION, CK_UNAVAILABLE_INFORMATION, sizeof(CK_BBOOL), 0, 128 };
	CK_RV rv = p11->C_GetAttributeValue(session, key, TEMPLATE(t));
	size_t i;

	TAP_CHECK(rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID
			|| rv == CKR_BUFFER_TOO_SMALL,
		"the answer is %s", p11_rv_name(rv));
	for (i = 0; i < COUNT_OF(t); i++) {
		tap_about("entry %zu", i);
		ULONG_EQUAL(t[i].ulValueLen, lengths[i]);
	}
	ULONG_EQUAL(sign, CK_TRUE);
}

/* An error in an Update is the operation's end. */
static void errors_of_updates(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char out[P11_MAX_BYTES] = { 0 };
	CK_ULONG length = sizeof(out);

	RV_MUST(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, NULL, 5), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_SignFinal(session, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_MUST(p11->C_VerifyInit(session, &sha256, pair.public), CKR_OK);
	RV_EQUAL(p11->C_VerifyUpdate(session, NULL, 5), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_VerifyFinal(session, out, 128), CKR_OPERATION_NOT_INITIALIZED);
	RV_MUST(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_Sign(session, NULL, 5, out, &length), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_Sign(session, out, 5, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_MUST(p11->C_EncryptInit(session, &rsa, pair.public), CKR_OK);
	RV_EQUAL(p11->C_Encrypt(session, out, 5, out, NULL), CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_Encrypt(session, out, 5, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	/* Nothing at all is data of no length. */
	RV_MUST(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, NULL, 0), CKR_OK);
	RV_EQUAL(p11->C_SignFinal(session, out, &length), CKR_OK);
}

/* Java and NSS put a zero in front of numbers; what is read has none. */
static void numbers_without_zero(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	unsigned char modulus[P11_MAX_BYTES + 1] = { 0 };
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_RSA),
		A_BYTES(CKA_MODULUS, modulus, 129),
		A_TEXT(CKA_PUBLIC_EXPONENT, "\0\1\0\1"),
	};
	CK_OBJECT_HANDLE key;
	struct p11_rsa numbers;

	p11_rsa_numbers(p11_soft_key(1024), &numbers, P11_RSA_PUBLIC);
	MUST(numbers.attributes[0].ulValueLen == 128);
	memcpy(modulus + 1, numbers.bytes[0], 128);
	key = p11_create(session, TEMPLATE(t));
	p11_check_bytes(session, key, CKA_MODULUS, numbers.bytes[0], 128);
	p11_check_bytes(session, key, CKA_PUBLIC_EXPONENT, "\1\0\1", 3);
	ULONG_EQUAL(p11_get_ulong(session, key, CKA_MODULUS_BITS), 1024);
}

static void padded_private_key(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	unsigned char padded[P11_RSA_PRIVATE][P11_MAX_BYTES];
	CK_ATTRIBUTE t[2 + P11_RSA_PRIVATE] = {
		A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_RSA),
	};
	struct p11_pair pair;
	struct p11_rsa numbers;
	size_t i;

	p11_rsa_numbers(p11_soft_key(1024), &numbers, P11_RSA_PRIVATE);
	for (i = 0; i < P11_RSA_PRIVATE; i++) {
		CK_ATTRIBUTE number = numbers.attributes[i];

		padded[i][0] = 0;
		memcpy(padded[i] + 1, number.pValue, number.ulValueLen);
		t[2 + i] = (CK_ATTRIBUTE)A_BYTES(number.type, padded[i], number.ulValueLen + 1);
	}
	pair.private = p11_create(session, TEMPLATE(t));
	pair.public = p11_soft_public(session, 1024, NO_TEMPLATE);
	p11_check_bytes(session, pair.private, CKA_MODULUS, numbers.bytes[0], 128);
	CHECK(p11_signs(session, pair));
}

/* Both halves get what their own template says, and TRUE where it says nothing. */
static void usage_of_halves(void)
{
	static const struct p11_bool of_private[] = { { CKA_SIGN, CK_TRUE }, { CKA_DECRYPT, CK_FALSE },
		{ CKA_UNWRAP, CK_TRUE }, { CKA_SIGN_RECOVER, CK_TRUE } };
	static const struct p11_bool of_public[] = { { CKA_VERIFY, CK_TRUE }, { CKA_ENCRYPT, CK_TRUE },
		{ CKA_WRAP, CK_FALSE }, { CKA_VERIFY_RECOVER, CK_TRUE } };
	CK_MECHANISM m = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_MODULUS_BITS, 512), A_BOOL(CKA_WRAP, false) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_DECRYPT, false) };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair;

	RV_MUST(p11->C_GenerateKeyPair(session, &m, TEMPLATE(public), TEMPLATE(private), &pair.public,
			&pair.private),
		CKR_OK);
	CHECK_BOOLS(session, pair.private, of_private);
	CHECK_BOOLS(session, pair.public, of_public);
	CHECK(p11_signs(session, pair));
}

/* C_InitToken takes no session of anybody's, whoever is logged in. */
static void init_token_with_sessions(void)
{
	CK_SESSION_HANDLE session = p11_new_token();

	RV_EQUAL(p11_init_token(SO_PIN, "again"), CKR_SESSION_EXISTS);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11_init_token(SO_PIN, "again"), CKR_SESSION_EXISTS);
	RV_MUST(p11->C_CloseSession(session), CKR_OK);
	session = p11_open_ro();
	RV_EQUAL(p11_init_token("wrong", "again"), CKR_SESSION_EXISTS);
	RV_MUST(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	RV_EQUAL(p11_init_token(SO_PIN, "again"), CKR_OK);
	RV_EQUAL(p11_init_token(SO_PIN, "and again"), CKR_OK);
	p11_open();
}

static CK_ATTRIBUTE repeated[] = { A_TEXT(CKA_LABEL, "set"), A_TEXT(CKA_LABEL, "set") };
static CK_ATTRIBUTE contradictory[] = { A_TEXT(CKA_ID, "1"), A_TEXT(CKA_LABEL, "set"), A_TEXT(CKA_ID, "2") };
static CK_ATTRIBUTE short_date[] = { A_TEXT(CKA_LABEL, "changed"), A_TEXT(CKA_START_DATE, "202") };
static CK_ATTRIBUTE long_bool[] = { A_TEXT(CKA_LABEL, "changed"), A_TEXT(CKA_SIGN, "\1\1") };
static CK_ATTRIBUTE odd_bool[] = { A_TEXT(CKA_LABEL, "changed"), A_TEXT(CKA_SIGN, "\2") };
static CK_ATTRIBUTE unknown[] = { A_TEXT(CKA_LABEL, "changed"), A_ULONG(0x0badf00d, 1) };
static CK_ATTRIBUTE of_others[] = { A_TEXT(CKA_LABEL, "changed"), A_TEXT(CKA_APPLICATION, "a") };
static CK_ATTRIBUTE no_value[] = { A_TEXT(CKA_LABEL, "changed"), A_BYTES(CKA_ID, NULL, 3) };

static const struct {
	CK_ATTRIBUTE *template;
	CK_ULONG count;
	CK_RV one;
	CK_RV other;
} settings[] = {
	{ TEMPLATE(contradictory), CKR_TEMPLATE_INCONSISTENT, CKR_TEMPLATE_INCONSISTENT },
	{ TEMPLATE(short_date), CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID },
	{ TEMPLATE(long_bool), CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID },
	{ TEMPLATE(odd_bool), CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID },
	{ TEMPLATE(unknown), CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_TYPE_INVALID },
	{ TEMPLATE(of_others), CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_TYPE_INVALID },
	{ TEMPLATE(no_value), CKR_ATTRIBUTE_VALUE_INVALID, CKR_ARGUMENTS_BAD },
};

static void set_templates(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = p11_soft_private(session, 512, NO_TEMPLATE);
	size_t i;

	RV_EQUAL(p11->C_SetAttributeValue(session, key, TEMPLATE(repeated)), CKR_OK);
	p11_check_text(session, key, CKA_LABEL, "set");
	for (i = 0; i < COUNT_OF(settings); i++) {
		tap_about("row %zu", i);
		RV_ONE_OF(p11->C_SetAttributeValue(session, key, settings[i].template, settings[i].count),
			settings[i].one, settings[i].other);
		p11_check_text(session, key, CKA_LABEL, "set");
	}
	tap_about(NULL);
	RV_EQUAL(p11->C_SetAttributeValue(session, key, settings[0].template, 0), CKR_OK);
}

static void a_failed_call_leaves_the_handle(void)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, true) };
	CK_OBJECT_HANDLE object = 77;

	p11_shared_token();
	RV_EQUAL(p11->C_CreateObject(p11_open_ro(), TEMPLATE(t), &object), CKR_SESSION_READ_ONLY);
	ULONG_EQUAL(object, 77);
}

static const struct tap_case cases[] = {
	{ "a failed call leaves the caller's handle", a_failed_call_leaves_the_handle },
	{ "arguments come before the login state", arguments_before_login },
	{ "arguments come before the expired PIN", arguments_before_expiry },
	{ "each entry of C_GetAttributeValue has its own answer", every_entry_is_answered },
	{ "an error of an Update ends the operation", errors_of_updates },
	{ "numbers are read without a leading zero", numbers_without_zero },
	{ "a private key given with leading zeros", padded_private_key },
	{ "usage flags of the two halves", usage_of_halves },
	{ "C_InitToken with open sessions", init_token_with_sessions },
	{ "templates of C_SetAttributeValue", set_templates },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "rules of the calls", cases);
}
