/* SPDX-License-Identifier: BSD-2-Clause */
/* C_GenerateKeyPair: what the two halves say of themselves, and what is refused without a trace. The same
   program is op_keygen_software, where libcrypto makes the keys. */
#define _GNU_SOURCE
#include "p11.h"

#include <stdlib.h>
#include <string.h>

#define ATTR_HOME 0xd4504d01 /* pkcs11_tpm(7) */
#define ATTR_ORIGIN 0xd4504d05

static const CK_ULONG sizes[] = { 512, 1024, 2048 };
static CK_MECHANISM key_gen = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };

static void check_numbers(CK_SESSION_HANDLE session, struct p11_pair pair, CK_ULONG bits)
{
	unsigned char modulus[2][P11_MAX_BYTES], exponent[2][16];
	size_t length;
	EVP_PKEY *key;

	length = p11_get_bytes(session, pair.public, CKA_MODULUS, modulus[0], P11_MAX_BYTES);
	ULONG_EQUAL(length, bits / 8);
	CHECK(modulus[0][0] >= 0x80);
	CHECK(modulus[0][length - 1] % 2 == 1);
	ULONG_EQUAL(p11_get_bytes(session, pair.private, CKA_MODULUS, modulus[1], P11_MAX_BYTES),
		    length);
	CHECK(memcmp(modulus[0], modulus[1], length) == 0);
	length = p11_get_bytes(session, pair.public, CKA_PUBLIC_EXPONENT, exponent[0], 16);
	ULONG_EQUAL(p11_get_bytes(session, pair.private, CKA_PUBLIC_EXPONENT, exponent[1], 16),
		    length);
	CHECK(memcmp(exponent[0], exponent[1], length) == 0);
	CHECK(length >= 3 && memcmp(exponent[0] + length - 3, "\1\0\1", 3) == 0);
	CHECK(length == 3 || (length == 4 && exponent[0][0] == 0));
	key = p11_read_public(session, pair.public);
	ULONG_EQUAL(EVP_PKEY_get_bits(key), bits);
	EVP_PKEY_free(key);
}

static void all_sizes(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair;
	size_t i;

	for (i = 0; i < 3; i++) {
		tap_about("%lu bits", sizes[i]);
		RV_MUST(p11_generate(session, sizes[i], "a size", false, true, &pair), CKR_OK);
		CHECK(pair.public != CK_INVALID_HANDLE && pair.private != CK_INVALID_HANDLE);
		CHECK(pair.public != pair.private);
		check_numbers(session, pair, sizes[i]);
		ULONG_EQUAL(p11_get_ulong(session, pair.public, CKA_MODULUS_BITS), sizes[i]);
		CHECK(p11_signs(session, pair));
	}
}

struct flag {
	CK_ATTRIBUTE_TYPE type;
	CK_BBOOL value;
};

static void check_flags(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const struct flag *flags,
			size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		tap_about("attribute 0x%lx", flags[i].type);
		ULONG_EQUAL(p11_get_bool(session, key, flags[i].type), flags[i].value);
	}
	tap_about(NULL);
}

static void defaults(void)
{
	static const struct flag of_public[] = {
		{ CKA_TOKEN, CK_FALSE },	 { CKA_PRIVATE, CK_FALSE },
		{ CKA_MODIFIABLE, CK_TRUE },	 { CKA_DERIVE, CK_FALSE },
		{ CKA_LOCAL, CK_TRUE },		 { CKA_ENCRYPT, CK_TRUE },
		{ CKA_VERIFY, CK_TRUE },	 { CKA_WRAP, CK_TRUE },
		{ CKA_VERIFY_RECOVER, CK_TRUE },
	};
	static const struct flag of_private[] = {
		{ CKA_TOKEN, CK_FALSE },
		{ CKA_PRIVATE, CK_TRUE },
		{ CKA_MODIFIABLE, CK_TRUE },
		{ CKA_DERIVE, CK_FALSE },
		{ CKA_LOCAL, CK_TRUE },
		{ CKA_DECRYPT, CK_TRUE },
		{ CKA_SIGN, CK_TRUE },
		{ CKA_UNWRAP, CK_TRUE },
		{ CKA_SIGN_RECOVER, CK_TRUE },
		{ CKA_SENSITIVE, CK_TRUE },
		{ CKA_EXTRACTABLE, CK_FALSE },
		{ CKA_ALWAYS_SENSITIVE, CK_TRUE },
		{ CKA_NEVER_EXTRACTABLE, CK_TRUE },
		{ CKA_ALWAYS_AUTHENTICATE, CK_FALSE },
	};
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_MODULUS_BITS, 1024) };
	struct p11_pair pair;

	/* Java gives an empty private template. */
	RV_MUST(p11->C_GenerateKeyPair(session, &key_gen, TEMPLATE(public), NO_TEMPLATE,
				       &pair.public, &pair.private),
		CKR_OK);
	check_flags(session, pair.public, of_public, sizeof(of_public) / sizeof(*of_public));
	check_flags(session, pair.private, of_private, sizeof(of_private) / sizeof(*of_private));
	ULONG_EQUAL(p11_get_ulong(session, pair.public, CKA_CLASS), CKO_PUBLIC_KEY);
	ULONG_EQUAL(p11_get_ulong(session, pair.private, CKA_CLASS), CKO_PRIVATE_KEY);
	ULONG_EQUAL(p11_get_ulong(session, pair.public, CKA_KEY_TYPE), CKK_RSA);
	ULONG_EQUAL(p11_get_ulong(session, pair.private, CKA_KEY_TYPE), CKK_RSA);
	ULONG_EQUAL(p11_get_ulong(session, pair.public, CKA_KEY_GEN_MECHANISM),
		    CKM_RSA_PKCS_KEY_PAIR_GEN);
	ULONG_EQUAL(p11_get_ulong(session, pair.private, CKA_KEY_GEN_MECHANISM),
		    CKM_RSA_PKCS_KEY_PAIR_GEN);
	check_numbers(session, pair, 1024);
	CHECK(p11_signs(session, pair));
}

/* What only an attribute of our own tells: where the key was made, and that it is in the chip all the
   same. */
static void origin(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair;

	RV_MUST(p11_generate(session, 2048, "origin", true, true, &pair), CKR_OK);
	ULONG_EQUAL(p11_get_ulong(session, pair.private, ATTR_ORIGIN),
		    getenv("PKCS11_TPM_KEYGEN") == NULL ? 1 : 2);
	ULONG_EQUAL(p11_get_ulong(session, pair.private, ATTR_HOME), 1);
	RV_EQUAL(p11->C_DestroyObject(session, pair.private), CKR_OK);
	RV_EQUAL(p11->C_DestroyObject(session, pair.public), CKR_OK);
}

static void exponents(void)
{
	CK_ATTRIBUTE forms[] = {
		A_TEXT(CKA_PUBLIC_EXPONENT, "\1\0\1"),
		A_TEXT(CKA_PUBLIC_EXPONENT, "\0\1\0\1"),
	};
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair;
	size_t i;

	for (i = 0; i < 2; i++) {
		CK_ATTRIBUTE public[] = { A_ULONG(CKA_MODULUS_BITS, 512), forms[i] };

		tap_about("an exponent of %lu bytes", forms[i].ulValueLen);
		RV_MUST(p11->C_GenerateKeyPair(session, &key_gen, TEMPLATE(public), NO_TEMPLATE,
					       &pair.public, &pair.private),
			CKR_OK);
		check_numbers(session, pair, 512);
		CHECK(p11_signs(session, pair));
	}
}

/* What NSS and GnuTLS do: a key of the session, without a login, in a read-only session. */
static void without_login(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE public[] = {
		A_ULONG(CKA_MODULUS_BITS, 1024),
		A_TEXT(CKA_PUBLIC_EXPONENT, "\0\1\0\1"),
	};
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_PRIVATE, false), A_BOOL(CKA_TOKEN, false) };
	struct p11_pair pair;

	RV_MUST(p11->C_CloseSession(session), CKR_OK);
	session = p11_open_ro();
	ULONG_EQUAL(p11_state(session), CKS_RO_PUBLIC_SESSION);
	RV_MUST(p11->C_GenerateKeyPair(session, &key_gen, TEMPLATE(public), TEMPLATE(private),
				       &pair.public, &pair.private),
		CKR_OK);
	ULONG_EQUAL(p11_get_bool(session, pair.private, CKA_PRIVATE), CK_FALSE);
	CHECK(p11_signs(session, pair));
}

static int use_elsewhere(void *argument)
{
	CK_SESSION_HANDLE session;

	p11_start();
	session = p11_open_user();
	CHECK(p11_label_signs(session, argument));
	return 0;
}

static int use_elsewhere_public(void *argument)
{
	p11_start();
	CHECK(p11_label_signs(p11_open_ro(), argument));
	return 0;
}

static void token_keys(void)
{
	char label[] = "on the token", open[] = "on the token, public";
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair;

	RV_MUST(p11_generate(session, 2048, label, true, true, &pair), CKR_OK);
	ULONG_EQUAL(p11_get_bool(session, pair.private, CKA_TOKEN), CK_TRUE);
	RV_MUST(p11_generate(session, 1024, open, true, false, &pair), CKR_OK);
	ULONG_EQUAL(p11_in_child(use_elsewhere, label), 0);
	p11_stop();
	ULONG_EQUAL(p11_in_child(use_elsewhere, label), 0);
	ULONG_EQUAL(p11_in_child(use_elsewhere_public, open), 0);
}

static void sensitive_parts(void)
{
	static const CK_ATTRIBUTE_TYPE parts[] = {
		CKA_PRIVATE_EXPONENT, CKA_PRIME_1,    CKA_PRIME_2,
		CKA_EXPONENT_1,	      CKA_EXPONENT_2, CKA_COEFFICIENT,
	};
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = p11_shared_pair(session, 1024).private;
	unsigned char room[P11_MAX_BYTES], modulus[P11_MAX_BYTES];
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		CK_ATTRIBUTE t[] = { A_ROOM(parts[i], room), A_ROOM(CKA_MODULUS, modulus) };

		tap_about("attribute 0x%lx", parts[i]);
		RV_EQUAL(p11->C_GetAttributeValue(session, key, TEMPLATE(t)),
			 CKR_ATTRIBUTE_SENSITIVE);
		ULONG_EQUAL(t[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
		ULONG_EQUAL(t[1].ulValueLen, 128);
		t[0].pValue = NULL;
		RV_EQUAL(p11->C_GetAttributeValue(session, key, t, 1), CKR_ATTRIBUTE_SENSITIVE);
		ULONG_EQUAL(t[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	}
}

static void one_way(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = p11_shared_pair(session, 1024).private;
	CK_ATTRIBUTE sensitive = A_BOOL(CKA_SENSITIVE, false),
		     extractable = A_BOOL(CKA_EXTRACTABLE, true);
	CK_ATTRIBUTE local = A_BOOL(CKA_LOCAL, false), modulus = A_TEXT(CKA_MODULUS, "m");

	RV_EQUAL(p11->C_SetAttributeValue(session, key, &sensitive, 1), CKR_ATTRIBUTE_READ_ONLY);
	RV_EQUAL(p11->C_SetAttributeValue(session, key, &extractable, 1), CKR_ATTRIBUTE_READ_ONLY);
	RV_EQUAL(p11->C_SetAttributeValue(session, key, &local, 1), CKR_ATTRIBUTE_READ_ONLY);
	RV_EQUAL(p11->C_SetAttributeValue(session, key, &modulus, 1), CKR_ATTRIBUTE_READ_ONLY);
	ULONG_EQUAL(p11_get_bool(session, key, CKA_SENSITIVE), CK_TRUE);
	ULONG_EQUAL(p11_get_bool(session, key, CKA_EXTRACTABLE), CK_FALSE);
}

/* gencert names both halves after they were made. */
static void named_later(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE t[] = { A_TEXT(CKA_LABEL, "named later"), A_TEXT(CKA_ID, "id\0id") };
	struct p11_pair pair;
	unsigned char id[16];

	RV_MUST(p11_generate(session, 512, "", true, true, &pair), CKR_OK);
	RV_EQUAL(p11->C_SetAttributeValue(session, pair.public, TEMPLATE(t)), CKR_OK);
	RV_EQUAL(p11->C_SetAttributeValue(session, pair.private, TEMPLATE(t)), CKR_OK);
	p11_stop();
	p11_start();
	session = p11_open_user();
	pair.private = p11_find(session, CKO_PRIVATE_KEY, "named later");
	ULONG_EQUAL(p11_get_bytes(session, pair.private, CKA_ID, id, sizeof(id)), 5);
	CHECK(memcmp(id, "id\0id", 5) == 0);
	CHECK(p11_label_signs(session, "named later"));
}

static void check_usage(CK_ATTRIBUTE_TYPE forbidden)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE public[] = {
		A_ULONG(CKA_MODULUS_BITS, 512),
		A_BOOL(CKA_VERIFY, forbidden != CKA_VERIFY),
		A_BOOL(CKA_ENCRYPT, forbidden != CKA_ENCRYPT),
	};
	CK_ATTRIBUTE private[] = {
		A_BOOL(CKA_SIGN, forbidden != CKA_SIGN),
		A_BOOL(CKA_DECRYPT, forbidden != CKA_DECRYPT),
	};
	CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
	const CK_RV no = CKR_KEY_FUNCTION_NOT_PERMITTED;
	struct p11_pair pair;

	tap_about("attribute 0x%lx FALSE", forbidden);
	RV_MUST(p11->C_GenerateKeyPair(session, &key_gen, TEMPLATE(public), TEMPLATE(private),
				       &pair.public, &pair.private),
		CKR_OK);
	RV_EQUAL(p11->C_SignInit(session, &rsa, pair.private), forbidden == CKA_SIGN ? no : CKR_OK);
	RV_EQUAL(p11->C_DecryptInit(session, &rsa, pair.private),
		 forbidden == CKA_DECRYPT ? no : CKR_OK);
	RV_EQUAL(p11->C_VerifyInit(session, &rsa, pair.public),
		 forbidden == CKA_VERIFY ? no : CKR_OK);
	RV_EQUAL(p11->C_EncryptInit(session, &rsa, pair.public),
		 forbidden == CKA_ENCRYPT ? no : CKR_OK);
}

static void usage_flags(void)
{
	check_usage(CKA_SIGN);
	check_usage(CKA_DECRYPT);
	check_usage(CKA_VERIFY);
	check_usage(CKA_ENCRYPT);
}

/* A key that may only sign does sign, and one that may only decrypt does decrypt. */
static void single_purpose(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_MODULUS_BITS, 1024) };
	CK_ATTRIBUTE sign[] = { A_BOOL(CKA_SIGN, true), A_BOOL(CKA_DECRYPT, false),
				A_BOOL(CKA_UNWRAP, false) };
	CK_ATTRIBUTE decrypt[] = { A_BOOL(CKA_SIGN, false), A_BOOL(CKA_DECRYPT, true) };
	unsigned char secret[] = "secret", encrypted[P11_MAX_BYTES], back[P11_MAX_BYTES];
	CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
	CK_ULONG length = sizeof(back);
	struct p11_pair pair;
	EVP_PKEY *key;
	size_t encrypted_length;

	RV_MUST(p11->C_GenerateKeyPair(session, &key_gen, TEMPLATE(public), TEMPLATE(sign),
				       &pair.public, &pair.private),
		CKR_OK);
	CHECK(p11_signs(session, pair));
	RV_MUST(p11->C_GenerateKeyPair(session, &key_gen, TEMPLATE(public), TEMPLATE(decrypt),
				       &pair.public, &pair.private),
		CKR_OK);
	key = p11_read_public(session, pair.public);
	encrypted_length = p11_soft_encrypt(key, secret, sizeof(secret), encrypted);
	EVP_PKEY_free(key);
	RV_MUST(p11->C_DecryptInit(session, &rsa, pair.private), CKR_OK);
	RV_EQUAL(p11->C_Decrypt(session, encrypted, encrypted_length, back, &length), CKR_OK);
	CHECK(length == sizeof(secret) && memcmp(back, secret, length) == 0);
}

#define BITS(n) A_ULONG(CKA_MODULUS_BITS, n), A_TEXT(CKA_LABEL, "refused"), A_BOOL(CKA_TOKEN, true)
#define GOOD_PRIVATE A_TEXT(CKA_LABEL, "refused"), A_BOOL(CKA_TOKEN, true)

static CK_ATTRIBUTE good_public[] = { BITS(512) };
static CK_ATTRIBUTE good_private[] = { GOOD_PRIVATE };
static CK_ATTRIBUTE no_bits[] = { A_TEXT(CKA_LABEL, "refused") };
static CK_ATTRIBUTE bits_0[] = { BITS(0) };
static CK_ATTRIBUTE bits_768[] = { BITS(768) };
static CK_ATTRIBUTE bits_1023[] = { BITS(1023) };
static CK_ATTRIBUTE bits_1536[] = { BITS(1536) };
static CK_ATTRIBUTE bits_4096[] = { BITS(4096) };
static CK_ATTRIBUTE short_bits[] = { A_TEXT(CKA_MODULUS_BITS, "\0\2"),
				     A_TEXT(CKA_LABEL, "refused") };
static CK_ATTRIBUTE public_class[] = { BITS(512), A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY) };
static CK_ATTRIBUTE public_type[] = { BITS(512), A_ULONG(CKA_KEY_TYPE, CKK_DSA) };
static CK_ATTRIBUTE public_unknown[] = { BITS(512), A_ULONG(0x0badf00d, 1) };
static CK_ATTRIBUTE private_class[] = { GOOD_PRIVATE, A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY) };
static CK_ATTRIBUTE private_type[] = { GOOD_PRIVATE, A_ULONG(CKA_KEY_TYPE, CKK_EC) };
static CK_ATTRIBUTE private_unknown[] = { GOOD_PRIVATE, A_ULONG(0x0badf00d, 1) };
static CK_ATTRIBUTE private_label[] = { GOOD_PRIVATE, A_TEXT(CKA_LABEL, "another") };
static CK_ATTRIBUTE private_bool[] = { GOOD_PRIVATE, A_TEXT(CKA_SIGN, "\1\1") };
static CK_ATTRIBUTE not_sensitive[] = { GOOD_PRIVATE, A_BOOL(CKA_SENSITIVE, false) };

#define ROW(public, private, rv) { #public " and " #private, TEMPLATE(public), TEMPLATE(private), rv }

static const struct {
	const char *name;
	CK_ATTRIBUTE *public;
	CK_ULONG public_count;
	CK_ATTRIBUTE *private;
	CK_ULONG private_count;
	CK_RV rv;
} refusals[] = {
	ROW(no_bits, good_private, CKR_TEMPLATE_INCOMPLETE),
	ROW(bits_0, good_private, CKR_KEY_SIZE_RANGE),
	ROW(bits_768, good_private, CKR_KEY_SIZE_RANGE),
	ROW(bits_1023, good_private, CKR_KEY_SIZE_RANGE),
	ROW(bits_1536, good_private, CKR_KEY_SIZE_RANGE),
	ROW(bits_4096, good_private, CKR_KEY_SIZE_RANGE),
	ROW(short_bits, good_private, CKR_ATTRIBUTE_VALUE_INVALID),
	ROW(public_class, good_private, CKR_TEMPLATE_INCONSISTENT),
	ROW(public_type, good_private, CKR_TEMPLATE_INCONSISTENT),
	ROW(public_unknown, good_private, CKR_ATTRIBUTE_TYPE_INVALID),
	ROW(good_public, private_class, CKR_TEMPLATE_INCONSISTENT),
	ROW(good_public, private_type, CKR_TEMPLATE_INCONSISTENT),
	ROW(good_public, private_unknown, CKR_ATTRIBUTE_TYPE_INVALID),
	ROW(good_public, private_label, CKR_TEMPLATE_INCONSISTENT),
	ROW(good_public, private_bool, CKR_ATTRIBUTE_VALUE_INVALID),
	ROW(good_public, not_sensitive, CKR_TEMPLATE_INCONSISTENT),
};

static void refused(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ULONG objects = p11_count(session, ANY_CLASS, NULL);
	char before[65], after[65];
	struct p11_pair pair;
	size_t i;

	p11_fingerprint(p11_store(), before);
	for (i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		tap_about("templates %s", refusals[i].name);
		RV_EQUAL(p11->C_GenerateKeyPair(session, &key_gen, refusals[i].public,
						refusals[i].public_count, refusals[i].private,
						refusals[i].private_count, &pair.public,
						&pair.private),
			 refusals[i].rv);
		ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), objects);
		CHECK(strcmp(before, p11_fingerprint(p11_store(), after)) == 0);
	}
}

static void bad_arguments(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_MECHANISM sign = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_OBJECT_HANDLE public, private;

	RV_EQUAL(p11->C_GenerateKeyPair(session, NULL, TEMPLATE(good_public), TEMPLATE(good_private),
					&public, &private),
		 CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_GenerateKeyPair(session, &key_gen, NULL, 1, TEMPLATE(good_private), &public,
					&private),
		 CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_GenerateKeyPair(session, &key_gen, TEMPLATE(good_public), NULL, 1, &public,
					&private),
		 CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_GenerateKeyPair(session, &key_gen, TEMPLATE(good_public), TEMPLATE(good_private),
					NULL, &private),
		 CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_GenerateKeyPair(session, &key_gen, TEMPLATE(good_public), TEMPLATE(good_private),
					&public, NULL),
		 CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_GenerateKeyPair(session, &sign, TEMPLATE(good_public), TEMPLATE(good_private),
					&public, &private),
		 CKR_MECHANISM_INVALID);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "refused"), 0);
}

static const struct tap_case cases[] = {
	{ "512, 1024 and 2048 bits", all_sizes },
	{ "defaults, and an empty private template", defaults },
	{ "where the key was made", origin },
	{ "the exponent 65537 with and without a leading zero", exponents },
	{ "a session pair in a read-only session without login", without_login },
	{ "token pairs sign in other processes", token_keys },
	{ "private components are sensitive", sensitive_parts },
	{ "SENSITIVE and EXTRACTABLE are one-way, the numbers fixed", one_way },
	{ "label and id set on both halves", named_later },
	{ "usage flags are respected", usage_flags },
	{ "keys that may only sign or only decrypt", single_purpose },
	{ "refused templates leave no half of a pair", refused },
	{ "bad arguments", bad_arguments },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	if (strstr(argv[0], "software") != NULL)
		setenv("PKCS11_TPM_KEYGEN", "software", 1);
	return p11_main(argc, argv, "key generation", cases);
}
