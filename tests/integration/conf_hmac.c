/* SPDX-License-Identifier: BSD-2-Clause */
/* HMAC and HMAC_GENERAL of each digest against libcrypto (current mechanisms, 2.20 and on). */
#include "p11_conf.h"

#include <string.h>

#include <openssl/hmac.h>

static unsigned char text[] =
	"The text that is authenticated. It is longer than a block of SHA-512, so that the parts "
	"into which it is cut do not fall on the borders of one; so it goes on a while.";

static void soft_hmac(const struct p11_hmac *hmac, const void *key, size_t key_length, unsigned char *mac)
{
	unsigned int length = 0;

	MUST(HMAC(hmac->digest->md(), key, (int)key_length, text, sizeof(text), mac, &length) != NULL);
	ULONG_EQUAL(length, hmac->digest->size);
}

static CK_RV sign_in_parts(CK_SESSION_HANDLE session, unsigned char *mac, CK_ULONG *length)
{
	RV_EQUAL(p11->C_SignUpdate(session, text, 1), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, text + 1, 0), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, text + 1, 63), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, text + 64, sizeof(text) - 64), CKR_OK);
	return p11->C_SignFinal(session, mac, length);
}

static CK_RV verify_in_parts(CK_SESSION_HANDLE session, unsigned char *mac, CK_ULONG length)
{
	RV_EQUAL(p11->C_VerifyUpdate(session, text, 65), CKR_OK);
	RV_EQUAL(p11->C_VerifyUpdate(session, text + 65, sizeof(text) - 65), CKR_OK);
	return p11->C_VerifyFinal(session, mac, length);
}

/* The MAC is the first bytes of what libcrypto says; both ways of signing, both of verifying. */
static void check_mac(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM *m,
	const unsigned char *expected, CK_ULONG size)
{
	unsigned char mac[100];
	CK_ULONG length = sizeof(mac);

	RV_MUST(p11->C_SignInit(session, m, key), CKR_OK);
	RV_EQUAL(p11->C_Sign(session, text, sizeof(text), mac, &length), CKR_OK);
	ULONG_EQUAL(length, size);
	CHECK(memcmp(mac, expected, size) == 0);
	memset(mac, 0, sizeof(mac));
	length = sizeof(mac);
	RV_MUST(p11->C_SignInit(session, m, key), CKR_OK);
	RV_EQUAL(sign_in_parts(session, mac, &length), CKR_OK);
	ULONG_EQUAL(length, size);
	CHECK(memcmp(mac, expected, size) == 0);

	RV_MUST(p11->C_VerifyInit(session, m, key), CKR_OK);
	RV_EQUAL(p11->C_Verify(session, text, sizeof(text), mac, size), CKR_OK);
	RV_MUST(p11->C_VerifyInit(session, m, key), CKR_OK);
	RV_EQUAL(verify_in_parts(session, mac, size), CKR_OK);
}

static void whole(void)
{
	static const size_t key_lengths[] = { 1, 20, 64, 65, 128, 200 };
	CK_SESSION_HANDLE session = p11_shared_token();
	unsigned char key[200], mac[EVP_MAX_MD_SIZE];
	size_t i, j;

	memset(key, 0xaa, sizeof(key));
	for (i = 0; i < P11_DIGESTS; i++) {
		for (j = 0; j < COUNT_OF(key_lengths); j++) {
			CK_MECHANISM m = { p11_hmacs[i].whole, NULL, 0 };

			tap_about("%s, a key of %zu bytes", p11_hmacs[i].digest->name, key_lengths[j]);
			soft_hmac(&p11_hmacs[i], key, key_lengths[j], mac);
			check_mac(session, p11_secret(session, key, key_lengths[j]), &m, mac,
				p11_hmacs[i].digest->size);
		}
	}
}

static void general(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = p11_secret(session, "general key", 11);
	unsigned char mac[EVP_MAX_MD_SIZE];
	size_t i;

	for (i = 0; i < P11_DIGESTS; i++) {
		CK_ULONG length;

		soft_hmac(&p11_hmacs[i], "general key", 11, mac);
		for (length = 1; length <= p11_hmacs[i].digest->size; length++) {
			CK_MECHANISM m = { p11_hmacs[i].general, &length, sizeof(length) };

			tap_about("%s, %lu bytes", p11_hmacs[i].digest->name, length);
			check_mac(session, key, &m, mac, length);
		}
	}
}

/* The parameter is the caller's own again when C_SignInit has returned. */
static void parameter_is_copied(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = p11_secret(session, "key", 3);
	CK_ULONG wanted = 10, length = 0;
	CK_MECHANISM m = { CKM_SHA256_HMAC_GENERAL, &wanted, sizeof(wanted) };

	RV_MUST(p11->C_SignInit(session, &m, key), CKR_OK);
	wanted = 77;
	m.mechanism = 0;
	RV_EQUAL(p11->C_Sign(session, text, 5, NULL, &length), CKR_OK);
	ULONG_EQUAL(length, 10);
}

static void parameters(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = p11_secret(session, "key", 3);
	size_t i;

	for (i = 0; i < P11_DIGESTS; i++) {
		CK_ULONG size = p11_hmacs[i].digest->size, too_long = size + 1, zero = 0;
		const CK_MECHANISM wrong[] = {
			{ p11_hmacs[i].whole, &size, sizeof(size) },
			{ p11_hmacs[i].general, NULL, 0 },
			{ p11_hmacs[i].general, &size, sizeof(size) - 1 },
			{ p11_hmacs[i].general, &size, 0 },
			{ p11_hmacs[i].general, NULL, sizeof(size) },
			{ p11_hmacs[i].general, &zero, sizeof(zero) },
			{ p11_hmacs[i].general, &too_long, sizeof(too_long) },
		};
		size_t j;

		for (j = 0; j < COUNT_OF(wrong); j++) {
			CK_MECHANISM m = wrong[j];

			tap_about("%s, parameter %zu", p11_hmacs[i].digest->name, j);
			RV_EQUAL(p11->C_SignInit(session, &m, key), CKR_MECHANISM_PARAM_INVALID);
			RV_EQUAL(p11->C_VerifyInit(session, &m, key), CKR_MECHANISM_PARAM_INVALID);
		}
	}
	RV_EQUAL(p11->C_SignUpdate(session, text, 1), CKR_OPERATION_NOT_INITIALIZED);
}

static void wrong_keys(void)
{
	CK_ATTRIBUTE unused[] = { A_BOOL(CKA_SIGN, false), A_BOOL(CKA_VERIFY, false) };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	CK_OBJECT_HANDLE key = p11_secret(session, "key", 3);
	CK_MECHANISM hmac = { CKM_SHA256_HMAC, NULL, 0 }, rsa = { CKM_RSA_PKCS, NULL, 0 };
	CK_MECHANISM digest = { CKM_SHA256_RSA_PKCS, NULL, 0 };

	RV_EQUAL(p11->C_SignInit(session, &hmac, pair.private), CKR_KEY_TYPE_INCONSISTENT);
	RV_EQUAL(p11->C_VerifyInit(session, &hmac, pair.public), CKR_KEY_TYPE_INCONSISTENT);
	RV_EQUAL(p11->C_SignInit(session, &rsa, key), CKR_KEY_TYPE_INCONSISTENT);
	RV_EQUAL(p11->C_SignInit(session, &digest, key), CKR_KEY_TYPE_INCONSISTENT);
	RV_EQUAL(p11->C_VerifyInit(session, &digest, key), CKR_KEY_TYPE_INCONSISTENT);
	RV_ONE_OF(p11->C_EncryptInit(session, &rsa, key), CKR_KEY_TYPE_INCONSISTENT,
		CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_ONE_OF(p11->C_DecryptInit(session, &rsa, key), CKR_KEY_TYPE_INCONSISTENT,
		CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_EQUAL(p11->C_SignInit(session, &hmac, NO_KEY), CKR_KEY_HANDLE_INVALID);
	RV_EQUAL(p11->C_DigestInit(session, &hmac), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_SignRecoverInit(session, &hmac, key), CKR_MECHANISM_INVALID);
	RV_MUST(p11_secret_rv(session, "key", 3, TEMPLATE(unused), &key), CKR_OK);
	RV_EQUAL(p11->C_SignInit(session, &hmac, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_EQUAL(p11->C_VerifyInit(session, &hmac, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
}

static void check_bad(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM *m, unsigned char *mac,
	CK_ULONG length, CK_RV rv)
{
	RV_MUST(p11->C_VerifyInit(session, m, key), CKR_OK);
	RV_EQUAL(p11->C_Verify(session, text, sizeof(text), mac, length), rv);
	RV_EQUAL(p11->C_Verify(session, text, sizeof(text), mac, length), CKR_OPERATION_NOT_INITIALIZED);
	RV_MUST(p11->C_VerifyInit(session, m, key), CKR_OK);
	RV_EQUAL(verify_in_parts(session, mac, length), rv);
	RV_EQUAL(p11->C_VerifyFinal(session, mac, length), CKR_OPERATION_NOT_INITIALIZED);
}

static void bad_macs(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = p11_secret(session, "key", 3);
	unsigned char mac[EVP_MAX_MD_SIZE + 1] = { 0 };
	size_t i;

	for (i = 0; i < P11_DIGESTS; i++) {
		CK_ULONG size = p11_hmacs[i].digest->size, eight = 8;
		CK_MECHANISM whole_mac = { p11_hmacs[i].whole, NULL, 0 };
		CK_MECHANISM general_mac = { p11_hmacs[i].general, &eight, sizeof(eight) };

		tap_about("%s", p11_hmacs[i].digest->name);
		soft_hmac(&p11_hmacs[i], "key", 3, mac);
		mac[0] ^= 1;
		check_bad(session, key, &whole_mac, mac, size, CKR_SIGNATURE_INVALID);
		check_bad(session, key, &general_mac, mac, 8, CKR_SIGNATURE_INVALID);
		mac[0] ^= 1;
		mac[size - 1] ^= 0x80;
		check_bad(session, key, &whole_mac, mac, size, CKR_SIGNATURE_INVALID);
		mac[size - 1] ^= 0x80;
		check_bad(session, key, &whole_mac, mac, size - 1, CKR_SIGNATURE_LEN_RANGE);
		check_bad(session, key, &whole_mac, mac, size + 1, CKR_SIGNATURE_LEN_RANGE);
		check_bad(session, key, &whole_mac, mac, 0, CKR_SIGNATURE_LEN_RANGE);
		check_bad(session, key, &general_mac, mac, 7, CKR_SIGNATURE_LEN_RANGE);
		check_bad(session, key, &general_mac, mac, 9, CKR_SIGNATURE_LEN_RANGE);
		check_bad(session, key, &general_mac, mac, 8, CKR_OK);
	}
}

static void lengths_and_order(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = p11_secret(session, "key", 3);
	CK_MECHANISM m = { CKM_SHA256_HMAC, NULL, 0 };
	unsigned char mac[64], expected[64];
	CK_ULONG length = (CK_ULONG)-1;

	soft_hmac(&p11_hmacs[3], "key", 3, expected);
	RV_MUST(p11->C_SignInit(session, &m, key), CKR_OK);
	RV_EQUAL(p11->C_SignInit(session, &m, key), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_Sign(session, text, sizeof(text), NULL, &length), CKR_OK);
	ULONG_EQUAL(length, 32);
	length = 31;
	RV_EQUAL(p11->C_Sign(session, text, sizeof(text), mac, &length), CKR_BUFFER_TOO_SMALL);
	ULONG_EQUAL(length, 32);
	RV_EQUAL(p11->C_Sign(session, text, sizeof(text), mac, &length), CKR_OK);
	CHECK(memcmp(mac, expected, 32) == 0);

	RV_MUST(p11->C_SignInit(session, &m, key), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, text, sizeof(text)), CKR_OK);
	length = 0;
	RV_EQUAL(p11->C_SignFinal(session, NULL, &length), CKR_OK);
	length = 1;
	RV_EQUAL(p11->C_SignFinal(session, mac, &length), CKR_BUFFER_TOO_SMALL);
	memset(mac, 0, sizeof(mac));
	RV_EQUAL(p11->C_SignFinal(session, mac, &length), CKR_OK);
	CHECK(memcmp(mac, expected, 32) == 0);

	RV_MUST(p11->C_SignInit(session, &m, key), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, text, 5), CKR_OK);
	RV_EQUAL(p11->C_Sign(session, text, 5, mac, &length), CKR_OPERATION_ACTIVE);
	RV_EQUAL(p11->C_SignFinal(session, mac, &length), CKR_OPERATION_NOT_INITIALIZED);
}

static void ends_with_the_login(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_MECHANISM m = { CKM_SHA256_HMAC, NULL, 0 };
	unsigned char mac[64];
	CK_ULONG length = sizeof(mac);

	RV_MUST(p11->C_SignInit(session, &m, p11_secret(session, "key", 3)), CKR_OK);
	RV_EQUAL(p11->C_SignUpdate(session, text, 5), CKR_OK);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11->C_SignFinal(session, mac, &length), CKR_OPERATION_NOT_INITIALIZED);
}

static const struct tap_case cases[] = {
	{ "HMAC of each digest, with short and long keys", whole },
	{ "HMAC_GENERAL of each digest at each length", general },
	{ "the parameter is read by C_SignInit only", parameter_is_copied },
	{ "wrong parameters", parameters },
	{ "wrong keys and wrong functions", wrong_keys },
	{ "bad and short MACs", bad_macs },
	{ "lengths and the order of the calls", lengths_and_order },
	{ "a logout cancels the HMAC of a private key", ends_with_the_login },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "HMAC", cases);
}
