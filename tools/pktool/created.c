/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/created.h"

#include <string.h>

#include "pktool/keys.h"
#include "pktool/pktool.h"

#define ATTRIBUTES_MAX 24

/* A template that owns its values. */
struct template
{
	CK_ATTRIBUTE attributes[ATTRIBUTES_MAX];
	struct buf values[ATTRIBUTES_MAX];
	CK_ULONG n;
	bool failed;
};

/* --- templates --- */

static void template_put(struct template *t, CK_ATTRIBUTE_TYPE type, const void *value, size_t n)
{
	struct buf *to = &t->values[t->n];

	to->secret = true;
	buf_put(to, value, n);
	t->failed = t->failed || buf_failed(to);
	t->attributes[t->n] = (CK_ATTRIBUTE){ type, to->data, (CK_ULONG)n };
	t->n++;
}

static void template_bool(struct template *t, CK_ATTRIBUTE_TYPE type, bool value)
{
	CK_BBOOL flag = value ? CK_TRUE : CK_FALSE;

	template_put(t, type, &flag, sizeof flag);
}

static void template_ulong(struct template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
	template_put(t, type, &value, sizeof value);
}

/* Takes and frees an encoding of libcrypto. */
static void template_der(struct template *t, CK_ATTRIBUTE_TYPE type, unsigned char *der, int n)
{
	if (n > 0)
		template_put(t, type, der, (size_t)n);
	t->failed = t->failed || n <= 0;
	OPENSSL_free(der);
}

/* The first n of keys_numbers, as far as the key has them. */
static void template_numbers(struct template *t, const EVP_PKEY *key, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct buf bytes = BUF_INIT;
		BIGNUM *number = NULL;
		uint8_t *to;

		bytes.secret = true;
		if (EVP_PKEY_get_bn_param(key, keys_numbers[i].name, &number) != 1)
			continue;
		to = buf_extend(&bytes, (size_t)BN_num_bytes(number));
		if (to != NULL)
			BN_bn2bin(number, to);
		template_put(t, keys_numbers[i].type, bytes.data, bytes.len);
		t->failed = t->failed || to == NULL;
		BN_clear_free(number);
		buf_free(&bytes);
	}
}

static void template_common(
	struct template *t, CK_OBJECT_CLASS class, bool private, const char *label, const struct buf *id)
{
	template_ulong(t, CKA_CLASS, class);
	template_bool(t, CKA_TOKEN, true);
	template_bool(t, CKA_PRIVATE, private);
	if (label != NULL)
		template_put(t, CKA_LABEL, label, strlen(label));
	if (id != NULL && id->len > 0)
		template_put(t, CKA_ID, id->data, id->len);
}

/* --- objects --- */

void created_take(struct created *created, CK_OBJECT_HANDLE object)
{
	if (created->count < CREATED_MAX)
		created->objects[created->count++] = object;
}

static CK_RV object_create(struct created *created, struct template *t, CK_OBJECT_HANDLE *object)
{
	struct session *s = created->session;
	CK_RV rv = s->p11->C_CreateObject(s->handle, t->attributes, t->n, object);

	if (rv == CKR_USER_NOT_LOGGED_IN && !s->logged_in && session_login(s, created->pinfile))
		rv = s->p11->C_CreateObject(s->handle, t->attributes, t->n, object);
	return rv;
}

/* Frees the template's values. */
static bool template_create(struct created *created, struct template *t, const char *what)
{
	CK_OBJECT_HANDLE object;
	CK_RV rv = CKR_HOST_MEMORY;

	if (created->count == CREATED_MAX) {
		pktool_error("%s: more than %d objects at once", what, CREATED_MAX);
	} else {
		if (!t->failed)
			rv = object_create(created, t, &object);
		if (rv == CKR_OK)
			created_take(created, object);
		else
			module_failed(what, rv);
	}
	for (CK_ULONG i = 0; i < t->n; i++)
		buf_free(&t->values[i]);
	return rv == CKR_OK;
}

bool created_certificate(
	struct created *created, const X509 *certificate, const char *label, const struct buf *id)
{
	struct template t = { 0 };
	unsigned char *der = NULL;
	int n;

	template_common(&t, CKO_CERTIFICATE, false, label, id);
	template_ulong(&t, CKA_CERTIFICATE_TYPE, CKC_X_509);
	n = i2d_X509_NAME(X509_get_subject_name(certificate), &der);
	template_der(&t, CKA_SUBJECT, der, n);
	der = NULL;
	n = i2d_X509_NAME(X509_get_issuer_name(certificate), &der);
	template_der(&t, CKA_ISSUER, der, n);
	der = NULL;
	n = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &der);
	template_der(&t, CKA_SERIAL_NUMBER, der, n);
	der = NULL;
	n = i2d_X509(certificate, &der);
	template_der(&t, CKA_VALUE, der, n);
	return template_create(created, &t, "storing the certificate");
}

static void template_key(
	struct template *t, CK_OBJECT_CLASS class, CK_KEY_TYPE type, const struct created_key *as)
{
	template_common(t, class, class != CKO_PUBLIC_KEY, as->label, as->id);
	template_ulong(t, CKA_KEY_TYPE, type);
	if (class != CKO_PUBLIC_KEY) {
		template_bool(t, CKA_SENSITIVE, as->sensitive);
		template_bool(t, CKA_EXTRACTABLE, as->extractable);
	}
}

bool created_private_key(struct created *created, const EVP_PKEY *key, const struct created_key *as)
{

	struct template t = { 0 };

	template_key(&t, CKO_PRIVATE_KEY, CKK_RSA, as);
	template_bool(&t, CKA_SIGN, true);
	template_bool(&t, CKA_DECRYPT, true);
	template_bool(&t, CKA_UNWRAP, true);
	template_numbers(&t, key, KEYS_NUMBERS);
	return template_create(created, &t, "storing the private key");
}

bool created_public_key(struct created *created, const EVP_PKEY *key, const struct created_key *as)
{
	struct template t = { 0 };

	template_key(&t, CKO_PUBLIC_KEY, CKK_RSA, as);
	template_bool(&t, CKA_VERIFY, true);
	template_bool(&t, CKA_ENCRYPT, true);
	template_bool(&t, CKA_WRAP, true);
	template_numbers(&t, key, KEYS_PUBLIC_NUMBERS);
	return template_create(created, &t, "storing the public key");
}

bool created_secret_key(
	struct created *created, CK_KEY_TYPE type, const struct buf *value, const struct created_key *as)
{
	struct template t = { 0 };

	template_key(&t, CKO_SECRET_KEY, type, as);
	if (type == CKK_GENERIC_SECRET) {
		template_bool(&t, CKA_SIGN, true);
		template_bool(&t, CKA_VERIFY, true);
	} else {
		template_bool(&t, CKA_ENCRYPT, true);
		template_bool(&t, CKA_DECRYPT, true);
	}
	template_put(&t, CKA_VALUE, value->data, value->len);
	return template_create(created, &t, "storing the key");
}

void created_undo(struct created *created)
{
	struct session *s = created->session;
	bool all = true;

	if (created->count == 0)
		return;
	while (created->count > 0)
		if (s->p11->C_DestroyObject(s->handle, created->objects[--created->count]) != CKR_OK)
			all = false;
	if (all)
		pktool_error("what had been made in the token for this was deleted again");
	else
		pktool_error("not all that had been made in the token for this could be deleted again: see "
			     "pktool list");
}
