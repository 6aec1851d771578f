/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/module.h"
#include "pktool/objects.h"
#include "pktool/pktool.h"
#include "pktool/values.h"

#include <stdio.h>
#include <string.h>

#include "common/terminal.h"

static const struct word table[] = {
	TOKEN_WORDS,
	{ "label", WORD_REQUIRED, NULL, "LABEL" },
	{ "keytype", WORD_VALUE, "generic|aes|arcfour|des|3des", NULL },
	{ "keylen", WORD_VALUE, NULL, "BITS" },
	{ "sensitive", WORD_VALUE, "y|n", NULL },
	{ "extractable", WORD_VALUE, "y|n", NULL },
	{ "print", WORD_VALUE, "y|n", NULL },
	{ "pinfile", WORD_VALUE, NULL, "FILE" },
	{ NULL, WORD_PLAIN, NULL, NULL },
};

#define DEFAULT_BITS 128
#define BITS_MAX 65536

struct kind {
	const char *name;
	CK_MECHANISM_TYPE mechanism;
	CK_ATTRIBUTE_TYPE uses[2];
	bool has_length; /* or it lies in the kind */
};

static const struct kind kinds[] = {
	{ "generic", CKM_GENERIC_SECRET_KEY_GEN, { CKA_SIGN, CKA_VERIFY }, true },
	{ "aes", CKM_AES_KEY_GEN, { CKA_ENCRYPT, CKA_DECRYPT }, true },
	{ "arcfour", CKM_RC4_KEY_GEN, { CKA_ENCRYPT, CKA_DECRYPT }, true },
	{ "des", CKM_DES_KEY_GEN, { CKA_ENCRYPT, CKA_DECRYPT }, false },
	{ "3des", CKM_DES3_KEY_GEN, { CKA_ENCRYPT, CKA_DECRYPT }, false },
};

struct request {
	const struct kind *kind;
	const char *label;
	unsigned long bits;
	bool sensitive, extractable, print;
};

static bool request_read(const struct words *words, struct request *request)
{
	const char *type = words_value(words, "keytype");

	*request =
		(struct request){ &kinds[0], words_value(words, "label"), DEFAULT_BITS, false, true, false };
	for (size_t i = 0; type != NULL && i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(type, kinds[i].name) == 0)
			request->kind = &kinds[i];
	value_yes(words, "sensitive", &request->sensitive);
	value_yes(words, "extractable", &request->extractable);
	value_yes(words, "print", &request->print);
	if (!value_number(words, "keylen", 8, BITS_MAX, &request->bits))
		return false;
	if (request->bits % 8 == 0)
		return true;
	pktool_error("keylen=%lu: a key has whole bytes, 8 bits each", request->bits);
	return false;
}

static bool has_mechanism(const struct session *session, const struct kind *kind)
{
	CK_MECHANISM_INFO info;

	if (session->p11->C_GetMechanismInfo(session->slot, kind->mechanism, &info) == CKR_OK
		&& (info.flags & CKF_GENERATE) != 0)
		return true;
	pktool_error("%s makes no keys with keytype=%s", session->label, kind->name);
	return false;
}

static bool key_make(struct session *session, const struct request *request, CK_OBJECT_HANDLE *key)
{
	CK_BBOOL yes = CK_TRUE, sensitive = request->sensitive, extractable = request->extractable;
	CK_ULONG len = request->bits / 8;
	struct buf label = BUF_INIT;
	CK_ATTRIBUTE template[] = {
		{ CKA_TOKEN, &yes, sizeof yes },
		{ CKA_PRIVATE, &yes, sizeof yes },
		{ CKA_SENSITIVE, &sensitive, sizeof sensitive },
		{ CKA_EXTRACTABLE, &extractable, sizeof extractable },
		{ request->kind->uses[0], &yes, sizeof yes },
		{ request->kind->uses[1], &yes, sizeof yes },
		{ CKA_LABEL, NULL, 0 },
		{ CKA_VALUE_LEN, &len, sizeof len },
	};
	CK_ULONG n = sizeof template / sizeof template[0] - (request->kind->has_length ? 0 : 1);
	CK_MECHANISM mechanism = { request->kind->mechanism, NULL, 0 };
	CK_RV rv;

	buf_put(&label, request->label, strlen(request->label));
	template[6].pValue = label.data;
	template[6].ulValueLen = label.len;
	terminal_busy("The token makes the key...");
	rv = session->p11->C_GenerateKey(session->handle, &mechanism, template, n, key);
	terminal_idle();
	buf_free(&label);
	if (rv != CKR_OK)
		(void)module_failed("making the key", rv);
	return rv == CKR_OK;
}

/* The key is there whether it can be shown or not. */
static void key_print(struct session *session, CK_OBJECT_HANDLE key)
{
	struct buf value = { .secret = true };

	if (objects_value(session, key, CKA_VALUE, &value)) {
		printf("Key Value =\"");
		for (size_t i = 0; i < value.len; i++)
			printf("%02x", value.data[i]);
		puts("\"");
	} else {
		pktool_error("cannot reveal the key value: the key is sensitive or not extractable");
	}
	buf_free(&value);
}

static int run(const struct words *words)
{
	struct request request;
	struct session session;
	CK_OBJECT_HANDLE key;
	int status = PKTOOL_FAILED;

	if (!request_read(words, &request))
		return PKTOOL_USAGE;
	if (!session_open(&session, words_value(words, "token"), SESSION_WRITE))
		return PKTOOL_FAILED;
	if (has_mechanism(&session, request.kind) && session_login(&session, words_value(words, "pinfile"))
		&& key_make(&session, &request, &key)) {
		if (request.print && (request.sensitive || !request.extractable))
			pktool_error("cannot reveal the key value: the key is sensitive or not extractable");
		else if (request.print)
			key_print(&session, key);
		status = PKTOOL_OK;
	}
	session_close(&session);
	return status;
}

const struct command cmd_genkey = { "genkey", "makes a symmetric key in the token", table, run };
