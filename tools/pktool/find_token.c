/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/module.h"

#include <stdlib.h>
#include <string.h>

#include "pktool/pktool.h"

#define FIELDS 3

/* "LABEL:MANUFACTURER:SERIAL" taken apart; of the last two an empty one fits all. */
struct name {
	char *text;
	const char *fields[FIELDS];
};

struct token {
	CK_SLOT_ID slot;
	CK_TOKEN_INFO info;
};

typedef bool token_test(const CK_TOKEN_INFO *info, const struct name *name);

static bool name_read(struct name *name, const char *text)
{
	const char *p = text;
	size_t field = 0;
	char *to;

	name->text = to = strdup(text);
	if (to == NULL) {
		(void)module_failed("looking for tokens", CKR_HOST_MEMORY);
		return false;
	}
	for (size_t i = 0; i < FIELDS; i++)
		name->fields[i] = "";
	name->fields[0] = to;
	for (; *p != '\0'; p++) {
		if (*p == ':' && ++field < FIELDS) {
			*to++ = '\0';
			name->fields[field] = to;
			continue;
		}
		if (*p == '\\' && (p[1] == ':' || p[1] == '\\'))
			p++;
		*to++ = *p;
	}
	*to = '\0';
	if (field < FIELDS)
		return true;
	pktool_error(
		"%s: not LABEL[:MANUFACTURER[:SERIAL]]; a colon within one of them is written \\:", text);
	free(name->text);
	return false;
}

static size_t length_without_blanks(const char *text, size_t n)
{
	while (n > 0 && text[n - 1] == ' ')
		n--;
	return n;
}

static bool field_is(const CK_UTF8CHAR *field, size_t n, const char *text)
{
	const char *end = memchr(field, '\0', n);
	size_t length = length_without_blanks(text, strlen(text));

	n = length_without_blanks((const char *)field, end != NULL ? (size_t)(end - (const char *)field) : n);
	return n == length && memcmp(field, text, n) == 0;
}

/* "pktool tokens" shows only so much of them; that will do. */
static bool field_fits(const CK_UTF8CHAR *field, size_t n, const char *text, size_t shown)
{
	return *text == '\0' || field_is(field, n, text)
		|| (strlen(text) == shown && field_is(field, shown, text));
}

static bool fits_name(const CK_TOKEN_INFO *info, const struct name *name)
{
	return field_is(info->label, sizeof info->label, name->fields[0])
		&& field_fits(info->manufacturerID, sizeof info->manufacturerID, name->fields[1],
			MODULE_MANUFACTURER_SHOWN)
		&& field_fits(
			info->serialNumber, sizeof info->serialNumber, name->fields[2], MODULE_SERIAL_SHOWN);
}

static bool fits_all(const CK_TOKEN_INFO *info, const struct name *name)
{
	(void)info;
	(void)name;
	return true;
}

static bool is_initialised(const CK_TOKEN_INFO *info, const struct name *name)
{
	(void)name;
	return (info->flags & CKF_TOKEN_INITIALIZED) != 0;
}

static bool is_default(const CK_TOKEN_INFO *info, const struct name *name)
{
	(void)name;
	return field_is(info->label, sizeof info->label, "TPM");
}

/* How many pass the test; slot becomes the last of them. */
static size_t tokens_test(
	const struct token *tokens, size_t n, token_test *test, const struct name *name, CK_SLOT_ID *slot)
{
	size_t passed = 0;

	for (size_t i = 0; i < n; i++)
		if (test(&tokens[i].info, name)) {
			passed++;
			*slot = tokens[i].slot;
		}
	return passed;
}

static bool tokens_get(const struct module *module, struct token **tokens, size_t *n)
{
	CK_SLOT_ID *slots = NULL;
	CK_ULONG count = 0;

	*tokens = NULL;
	*n = 0;
	if (!module_slots(module, &slots, &count))
		return false;
	*tokens = calloc(count + 1, sizeof **tokens);
	for (CK_ULONG i = 0; *tokens != NULL && i < count; i++) {
		(*tokens)[*n].slot = slots[i];
		if (module->p11->C_GetTokenInfo(slots[i], &(*tokens)[*n].info) == CKR_OK)
			(*n)++;
	}
	free(slots);
	if (*tokens == NULL)
		(void)module_failed("looking for tokens", CKR_HOST_MEMORY);
	return *tokens != NULL;
}

static bool pick_default(const struct token *tokens, size_t n, CK_SLOT_ID *slot)
{
	if (n == 0)
		pktool_error("%s has no token", pktool_module());
	if (tokens_test(tokens, n, fits_all, NULL, slot) == 1
		|| tokens_test(tokens, n, is_initialised, NULL, slot) == 1
		|| tokens_test(tokens, n, is_default, NULL, slot) == 1)
		return true;
	if (n != 0)
		pktool_error(
			"there are several tokens; say which with token=LABEL (pktool tokens lists them)");
	return false;
}

static bool pick_named(const struct token *tokens, size_t n, const char *text, CK_SLOT_ID *slot)
{
	struct name name;
	size_t passed;

	if (!name_read(&name, text))
		return false;
	passed = tokens_test(tokens, n, fits_name, &name, slot);
	free(name.text);
	if (passed == 0)
		pktool_error("no token is called %s (pktool tokens lists them)", text);
	else if (passed > 1)
		pktool_error("several tokens are called %s; say which as LABEL:MANUFACTURER:SERIAL", text);
	return passed == 1;
}

bool module_find_token(const struct module *module, const char *name, CK_SLOT_ID *slot)
{
	struct token *tokens = NULL;
	size_t n = 0;
	bool ok = tokens_get(module, &tokens, &n)
		&& (name == NULL ? pick_default(tokens, n, slot) : pick_named(tokens, n, name, slot));

	free(tokens);
	return ok;
}
