/* SPDX-License-Identifier: BSD-2-Clause */
/* CKA_ALWAYS_AUTHENTICATE and CKU_CONTEXT_SPECIFIC: a PIN for each use of a key. */
#include "p11_conf.h"

#include <string.h>

static CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
static CK_MECHANISM sha256 = { CKM_SHA256_RSA_PKCS, NULL, 0 };
static unsigned char text[] = "signed with a PIN of its own";

#define AUTHENTICATE A_BOOL(CKA_ALWAYS_AUTHENTICATE, true)

static CK_RV authenticate(CK_SESSION_HANDLE session, const char *pin)
{
	return p11_login(session, CKU_CONTEXT_SPECIFIC, pin);
}

static struct p11_pair guarded_pair(CK_SESSION_HANDLE session)
{
	CK_ATTRIBUTE guarded[] = { AUTHENTICATE };
	struct p11_pair pair = {
		p11_soft_public(session, 1024, NO_TEMPLATE),
		p11_soft_private(session, 1024, TEMPLATE(guarded)),
	};

	ULONG_EQUAL(p11_get_bool(session, pair.private, CKA_ALWAYS_AUTHENTICATE), CK_TRUE);
	return pair;
}

/* The three ways to use a private key, each with an input that fits. */
static CK_RV sign_init(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	return p11->C_SignInit(session, &rsa, key);
}

static CK_RV sign(CK_SESSION_HANDLE session, unsigned char *out, CK_ULONG *length)
{
	return p11->C_Sign(session, text, sizeof(text), out, length);
}

static CK_RV sign_recover_init(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	return p11->C_SignRecoverInit(session, &rsa, key);
}

static CK_RV sign_recover(CK_SESSION_HANDLE session, unsigned char *out, CK_ULONG *length)
{
	return p11->C_SignRecover(session, text, sizeof(text), out, length);
}

static CK_RV decrypt_init(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	return p11->C_DecryptInit(session, &rsa, key);
}

static CK_RV decrypt(CK_SESSION_HANDLE session, unsigned char *out, CK_ULONG *length)
{
	unsigned char encrypted[P11_MAX_BYTES];

	p11_soft_encrypt(p11_soft_key(1024), text, sizeof(text), encrypted);
	return p11->C_Decrypt(session, encrypted, 128, out, length);
}

static const struct use {
	const char *name;
	CK_RV (*init)(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key);
	CK_RV (*use)(CK_SESSION_HANDLE session, unsigned char *out, CK_ULONG *length);
} uses[] = {
	{ "sign", sign_init, sign },
	{ "sign-recover", sign_recover_init, sign_recover },
	{ "decrypt", decrypt_init, decrypt },
};

static void each_use(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = guarded_pair(session);
	unsigned char out[P11_MAX_BYTES], plain[P11_MAX_BYTES];
	size_t i;
	int round;

	p11_soft_sign(p11_soft_key(1024), NULL, text, sizeof(text), plain);
	for (i = 0; i < COUNT_OF(uses); i++) {
		tap_about("%s", uses[i].name);
		for (round = 0; round < 2; round++) {
			CK_ULONG length = 0;

			RV_EQUAL(uses[i].init(session, pair.private), CKR_OK);
			RV_EQUAL(authenticate(session, USER_PIN), CKR_OK);
			RV_EQUAL(uses[i].use(session, NULL, &length), CKR_OK);
			length = 1;
			RV_EQUAL(uses[i].use(session, out, &length), CKR_BUFFER_TOO_SMALL);
			length = sizeof(out);
			RV_EQUAL(uses[i].use(session, out, &length), CKR_OK);
			if (uses[i].use == decrypt)
				CHECK(length == sizeof(text) && memcmp(out, text, length) == 0);
			else
				CHECK(length == 128 && memcmp(out, plain, 128) == 0);

			length = sizeof(out);
			RV_EQUAL(uses[i].init(session, pair.private), CKR_OK);
			RV_EQUAL(uses[i].use(session, out, &length), CKR_USER_NOT_LOGGED_IN);
			RV_EQUAL(uses[i].use(session, out, &length), CKR_OPERATION_NOT_INITIALIZED);
		}
	}
	ULONG_EQUAL(p11_state(session), CKS_RW_USER_FUNCTIONS);
}

static void in_parts(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = guarded_pair(session);
	unsigned char out[P11_MAX_BYTES];
	CK_ULONG length = sizeof(out);

	RV_EQUAL(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	RV_EQUAL(authenticate(session, USER_PIN), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, text, 5), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, text + 5, sizeof(text) - 5), CKR_OK);
	RV_EQUAL(p11->C_SignFinal(session, NULL, &length), CKR_OK);
	length = sizeof(out);
	RV_EQUAL(p11->C_SignFinal(session, out, &length), CKR_OK);
	CHECK(p11_soft_verify(p11_soft_key(1024), EVP_sha256(), text, sizeof(text), out, length));

	RV_EQUAL(p11->C_SignInit(session, &sha256, pair.private), CKR_OK);
	if (RV_ONE_OF(p11->C_SignUpdate(session, text, 5), CKR_USER_NOT_LOGGED_IN, CKR_OK) == CKR_OK)
		RV_EQUAL(p11->C_SignFinal(session, out, &length), CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(p11->C_SignFinal(session, out, &length), CKR_OPERATION_NOT_INITIALIZED);
}

static void twice_and_wrong(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = guarded_pair(session);
	unsigned char out[P11_MAX_BYTES];
	CK_ULONG length = sizeof(out);

	RV_EQUAL(sign_init(session, pair.private), CKR_OK);
	RV_EQUAL(authenticate(session, USER_PIN), CKR_OK);
	RV_EQUAL(authenticate(session, USER_PIN), CKR_OK);
	RV_EQUAL(sign(session, out, &length), CKR_OK);

	RV_EQUAL(sign_init(session, pair.private), CKR_OK);
	RV_EQUAL(authenticate(session, "wrong"), CKR_PIN_INCORRECT);
	ULONG_EQUAL(p11_state(session), CKS_RW_USER_FUNCTIONS);
	RV_EQUAL(p11->C_SignInit(session, &rsa, pair.private), CKR_OPERATION_ACTIVE);
	RV_EQUAL(authenticate(session, USER_PIN), CKR_OK);
	RV_EQUAL(sign(session, out, &length), CKR_OK);

	RV_EQUAL(sign_init(session, pair.private), CKR_OK);
	RV_EQUAL(authenticate(session, "wrong"), CKR_PIN_INCORRECT);
	RV_EQUAL(sign(session, out, &length), CKR_USER_NOT_LOGGED_IN);
}

static void without_an_operation(void)
{
	CK_SESSION_HANDLE session = p11_shared_token(), other = p11_open();
	struct p11_pair pair = guarded_pair(session), plain = p11_shared_pair(session, 1024);
	CK_UTF8CHAR pin[] = USER_PIN;
	unsigned char out[P11_MAX_BYTES];
	CK_ULONG length = sizeof(out);

	RV_EQUAL(authenticate(session, USER_PIN), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(authenticate(session, "wrong"), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_SignInit(session, &rsa, plain.private), CKR_OK);
	RV_EQUAL(authenticate(session, USER_PIN), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(sign(session, out, &length), CKR_OK);
	RV_EQUAL(p11->C_VerifyInit(session, &rsa, pair.public), CKR_OK);
	RV_EQUAL(authenticate(session, USER_PIN), CKR_OPERATION_NOT_INITIALIZED);

	/* Good for the session whose operation it is. */
	RV_EQUAL(sign_init(session, pair.private), CKR_OK);
	RV_EQUAL(authenticate(other, USER_PIN), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_Login(session, CKU_CONTEXT_SPECIFIC, NULL, sizeof(pin) - 1), CKR_ARGUMENTS_BAD);
	RV_EQUAL(authenticate(session, ""), CKR_PIN_LEN_RANGE);
	RV_EQUAL(sign_init(other, pair.private), CKR_OK);
	RV_EQUAL(authenticate(other, USER_PIN), CKR_OK);
	length = sizeof(out);
	RV_EQUAL(sign(session, out, &length), CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(sign(other, out, &length), CKR_OK);
}

static int use_elsewhere(void *argument)
{
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	unsigned char out[P11_MAX_BYTES];
	CK_ULONG length = sizeof(out);

	p11_start();
	session = p11_open_user();
	key = p11_find(session, CKO_PRIVATE_KEY, argument);
	ULONG_EQUAL(p11_get_bool(session, key, CKA_ALWAYS_AUTHENTICATE), CK_TRUE);
	RV_EQUAL(sign_init(session, key), CKR_OK);
	RV_EQUAL(sign(session, out, &length), CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(sign_init(session, key), CKR_OK);
	RV_EQUAL(authenticate(session, USER_PIN), CKR_OK);
	RV_EQUAL(sign(session, out, &length), CKR_OK);
	return 0;
}

static void generated_on_the_token(void)
{
	char label[] = "always authenticated";
	CK_MECHANISM m = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_MODULUS_BITS, 1024) };
	CK_ATTRIBUTE private[] = { AUTHENTICATE, A_BOOL(CKA_TOKEN, true),
		A_TEXT(CKA_LABEL, "always authenticated") };
	CK_ATTRIBUTE copied[] = { A_BOOL(CKA_TOKEN, false) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE copy;
	struct p11_pair pair;

	RV_MUST(p11->C_GenerateKeyPair(session, &m, TEMPLATE(public), TEMPLATE(private), &pair.public,
			&pair.private),
		CKR_OK);
	ULONG_EQUAL(p11_in_child(use_elsewhere, label), 0);
	RV_EQUAL(
		p11_set_bool(session, pair.private, CKA_ALWAYS_AUTHENTICATE, false), CKR_ATTRIBUTE_READ_ONLY);
	RV_MUST(p11->C_CopyObject(session, pair.private, TEMPLATE(copied), &copy), CKR_OK);
	ULONG_EQUAL(p11_get_bool(session, copy, CKA_ALWAYS_AUTHENTICATE), CK_TRUE);
	RV_EQUAL(p11->C_DestroyObject(session, pair.private), CKR_OK);
}

static void private_only(void)
{
	CK_MECHANISM m = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_MODULUS_BITS, 512), A_TEXT(CKA_LABEL, "refused") };
	CK_ATTRIBUTE open[] = { AUTHENTICATE, A_BOOL(CKA_PRIVATE, false), A_TEXT(CKA_LABEL, "refused") };
	CK_ATTRIBUTE show[] = { A_BOOL(CKA_PRIVATE, false), A_TEXT(CKA_LABEL, "refused") };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = guarded_pair(session);
	CK_OBJECT_HANDLE key;

	RV_EQUAL(p11_import(session, p11_soft_key(512), CKO_PRIVATE_KEY, TEMPLATE(open), &key),
		CKR_TEMPLATE_INCONSISTENT);
	RV_EQUAL(p11->C_GenerateKeyPair(session, &m, TEMPLATE(public), TEMPLATE(open), &key, &key),
		CKR_TEMPLATE_INCONSISTENT);
	RV_EQUAL(p11->C_CopyObject(session, pair.private, TEMPLATE(show), &key), CKR_TEMPLATE_INCONSISTENT);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "refused"), 0);
	ULONG_EQUAL(
		p11_get_bool(session, p11_soft_private(session, 512, NO_TEMPLATE), CKA_ALWAYS_AUTHENTICATE),
		CK_FALSE);
}

/* Of two operations that wait, the latest is meant. */
static void good_for_one_operation(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair signer = guarded_pair(session), opener = guarded_pair(session);
	unsigned char out[P11_MAX_BYTES];
	CK_ULONG length = sizeof(out);

	RV_MUST(sign_init(session, signer.private), CKR_OK);
	RV_MUST(sign_recover_init(session, opener.private), CKR_OK);
	RV_EQUAL(authenticate(session, USER_PIN), CKR_OK);
	RV_EQUAL(sign_recover(session, out, &length), CKR_OK);
	length = sizeof(out);
	RV_EQUAL(sign(session, out, &length), CKR_USER_NOT_LOGGED_IN);
}

/* C_UnwrapKey decrypts, and has no room for a login; nor is another operation's good for it. */
static void no_unwrapping(void)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
		A_TEXT(CKA_LABEL, "unwrapped") };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = guarded_pair(session);
	CK_OBJECT_HANDLE open = p11_soft_private(session, 1024, NO_TEMPLATE), key;
	unsigned char wrapped[P11_MAX_BYTES], out[P11_MAX_BYTES];
	CK_ULONG length = sizeof(out);

	p11_soft_encrypt(p11_soft_key(1024), text, sizeof(text), wrapped);
	RV_EQUAL(p11->C_UnwrapKey(session, &rsa, pair.private, wrapped, 128, TEMPLATE(template), &key),
		CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_MUST(decrypt_init(session, pair.private), CKR_OK);
	RV_EQUAL(authenticate(session, USER_PIN), CKR_OK);
	RV_EQUAL(p11->C_UnwrapKey(session, &rsa, pair.private, wrapped, 128, TEMPLATE(template), &key),
		CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_EQUAL(decrypt(session, out, &length), CKR_OK);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "unwrapped"), 0);
	RV_EQUAL(p11->C_UnwrapKey(session, &rsa, open, wrapped, 128, TEMPLATE(template), &key), CKR_OK);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "unwrapped"), 1);
}

static const struct tap_case cases[] = {
	{ "a login is good for the latest operation alone", good_for_one_operation },
	{ "each signature and decryption wants its own login", each_use },
	{ "signatures in parts", in_parts },
	{ "twice is fine, a wrong PIN leaves the operation", twice_and_wrong },
	{ "without an operation of such a key", without_an_operation },
	{ "a generated token key, in another process too", generated_on_the_token },
	{ "such a key does not unwrap", no_unwrapping },
	{ "only with CKA_PRIVATE TRUE, and FALSE by default", private_only },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "context-specific login", cases);
}
