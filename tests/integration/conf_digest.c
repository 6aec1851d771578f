/* SPDX-License-Identifier: BSD-2-Clause */
/* C_DigestKey, C_GetOperationState and C_SetOperationState. */
#include "p11_conf.h"

#include <string.h>

static unsigned char text[5000];
static CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 };

static CK_SESSION_HANDLE start(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	size_t i;

	for (i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)(i * 7 ^ i >> 8);
	return session;
}

/* The digest that is going on in the session is that of the text's first bytes. */
static void check_final(CK_SESSION_HANDLE session, const EVP_MD *md, const void *bytes, size_t length)
{
	unsigned char ours[64], theirs[EVP_MAX_MD_SIZE];
	CK_ULONG ours_length = sizeof(ours);
	unsigned int theirs_length = 0;

	MUST(EVP_Digest(bytes, length, theirs, &theirs_length, md, NULL) == 1);
	RV_EQUAL(p11->C_DigestFinal(session, ours, &ours_length), CKR_OK);
	ULONG_EQUAL(ours_length, theirs_length);
	CHECK(memcmp(ours, theirs, theirs_length) == 0);
}

/* Keys */

static void digest_key(void)
{
	CK_SESSION_HANDLE session = start();
	CK_OBJECT_HANDLE key = p11_secret(session, "middle", 6);
	size_t i;

	for (i = 0; i < P11_DIGESTS; i++) {
		CK_MECHANISM m = { p11_digests[i].digest, NULL, 0 };

		tap_about("%s", p11_digests[i].name);
		RV_MUST(p11->C_DigestInit(session, &m), CKR_OK);
		RV_EQUAL(p11->C_DigestKey(session, key), CKR_OK);
		check_final(session, p11_digests[i].md(), "middle", 6);
		RV_MUST(p11->C_DigestInit(session, &m), CKR_OK);
		RV_EQUAL(p11->C_DigestUpdate(session, (unsigned char[]){ "before " }, 7), CKR_OK);
		RV_EQUAL(p11->C_DigestKey(session, key), CKR_OK);
		RV_EQUAL(p11->C_DigestUpdate(session, (unsigned char[]){ " after" }, 6), CKR_OK);
		check_final(session, p11_digests[i].md(), "before middle after", 19);
	}
}

static void check_key_refused(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_RV one, CK_RV other)
{
	unsigned char out[64];
	CK_ULONG length = sizeof(out);

	RV_MUST(p11->C_DigestInit(session, &sha256), CKR_OK);
	RV_ONE_OF(p11->C_DigestKey(session, key), one, other);
	p11->C_DigestFinal(session, out, &length);
}

static void digest_key_refused(void)
{
	CK_SESSION_HANDLE session = start();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	CK_OBJECT_HANDLE key = p11_secret(session, "key", 3);
	unsigned char out[64];
	CK_ULONG length = sizeof(out);

	RV_EQUAL(p11->C_DigestKey(session, key), CKR_OPERATION_NOT_INITIALIZED);
	check_key_refused(session, pair.private, CKR_KEY_INDIGESTIBLE, CKR_KEY_INDIGESTIBLE);
	check_key_refused(session, pair.public, CKR_KEY_INDIGESTIBLE, CKR_KEY_INDIGESTIBLE);
	check_key_refused(session, NO_KEY, CKR_KEY_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID);
	check_key_refused(session, p11_data(session, "no key", false, false), CKR_KEY_HANDLE_INVALID,
		CKR_KEY_INDIGESTIBLE);
	RV_MUST(p11->C_DigestInit(session, &sha256), CKR_OK);
	RV_EQUAL(p11->C_DigestKey(session, key), CKR_OK);
	RV_EQUAL(p11->C_Digest(session, text, 5, out, &length), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_DigestFinal(session, out, &length), CKR_OPERATION_NOT_INITIALIZED);
}

/* States */

#define ROOM 20000

static CK_ULONG save(CK_SESSION_HANDLE session, unsigned char state[ROOM])
{
	CK_ULONG length = 0, again;

	RV_MUST(p11->C_GetOperationState(session, NULL, &length), CKR_OK);
	MUST(length > 0 && length <= ROOM);
	again = length - 1;
	RV_EQUAL(p11->C_GetOperationState(session, state, &again), CKR_BUFFER_TOO_SMALL);
	CHECK(again >= length);
	again = ROOM;
	RV_MUST(p11->C_GetOperationState(session, state, &again), CKR_OK);
	CHECK(again > 0 && again <= length);
	return again;
}

static void saved_and_set(void)
{
	static const size_t lengths[] = { 0, 1, 63, 64, 65, 128, 1000 };
	static unsigned char state[ROOM];
	CK_SESSION_HANDLE session = start(), other = p11_open_ro();
	size_t i, j;

	for (i = 0; i < P11_DIGESTS; i++) {
		CK_MECHANISM m = { p11_digests[i].digest, NULL, 0 };

		for (j = 0; j < COUNT_OF(lengths); j++) {
			CK_ULONG length;

			tap_about("%s after %zu bytes", p11_digests[i].name, lengths[j]);
			RV_MUST(p11->C_DigestInit(session, &m), CKR_OK);
			RV_EQUAL(p11->C_DigestUpdate(session, text, lengths[j]), CKR_OK);
			length = save(session, state);
			/* Saving changes nothing. */
			RV_EQUAL(p11->C_DigestUpdate(session, text + lengths[j], 100), CKR_OK);
			check_final(session, p11_digests[i].md(), text, lengths[j] + 100);

			RV_EQUAL(p11->C_SetOperationState(other, state, length, 0, 0), CKR_OK);
			RV_EQUAL(p11->C_DigestUpdate(other, text + lengths[j], 2000), CKR_OK);
			check_final(other, p11_digests[i].md(), text, lengths[j] + 2000);
			/* As often as one likes. */
			RV_EQUAL(p11->C_SetOperationState(session, state, length, 0, 0), CKR_OK);
			check_final(session, p11_digests[i].md(), text, lengths[j]);
		}
	}
}

static void replaces_what_is_active(void)
{
	static unsigned char state[ROOM];
	CK_SESSION_HANDLE session = start();
	CK_MECHANISM sha1 = { CKM_SHA_1, NULL, 0 };
	unsigned char out[64];
	CK_ULONG length;

	RV_MUST(p11->C_DigestInit(session, &sha256), CKR_OK);
	RV_EQUAL(p11->C_DigestUpdate(session, text, 10), CKR_OK);
	length = save(session, state);
	RV_EQUAL(p11->C_DigestUpdate(session, text, 500), CKR_OK);
	RV_EQUAL(p11->C_SetOperationState(session, state, length, 0, 0), CKR_OK);
	check_final(session, EVP_sha256(), text, 10);
	RV_MUST(p11->C_DigestInit(session, &sha1), CKR_OK);
	RV_EQUAL(p11->C_SetOperationState(session, state, length, 0, 0), CKR_OK);
	check_final(session, EVP_sha256(), text, 10);
	/* A digest that is not at its beginning takes no one-shot. */
	RV_EQUAL(p11->C_SetOperationState(session, state, length, 0, 0), CKR_OK);
	length = sizeof(out);
	RV_EQUAL(p11->C_Digest(session, text, 5, out, &length), CKR_OPERATION_ACTIVE);
}

static void nothing_to_save(void)
{
	unsigned char state[500];
	CK_SESSION_HANDLE session = start();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
	CK_ULONG length = sizeof(state);

	RV_EQUAL(p11->C_GetOperationState(session, state, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_GetOperationState(session, NULL, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_MUST(p11->C_SignInit(session, &rsa, pair.private), CKR_OK);
	RV_EQUAL(p11->C_GetOperationState(session, NULL, &length), CKR_STATE_UNSAVEABLE);
	length = sizeof(state);
	RV_EQUAL(p11->C_GetOperationState(session, state, &length), CKR_STATE_UNSAVEABLE);
	session = p11_open();
	RV_MUST(p11->C_EncryptInit(session, &rsa, pair.public), CKR_OK);
	RV_EQUAL(p11->C_GetOperationState(session, state, &length), CKR_STATE_UNSAVEABLE);
	session = p11_open();
	RV_MUST(p11->C_FindObjectsInit(session, NO_TEMPLATE), CKR_OK);
	RV_ONE_OF(p11->C_GetOperationState(session, state, &length), CKR_STATE_UNSAVEABLE,
		CKR_OPERATION_NOT_INITIALIZED);
	session = p11_open();
	RV_MUST(p11->C_DigestInit(session, &sha256), CKR_OK);
	RV_EQUAL(p11->C_GetOperationState(session, state, NULL), CKR_ARGUMENTS_BAD);
}

static void bad_states(void)
{
	static unsigned char state[ROOM], zeros[ROOM];
	CK_SESSION_HANDLE session = start(), other = p11_open();
	CK_OBJECT_HANDLE key = p11_secret(session, "key", 3);
	unsigned char out[64];
	CK_ULONG length, i;

	RV_MUST(p11->C_DigestInit(session, &sha256), CKR_OK);
	RV_EQUAL(p11->C_DigestUpdate(session, text, 70), CKR_OK);
	length = save(session, state);
	RV_EQUAL(p11->C_SetOperationState(other, state, length, 0, key), CKR_KEY_NOT_NEEDED);
	RV_EQUAL(p11->C_SetOperationState(other, state, length, key, 0), CKR_KEY_NOT_NEEDED);
	RV_EQUAL(p11->C_SetOperationState(other, state, length - 1, 0, 0), CKR_SAVED_STATE_INVALID);
	RV_EQUAL(p11->C_SetOperationState(other, state, length + 1, 0, 0), CKR_SAVED_STATE_INVALID);
	RV_EQUAL(p11->C_SetOperationState(other, state, 0, 0, 0), CKR_SAVED_STATE_INVALID);
	RV_EQUAL(p11->C_SetOperationState(other, zeros, length, 0, 0), CKR_SAVED_STATE_INVALID);
	memset(zeros, 0xff, sizeof(zeros));
	RV_EQUAL(p11->C_SetOperationState(other, zeros, length, 0, 0), CKR_SAVED_STATE_INVALID);
	RV_EQUAL(p11->C_SetOperationState(other, NULL, length, 0, 0), CKR_ARGUMENTS_BAD);
	for (i = 0; i < length; i++) {
		CK_ULONG out_length = sizeof(out);

		tap_about("byte %lu", i);
		state[i] ^= 0xff;
		if (RV_ONE_OF(p11->C_SetOperationState(other, state, length, 0, 0), CKR_SAVED_STATE_INVALID,
			    CKR_OK)
			== CKR_OK)
			RV_EQUAL(p11->C_DigestFinal(other, out, &out_length), CKR_OK);
		state[i] ^= 0xff;
	}
	tap_about(NULL);
	RV_EQUAL(p11->C_SetOperationState(other, state, length, 0, 0), CKR_OK);
	check_final(other, EVP_sha256(), text, 70);
}

static void ends_with_the_login(void)
{
	CK_SESSION_HANDLE session = start();
	unsigned char state[ROOM], out[64];
	CK_ULONG state_length, length = sizeof(out);

	RV_MUST(p11->C_DigestInit(session, &sha256), CKR_OK);
	RV_MUST(p11->C_DigestKey(session, p11_secret(session, "private", 7)), CKR_OK);
	state_length = save(session, state);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11->C_DigestFinal(session, out, &length), CKR_OPERATION_NOT_INITIALIZED);
	RV_EQUAL(p11->C_SetOperationState(session, state, state_length, 0, 0), CKR_SAVED_STATE_INVALID);
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	RV_EQUAL(p11->C_SetOperationState(session, state, state_length, 0, 0), CKR_SAVED_STATE_INVALID);
}

static void a_search_goes_on(void)
{
	CK_SESSION_HANDLE session = start();
	unsigned char state[ROOM];
	CK_OBJECT_HANDLE found;
	CK_ULONG state_length, count;

	RV_MUST(p11->C_DigestInit(session, &sha256), CKR_OK);
	state_length = save(session, state);
	RV_MUST(p11->C_FindObjectsInit(session, NO_TEMPLATE), CKR_OK);
	RV_EQUAL(p11->C_SetOperationState(session, state, state_length, 0, 0), CKR_OK);
	RV_EQUAL(p11->C_FindObjects(session, &found, 1, &count), CKR_OK);
	RV_EQUAL(p11->C_FindObjectsFinal(session), CKR_OK);
}

static const struct tap_case cases[] = {
	{ "a digest of a private key ends with the login", ends_with_the_login },
	{ "C_SetOperationState leaves a search alone", a_search_goes_on },
	{ "C_DigestKey of secret keys", digest_key },
	{ "C_DigestKey refused", digest_key_refused },
	{ "saved in one session, set in another", saved_and_set },
	{ "a state replaces the digest that is active", replaces_what_is_active },
	{ "operations that cannot be saved, and none", nothing_to_save },
	{ "states that were never saved", bad_states },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "digest states", cases);
}
