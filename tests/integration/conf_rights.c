/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes that forbid: MODIFIABLE, COPYABLE, DESTROYABLE, ALLOWED_MECHANISMS, TRUSTED, usage flags. */
#include "p11_conf.h"

#include <string.h>

static CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
static CK_MECHANISM sha256 = { CKM_SHA256_RSA_PKCS, NULL, 0 };

#define UNCHANGEABLE                                                                                         \
	A_BOOL(CKA_MODIFIABLE, false), A_BOOL(CKA_COPYABLE, false), A_BOOL(CKA_DESTROYABLE, false)

/* In a session the object goes with it; on the token it would stay for good. */
static void check_prohibited(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	static const struct p11_bool flags[] = {
		{ CKA_MODIFIABLE, CK_FALSE },
		{ CKA_COPYABLE, CK_FALSE },
		{ CKA_DESTROYABLE, CK_FALSE },
	};
	CK_OBJECT_HANDLE copy;

	CHECK_BOOLS(session, object, flags);
	RV_EQUAL(p11_set_label(session, object, "changed"), CKR_ACTION_PROHIBITED);
	RV_EQUAL(p11->C_CopyObject(session, object, NO_TEMPLATE, &copy), CKR_ACTION_PROHIBITED);
	RV_EQUAL(p11->C_DestroyObject(session, object), CKR_ACTION_PROHIBITED);
	p11_check_text(session, object, CKA_LABEL, "prohibited");
}

static void prohibited(void)
{
	unsigned char der[2000];
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE data[] = { UNCHANGEABLE, A_TEXT(CKA_LABEL, "prohibited"), A_ULONG(CKA_CLASS, CKO_DATA) };
	CK_ATTRIBUTE certificate[] = {
		UNCHANGEABLE,
		A_TEXT(CKA_LABEL, "prohibited"),
		A_CERTIFICATE(p11_soft_key(1024), der),
	};
	CK_ATTRIBUTE key[] = { UNCHANGEABLE, A_TEXT(CKA_LABEL, "prohibited") };
	CK_OBJECT_HANDLE secret = CK_INVALID_HANDLE;

	tap_about("data");
	check_prohibited(session, p11_create(session, TEMPLATE(data)));
	tap_about("certificate");
	check_prohibited(session, p11_create(session, TEMPLATE(certificate)));
	tap_about("public key");
	check_prohibited(session, p11_soft_public(session, 512, TEMPLATE(key)));
	tap_about("private key");
	check_prohibited(session, p11_soft_private(session, 512, TEMPLATE(key)));
	tap_about("secret key");
	RV_MUST(p11_secret_rv(session, "s", 1, TEMPLATE(key), &secret), CKR_OK);
	check_prohibited(session, secret);
}

static void prohibited_pair(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_MECHANISM m = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = { UNCHANGEABLE, A_TEXT(CKA_LABEL, "prohibited"),
		A_ULONG(CKA_MODULUS_BITS, 512) };
	CK_ATTRIBUTE private[] = { UNCHANGEABLE, A_TEXT(CKA_LABEL, "prohibited") };
	struct p11_pair pair;

	RV_MUST(p11->C_GenerateKeyPair(session, &m, TEMPLATE(public), TEMPLATE(private), &pair.public,
			&pair.private),
		CKR_OK);
	check_prohibited(session, pair.public);
	check_prohibited(session, pair.private);
	CHECK(p11_signs(session, pair));
}

/* C_InitToken asks no object. */
static void undestroyable_until_init(void)
{
	CK_SESSION_HANDLE session = p11_new_token();
	CK_ATTRIBUTE data[] = { UNCHANGEABLE, A_TEXT(CKA_LABEL, "prohibited"), A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true) };

	check_prohibited(session, p11_create(session, TEMPLATE(data)));
	RV_MUST(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	RV_EQUAL(p11_init_token(SO_PIN, "emptied"), CKR_OK);
	ULONG_EQUAL(p11_count(p11_open(), ANY_CLASS, NULL), 0);
}

static void allowed_mechanisms(void)
{
	CK_MECHANISM_TYPE types[] = { CKM_SHA256_RSA_PKCS, CKM_SHA1_RSA_PKCS };
	CK_ATTRIBUTE allowed[] = { A_ROOM(CKA_ALLOWED_MECHANISMS, types) };
	CK_MECHANISM_TYPE back[4];
	CK_ATTRIBUTE get = A_ROOM(CKA_ALLOWED_MECHANISMS, back);
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE private = p11_soft_private(session, 1024, TEMPLATE(allowed));
	CK_OBJECT_HANDLE public = p11_soft_public(session, 1024, TEMPLATE(allowed));
	CK_MECHANISM sha1 = { CKM_SHA1_RSA_PKCS, NULL, 0 }, sha512 = { CKM_SHA512_RSA_PKCS, NULL, 0 };
	unsigned char text[] = "text", signature[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);

	RV_EQUAL(p11->C_GetAttributeValue(session, private, &get, 1), CKR_OK);
	CHECK(get.ulValueLen == sizeof(types) && memcmp(back, types, sizeof(types)) == 0);
	RV_EQUAL(p11->C_SignInit(session, &rsa, private), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_SignInit(session, &sha512, private), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_DecryptInit(session, &rsa, private), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_SignRecoverInit(session, &rsa, private), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_VerifyInit(session, &rsa, public), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_EncryptInit(session, &rsa, public), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11_sign(session, CKM_SHA256_RSA_PKCS, private, text, 4, signature, &length), CKR_OK);
	RV_EQUAL(p11->C_VerifyInit(session, &sha256, public), CKR_OK);
	RV_EQUAL(p11->C_Verify(session, text, 4, signature, length), CKR_OK);
	RV_EQUAL(p11->C_SignInit(session, &sha1, private), CKR_OK);
}

static void allowed_for_secrets(void)
{
	CK_MECHANISM_TYPE types[] = { CKM_SHA256_HMAC };
	CK_ATTRIBUTE allowed[] = { A_ROOM(CKA_ALLOWED_MECHANISMS, types) };
	CK_ATTRIBUTE of_pair[] = { A_ROOM(CKA_ALLOWED_MECHANISMS, types) };
	CK_ATTRIBUTE odd[] = { A_TEXT(CKA_ALLOWED_MECHANISMS, "odd") };
	CK_MECHANISM sha1 = { CKM_SHA_1_HMAC, NULL, 0 }, hmac = { CKM_SHA256_HMAC, NULL, 0 };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE, wrapping;
	unsigned char wrapped[P11_MAX_BYTES];
	CK_ULONG length = sizeof(wrapped);

	RV_MUST(p11_secret_rv(session, "key", 3, TEMPLATE(allowed), &key), CKR_OK);
	RV_EQUAL(p11->C_SignInit(session, &sha1, key), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_SignInit(session, &hmac, key), CKR_OK);
	wrapping = p11_soft_public(session, 1024, TEMPLATE(of_pair));
	RV_EQUAL(p11->C_WrapKey(session, &rsa, wrapping, p11_secret(session, "key", 3), wrapped, &length),
		CKR_MECHANISM_INVALID);
	RV_EQUAL(p11_secret_rv(session, "key", 3, TEMPLATE(odd), &key), CKR_ATTRIBUTE_VALUE_INVALID);
}

/* Flags that only go one way, on secret keys and on private keys. */
static void check_one_way(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type, bool to)
{
	tap_about("attribute 0x%lx", type);
	ULONG_EQUAL(p11_get_bool(session, key, type), !to);
	RV_EQUAL(p11_set_bool(session, key, type, !to), CKR_OK);
	RV_EQUAL(p11_set_bool(session, key, type, to), CKR_OK);
	RV_EQUAL(p11_set_bool(session, key, type, to), CKR_OK);
	RV_EQUAL(p11_set_bool(session, key, type, !to), CKR_ATTRIBUTE_READ_ONLY);
	ULONG_EQUAL(p11_get_bool(session, key, type), to);
	tap_about(NULL);
}

static void one_way(void)
{
	static const struct p11_bool history[] = {
		{ CKA_ALWAYS_SENSITIVE, CK_FALSE },
		{ CKA_NEVER_EXTRACTABLE, CK_FALSE },
	};
	CK_ATTRIBUTE extractable[] = { A_BOOL(CKA_EXTRACTABLE, true) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE secret = p11_secret(session, "secret", 6);
	CK_OBJECT_HANDLE private = p11_soft_private(session, 512, TEMPLATE(extractable));

	check_one_way(session, secret, CKA_SENSITIVE, true);
	check_one_way(session, secret, CKA_EXTRACTABLE, false);
	check_one_way(session, secret, CKA_WRAP_WITH_TRUSTED, true);
	check_one_way(session, private, CKA_EXTRACTABLE, false);
	check_one_way(session, private, CKA_WRAP_WITH_TRUSTED, true);
	RV_EQUAL(p11_set_bool(session, private, CKA_SENSITIVE, false), CKR_ATTRIBUTE_READ_ONLY);
	CHECK_BOOLS(session, secret, history);
	CHECK_BOOLS(session, private, history);
	RV_EQUAL(p11_set_bool(session, secret, CKA_ALWAYS_SENSITIVE, true), CKR_ATTRIBUTE_READ_ONLY);
	RV_EQUAL(p11_set_bool(session, secret, CKA_NEVER_EXTRACTABLE, true), CKR_ATTRIBUTE_READ_ONLY);
	RV_EQUAL(p11_set_bool(session, secret, CKA_LOCAL, true), CKR_ATTRIBUTE_READ_ONLY);
}

/* CKA_TRUSTED: the SO's to give. */

#define TRUSTED A_BOOL(CKA_TRUSTED, true)

static void trusted_is_the_so_s(void)
{
	unsigned char der[2000];
	CK_ATTRIBUTE certificate[] = {
		A_CERTIFICATE(p11_soft_key(1024), der),
		A_TEXT(CKA_LABEL, "untrusted"),
		TRUSTED,
	};
	CK_ATTRIBUTE key[] = { A_TEXT(CKA_LABEL, "untrusted"), TRUSTED };
	CK_ATTRIBUTE no_key[] = { A_BOOL(CKA_TRUSTED, false) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE object;
	int logged_in;

	for (logged_in = 1; logged_in >= 0; logged_in--) {
		tap_about("logged in: %d", logged_in);
		RV_EQUAL(p11->C_CreateObject(session, TEMPLATE(certificate), &object),
			CKR_ATTRIBUTE_READ_ONLY);
		RV_EQUAL(p11_import(session, p11_soft_key(512), CKO_PUBLIC_KEY, TEMPLATE(key), &object),
			CKR_ATTRIBUTE_READ_ONLY);
		object = p11_soft_public(session, 512, TEMPLATE(no_key));
		RV_EQUAL(p11_set_bool(session, object, CKA_TRUSTED, true), CKR_ATTRIBUTE_READ_ONLY);
		ULONG_EQUAL(p11_get_bool(session, object, CKA_TRUSTED), CK_FALSE);
		object = p11_create(session, certificate, COUNT_OF(certificate) - 2);
		RV_EQUAL(p11_set_bool(session, object, CKA_TRUSTED, true), CKR_ATTRIBUTE_READ_ONLY);
		ULONG_EQUAL(p11_get_bool(session, object, CKA_TRUSTED), CK_FALSE);
		ULONG_EQUAL(p11_count(session, ANY_CLASS, "untrusted"), 0);
		if (logged_in)
			RV_MUST(p11->C_Logout(session), CKR_OK);
	}
}

static CK_SESSION_HANDLE start_so(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();

	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, CKU_SO, SO_PIN), CKR_OK);
	return session;
}

static void so_trusts(void)
{
	unsigned char der[2000];
	CK_ATTRIBUTE certificate[] = {
		A_CERTIFICATE(p11_soft_key(1024), der),
		A_BOOL(CKA_TOKEN, true),
		A_TEXT(CKA_LABEL, "trusted"),
		TRUSTED,
	};
	CK_ATTRIBUTE key[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "trusted"), TRUSTED };
	CK_ATTRIBUTE other_label[] = { A_TEXT(CKA_LABEL, "not what the SO saw") };
	CK_SESSION_HANDLE session = start_so();
	CK_OBJECT_HANDLE object = p11_create(session, TEMPLATE(certificate)), copy = CK_INVALID_HANDLE;

	ULONG_EQUAL(p11_get_bool(session, object, CKA_TRUSTED), CK_TRUE);
	p11_soft_public(session, 1024, key, 2);
	object = p11_find(session, CKO_PUBLIC_KEY, "trusted");
	RV_EQUAL(p11_set_bool(session, object, CKA_TRUSTED, true), CKR_OK);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	ULONG_EQUAL(
		p11_get_bool(session, p11_find(session, CKO_PUBLIC_KEY, "trusted"), CKA_TRUSTED), CK_TRUE);
	object = p11_find(session, CKO_CERTIFICATE, "trusted");
	ULONG_EQUAL(p11_get_bool(session, object, CKA_TRUSTED), CK_TRUE);
	/* "Trusted certificates cannot be modified" (4.6.2). */
	RV_ONE_OF(p11_set_label(session, object, "changed"), CKR_ATTRIBUTE_READ_ONLY, CKR_ACTION_PROHIBITED);
	RV_MUST(p11->C_CopyObject(session, object, TEMPLATE(other_label), &copy), CKR_OK);
	ULONG_EQUAL(p11_get_bool(session, copy, CKA_TRUSTED), CK_FALSE);
}

static void wrap_with_trusted(void)
{
	CK_ATTRIBUTE key[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "trusted wrapper"), TRUSTED };
	CK_ATTRIBUTE guarded[] = { A_BOOL(CKA_WRAP_WITH_TRUSTED, true) };
	CK_SESSION_HANDLE session = start_so();
	CK_OBJECT_HANDLE trusted = p11_soft_public(session, 1024, TEMPLATE(key)), plain, secret, free_secret;
	unsigned char wrapped[P11_MAX_BYTES];
	CK_ULONG length = sizeof(wrapped);

	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	plain = p11_soft_public(session, 1024, NO_TEMPLATE);
	free_secret = p11_secret(session, "secret", 6);
	RV_MUST(p11_secret_rv(session, "secret", 6, TEMPLATE(guarded), &secret), CKR_OK);
	ULONG_EQUAL(p11_get_bool(session, secret, CKA_WRAP_WITH_TRUSTED), CK_TRUE);
	RV_EQUAL(p11->C_WrapKey(session, &rsa, plain, secret, wrapped, &length), CKR_KEY_NOT_WRAPPABLE);
	length = sizeof(wrapped);
	RV_EQUAL(p11->C_WrapKey(session, &rsa, plain, free_secret, wrapped, &length), CKR_OK);
	length = sizeof(wrapped);
	trusted = p11_find(session, CKO_PUBLIC_KEY, "trusted wrapper");
	RV_EQUAL(p11->C_WrapKey(session, &rsa, trusted, secret, wrapped, &length), CKR_OK);
	length = sizeof(wrapped);
	RV_EQUAL(p11->C_WrapKey(session, &rsa, trusted, free_secret, wrapped, &length), CKR_OK);
	RV_EQUAL(p11->C_DestroyObject(session, trusted), CKR_OK);
}

static const struct tap_case cases[] = {
	{ "MODIFIABLE, COPYABLE and DESTROYABLE FALSE", prohibited },
	{ "the same on a generated pair, which still signs", prohibited_pair },
	{ "an undestroyable object goes with C_InitToken", undestroyable_until_init },
	{ "CKA_ALLOWED_MECHANISMS of RSA keys", allowed_mechanisms },
	{ "CKA_ALLOWED_MECHANISMS of secret keys", allowed_for_secrets },
	{ "SENSITIVE, EXTRACTABLE and WRAP_WITH_TRUSTED are one-way", one_way },
	{ "CKA_TRUSTED is not for the user", trusted_is_the_so_s },
	{ "CKA_TRUSTED given by the SO", so_trusts },
	{ "CKA_WRAP_WITH_TRUSTED", wrap_with_trusted },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "rights", cases);
}
