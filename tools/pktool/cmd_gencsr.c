/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/extensions.h"
#include "pktool/newkey.h"
#include "pktool/output.h"
#include "pktool/pktool.h"

static const struct word table[] = {
	NEWKEY_WORDS,
	{ "outcsr", WORD_REQUIRED, NULL, "FILE" },
	{ NULL, WORD_PLAIN, NULL, NULL },
};

static int run(const struct words *words)
{
	const char *outcsr = words_value(words, "outcsr");
	struct newkey newkey = { 0 };
	X509_REQ *request = NULL;
	int status = PKTOOL_USAGE;

	if (!newkey_read(&newkey, words))
		goto out;
	status = PKTOOL_FAILED;
	if ((newkey.authority && !extensions_add_basic(&newkey.extensions, true))
		|| !userfile_can_write(outcsr) || !newkey_make(&newkey))
		goto out;
	request = request_sign(&newkey.signer, newkey.subject, newkey.extensions);
	if (request != NULL && output_request(outcsr, request, newkey.der))
		status = PKTOOL_OK;
out:
	newkey_free(&newkey, status == PKTOOL_OK);
	X509_REQ_free(request);
	return status;
}

const struct command cmd_gencsr = { "gencsr", "makes a key in the token, and a request for a certificate",
	table, run };
