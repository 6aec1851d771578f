/* SPDX-License-Identifier: BSD-2-Clause */
/* RSA private keys from outside: they sign the very bytes that libcrypto signs with them. */
#define _GNU_SOURCE
#include "p11.h"

#include <string.h>

static const unsigned int sizes[] = { 512, 1024, 2048 };

static CK_OBJECT_HANDLE import_private(CK_SESSION_HANDLE session, unsigned int bits,
				       const char *label, bool token, bool is_private)
{
	CK_ATTRIBUTE more[] = {
		A_BOOL(CKA_TOKEN, token),
		A_BOOL(CKA_PRIVATE, is_private),
		A_BYTES(CKA_LABEL, p11_text(label), strlen(label)),
	};
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	RV_MUST(p11_import(session, p11_soft_key(bits), CKO_PRIVATE_KEY, TEMPLATE(more), &key),
		CKR_OK);
	return key;
}

static void check_signature(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned int bits,
			    CK_MECHANISM_TYPE mechanism, const EVP_MD *md)
{
	unsigned char data[] = "signed twice", ours[P11_MAX_BYTES], theirs[P11_MAX_BYTES];
	size_t theirs_length = p11_soft_sign(p11_soft_key(bits), md, data, sizeof(data), theirs);
	CK_ULONG ours_length = sizeof(ours);

	RV_EQUAL(p11_sign(session, mechanism, key, data, sizeof(data), ours, &ours_length), CKR_OK);
	ULONG_EQUAL(ours_length, theirs_length);
	CHECK(ours_length == theirs_length && memcmp(ours, theirs, ours_length) == 0);
}

static void check_decryption(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned int bits)
{
	unsigned char secret[] = "a secret", encrypted[P11_MAX_BYTES], back[P11_MAX_BYTES];
	size_t length = p11_soft_encrypt(p11_soft_key(bits), secret, sizeof(secret), encrypted);
	CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
	CK_ULONG back_length = sizeof(back);

	RV_EQUAL(p11->C_DecryptInit(session, &rsa, key), CKR_OK);
	RV_EQUAL(p11->C_Decrypt(session, encrypted, length, back, &back_length), CKR_OK);
	CHECK(back_length == sizeof(secret) && memcmp(back, secret, sizeof(secret)) == 0);
}

static void check_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned int bits)
{
	size_t i;

	tap_about("%u bits, RSA_PKCS", bits);
	check_signature(session, key, bits, CKM_RSA_PKCS, NULL);
	for (i = 0; i < P11_DIGESTS; i++) {
		tap_about("%u bits, %s", bits, p11_digests[i].name);
		if (p11_digests[i].info_size + 11 <= bits / 8)
			check_signature(session, key, bits, p11_digests[i].sign,
					p11_digests[i].md());
	}
	tap_about("%u bits, decryption", bits);
	check_decryption(session, key, bits);
	tap_about(NULL);
}

static void check_all_sizes(bool token, bool is_private)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	size_t i;

	for (i = 0; i < 3; i++) {
		CK_OBJECT_HANDLE key =
			import_private(session, sizes[i], "a size", token, is_private);

		ULONG_EQUAL(p11_get_bool(session, key, CKA_TOKEN), token);
		ULONG_EQUAL(p11_get_bool(session, key, CKA_PRIVATE), is_private);
		check_key(session, key, sizes[i]);
		RV_EQUAL(p11->C_DestroyObject(session, key), CKR_OK);
	}
}

static void token_private(void)
{
	check_all_sizes(true, true);
}

static void token_public(void)
{
	check_all_sizes(true, false);
}

static void session_private(void)
{
	check_all_sizes(false, true);
}

static void session_public(void)
{
	check_all_sizes(false, false);
}

/* Neither a login nor a read-write session is needed for a session key that is not private. */
static void without_login(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();

	RV_MUST(p11->C_CloseSession(session), CKR_OK);
	session = p11_open_ro();
	check_key(session, import_private(session, 1024, "no login", false, false), 1024);
}

static int use_private(void *argument)
{
	CK_SESSION_HANDLE session;

	(void)argument;
	p11_start();
	session = p11_open_user();
	check_key(session, p11_find(session, CKO_PRIVATE_KEY, "private elsewhere"), 2048);
	return 0;
}

static int use_public(void *argument)
{
	CK_SESSION_HANDLE session;

	(void)argument;
	p11_start();
	session = p11_open_ro();
	check_key(session, p11_find(session, CKO_PRIVATE_KEY, "public elsewhere"), 2048);
	ULONG_EQUAL(p11_count(session, CKO_PRIVATE_KEY, "private elsewhere"), 0);
	return 0;
}

static void other_processes(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();

	import_private(session, 2048, "private elsewhere", true, true);
	import_private(session, 2048, "public elsewhere", true, false);
	ULONG_EQUAL(p11_in_child(use_private, NULL), 0);
	ULONG_EQUAL(p11_in_child(use_public, NULL), 0);
	p11_stop();
	ULONG_EQUAL(p11_in_child(use_private, NULL), 0);
	ULONG_EQUAL(p11_in_child(use_public, NULL), 0);
}

/* Two processes whose first import comes at the same time must agree on one parent key. */
static int import_one(void *argument)
{
	CK_SESSION_HANDLE session;

	p11_start();
	session = p11_open_user();
	p11_line_up();
	import_private(session, 1024, argument, true, true);
	return 0;
}

static void first_imports_at_once(void)
{
	char labels[2][8] = { "one", "two" };
	CK_SESSION_HANDLE session;
	int status[2], i;

	p11_new_token();
	p11_stop();
	p11_two_at_once(import_one, labels[0], labels[1], status);
	p11_start();
	session = p11_open_user();
	for (i = 0; i < 2; i++) {
		ULONG_EQUAL(status[i], 0);
		check_key(session, p11_find(session, CKO_PRIVATE_KEY, labels[i]), 1024);
	}
}

/* What it says of itself */

static void imported_flags(void)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		CK_BBOOL value;
	} flags[] = {
		{ CKA_LOCAL, CK_FALSE },
		{ CKA_ALWAYS_SENSITIVE, CK_FALSE },
		{ CKA_NEVER_EXTRACTABLE, CK_FALSE },
		{ CKA_SENSITIVE, CK_TRUE },
		{ CKA_ALWAYS_AUTHENTICATE, CK_FALSE },
	};
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = import_private(session, 1024, "flags", false, true);
	EVP_PKEY *back;
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		tap_about("attribute 0x%lx", flags[i].type);
		ULONG_EQUAL(p11_get_bool(session, key, flags[i].type), flags[i].value);
	}
	tap_about(NULL);
	ULONG_EQUAL(p11_get_ulong(session, key, CKA_KEY_GEN_MECHANISM), CK_UNAVAILABLE_INFORMATION);
	ULONG_EQUAL(p11_get_ulong(session, key, CKA_KEY_TYPE), CKK_RSA);
	back = p11_read_public(session, key);
	CHECK(EVP_PKEY_eq(back, p11_soft_key(1024)) == 1);
	EVP_PKEY_free(back);
}

static void imported_private_by_default(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key;

	RV_MUST(p11_import(session, p11_soft_key(512), CKO_PRIVATE_KEY, NO_TEMPLATE, &key), CKR_OK);
	ULONG_EQUAL(p11_get_bool(session, key, CKA_PRIVATE), CK_TRUE);
	ULONG_EQUAL(p11_get_bool(session, key, CKA_TOKEN), CK_FALSE);
}

static void extractable_is_accepted(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE more[] = { A_BOOL(CKA_EXTRACTABLE, true) };
	CK_ATTRIBUTE off = A_BOOL(CKA_EXTRACTABLE, false), on = A_BOOL(CKA_EXTRACTABLE, true);
	CK_OBJECT_HANDLE key;

	RV_MUST(p11_import(session, p11_soft_key(512), CKO_PRIVATE_KEY, TEMPLATE(more), &key),
		CKR_OK);
	ULONG_EQUAL(p11_get_bool(session, key, CKA_EXTRACTABLE), CK_TRUE);
	RV_EQUAL(p11->C_SetAttributeValue(session, key, &off, 1), CKR_OK);
	RV_EQUAL(p11->C_SetAttributeValue(session, key, &on, 1), CKR_ATTRIBUTE_READ_ONLY);
	ULONG_EQUAL(p11_get_bool(session, key, CKA_EXTRACTABLE), CK_FALSE);
	ULONG_EQUAL(p11_get_bool(session, key, CKA_NEVER_EXTRACTABLE), CK_FALSE);
}

/* The numbers are sensitive: not to be read, nor to be guessed by a search. */
static void numbers_are_hidden(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = import_private(session, 1024, "hidden", false, true), found[4];
	unsigned char room[P11_MAX_BYTES];
	struct p11_rsa rsa;
	unsigned int i;

	p11_rsa_numbers(p11_soft_key(1024), &rsa, P11_RSA_PRIVATE);
	for (i = 0; i < P11_RSA_PRIVATE; i++) {
		CK_ATTRIBUTE get = A_ROOM(rsa.attributes[i].type, room);
		CK_ATTRIBUTE sought[] = { A_TEXT(CKA_LABEL, "hidden"), rsa.attributes[i] };
		bool open = i < P11_RSA_PUBLIC;

		tap_about("attribute 0x%lx", get.type);
		RV_EQUAL(p11->C_GetAttributeValue(session, key, &get, 1),
			 open ? CKR_OK : CKR_ATTRIBUTE_SENSITIVE);
		ULONG_EQUAL(get.ulValueLen,
			    open ? rsa.attributes[i].ulValueLen : CK_UNAVAILABLE_INFORMATION);
		ULONG_EQUAL(p11_search(session, TEMPLATE(sought), found, 4), open);
	}
}

/* Refusals */

static void check_refused(EVP_PKEY *key, unsigned int number, size_t byte, unsigned char change)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE t[2 + 2 + P11_RSA_PRIVATE] = {
		A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_RSA),
		A_BOOL(CKA_TOKEN, true),
		A_TEXT(CKA_LABEL, "refused"),
	};
	struct p11_files before, after;
	CK_OBJECT_HANDLE object;
	struct p11_rsa rsa;

	/* The parent of imported keys is there afterwards, whatever becomes of the next one. */
	RV_MUST(p11->C_DestroyObject(session, import_private(session, 512, "good", true, true)),
		CKR_OK);
	p11_rsa_numbers(key, &rsa, P11_RSA_PRIVATE);
	rsa.bytes[number][rsa.attributes[number].ulValueLen - 1 - byte] ^= change;
	memcpy(t + 4, rsa.attributes, sizeof(rsa.attributes));
	p11_list_files(p11_store(), &before);
	CHECK(p11->C_CreateObject(session, TEMPLATE(t), &object) != CKR_OK);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "refused"), 0);
	p11_list_files(p11_store(), &after);
	ULONG_EQUAL(after.count, before.count);
	p11_stop();
	p11_start();
	ULONG_EQUAL(p11_count(p11_open_user(), ANY_CLASS, "refused"), 0);
}

static void inconsistent_prime(void)
{
	check_refused(p11_soft_key(1024), 3, 0, 2);
	check_refused(p11_soft_key(1024), 3, 20, 0xff);
}

static void inconsistent_modulus(void)
{
	check_refused(p11_soft_key(1024), 0, 5, 1);
}

static void unsupported_size(void)
{
	check_refused(p11_soft_key(1536), 0, 0, 0);
	check_refused(p11_soft_key(768), 0, 0, 0);
}

/* Without the CRT values: made usable, or refused as a whole. */
static void without_crt(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE t[4 + 5] = {
		A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_RSA),
		A_BOOL(CKA_TOKEN, true),
		A_TEXT(CKA_LABEL, "without CRT"),
	};
	CK_OBJECT_HANDLE key;
	struct p11_rsa rsa;

	p11_rsa_numbers(p11_soft_key(1024), &rsa, 5);
	memcpy(t + 4, rsa.attributes, 5 * sizeof(*t));
	if (p11->C_CreateObject(session, TEMPLATE(t), &key) == CKR_OK)
		check_key(session, key, 1024);
	else
		ULONG_EQUAL(p11_count(session, ANY_CLASS, "without CRT"), 0);
}

static const struct tap_case cases[] = {
	{ "token keys, private", token_private },
	{ "token keys, CKA_PRIVATE FALSE", token_public },
	{ "session keys, private", session_private },
	{ "session keys, CKA_PRIVATE FALSE", session_public },
	{ "a session key in a read-only session without login", without_login },
	{ "imported keys in other processes", other_processes },
	{ "two processes import their first key at once", first_imports_at_once },
	{ "the flags of an imported key", imported_flags },
	{ "an imported key is private by default", imported_private_by_default },
	{ "EXTRACTABLE TRUE is accepted and one-way", extractable_is_accepted },
	{ "the private numbers are hidden from reading and searching", numbers_are_hidden },
	{ "a prime that does not divide the modulus is refused", inconsistent_prime },
	{ "a modulus that is not the product is refused", inconsistent_modulus },
	{ "a size that the chip does not have is refused", unsupported_size },
	{ "a key without CRT values", without_crt },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "imported keys", cases);
}
