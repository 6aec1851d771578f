/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "pktool/keys.h"
#include "pktool/objects.h"
#include "pktool/output.h"
#include "pktool/pktool.h"
#include "pktool/select.h"

static const struct word table[] = {
	TOKEN_WORDS,
	{ "outfile", WORD_REQUIRED, NULL, "FILE" },
	{ "objtype", WORD_VALUE, "cert|key|private|public|both", NULL },
	{ "outformat", WORD_VALUE, "pem|der|pkcs12|raw", NULL },
	{ "label", WORD_VALUE, NULL, "LABEL" },
	{ "subject", WORD_VALUE, NULL, "DN" },
	{ "issuer", WORD_VALUE, NULL, "DN" },
	{ "serial", WORD_VALUE, NULL, "HEX" },
	{ "pinfile", WORD_VALUE, NULL, "FILE" },
	{ NULL, WORD_PLAIN, NULL, NULL },
};

enum format { PEM, DER, PKCS12_FORMAT, RAW };

struct work {
	const struct words *words;
	const char *outfile, *label;
	enum format format;
	struct selection selection; /* of certificates */
	struct session session;
};

/* --- certificates --- */

/* Those that are selected, be they none. */
static STACK_OF(X509) *certificates_find(struct work *work, const struct selection *selection)
{
	STACK_OF(X509) *list = sk_X509_new_null();
	CK_OBJECT_HANDLE *found = NULL;
	size_t count = 0;
	bool ok = list != NULL && select_find(&work->session, selection, NULL, &found, &count);

	for (size_t i = 0; ok && i < count; i++) {
		X509 *certificate = select_certificate(&work->session, found[i]);

		ok = certificate != NULL && sk_X509_push(list, certificate) > 0;
		if (!ok) {
			X509_free(certificate);
			pktool_error("a certificate of the token cannot be read");
		}
	}
	free(found);
	if (ok)
		return list;
	sk_X509_pop_free(list, X509_free);
	return NULL;
}

static bool export_certificates(struct work *work)
{
	STACK_OF(X509) *list = certificates_find(work, &work->selection);
	int n = list == NULL ? -1 : sk_X509_num(list);
	bool ok = false;

	if (n == 0)
		pktool_error("there is no such certificate");
	else if (n > 1 && work->format == DER)
		pktool_error("%d certificates fit, and a DER file takes one: say which by label=, serial=, "
			     "subject= "
			     "or issuer=",
			n);
	else if (n > 0 && work->format == PKCS12_FORMAT)
		ok = output_pkcs12(work->outfile, NULL, NULL, NULL, list);
	else if (n > 0)
		ok = work->format == DER ? output_certificate(work->outfile, sk_X509_value(list, 0), true)
					 : output_certificates(work->outfile, list);
	sk_X509_pop_free(list, X509_free);
	return ok;
}

/* --- keys --- */

static bool export_public(struct work *work)
{
	CK_OBJECT_HANDLE object;
	EVP_PKEY *key = NULL;
	bool ok = keys_find(&work->session, CKO_PUBLIC_KEY, work->label, &object)
		&& (key = keys_public(&work->session, object)) != NULL
		&& output_public_key(work->outfile, key, work->format == DER);

	EVP_PKEY_free(key);
	return ok;
}

/* Moves the certificate of the key to *leaf, and keeps those that lead from it to an authority. */
static void chain_build(STACK_OF(X509) *list, const EVP_PKEY *key, X509 **leaf)
{
	X509 *last = NULL;
	int kept = 0;

	for (int i = 0; i < sk_X509_num(list) && *leaf == NULL; i++) {
		EVP_PKEY *of = X509_get0_pubkey(sk_X509_value(list, i));

		if (of != NULL && EVP_PKEY_eq(of, key) == 1)
			*leaf = sk_X509_delete(list, i);
	}
	last = *leaf;
	for (int i = kept; last != NULL && i < sk_X509_num(list); i++) {
		X509 *next = sk_X509_value(list, i);

		if (X509_check_issued(next, last) == X509_V_OK) {
			(void)sk_X509_set(list, i, sk_X509_value(list, kept));
			(void)sk_X509_set(list, kept, next);
			last = next;
			i = kept++;
		}
	}
	while (sk_X509_num(list) > kept)
		X509_free(sk_X509_pop(list));
	ERR_clear_error();
}

static bool export_pair(struct work *work, EVP_PKEY *key)
{
	const struct selection all = { .kind = SELECT_CERT, .public = true };
	STACK_OF(X509) *list = certificates_find(work, &all);
	X509 *leaf = NULL;
	bool ok = false;

	if (list != NULL) {
		chain_build(list, key, &leaf);
		ok = output_pkcs12(work->outfile, work->label, key, leaf, list);
	}
	X509_free(leaf);
	sk_X509_pop_free(list, X509_free);
	return ok;
}

static bool export_private(struct work *work)
{
	CK_OBJECT_HANDLE object;
	EVP_PKEY *key = NULL;
	bool ok = keys_find(&work->session, CKO_PRIVATE_KEY, work->label, &object)
		&& (key = keys_private(&work->session, object)) != NULL
		&& (work->format == PKCS12_FORMAT
				? export_pair(work, key)
				: output_private_key(work->outfile, key, work->format == DER));

	EVP_PKEY_free(key);
	return ok;
}

static bool export_secret(struct work *work)
{
	CK_OBJECT_HANDLE object;
	struct buf value = { .secret = true };
	bool ok = keys_find(&work->session, CKO_SECRET_KEY, work->label, &object)
		&& keys_may_leave(&work->session, object);

	if (ok && !(objects_value(&work->session, object, CKA_VALUE, &value) && value.len > 0)) {
		pktool_error("the key could not be read from the token");
		ok = false;
	}
	ok = ok && userfile_write(work->outfile, value.data, value.len, USERFILE_SECRET);
	buf_free(&value);
	return ok;
}

/* Private or secret, as there is one of the label. */
static bool export_key(struct work *work)
{
	bool raw = work->format == RAW;
	size_t secrets = 0;

	if (!raw && !keys_count(&work->session, CKO_SECRET_KEY, work->label, &secrets))
		return false;
	if (!raw && secrets == 0)
		return export_private(work);
	if (raw || words_value(work->words, "outformat") == NULL)
		return export_secret(work);
	pktool_error("a secret key goes out with outformat=raw");
	return false;
}

/* --- what is to go --- */

static const struct kind {
	const char *objtype;
	const char *formats; /* the first one unless said otherwise */
	bool login;
	bool (*export)(struct work *work);
} kinds[] = {
	{ "both", "pkcs12", true, export_private },
	{ "cert", "pem|der|pkcs12", false, export_certificates },
	{ "key", "pem|der|pkcs12|raw", true, export_key },
	{ "private", "pem|der|pkcs12", true, export_private },
	{ "public", "pem|der", false, export_public },
};

/* Without objtype= the other words tell: a PKCS#12 file has all of it. */
static const char *kind_default(const struct words *words)
{
	const char *outformat = words_value(words, "outformat");

	if (words_value(words, "subject") != NULL || words_value(words, "issuer") != NULL
		|| words_value(words, "serial") != NULL)
		return "cert";
	if (outformat == NULL || strcmp(outformat, "pkcs12") == 0)
		return "both";
	return strcmp(outformat, "raw") == 0 ? "key" : "cert";
}

static const struct kind *kind_find(const struct words *words)
{
	const char *objtype = words_value(words, "objtype");
	size_t i = 0;

	if (objtype == NULL)
		objtype = kind_default(words);
	while (strcmp(objtype, kinds[i].objtype) != 0)
		i++;
	return &kinds[i];
}

static bool format_read(struct work *work, const struct kind *kind)
{
	static const char *const names[] = { "pem", "der", "pkcs12", "raw" };
	const char *outformat = words_value(work->words, "outformat"), *allowed = kind->formats;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		size_t n = strlen(names[i]);

		if (outformat == NULL
				? strncmp(allowed, names[i], n) == 0
				: strcmp(outformat, names[i]) == 0 && strstr(allowed, names[i]) != NULL) {
			work->format = (enum format)i;
			return true;
		}
	}
	pktool_error("objtype=%s goes with outformat=%s", kind->objtype, allowed);
	return false;
}

static bool work_read(struct work *work, const struct kind *kind)
{
	work->outfile = words_value(work->words, "outfile");
	work->label = words_value(work->words, "label");
	if (!format_read(work, kind) || !select_read(&work->selection, work->words))
		return false;
	if (kind->export != export_certificates && work->selection.kind == SELECT_CERT) {
		pktool_error("subject=, issuer= and serial= choose certificates: objtype=cert");
		return false;
	}
	work->selection.kind = SELECT_CERT;
	work->selection.public = true;
	work->selection.private = false;
	return true;
}

static int run(const struct words *words)
{
	const struct kind *kind = kind_find(words);
	struct work work = { .words = words };
	int status = PKTOOL_USAGE;

	if (!work_read(&work, kind))
		goto out;
	status = PKTOOL_FAILED;
	if (userfile_can_write(work.outfile)
		&& session_open(&work.session, words_value(words, "token"), SESSION_READ)
		&& (!kind->login || session_login(&work.session, words_value(words, "pinfile")))
		&& kind->export(&work))
		status = PKTOOL_OK;
out:
	session_close(&work.session);
	select_free(&work.selection);
	return status;
}

const struct command cmd_export = { "export",
	"writes certificates, and keys that may leave the token, to a file", table, run };
