/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/extensions.h"
#include "pktool/lifetime.h"
#include "pktool/newkey.h"
#include "pktool/output.h"
#include "pktool/pktool.h"
#include "pktool/serial.h"

static const struct word table[] = {
	NEWKEY_WORDS,
	{ "serial", WORD_VALUE, NULL, "HEX" },
	{ "lifetime", WORD_VALUE, NULL, LIFETIME_HELP },
	{ "outcert", WORD_VALUE, NULL, "FILE" },
	{ NULL, WORD_PLAIN, NULL, NULL },
};

static X509 *certificate_make(struct newkey *newkey, ASN1_INTEGER *serial, X509_VAL *validity)
{
	EVP_PKEY *key = newkey->signer.public_key;
	struct certificate_terms terms = { newkey->subject, newkey->subject, serial, validity, key, NULL };

	if (!extensions_add_basic(&newkey->extensions, newkey->authority)
		|| !extensions_add_key_ids(&newkey->extensions, key, NULL, key))
		return NULL;
	terms.extensions = newkey->extensions;
	return certificate_sign(&newkey->signer, &terms);
}

static int run(const struct words *words)
{
	const char *outcert = words_value(words, "outcert");
	struct newkey newkey = { 0 };
	X509 *certificate = NULL;
	X509_VAL *validity = NULL;
	ASN1_INTEGER *serial = NULL;
	int status = PKTOOL_USAGE;

	serial = serial_from(words);
	validity = serial == NULL ? NULL : lifetime_from(words);
	if (validity == NULL || !newkey_read(&newkey, words))
		goto out;
	status = PKTOOL_FAILED;
	if ((outcert != NULL && !userfile_can_write(outcert)) || !newkey_make(&newkey))
		goto out;
	certificate = certificate_make(&newkey, serial, validity);
	if (certificate != NULL && created_certificate(&newkey.created, certificate, newkey.label, &newkey.id)
		&& (outcert == NULL || output_certificate(outcert, certificate, newkey.der)))
		status = PKTOOL_OK;
out:
	newkey_free(&newkey, status == PKTOOL_OK);
	X509_free(certificate);
	X509_VAL_free(validity);
	ASN1_INTEGER_free(serial);
	return status;
}

const struct command cmd_gencert = { "gencert",
	"makes a key in the token, and a certificate signed by itself", table, run };
