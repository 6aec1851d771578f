/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/select.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "pktool/name.h"
#include "pktool/objects.h"
#include "pktool/pktool.h"
#include "pktool/values.h"

/* "cert", "key:both", "private", ...; public is what is meant where it does not say. */
static bool objtype_read(struct selection *selection, const char *text)
{
	const char *rest = text;

	if (strncmp(text, "cert", 4) == 0 && (text[4] == ':' || text[4] == '\0')) {
		selection->kind = SELECT_CERT;
		rest = text + 4;
	} else if (strncmp(text, "key", 3) == 0 && (text[3] == ':' || text[3] == '\0')) {
		selection->kind = SELECT_KEY;
		rest = text + 3;
	}
	if (rest != text)
		rest = rest[0] == ':' ? rest + 1 : "public";
	selection->public = strcmp(rest, "public") == 0 || strcmp(rest, "both") == 0;
	selection->private = strcmp(rest, "private") == 0 || strcmp(rest, "both") == 0;
	if (selection->public || selection->private)
		return true;
	pktool_error("objtype=%s: must be public, private or both, or cert or key, or cert: or key: and one "
		     "of them",
		text);
	return false;
}

static bool serial_read_hex(const struct words *words, BIGNUM **serial)
{
	struct buf bytes = BUF_INIT;
	bool ok = value_hex(words, "serial", &bytes) && bytes.len <= 1024;

	if (ok && words_value(words, "serial") != NULL) {
		*serial = BN_bin2bn(bytes.data, (int)bytes.len, NULL);
		ok = *serial != NULL;
	}
	buf_free(&bytes);
	return ok;
}

static bool name_word(const struct words *words, const char *key, X509_NAME **name)
{
	const char *text = words_value(words, key);

	if (text == NULL)
		return true;
	*name = name_read(key, text);
	return *name != NULL;
}

static bool is_of_certificate(const struct selection *selection)
{
	return selection->serial != NULL || selection->issuer != NULL || selection->subject != NULL;
}

bool select_read(struct selection *selection, const struct words *words)
{
	const char *objtype = words_value(words, "objtype");

	memset(selection, 0, sizeof *selection);
	selection->label = words_value(words, "label");
	if (!objtype_read(selection, objtype != NULL ? objtype : "public")
		|| !serial_read_hex(words, &selection->serial)
		|| !name_word(words, "issuer", &selection->issuer)
		|| !name_word(words, "subject", &selection->subject))
		goto fail;
	if (is_of_certificate(selection) && selection->kind == SELECT_KEY) {
		pktool_error("serial=, issuer= and subject= are of certificates, not of keys");
		goto fail;
	}
	if (is_of_certificate(selection))
		selection->kind = SELECT_CERT;
	return true;
fail:
	select_free(selection);
	return false;
}

void select_free(struct selection *selection)
{
	BN_free(selection->serial);
	X509_NAME_free(selection->issuer);
	X509_NAME_free(selection->subject);
	memset(selection, 0, sizeof *selection);
}

X509 *select_certificate(struct session *session, CK_OBJECT_HANDLE object)
{
	struct buf value = BUF_INIT;
	X509 *certificate = NULL;

	if (objects_value(session, object, CKA_VALUE, &value)) {
		const unsigned char *p = value.data;

		certificate = p != NULL ? d2i_X509(NULL, &p, (long)value.len) : NULL;
		ERR_clear_error();
	}
	buf_free(&value);
	return certificate;
}

static X509_NAME *name_reversed(const X509_NAME *name)
{
	X509_NAME *turned = X509_NAME_new();
	bool ok = turned != NULL;

	for (int i = X509_NAME_entry_count(name) - 1; ok && i >= 0; i--)
		ok = X509_NAME_add_entry(turned, X509_NAME_get_entry(name, i), -1, 0) == 1;
	if (ok)
		return turned;
	X509_NAME_free(turned);
	return NULL;
}

/* Some write names from the country down, others, as RFC 4514 has it, up to the country: both are meant. */
static bool name_fits(const X509_NAME *name, const X509_NAME *wanted)
{
	X509_NAME *turned;
	bool fits;

	if (wanted == NULL || X509_NAME_cmp(name, wanted) == 0)
		return true;
	turned = name_reversed(wanted);
	fits = turned != NULL && X509_NAME_cmp(name, turned) == 0;
	X509_NAME_free(turned);
	return fits;
}

static bool serial_fits(const X509 *certificate, const BIGNUM *wanted)
{
	BIGNUM *serial;
	bool fits;

	if (wanted == NULL)
		return true;
	serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	fits = serial != NULL && BN_cmp(serial, wanted) == 0;
	BN_free(serial);
	return fits;
}

static bool certificate_fits(
	struct session *session, CK_OBJECT_HANDLE object, const struct selection *selection)
{
	X509 *certificate = select_certificate(session, object);
	bool fits = certificate != NULL && serial_fits(certificate, selection->serial)
		&& name_fits(X509_get_issuer_name(certificate), selection->issuer)
		&& name_fits(X509_get_subject_name(certificate), selection->subject);

	X509_free(certificate);
	return fits;
}

static bool fits(struct session *session, CK_OBJECT_HANDLE object, const struct selection *selection)
{
	CK_OBJECT_CLASS class;
	bool private = false;

	(void)objects_bool(session, object, CKA_PRIVATE, &private);
	if (!(private ? selection->private : selection->public))
		return false;
	if (!objects_ulong(session, object, CKA_CLASS, &class))
		return false;
	switch (selection->kind) {
	case SELECT_ALL:
		return true;
	case SELECT_KEY:
		return class == CKO_PUBLIC_KEY || class == CKO_PRIVATE_KEY || class == CKO_SECRET_KEY;
	default:
		return class == CKO_CERTIFICATE
			&& (!is_of_certificate(selection) || certificate_fits(session, object, selection));
	}
}

bool select_find(struct session *session, const struct selection *selection, const char *pinfile,
	CK_OBJECT_HANDLE **handles, size_t *count)
{
	CK_BBOOL yes = CK_TRUE;
	struct buf label = BUF_INIT;
	CK_ATTRIBUTE pattern[2] = { { CKA_TOKEN, &yes, sizeof yes }, { CKA_LABEL, NULL, 0 } };
	size_t kept = 0;
	bool ok;

	if (selection->private && !session_login(session, pinfile))
		return false;
	if (selection->label != NULL)
		buf_put(&label, selection->label, strlen(selection->label));
	pattern[1].pValue = label.data;
	pattern[1].ulValueLen = label.len;
	ok = objects_find(session, pattern, selection->label != NULL ? 2 : 1, handles, count);
	buf_free(&label);
	for (size_t i = 0; ok && i < *count; i++)
		if (fits(session, (*handles)[i], selection))
			(*handles)[kept++] = (*handles)[i];
	*count = ok ? kept : 0;
	return ok;
}

int select_run(const struct words *words, enum session_kind kind, select_work *work)
{
	struct selection selection;
	struct session session;
	CK_OBJECT_HANDLE *handles = NULL;
	size_t count = 0;
	int status = PKTOOL_FAILED;

	if (!select_read(&selection, words))
		return PKTOOL_USAGE;
	if (session_open(&session, words_value(words, "token"), kind)
		&& select_find(&session, &selection, words_value(words, "pinfile"), &handles, &count))
		status = work(&session, handles, count, words);
	free(handles);
	session_close(&session);
	select_free(&selection);
	return status;
}
