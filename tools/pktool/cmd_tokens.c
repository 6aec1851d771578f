/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/module.h"
#include "pktool/pktool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct word table[] = {
	{ NULL, WORD_PLAIN, NULL, NULL },
};

static void row_print(const char *label, const char *manufacturer, const char *serial, const char *state)
{
	printf("%-*.*s  %-*.*s  %-*.*s  %-10.10s\n", MODULE_LABEL_SHOWN, MODULE_LABEL_SHOWN, label,
		MODULE_MANUFACTURER_SHOWN, MODULE_MANUFACTURER_SHOWN, manufacturer, MODULE_SERIAL_SHOWN,
		MODULE_SERIAL_SHOWN, serial, state);
}

/* No half of a character at the end. */
static void text_cut(char *text, size_t n)
{
	if (strlen(text) <= n)
		return;
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	text[n] = '\0';
}

static const char *pin_state(CK_FLAGS flags)
{
	if ((flags & CKF_USER_PIN_TO_BE_CHANGED) != 0)
		return "default";
	if ((flags & (CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED)) == CKF_LOGIN_REQUIRED)
		return "not set";
	return "user set";
}

static void token_print(const CK_TOKEN_INFO *info)
{
	char label[sizeof info->label + 1], manufacturer[sizeof info->manufacturerID + 1];
	char serial[sizeof info->serialNumber + 1];

	module_text(info->label, sizeof info->label, label);
	module_text(info->manufacturerID, sizeof info->manufacturerID, manufacturer);
	module_text(info->serialNumber, sizeof info->serialNumber, serial);
	text_cut(label, MODULE_LABEL_SHOWN);
	text_cut(manufacturer, MODULE_MANUFACTURER_SHOWN);
	row_print(label, manufacturer, serial, pin_state(info->flags));
}

static int run(const struct words *words)
{
	struct module module;
	CK_SLOT_ID *slots = NULL;
	CK_ULONG count = 0;
	CK_TOKEN_INFO info;
	int status = PKTOOL_FAILED;

	(void)words;
	if (!module_open(&module))
		return PKTOOL_FAILED;
	if (!module_slots(&module, &slots, &count))
		goto out;
	row_print("Token Label", "Manuf ID", "Serial No", "PIN State");
	status = PKTOOL_OK;
	for (CK_ULONG i = 0; i < count; i++) {
		CK_RV rv = module.p11->C_GetTokenInfo(slots[i], &info);

		if (rv == CKR_OK)
			token_print(&info);
		else if (rv != CKR_TOKEN_NOT_PRESENT)
			status = module_failed("a token", rv);
	}
out:
	free(slots);
	module_close(&module);
	return status;
}

const struct command cmd_tokens = { "tokens", "lists the tokens of the module", table, run };
