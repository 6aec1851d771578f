/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each call may cost the chip, in TPM commands. A command takes a chip 10 ms to seconds, so this is
 * how fast the module is, and it can be counted without noise. doc/PERFORMANCE.md says why each is there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "p11_commands.h"
#include "p11_conf.h"

#define LOAD 4	 /* OIAP, GetCapability, LoadKey2, FlushSpecific */
#define LOAD_IMPORTED 3 /* its parent has no auth: GetCapability twice, LoadKey2 */
#define USE 4	 /* OIAP, GetCapability, the command itself, FlushSpecific */
#define CREATE 3 /* OSAP, CreateWrapKey, FlushSpecific */
#define CHANGE 6 /* OSAP, OIAP, ChangeAuth, FlushSpecific thrice */
#define CLOSE 1	 /* FlushSpecific of a key that was loaded */
#define LOGIN (LOAD + USE + CLOSE)
#define PROBE (LOAD + CLOSE) /* is it a key of this chip? */

static unsigned char data[32] = { 1, 2, 3 };

/* The case begins with a token of its own, with nothing loaded and nothing known. */
static CK_SESSION_HANDLE session_new(void)
{
	CK_SESSION_HANDLE session;

	p11_fresh();
	p11_start();
	session = p11_new_token();
	return session;
}

static void process_restart(CK_SESSION_HANDLE *session)
{
	p11_stop();
	p11_start();
	*session = p11_open_user();
}

/* Where this one is missed, so may be all others. */
static void sign(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key)
{
	unsigned char signature[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);
	struct commands commands;

	RV_MUST(p11_sign(session, type, key, data, sizeof(data), signature, &length), CKR_OK);
	commands_read(&commands);
	ULONG_EQUAL(commands_named(&commands, "Sign"), 1);
}

/* --- what the chip is not needed for --- */

static void objects_of_all_kinds(CK_SESSION_HANDLE session, struct p11_pair *pair)
{
	RV_MUST(p11_generate(session, 1024, "pair", true, true, pair), CKR_OK);
	p11_data(session, "public data", true, false);
	p11_data(session, "private data", true, true);
}

static void search_all(void)
{
	CK_SESSION_HANDLE session = p11_open();
	CK_OBJECT_HANDLE found[8];

	p11_search(session, NO_TEMPLATE, found, 8);
	RV_MUST(p11->C_CloseSession(session), CKR_OK);
}

static void describe(void)
{
	CK_ULONG count = 0;
	CK_INFO info;
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;
	CK_MECHANISM_INFO mechanism;

	RV_MUST(p11->C_GetInfo(&info), CKR_OK);
	RV_MUST(p11->C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
	RV_MUST(p11->C_GetSlotInfo(p11_slot, &slot), CKR_OK);
	RV_MUST(p11->C_GetTokenInfo(p11_slot, &token), CKR_OK);
	RV_MUST(p11->C_GetMechanismList(p11_slot, NULL, &count), CKR_OK);
	RV_MUST(p11->C_GetMechanismInfo(p11_slot, CKM_RSA_PKCS, &mechanism), CKR_OK);
}

static void starting(void)
{
	struct p11_pair pair;

	objects_of_all_kinds(session_new(), &pair);
	p11_stop();
	COMMANDS_WITHIN(0, "C_Initialize", p11_start());
	COMMANDS_WITHIN(0, "C_GetInfo, slot, token, mechanisms", describe());
	COMMANDS_WITHIN(0, "C_OpenSession, C_FindObjects, C_CloseSession", search_all());
	COMMANDS_WITHIN(0, "C_Finalize", p11_stop());
}

static void public_half(CK_SESSION_HANDLE session, struct p11_pair pair)
{
	CK_MECHANISM pkcs = { CKM_RSA_PKCS, NULL, 0 }, sha256 = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	unsigned char signature[P11_MAX_BYTES], encrypted[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature), encrypted_length = sizeof(encrypted);

	RV_MUST(p11_sign(session, CKM_SHA256_RSA_PKCS, pair.private, data, sizeof(data), signature, &length),
		CKR_OK);
	COMMANDS_WITHIN(0, "C_VerifyInit", RV_MUST(p11->C_VerifyInit(session, &sha256, pair.public), CKR_OK));
	COMMANDS_WITHIN(0, "C_Verify", RV_MUST(p11->C_Verify(session, data, sizeof(data), signature, length),
		CKR_OK));
	COMMANDS_WITHIN(0, "C_EncryptInit", RV_MUST(p11->C_EncryptInit(session, &pkcs, pair.public), CKR_OK));
	COMMANDS_WITHIN(0, "C_Encrypt", RV_MUST(p11->C_Encrypt(session, data, sizeof(data), encrypted,
		&encrypted_length), CKR_OK));
}

static void digest(CK_SESSION_HANDLE session)
{
	CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 };
	unsigned char value[32];
	CK_ULONG length = sizeof(value);

	COMMANDS_WITHIN(0, "C_DigestInit", RV_MUST(p11->C_DigestInit(session, &sha256), CKR_OK));
	COMMANDS_WITHIN(0, "C_Digest", RV_MUST(p11->C_Digest(session, data, sizeof(data), value, &length),
		CKR_OK));
}

static void lengths(CK_SESSION_HANDLE session, struct p11_pair pair)
{
	CK_MECHANISM pkcs = { CKM_RSA_PKCS, NULL, 0 };
	unsigned char encrypted[128] = { 0 };
	CK_ULONG length = 0;

	RV_MUST(p11->C_SignInit(session, &pkcs, pair.private), CKR_OK);
	COMMANDS_WITHIN(0, "C_Sign that asks for the length",
		RV_MUST(p11->C_Sign(session, data, sizeof(data), NULL, &length), CKR_OK));
	length = 1;
	COMMANDS_WITHIN(0, "C_Sign into too small a buffer",
		RV_MUST(p11->C_Sign(session, data, sizeof(data), encrypted, &length), CKR_BUFFER_TOO_SMALL));
	RV_MUST(p11->C_DecryptInit(session, &pkcs, pair.private), CKR_OK);
	COMMANDS_WITHIN(0, "C_Decrypt that asks for the length",
		RV_MUST(p11->C_Decrypt(session, encrypted, sizeof(encrypted), NULL, &length), CKR_OK));
}

static void objects(CK_SESSION_HANDLE session, struct p11_pair pair)
{
	CK_ATTRIBUTE label[] = { A_TEXT(CKA_LABEL, "other") };
	CK_OBJECT_HANDLE made = CK_INVALID_HANDLE, copy = CK_INVALID_HANDLE;
	unsigned char id[64];

	COMMANDS_WITHIN(0, "C_CreateObject of data", made = p11_data(session, "made", true, true));
	COMMANDS_WITHIN(0, "C_CopyObject", RV_MUST(p11->C_CopyObject(session, made, TEMPLATE(label), &copy),
		CKR_OK));
	COMMANDS_WITHIN(0, "C_GetAttributeValue",
		p11_get_bytes(session, pair.private, CKA_ID, id, sizeof(id)));
	COMMANDS_WITHIN(0, "C_SetAttributeValue",
		RV_MUST(p11->C_SetAttributeValue(session, pair.private, TEMPLATE(label)), CKR_OK));
	COMMANDS_WITHIN(0, "C_DestroyObject of data", RV_MUST(p11->C_DestroyObject(session, copy), CKR_OK));
}

static void without_chip(void)
{
	CK_SESSION_HANDLE session = session_new();
	struct p11_pair pair;

	objects_of_all_kinds(session, &pair);
	public_half(session, pair);
	digest(session);
	lengths(session, pair);
	RV_MUST(p11->C_CloseSession(session), CKR_OK);
	session = p11_open_user();
	objects(session, (struct p11_pair){ p11_find(session, CKO_PUBLIC_KEY, "pair"),
		p11_find(session, CKO_PRIVATE_KEY, "pair") });
	COMMANDS_WITHIN(0, "C_Logout", RV_MUST(p11->C_Logout(session), CKR_OK));
	COMMANDS_WITHIN(0, "C_CloseSession", RV_MUST(p11->C_CloseSession(session), CKR_OK));
}

/* --- signatures, decryption --- */

static void signatures(void)
{
	static const CK_MECHANISM_TYPE types[] = { CKM_RSA_PKCS, CKM_SHA1_RSA_PKCS, CKM_SHA256_RSA_PKCS,
		CKM_SHA512_RSA_PKCS };
	CK_SESSION_HANDLE session = session_new(), other;
	struct p11_pair pair;
	CK_OBJECT_HANDLE key;

	RV_MUST(p11_generate(session, 2048, "signer", true, true, &pair), CKR_OK);
	process_restart(&session);
	key = p11_find(session, CKO_PRIVATE_KEY, "signer");
	COMMANDS_WITHIN(LOAD + USE, "first signature", sign(session, CKM_RSA_PKCS, key));
	for (size_t i = 0; i < COUNT_OF(types); i++)
		COMMANDS_WITHIN(USE, "signature", sign(session, types[i], key));
	other = p11_open();
	COMMANDS_WITHIN(USE, "signature in another session", sign(other, CKM_RSA_PKCS, key));
}

static void decryption(void)
{
	CK_SESSION_HANDLE session = session_new();
	CK_MECHANISM pkcs = { CKM_RSA_PKCS, NULL, 0 };
	struct p11_pair pair;
	EVP_PKEY *public;
	unsigned char encrypted[P11_MAX_BYTES], plain[P11_MAX_BYTES];
	CK_ULONG length;
	size_t n;

	RV_MUST(p11_generate(session, 2048, "decrypter", true, true, &pair), CKR_OK);
	public = p11_read_public(session, pair.public);
	MUST(public != NULL);
	n = p11_soft_encrypt(public, data, sizeof(data), encrypted);
	EVP_PKEY_free(public);
	for (int i = 0; i < 3; i++) {
		length = sizeof(plain);
		RV_MUST(p11->C_DecryptInit(session, &pkcs, pair.private), CKR_OK);
		COMMANDS_WITHIN(i == 0 ? LOAD + USE : USE, i == 0 ? "first C_Decrypt" : "C_Decrypt",
			RV_MUST(p11->C_Decrypt(session, encrypted, n, plain, &length), CKR_OK));
		CHECK(length == sizeof(data) && memcmp(plain, data, length) == 0);
	}
}

/* --- logins, start --- */

static void logins(void)
{
	CK_SESSION_HANDLE session = session_new();
	struct p11_pair pair;

	RV_MUST(p11->C_Logout(session), CKR_OK);
	COMMANDS_WITHIN(LOGIN, "C_Login", RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK));
	for (int i = 0; i < 40; i++)
		p11_data(session, "private data", true, true);
	for (int i = 0; i < 3; i++)
		RV_MUST(p11_generate(session, 512, "pair", true, true, &pair), CKR_OK);
	process_restart(&session);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	COMMANDS_WITHIN(LOGIN, "C_Login with 46 objects",
		RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK));
	COMMANDS_WITHIN(0, "another C_Login",
		RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_USER_ALREADY_LOGGED_IN));
	RV_MUST(p11->C_Logout(session), CKR_OK);
	COMMANDS_WITHIN(LOGIN, "C_Login of the SO", RV_MUST(p11_login(session, CKU_SO, SO_PIN), CKR_OK));
}

static void start_to_signature(void)
{
	CK_SESSION_HANDLE session = session_new();
	struct p11_pair pair;

	RV_MUST(p11_generate(session, 2048, "signer", true, true, &pair), CKR_OK);
	p11_stop();
	commands_begin();
	p11_start();
	session = p11_open_user();
	sign(session, CKM_SHA256_RSA_PKCS, p11_find(session, CKO_PRIVATE_KEY, "signer"));
	commands_check("from C_Initialize to the first signature", LOGIN + LOAD + USE, __FILE__, __LINE__);
	COMMANDS_WITHIN(CLOSE, "C_Finalize", p11_stop());
}

/* --- what makes keys --- */

static void generation(void)
{
	CK_SESSION_HANDLE session = session_new();
	struct p11_pair pair;

	process_restart(&session);
	COMMANDS_WITHIN(CREATE, "C_GenerateKeyPair of the token",
		RV_MUST(p11_generate(session, 1024, "token", true, true, &pair), CKR_OK));
	COMMANDS_WITHIN(CREATE, "C_GenerateKeyPair of the session",
		RV_MUST(p11_generate(session, 1024, "session", false, true, &pair), CKR_OK));
	COMMANDS_WITHIN(CREATE, "C_GenerateKeyPair, not private",
		RV_MUST(p11_generate(session, 1024, "public", true, false, &pair), CKR_OK));
}

static void random_bytes(void)
{
	CK_SESSION_HANDLE session = session_new();
	unsigned char bytes[128];

	COMMANDS_WITHIN(1, "C_GenerateRandom", RV_MUST(p11->C_GenerateRandom(session, bytes, sizeof(bytes)),
		CKR_OK));
	COMMANDS_WITHIN(1, "C_SeedRandom", RV_MUST(p11->C_SeedRandom(session, bytes, sizeof(bytes)), CKR_OK));
}

/* The parent of all imported keys is made with the first. Each key signs once before it counts as imported:
   libtspi takes any prime. */
static void imports(void)
{
	CK_SESSION_HANDLE session = session_new();
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	COMMANDS_WITHIN(CREATE + LOAD + LOAD_IMPORTED + USE, "first import of a private key",
		key = p11_soft_private(session, 1024, NULL, 0));
	COMMANDS_WITHIN(1 + USE, "first signature with it", sign(session, CKM_RSA_PKCS, key));
	COMMANDS_WITHIN(USE, "another signature with it", sign(session, CKM_RSA_PKCS, key));
	COMMANDS_WITHIN(LOAD_IMPORTED + USE, "another import", p11_soft_private(session, 512, NULL, 0));
}

/* --- PINs --- */

/* So much costs a role's first key: a second opinion for the generator, then the key. */
#define FIRST_KEY (1 + CREATE)

static void so_pins(void)
{
	CK_SESSION_HANDLE session;

	p11_fresh();
	p11_start();
	COMMANDS_WITHIN(
		1, "C_InitToken of a fresh store", RV_MUST(p11_init_token(SO_DEFAULT, "budget"), CKR_OK));
	session = p11_open();
	COMMANDS_WITHIN(0, "C_Login with the default PIN",
		RV_MUST(p11_login(session, CKU_SO, SO_DEFAULT), CKR_OK));
	COMMANDS_WITHIN(FIRST_KEY, "first C_SetPIN of the SO",
		RV_MUST(p11_set_pin(session, SO_DEFAULT, SO_PIN), CKR_OK));
	COMMANDS_WITHIN(FIRST_KEY, "C_InitPIN", RV_MUST(p11_init_pin(session, "first"), CKR_OK));
	COMMANDS_WITHIN(LOGIN + CHANGE, "C_SetPIN of the SO",
		RV_MUST(p11_set_pin(session, SO_PIN, "so two"), CKR_OK));
	COMMANDS_WITHIN(
		LOGIN + FIRST_KEY, "another C_InitPIN", RV_MUST(p11_init_pin(session, USER_PIN), CKR_OK));
	RV_MUST(p11->C_CloseAllSessions(p11_slot), CKR_OK);
	COMMANDS_WITHIN(LOGIN + 1, "C_InitToken of a used store",
		RV_MUST(p11_init_token("so two", "budget"), CKR_OK));
}

static void user_pins(void)
{
	CK_SESSION_HANDLE session;

	p11_fresh();
	p11_start();
	COMMANDS_WITHIN(1 + FIRST_KEY, "C_InitToken with an SO PIN",
		RV_MUST(p11_init_token(SO_PIN, "budget"), CKR_OK));
	session = p11_open();
	RV_MUST(p11_login(session, CKU_USER, USER_DEFAULT), CKR_OK);
	COMMANDS_WITHIN(PROBE + FIRST_KEY, "first C_SetPIN of the user",
		RV_MUST(p11_set_pin(session, USER_DEFAULT, USER_PIN), CKR_OK));
	COMMANDS_WITHIN(LOGIN + CHANGE, "C_SetPIN of the user",
		RV_MUST(p11_set_pin(session, USER_PIN, "two"), CKR_OK));
	COMMANDS_WITHIN(
		LOGIN, "C_SetPIN that changes nothing", RV_MUST(p11_set_pin(session, "two", "two"), CKR_OK));
}

/* One more than with the right one: the key is unloaded, which tells that tcsd had not merely lost it. */
static void wrong_pins(void)
{
	CK_SESSION_HANDLE session = session_new();

	COMMANDS_WITHIN(LOGIN + 1, "C_SetPIN with a wrong PIN",
		RV_MUST(p11_set_pin(session, "wrong", "three"), CKR_PIN_INCORRECT));
	RV_MUST(p11->C_Logout(session), CKR_OK);
	COMMANDS_WITHIN(LOGIN + 1, "C_Login with a wrong PIN",
		RV_MUST(p11_login(session, CKU_USER, "wrong"), CKR_PIN_INCORRECT));
	COMMANDS_WITHIN(PROBE, "C_Login with the default PIN, which nobody has",
		RV_MUST(p11_login(session, CKU_USER, USER_DEFAULT), CKR_PIN_INCORRECT));
	COMMANDS_WITHIN(LOGIN, "C_Login with the right PIN after that",
		RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK));
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "starting, describing, searching", starting },
		{ "the public half, digests, lengths, objects", without_chip },
		{ "signatures", signatures },
		{ "decryption", decryption },
		{ "logins", logins },
		{ "from the start to the first signature", start_to_signature },
		{ "key pairs", generation },
		{ "random bytes", random_bytes },
		{ "imports", imports },
		{ "the SO's PINs", so_pins },
		{ "the user's PINs", user_pins },
		{ "wrong PINs", wrong_pins },
		{ NULL, NULL },
	};

	if (!commands_are_counted()) {
		puts("1..0 # SKIP nobody counts TPM commands; run me under tools/with-swtpm --count");
		return EXIT_SUCCESS;
	}
	/* So that nothing is closed in between. */
	setenv("PKCS11_TPM_IDLE", "3600", 1);
	return p11_main(argc, argv, "budget", cases);
}
