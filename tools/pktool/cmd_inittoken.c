/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/module.h"
#include "pktool/pktool.h"
#include "pktool/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct word table[] = {
	{ "slotid", WORD_VALUE, NULL, "NUMBER" },
	{ "currlabel", WORD_VALUE, NULL, TOKEN_HELP },
	{ "newlabel", WORD_VALUE, NULL, "LABEL" },
	{ "pinfile", WORD_VALUE, NULL, "FILE" },
	{ NULL, WORD_PLAIN, NULL, NULL },
};

#define LABEL_LEN sizeof((CK_TOKEN_INFO *)NULL)->label

/* Emptying a token is no work for a guess: where there are several, one has to be named. */
static bool find_only(const struct module *module, CK_SLOT_ID *slot)
{
	CK_SLOT_ID *slots = NULL;
	CK_ULONG count = 0;
	bool ok = false;

	if (!module_slots(module, &slots, &count))
		return false;
	if (count == 1) {
		*slot = slots[0];
		ok = true;
	} else if (count == 0) {
		pktool_error("%s has no token", pktool_module());
	} else {
		pktool_error("there are %lu tokens; say which with currlabel= or slotid=", count);
	}
	free(slots);
	return ok;
}

static bool find_slot(
	const struct module *module, const struct words *words, unsigned long number, CK_SLOT_ID *slot)
{
	const char *label = words_value(words, "currlabel");

	if (words_value(words, "slotid") != NULL) {
		*slot = number;
		return true;
	}
	return label != NULL ? module_find_token(module, label, slot) : find_only(module, slot);
}

/* The label that it gets, padded with blanks, and the name by which it is spoken of. */
static bool labels_get(const CK_TOKEN_INFO *info, const struct words *words, CK_UTF8CHAR label[LABEL_LEN],
	char name[LABEL_LEN + 1])
{
	const char *given = words_value(words, "newlabel");

	memcpy(label, info->label, LABEL_LEN);
	if (given != NULL) {
		memset(label, ' ', LABEL_LEN);
		/* It is padded, not ended. NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
		memcpy(label, given, strlen(given));
	}
	module_text(info->label, sizeof info->label, name);
	if (name[0] == '\0')
		module_text(label, LABEL_LEN, name);
	if (name[0] != '\0')
		return true;
	pktool_error("the token has no label yet; give it one with newlabel=LABEL");
	return false;
}

static int token_init(const struct module *module, CK_SLOT_ID slot, const struct words *words)
{
	struct buf pin = { .secret = true };
	CK_UTF8CHAR label[LABEL_LEN];
	char name[LABEL_LEN + 1];
	CK_TOKEN_INFO info;
	CK_RV rv = module->p11->C_GetTokenInfo(slot, &info);
	int status = PKTOOL_FAILED;
	bool keypad;

	if (rv != CKR_OK)
		return module_failed("looking at the token", rv);
	keypad = (info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
	if (!labels_get(&info, words, label, name)
		|| (!keypad && !session_pin("Enter SO PIN:", words_value(words, "pinfile"), &pin)))
		goto out;
	rv = module->p11->C_InitToken(slot, keypad ? NULL : pin.data, pin.len, label);
	if (rv != CKR_OK) {
		(void)module_failed("initialising the token", rv);
		goto out;
	}
	printf("Token %s initialized.\n", name);
	status = PKTOOL_OK;
out:
	buf_free(&pin);
	return status;
}

static int run(const struct words *words)
{
	const char *label = words_value(words, "newlabel");
	struct module module;
	unsigned long number = 0;
	CK_SLOT_ID slot;
	int status = PKTOOL_FAILED;

	if (!value_number(words, "slotid", 0, (unsigned long)-1, &number))
		return PKTOOL_USAGE;
	if (words_value(words, "slotid") != NULL && words_value(words, "currlabel") != NULL) {
		pktool_error("slotid= and currlabel= both name the token; say one of them");
		return PKTOOL_USAGE;
	}
	if (label != NULL && strlen(label) > LABEL_LEN) {
		pktool_error("newlabel=%s: longer than %zu bytes", label, LABEL_LEN);
		return PKTOOL_USAGE;
	}
	if (!module_open(&module))
		return PKTOOL_FAILED;
	if (find_slot(&module, words, number, &slot))
		status = token_init(&module, slot, words);
	module_close(&module);
	return status;
}

const struct command cmd_inittoken = { "inittoken", "empties a token and makes it ready for use", table,
	run };
