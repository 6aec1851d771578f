/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes that the token computes: CHECK_VALUE, PUBLIC_KEY_INFO, UNIQUE_ID, NAME_HASH_ALGORITHM. */
#include "p11_conf.h"

#include <string.h>

static void check_value_of(const void *bytes, size_t length, unsigned char check[3])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	MUST(EVP_Digest(bytes, length, digest, NULL, EVP_sha1(), NULL) == 1);
	memcpy(check, digest, 3);
}

/* The template has room for one attribute more. */
static CK_RV create_with(CK_SESSION_HANDLE session, CK_ATTRIBUTE *t, CK_ULONG count, CK_ATTRIBUTE more,
	CK_OBJECT_HANDLE *object)
{
	t[count] = more;
	return p11->C_CreateObject(session, t, count + 1, object);
}

/* Right when computed and when given, refused when given wrong. */
static void check_check_value(CK_SESSION_HANDLE session, CK_ATTRIBUTE *t, CK_ULONG count,
	const CK_ATTRIBUTE *value)
{
	unsigned char right[3], wrong[3];
	CK_OBJECT_HANDLE object;

	check_value_of(value->pValue, value->ulValueLen, right);
	memcpy(wrong, right, 3);
	wrong[2] ^= 1;
	object = p11_create(session, t, count);
	p11_check_bytes(session, object, CKA_CHECK_VALUE, right, 3);

	RV_EQUAL(create_with(session, t, count, (CK_ATTRIBUTE)A_ROOM(CKA_CHECK_VALUE, right), &object),
		CKR_OK);
	p11_check_bytes(session, object, CKA_CHECK_VALUE, right, 3);
	RV_EQUAL(create_with(session, t, count, (CK_ATTRIBUTE)A_ROOM(CKA_CHECK_VALUE, wrong), &object),
		CKR_ATTRIBUTE_VALUE_INVALID);
	RV_EQUAL(create_with(session, t, count, (CK_ATTRIBUTE)A_BYTES(CKA_CHECK_VALUE, right, 2), &object),
		CKR_ATTRIBUTE_VALUE_INVALID);
}

static void check_values(void)
{
	unsigned char der[2000];
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE certificate[8] = {
		A_CERTIFICATE(p11_soft_key(1024), der),
	};
	CK_ATTRIBUTE secret[8] = {
		A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
		A_TEXT(CKA_VALUE, "the value of a secret key"),
	};

	tap_about("certificate");
	check_check_value(session, certificate, 4, &certificate[3]);
	tap_about("secret key");
	check_check_value(session, secret, 3, &secret[2]);
}

/* "Supplied regardless of how the key object is created", and though its value is hidden. */
static void check_value_of_generated(void)
{
	CK_MECHANISM m = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE open[] = { A_ULONG(CKA_VALUE_LEN, 16) };
	CK_ATTRIBUTE hidden[] = { A_ULONG(CKA_VALUE_LEN, 16), A_BOOL(CKA_SENSITIVE, true) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	unsigned char value[16], right[3], room[8];

	RV_MUST(p11->C_GenerateKey(session, &m, TEMPLATE(open), &key), CKR_OK);
	ULONG_EQUAL(p11_get_bytes(session, key, CKA_VALUE, value, sizeof(value)), 16);
	check_value_of(value, 16, right);
	p11_check_bytes(session, key, CKA_CHECK_VALUE, right, 3);
	RV_MUST(p11->C_GenerateKey(session, &m, TEMPLATE(hidden), &key), CKR_OK);
	ULONG_EQUAL(p11_get_bytes(session, key, CKA_CHECK_VALUE, room, sizeof(room)), 3);
}

static void check_none(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	unsigned char room[8];
	CK_ATTRIBUTE get = A_ROOM(CKA_CHECK_VALUE, room);

	if (RV_ONE_OF(p11->C_GetAttributeValue(session, key, &get, 1), CKR_OK, CKR_ATTRIBUTE_TYPE_INVALID)
		== CKR_OK)
		ULONG_EQUAL(get.ulValueLen, 0);
}

/* "May be prevented by supplying the attribute as a no-value entry", and destroyed by that (4.10.2). */
static void no_check_value(void)
{
	CK_MECHANISM m = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE none[] = { A_BYTES(CKA_CHECK_VALUE, NULL, 0), A_ULONG(CKA_VALUE_LEN, 16) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	RV_EQUAL(p11_secret_rv(session, "key", 3, none, 1, &key), CKR_OK);
	check_none(session, key);
	RV_EQUAL(p11->C_GenerateKey(session, &m, TEMPLATE(none), &key), CKR_OK);
	check_none(session, key);
	key = p11_secret(session, "key", 3);
	RV_EQUAL(p11->C_SetAttributeValue(session, key, none, 1), CKR_OK);
	check_none(session, key);
}

/* Public key info */

static void check_key_info(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, EVP_PKEY *key)
{
	unsigned char der[1000];
	size_t length = p11_soft_key_info(key, der, sizeof(der));
	CK_ATTRIBUTE sought[] = { A_BYTES(CKA_PUBLIC_KEY_INFO, der, length) };
	CK_OBJECT_HANDLE found[8];

	p11_check_bytes(session, object, CKA_PUBLIC_KEY_INFO, der, length);
	CHECK(p11_search(session, TEMPLATE(sought), found, 8) >= 1);
}

static void key_info_of_generated(void)
{
	static const CK_ULONG sizes[] = { 512, 1024, 2048 };
	CK_SESSION_HANDLE session = p11_shared_token();
	size_t i;

	for (i = 0; i < COUNT_OF(sizes); i++) {
		struct p11_pair pair = p11_shared_pair(session, sizes[i]);
		EVP_PKEY *key = p11_read_public(session, pair.public);

		tap_about("%lu bits", sizes[i]);
		check_key_info(session, pair.public, key);
		check_key_info(session, pair.private, key);
		EVP_PKEY_free(key);
	}
}

static void key_info_of_created(void)
{
	unsigned char der[2000];
	EVP_PKEY *key = p11_soft_key(1024);
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE certificate[] = {
		A_CERTIFICATE(key, der),
	};
	CK_ATTRIBUTE other[] = {
		A_ULONG(CKA_CLASS, CKO_CERTIFICATE),
		A_ULONG(CKA_CERTIFICATE_TYPE, CKC_X_509),
		A_TEXT(CKA_SUBJECT, "0"),
		A_TEXT(CKA_VALUE, "no certificate at all"),
	};

	tap_about("public key");
	check_key_info(session, p11_soft_public(session, 1024, NO_TEMPLATE), key);
	tap_about("private key");
	check_key_info(session, p11_soft_private(session, 1024, NO_TEMPLATE), key);
	tap_about("certificate");
	check_key_info(session, p11_create(session, TEMPLATE(certificate)), key);
	tap_about("no certificate");
	p11_check_bytes(session, p11_create(session, TEMPLATE(other)), CKA_PUBLIC_KEY_INFO, "", 0);
}

/* Unique ids */

static void check_unique_id(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	unsigned char id[256];
	size_t length = p11_get_bytes(session, object, CKA_UNIQUE_ID, id, sizeof(id));
	CK_ATTRIBUTE t[] = { A_BYTES(CKA_UNIQUE_ID, id, length) };
	CK_OBJECT_HANDLE found[4] = { 0 };

	CHECK(length > 0);
	ULONG_EQUAL(p11_search(session, TEMPLATE(t), found, 4), 1);
	ULONG_EQUAL(found[0], object);
	RV_EQUAL(p11->C_SetAttributeValue(session, object, TEMPLATE(t)), CKR_ATTRIBUTE_READ_ONLY);
}

static void unique_ids(void)
{
	CK_ATTRIBUTE given[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_TEXT(CKA_UNIQUE_ID, "mine") };
	CK_ATTRIBUTE override[] = { A_TEXT(CKA_UNIQUE_ID, "mine") };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 512);
	CK_OBJECT_HANDLE objects[] = {
		p11_data(session, "the same", false, false),
		p11_data(session, "the same", true, false),
		p11_data(session, "the same", true, true),
		pair.public,
		pair.private,
		p11_secret(session, "key", 3),
		CK_INVALID_HANDLE,
	};
	CK_OBJECT_HANDLE object;
	size_t i;

	RV_EQUAL(p11->C_CopyObject(session, objects[0], NO_TEMPLATE, &objects[6]), CKR_OK);
	for (i = 0; i < COUNT_OF(objects); i++) {
		tap_about("object %zu", i);
		check_unique_id(session, objects[i]);
	}
	RV_EQUAL(p11->C_CreateObject(session, TEMPLATE(given), &object), CKR_ATTRIBUTE_READ_ONLY);
	RV_ONE_OF(p11->C_CopyObject(session, objects[0], TEMPLATE(override), &object),
		CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT);
}

struct known {
	unsigned char id[256];
	size_t length;
	bool is_private;
};

static int find_by_id(void *argument)
{
	struct known *known = argument;
	CK_ATTRIBUTE t[] = { A_BYTES(CKA_UNIQUE_ID, known->id, known->length) };
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE found[2];

	p11_start();
	session = p11_open();
	ULONG_EQUAL(p11_search(session, TEMPLATE(t), found, 2), !known->is_private);
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	ULONG_EQUAL(p11_search(session, TEMPLATE(t), found, 2), 1);
	p11_check_text(session, found[0], CKA_LABEL, "known by its id, renamed");
	return 0;
}

static void unique_ids_elsewhere(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	struct known known;
	int is_private;

	for (is_private = 0; is_private < 2; is_private++) {
		CK_OBJECT_HANDLE object = p11_data(session, "known by its id", true, is_private);

		tap_about("private: %d", is_private);
		known.is_private = is_private;
		known.length = p11_get_bytes(session, object, CKA_UNIQUE_ID, known.id, sizeof(known.id));
		RV_EQUAL(p11_set_label(session, object, "known by its id, renamed"), CKR_OK);
		p11_check_bytes(session, object, CKA_UNIQUE_ID, known.id, known.length);
		ULONG_EQUAL(p11_in_child(find_by_id, &known), 0);
		RV_EQUAL(p11->C_DestroyObject(session, object), CKR_OK);
	}
}

static void name_hash(void)
{
	unsigned char der[2000];
	CK_ATTRIBUTE t[] = {
		A_CERTIFICATE(p11_soft_key(1024), der),
		A_ULONG(CKA_NAME_HASH_ALGORITHM, CKM_SHA256),
	};
	CK_SESSION_HANDLE session = p11_shared_token();

	ULONG_EQUAL(p11_get_ulong(session, p11_create(session, t, 4), CKA_NAME_HASH_ALGORITHM), CKM_SHA_1);
	ULONG_EQUAL(p11_get_ulong(session, p11_create(session, t, 5), CKA_NAME_HASH_ALGORITHM), CKM_SHA256);
}

static const struct tap_case cases[] = {
	{ "CKA_CHECK_VALUE of certificates and secret keys", check_values },
	{ "CKA_CHECK_VALUE of generated keys", check_value_of_generated },
	{ "CKA_CHECK_VALUE prevented and destroyed", no_check_value },
	{ "CKA_PUBLIC_KEY_INFO of generated keys", key_info_of_generated },
	{ "CKA_PUBLIC_KEY_INFO of imported keys and certificates", key_info_of_created },
	{ "CKA_UNIQUE_ID is there, unique and read-only", unique_ids },
	{ "CKA_UNIQUE_ID is the same in another process", unique_ids_elsewhere },
	{ "CKA_NAME_HASH_ALGORITHM is SHA-1 by default", name_hash },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "computed attributes", cases);
}
