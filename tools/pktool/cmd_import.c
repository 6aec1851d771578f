/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "common/userfile.h"
#include "pktool/created.h"
#include "pktool/material.h"
#include "pktool/pktool.h"
#include "pktool/values.h"

static const struct word table[] = {
	TOKEN_WORDS,
	{ "infile", WORD_REQUIRED, NULL, "FILE" },
	{ "label", WORD_VALUE, NULL, "LABEL" },
	{ "id", WORD_VALUE, NULL, "HEX" },
	{ "objtype", WORD_VALUE, "cert|key", NULL },
	{ "keytype", WORD_VALUE, "rsa|aes|arcfour|des|3des|generic", NULL },
	{ "sensitive", WORD_VALUE, "y|n", NULL },
	{ "extractable", WORD_VALUE, "y|n", NULL },
	{ "pinfile", WORD_VALUE, NULL, "FILE" },
	{ NULL, WORD_PLAIN, NULL, NULL },
};

/* Secret keys, which have no format: their lengths in bytes are all that can be looked at. */
static const struct secret {
	const char *name;
	CK_KEY_TYPE type;
	size_t min, max, step;
} secrets[] = {
	{ "aes", CKK_AES, 16, 32, 8 },
	{ "arcfour", CKK_RC4, 1, 256, 1 },
	{ "des", CKK_DES, 8, 8, 1 },
	{ "3des", CKK_DES3, 24, 24, 1 },
	{ "generic", CKK_GENERIC_SECRET, 1, 65536, 1 },
};

struct work {
	const struct words *words;
	const char *infile;
	const struct secret *secret;
	bool keys, certificates; /* which of them are wanted */
	struct buf id, content;
	struct material material;
	struct created_key as;
	struct session session;
	struct created created;
};

static bool work_read(struct work *work)
{
	const char *objtype = words_value(work->words, "objtype"),
		   *keytype = words_value(work->words, "keytype");

	work->infile = words_value(work->words, "infile");
	work->as.label = words_value(work->words, "label");
	work->as.id = &work->id;
	work->keys = objtype == NULL || strcmp(objtype, "key") == 0;
	work->certificates = objtype == NULL || !work->keys;
	for (size_t i = 0; keytype != NULL && i < sizeof secrets / sizeof secrets[0]; i++)
		if (strcmp(keytype, secrets[i].name) == 0)
			work->secret = &secrets[i];
	work->as.sensitive = work->secret == NULL;
	work->as.extractable = work->secret != NULL;
	value_yes(work->words, "sensitive", &work->as.sensitive);
	value_yes(work->words, "extractable", &work->as.extractable);
	if (keytype == NULL || work->keys)
		return value_hex(work->words, "id", &work->id);
	pktool_error("keytype= is of keys, not of certificates");
	return false;
}

/* --- looking at the file --- */

static bool secret_fits(const struct work *work)
{
	const struct secret *secret = work->secret;
	size_t n = work->content.len;

	if (n >= secret->min && n <= secret->max && (n - secret->min) % secret->step == 0)
		return true;
	pktool_error("%s: has %zu bytes, which is no %s key; it holds the bytes of the key and nothing else",
		work->infile, n, secret->name);
	return false;
}

static bool pair_fits(const struct work *work)
{
	EVP_PKEY *key = work->material.key;
	EVP_PKEY_CTX *context = key == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool fits = key == NULL || (context != NULL && EVP_PKEY_pairwise_check(context) == 1);

	EVP_PKEY_CTX_free(context);
	if (!fits)
		pktool_error("%s: the private key is damaged: its parts do not fit each other", work->infile);
	return fits;
}

static bool content_read(struct work *work)
{
	struct material *material = &work->material;

	work->content.secret = true;
	if (!userfile_read(work->infile, &work->content))
		return false;
	if (work->secret != NULL)
		return secret_fits(work);
	if (!material_read(material, work->infile, &work->content) || !pair_fits(work))
		return false;
	if (!work->certificates)
		material_drop_certificates(material);
	if (!work->keys)
		material_drop_keys(material);
	if (!material_is_empty(material))
		return true;
	pktool_error("%s: has no %s", work->infile, work->keys ? "key" : "certificate");
	return false;
}

static bool store(struct work *work)
{
	return work->secret != NULL
		? created_secret_key(&work->created, work->secret->type, &work->content, &work->as)
		: material_store(&work->material, &work->created, &work->as);
}

static int run(const struct words *words)
{
	const char *pinfile = words_value(words, "pinfile");
	struct work work = { .words = words };
	int status = PKTOOL_USAGE;

	if (!work_read(&work))
		goto out;
	status = PKTOOL_FAILED;
	if (!content_read(&work) || !session_open(&work.session, words_value(words, "token"), SESSION_WRITE))
		goto out;
	work.created.session = &work.session;
	work.created.pinfile = pinfile;
	if ((work.secret != NULL || work.material.key != NULL) && !session_login(&work.session, pinfile))
		goto out;
	if (store(&work))
		status = PKTOOL_OK;
	else
		created_undo(&work.created);
out:
	session_close(&work.session);
	material_free(&work.material);
	buf_free(&work.content);
	buf_free(&work.id);
	return status;
}

const struct command cmd_import = { "import", "brings keys and certificates from a file into the token",
	table, run };
