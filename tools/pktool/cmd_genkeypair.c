/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/keypair.h"
#include "pktool/pktool.h"
#include "pktool/values.h"

#include <stdio.h>
#include <string.h>

static const struct word table[] = {
	TOKEN_WORDS,
	{ "label", WORD_REQUIRED, NULL, "LABEL" },
	{ "id", WORD_VALUE, NULL, "HEX" },
	{ "keytype", WORD_VALUE, "rsa|ec", NULL },
	{ "keylen", WORD_VALUE, NULL, "BITS" },
	{ "curve", WORD_VALUE, NULL, "CURVE" },
	{ "pinfile", WORD_VALUE, NULL, "FILE" },
	{ NULL, WORD_PLAIN, NULL, NULL },
};

static bool request_read(const struct words *words, struct keypair_request *request, struct buf *id)
{
	const char *keytype = words_value(words, "keytype");
	bool ec = keytype != NULL && strcmp(keytype, "ec") == 0;

	request->bits = KEYPAIR_BITS;
	request->label = words_value(words, "label");
	if (!value_number(words, "keylen", KEYPAIR_BITS_MIN, KEYPAIR_BITS_MAX, &request->bits)
		|| !value_hex(words, "id", id))
		return false;
	request->id = id->data;
	request->id_len = id->len;
	if (words_value(words, ec ? "keylen" : "curve") != NULL) {
		pktool_error(
			ec ? "keylen= is for keytype=rsa; here it is curve=" : "curve= is for keytype=ec");
		return false;
	}
	if (ec)
		request->curve = words_value(words, "curve") != NULL ? words_value(words, "curve") : "P-256";
	return true;
}

/* That of the chip is told before the PIN is asked for. */
static bool has_mechanism(const struct session *session, bool ec)
{
	CK_MECHANISM_INFO info;
	CK_RV rv = session->p11->C_GetMechanismInfo(
		session->slot, ec ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN, &info);

	if (rv == CKR_OK)
		return true;
	pktool_error("%s makes no %s keys", session->label, ec ? "EC" : "RSA");
	return false;
}

static int run(const struct words *words)
{
	struct keypair_request request = { 0 };
	struct session session = { 0 };
	struct buf id = BUF_INIT;
	CK_OBJECT_HANDLE public_key, private_key;
	int status = PKTOOL_FAILED;

	if (!request_read(words, &request, &id)) {
		status = PKTOOL_USAGE;
		goto out;
	}
	if (session_open(&session, words_value(words, "token"), SESSION_WRITE)
		&& has_mechanism(&session, request.curve != NULL)
		&& session_login(&session, words_value(words, "pinfile"))
		&& keypair_make(&session, &request, &public_key, &private_key))
		status = PKTOOL_OK;
out:
	session_close(&session);
	buf_free(&id);
	return status;
}

const struct command cmd_genkeypair = { "genkeypair", "makes a pair of keys in the token", table, run };
