/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/issuer.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "pktool/name.h"
#include "pktool/objects.h"
#include "pktool/pktool.h"
#include "pktool/select.h"

/* The certificates of the token that are for this key. */
static STACK_OF(X509) *certificates_of(struct session *session, EVP_PKEY *key)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_ATTRIBUTE pattern[] = { { CKA_CLASS, &class, sizeof class } };
	CK_OBJECT_HANDLE *found = NULL;
	STACK_OF(X509) *list = sk_X509_new_null();
	size_t count = 0;

	if (list == NULL || !objects_find(session, pattern, 1, &found, &count)) {
		sk_X509_free(list);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		X509 *certificate = select_certificate(session, found[i]);
		EVP_PKEY *of = certificate == NULL ? NULL : X509_get0_pubkey(certificate);

		if (of == NULL || EVP_PKEY_eq(of, key) != 1 || sk_X509_push(list, certificate) <= 0)
			X509_free(certificate);
	}
	free(found);
	ERR_clear_error();
	return list;
}

/* The first of that name, and of those, one that may sign others. */
static X509 *certificate_named(const STACK_OF(X509) *list, const X509_NAME *name)
{
	X509 *best = NULL;

	for (int i = 0; i < sk_X509_num(list); i++) {
		X509 *certificate = sk_X509_value(list, i);

		if (X509_NAME_cmp(X509_get_subject_name(certificate), name) == 0
			&& (best == NULL || (X509_check_ca(best) == 0 && X509_check_ca(certificate) != 0)))
			best = certificate;
	}
	return best;
}

static bool all_named(const STACK_OF(X509) *list, const X509_NAME *name)
{
	for (int i = 0; i < sk_X509_num(list); i++)
		if (X509_NAME_cmp(X509_get_subject_name(sk_X509_value(list, i)), name) != 0)
			return false;
	return true;
}

static X509 *certificate_choose(const STACK_OF(X509) *list, const X509_NAME *name)
{
	const X509_NAME *first = X509_get_subject_name(sk_X509_value(list, 0));
	X509 *chosen = name == NULL && !all_named(list, first)
		? NULL
		: certificate_named(list, name == NULL ? first : name);
	char *text;

	if (chosen == NULL) {
		text = name_text(first);
		if (name != NULL)
			pktool_error("issuer: the certificate of this key in the token has another name: %s",
				text == NULL ? "?" : text);
		else
			pktool_error("the key has certificates of several names: say issuer=DN");
		OPENSSL_free(text);
	} else if (X509_check_ca(chosen) == 0) {
		pktool_error(
			"warning: the key's own certificate is not one of an authority (keyusage=keyCertSign "
			"makes one): what it signs will not be trusted");
	}
	return chosen;
}

bool issuer_find(struct session *session, EVP_PKEY *key, X509_NAME **name, X509 **certificate)
{
	STACK_OF(X509) *list = certificates_of(session, key);
	X509 *chosen = NULL;
	bool ok = false;

	*certificate = NULL;
	if (list == NULL)
		return false;
	if (sk_X509_num(list) == 0) {
		ok = *name != NULL;
		if (!ok)
			pktool_error("the token has no certificate of this key: say issuer=DN");
	} else if ((chosen = certificate_choose(list, *name)) != NULL) {
		if (*name == NULL)
			*name = X509_NAME_dup(X509_get_subject_name(chosen));
		ok = *name != NULL && X509_up_ref(chosen) == 1;
		*certificate = ok ? chosen : NULL;
	}
	sk_X509_pop_free(list, X509_free);
	return ok;
}
