/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "pktool/created.h"
#include "pktool/extensions.h"
#include "pktool/issuer.h"
#include "pktool/keys.h"
#include "pktool/lifetime.h"
#include "pktool/name.h"
#include "pktool/output.h"
#include "pktool/pktool.h"
#include "pktool/request.h"
#include "pktool/serial.h"
#include "pktool/sign.h"

static const struct word table[] = {
	TOKEN_WORDS,
	{ "signkey", WORD_REQUIRED, NULL, "LABEL" },
	{ "csr", WORD_REQUIRED, NULL, "FILE" },
	{ "outcert", WORD_REQUIRED, NULL, "FILE" },
	{ "issuer", WORD_VALUE, NULL, "DN" },
	{ "subject", WORD_VALUE, NULL, "DN" },
	{ "serial", WORD_VALUE, NULL, "HEX" },
	{ "lifetime", WORD_VALUE, NULL, LIFETIME_HELP },
	EXTENSIONS_WORDS,
	{ "hash", WORD_VALUE, HASH_CHOICES, NULL },
	{ "format", WORD_VALUE, "pem|der", NULL },
	{ "store", WORD_VALUE, "y|n", NULL },
	{ "outlabel", WORD_VALUE, NULL, "LABEL" },
	{ "pinfile", WORD_VALUE, NULL, "FILE" },
	{ NULL, WORD_PLAIN, NULL, NULL },
};

struct work {
	const struct words *words;
	bool der, store, authority;
	X509_REQ *request;
	struct certificate_terms terms;
	struct session session;
	struct created created;
	struct signer signer;
	X509 *issuer; /* its certificate, where the token has it */
	X509 *certificate;
};

/* --- what is asked for --- */

static bool options_read(struct work *work)
{
	const char *format = words_value(work->words, "format"), *store = words_value(work->words, "store");

	work->der = format != NULL && strcmp(format, "der") == 0;
	work->store = store != NULL && *store == 'y';
	work->signer.hash = hash_find(words_value(work->words, "hash"));
	if (words_value(work->words, "outlabel") != NULL && !work->store) {
		pktool_error("outlabel= is for store=y");
		return false;
	}
	return true;
}

static bool terms_read(struct work *work)
{
	const char *issuer = words_value(work->words, "issuer"),
		   *subject = words_value(work->words, "subject");
	struct certificate_terms *terms = &work->terms;

	return options_read(work) && (terms->serial = serial_from(work->words)) != NULL
		&& (terms->validity = lifetime_from(work->words)) != NULL
		&& (issuer == NULL || (terms->issuer = name_read("issuer", issuer)) != NULL)
		&& (subject == NULL || (terms->subject = name_read("subject", subject)) != NULL)
		&& extensions_read(work->words, &terms->extensions, &work->authority);
}

/* What the words leave open comes from the request. */
static bool terms_take(struct work *work)
{
	struct certificate_terms *terms = &work->terms;

	work->request = request_read(words_value(work->words, "csr"));
	if (work->request == NULL || !extensions_take(&terms->extensions, work->request)
		|| !extensions_add_basic(&terms->extensions, work->authority))
		return false;
	terms->key = X509_REQ_get_pubkey(work->request);
	if (terms->subject == NULL)
		terms->subject = X509_NAME_dup(X509_REQ_get_subject_name(work->request));
	if (terms->key == NULL || terms->subject == NULL) {
		pktool_error("no memory for the certificate");
		return false;
	}
	if (X509_NAME_entry_count(terms->subject) > 0)
		return true;
	pktool_error("the request names no subject: say subject=DN");
	return false;
}

/* --- the certificate --- */

static bool signer_find(struct work *work)
{
	const char *label = words_value(work->words, "signkey"),
		   *pinfile = words_value(work->words, "pinfile");
	struct session *session = &work->session;
	struct signer *signer = &work->signer;

	if (!session_open(
		    session, words_value(work->words, "token"), work->store ? SESSION_WRITE : SESSION_READ)
		|| !session_login(session, pinfile)
		|| !keys_find(session, CKO_PRIVATE_KEY, label, &signer->key)
		|| (signer->public_key = keys_public(session, signer->key)) == NULL)
		return false;
	signer->session = session;
	signer->pinfile = pinfile;
	work->created.session = session;
	return hash_fits(signer->hash, (unsigned long)EVP_PKEY_get_bits(signer->public_key))
		&& issuer_find(session, signer->public_key, &work->terms.issuer, &work->issuer);
}

static bool certificate_store(struct work *work)
{
	const char *label = words_value(work->words, "outlabel");
	struct buf id = BUF_INIT;
	bool ok;

	if (!work->store)
		return true;
	ok = keys_id(&work->session, work->terms.key, &id)
		&& created_certificate(&work->created, work->certificate, label, &id);
	buf_free(&id);
	return ok;
}

static bool certificate_make(struct work *work)
{
	struct signer *signer = &work->signer;

	if (!extensions_add_key_ids(
		    &work->terms.extensions, work->terms.key, work->issuer, signer->public_key))
		return false;
	work->certificate = certificate_sign(signer, &work->terms);
	return work->certificate != NULL && certificate_store(work)
		&& output_certificate(words_value(work->words, "outcert"), work->certificate, work->der);
}

/* Whoever signs shall see what: names came from the request. */
static void certificate_show(const X509 *certificate)
{
	const STACK_OF(X509_EXTENSION) *extensions = X509_get0_extensions(certificate);
	int names = X509v3_get_ext_by_NID(extensions, NID_subject_alt_name, -1);
	BIO *out = BIO_new_fp(stdout, BIO_NOCLOSE);
	char *subject = name_text(X509_get_subject_name(certificate));

	if (out != NULL && subject != NULL) {
		BIO_printf(out, "Subject: %s\nSerial number: 0x", subject);
		i2a_ASN1_INTEGER(out, X509_get0_serialNumber(certificate));
		BIO_printf(out, "\nNot after: ");
		ASN1_TIME_print(out, X509_get0_notAfter(certificate));
		if (names >= 0) {
			BIO_printf(out, "\nAlternative names: ");
			X509V3_EXT_print(out, X509v3_get_ext(extensions, names), 0, 0);
		}
		BIO_printf(out, "\n");
	}
	ERR_clear_error();
	OPENSSL_free(subject);
	BIO_free(out);
}

static void work_free(struct work *work, bool done)
{
	if (!done && work->created.session != NULL)
		created_undo(&work->created);
	session_close(&work->session);
	EVP_PKEY_free(work->signer.public_key);
	EVP_PKEY_free(work->terms.key);
	X509_REQ_free(work->request);
	X509_free(work->issuer);
	X509_free(work->certificate);
	X509_NAME_free(work->terms.issuer);
	X509_NAME_free(work->terms.subject);
	X509_VAL_free(work->terms.validity);
	ASN1_INTEGER_free(work->terms.serial);
	sk_X509_EXTENSION_pop_free(work->terms.extensions, X509_EXTENSION_free);
}

static int run(const struct words *words)
{
	struct work work = { .words = words };
	int status = PKTOOL_USAGE;

	if (!terms_read(&work))
		goto out;
	status = PKTOOL_FAILED;
	if (terms_take(&work) && userfile_can_write(words_value(words, "outcert")) && signer_find(&work)
		&& certificate_make(&work)) {
		certificate_show(work.certificate);
		status = PKTOOL_OK;
	}
out:
	work_free(&work, status == PKTOOL_OK);
	return status;
}

const struct command cmd_signcsr = { "signcsr", "makes a certificate of a request", table, run };
