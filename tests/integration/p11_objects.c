/* SPDX-License-Identifier: BSD-2-Clause */
#include "p11.h"

#include <stdio.h>
#include <string.h>

CK_OBJECT_HANDLE p11_data(CK_SESSION_HANDLE session, const char *label, bool token, bool is_private)
{
	char value[300];
	int length = snprintf(value, sizeof(value), "value of %s", label);
	CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, token),
		A_BOOL(CKA_PRIVATE, is_private),
		A_BYTES(CKA_LABEL, p11_text(label), strlen(label)),
		A_BYTES(CKA_VALUE, value, (CK_ULONG)length),
	};

	RV_MUST(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	CHECK(object != CK_INVALID_HANDLE);
	return object;
}

/* Asks for few handles at a time: a client may. */
CK_ULONG p11_search(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count,
		    CK_OBJECT_HANDLE *found, CK_ULONG room)
{
	CK_OBJECT_HANDLE some[3];
	CK_ULONG number = 0, got, i;

	RV_MUST(p11->C_FindObjectsInit(session, template, count), CKR_OK);
	do {
		got = 0;
		RV_MUST(p11->C_FindObjects(session, some, 3, &got), CKR_OK);
		MUST(got <= 3);
		for (i = 0; i < got; i++, number++)
			if (number < room)
				found[number] = some[i];
	} while (got > 0);
	RV_MUST(p11->C_FindObjectsFinal(session), CKR_OK);
	return number;
}

static CK_ULONG search_label(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label,
			     CK_OBJECT_HANDLE *found)
{
	CK_ATTRIBUTE by_class = A_ULONG(CKA_CLASS, class);
	CK_ATTRIBUTE by_label = A_BYTES(CKA_LABEL, NULL, 0);
	CK_ATTRIBUTE t[2];
	CK_ULONG count = 0;

	if (class != ANY_CLASS)
		t[count++] = by_class;
	if (label != NULL) {
		by_label.pValue = p11_text(label);
		by_label.ulValueLen = strlen(label);
		t[count++] = by_label;
	}
	return p11_search(session, t, count, found, 1);
}

CK_ULONG p11_count(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label)
{
	CK_OBJECT_HANDLE ignored;

	return search_label(session, class, label, &ignored);
}

CK_OBJECT_HANDLE p11_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label)
{
	CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
	CK_ULONG count = search_label(session, class, label, &object);

	TAP_CHECK(count == 1, "%lu objects of class %lu are labelled %s, not 1", count, class,
		  label);
	return object;
}

static void get_whole(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
	void *value, CK_ULONG size)
{
	CK_ATTRIBUTE a = A_BYTES(type, value, size);
	CK_RV rv = p11->C_GetAttributeValue(session, object, &a, 1);

	TAP_CHECK(rv == CKR_OK && a.ulValueLen == size, "attribute 0x%lx: %s, length %lu", type,
		p11_rv_name(rv), a.ulValueLen);
}

CK_ULONG p11_get_ulong(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
	CK_ULONG value = 0xdead;

	get_whole(session, object, type, &value, sizeof(value));
	return value;
}

CK_BBOOL p11_get_bool(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL value = 99;

	get_whole(session, object, type, &value, sizeof(value));
	return value;
}

size_t p11_get_bytes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
		     unsigned char *room, size_t size)
{
	CK_ATTRIBUTE a = A_BYTES(type, NULL, 0);
	CK_ULONG length;

	RV_MUST(p11->C_GetAttributeValue(session, object, &a, 1), CKR_OK);
	length = a.ulValueLen;
	TAP_MUST(length <= size, "attribute 0x%lx has %lu bytes", type, length);
	a.pValue = room;
	a.ulValueLen = size;
	RV_MUST(p11->C_GetAttributeValue(session, object, &a, 1), CKR_OK);
	ULONG_EQUAL(a.ulValueLen, length);
	return a.ulValueLen;
}

/* Keys in the chip */

CK_RV p11_generate(CK_SESSION_HANDLE session, CK_ULONG bits, const char *label, bool token,
		   bool is_private, struct p11_pair *pair)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = {
		A_ULONG(CKA_MODULUS_BITS, bits),
		A_BOOL(CKA_TOKEN, token),
		A_BYTES(CKA_LABEL, p11_text(label), strlen(label)),
	};
	CK_ATTRIBUTE private[] = {
		A_BOOL(CKA_TOKEN, token),
		A_BOOL(CKA_PRIVATE, is_private),
		A_BYTES(CKA_LABEL, p11_text(label), strlen(label)),
	};

	return p11->C_GenerateKeyPair(session, &mechanism, TEMPLATE(public), TEMPLATE(private),
				      &pair->public, &pair->private);
}

CK_RV p11_sign(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key,
	       unsigned char *data, CK_ULONG length, unsigned char *signature,
	       CK_ULONG *signature_length)
{
	CK_MECHANISM m = { mechanism, NULL, 0 };
	CK_RV rv = p11->C_SignInit(session, &m, key);

	return rv != CKR_OK ? rv : p11->C_Sign(session, data, length, signature, signature_length);
}

bool p11_signs(CK_SESSION_HANDLE session, struct p11_pair pair)
{
	unsigned char data[] = "what is signed to see whether the key still signs";
	unsigned char signature[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);
	EVP_PKEY *key;
	bool good;

	if (RV_EQUAL(p11_sign(session, CKM_SHA256_RSA_PKCS, pair.private, data, sizeof(data),
			      signature, &length),
		     CKR_OK) != CKR_OK)
		return false;
	key = p11_read_public(session, pair.public);
	good = p11_soft_verify(key, EVP_sha256(), data, sizeof(data), signature, length);
	EVP_PKEY_free(key);
	return good;
}

bool p11_label_signs(CK_SESSION_HANDLE session, const char *label)
{
	struct p11_pair pair = {
		p11_find(session, CKO_PUBLIC_KEY, label),
		p11_find(session, CKO_PRIVATE_KEY, label),
	};

	return p11_signs(session, pair);
}

struct p11_pair p11_shared_pair(CK_SESSION_HANDLE session, CK_ULONG bits)
{
	struct p11_pair pair = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };
	char label[32];

	snprintf(label, sizeof(label), "shared %lu", bits);
	if (p11_count(session, CKO_PRIVATE_KEY, label) == 0) {
		RV_MUST(p11_generate(session, bits, label, true, true, &pair), CKR_OK);
	} else {
		pair.public = p11_find(session, CKO_PUBLIC_KEY, label);
		pair.private = p11_find(session, CKO_PRIVATE_KEY, label);
	}
	return pair;
}
