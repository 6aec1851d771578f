/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/material.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "common/terminal.h"
#include "pktool/keys.h"
#include "pktool/objects.h"
#include "pktool/pktool.h"

/* The certificate that is meant by the label: that of the key, or the only one. */
static X509 *leaf_of(const struct material *material)
{
	const STACK_OF(X509) *list = material->certificates;
	const EVP_PKEY *key = material->key != NULL ? material->key : material->public_key;

	for (int i = 0; key != NULL && i < sk_X509_num(list); i++) {
		EVP_PKEY *of = X509_get0_pubkey(sk_X509_value(list, i));

		if (of != NULL && EVP_PKEY_eq(of, key) == 1)
			return sk_X509_value(list, i);
	}
	return key == NULL && sk_X509_num(list) == 1 ? sk_X509_value(list, 0) : NULL;
}

/* The subject's common name, appended with a NUL; nothing if it has none. */
static void common_name(const X509 *certificate, struct buf *name)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1), n = 0;
	unsigned char *text = NULL;

	if (at >= 0)
		n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (n > 0 && memchr(text, '\0', (size_t)n) == NULL) {
		buf_put(name, text, (size_t)n);
		buf_put_u8(name, 0);
	}
	OPENSSL_free(text);
}

/* --- what is there already --- */

static bool certificate_is_there(struct session *session, const X509 *certificate, bool *there)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_BBOOL yes = CK_TRUE;
	unsigned char *der = NULL;
	int n = i2d_X509(certificate, &der);
	CK_ATTRIBUTE pattern[] = { { CKA_TOKEN, &yes, sizeof yes }, { CKA_CLASS, &class, sizeof class },
		{ CKA_VALUE, der, n > 0 ? (CK_ULONG)n : 0 } };
	CK_OBJECT_HANDLE *found = NULL;
	size_t count = 0;
	bool ok = n > 0 && objects_find(session, pattern, 3, &found, &count);

	*there = count > 0;
	free(found);
	OPENSSL_free(der);
	return ok;
}

/* --- putting --- */

static bool certificate_put(
	struct created *created, const X509 *certificate, const char *label, const struct buf *id)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	struct buf name = BUF_INIT, own = BUF_INIT;
	bool there = false, ok;

	common_name(certificate, &name);
	if (label == NULL)
		label = (const char *)name.data;
	ok = certificate_is_there(created->session, certificate, &there);
	if (ok && there)
		pktool_error("the certificate of %s is in the token already",
			label == NULL ? "this subject" : label);
	else if (ok && id->len > 0)
		ok = created_certificate(created, certificate, label, id);
	else if (ok)
		ok = (key == NULL || keys_id(created->session, key, &own))
			&& created_certificate(created, certificate, label, &own);
	buf_free(&name);
	buf_free(&own);
	return ok;
}

static bool private_put(struct created *created, const EVP_PKEY *key, const struct created_key *as)
{
	bool ok;

	if (!keys_private_is_new(created->session, key)
		|| (as->label != NULL && !keys_label_is_free(created->session, as->label)))
		return false;
	terminal_busy("The token takes the key in...");
	ok = created_private_key(created, key, as);
	terminal_idle();
	return ok && created_public_key(created, key, as);
}

static bool keys_put(const struct material *material, struct created *created, const struct created_key *as)
{
	const EVP_PKEY *key = material->key != NULL ? material->key : material->public_key;
	struct created_key named = *as;
	struct buf id = BUF_INIT;
	bool ok;

	if (key == NULL)
		return true;
	named.id = &id;
	if (as->id->len > 0)
		buf_put(&id, as->id->data, as->id->len);
	ok = (id.len > 0 || keys_id(created->session, key, &id)) && !buf_failed(&id)
		&& (material->key != NULL ? private_put(created, key, &named)
					  : created_public_key(created, key, &named));
	buf_free(&id);
	return ok;
}

bool material_store(const struct material *material, struct created *created, const struct created_key *as)
{
	static const struct buf no_id = BUF_INIT;
	const X509 *leaf = leaf_of(material);
	struct created_key named = *as;
	struct buf name = BUF_INIT;
	bool ok;

	if (named.label == NULL && leaf != NULL) {
		common_name(leaf, &name);
		named.label = (const char *)name.data;
	}
	ok = keys_put(material, created, &named);
	for (int i = 0; ok && i < sk_X509_num(material->certificates); i++) {
		const X509 *certificate = sk_X509_value(material->certificates, i);

		ok = certificate_put(created, certificate, certificate == leaf ? named.label : NULL,
			certificate == leaf ? as->id : &no_id);
	}
	ERR_clear_error(); /* of a certificate whose key cannot be read, and goes in all the same */
	buf_free(&name);
	return ok;
}
