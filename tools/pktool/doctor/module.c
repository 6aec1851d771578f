/* SPDX-License-Identifier: BSD-2-Clause */
/* The module as programs load it, and what p11-kit knows of it. */
#include "pktool/doctor/doctor.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pktool/pktool.h"
#include "util/pkcs11.h"

#define DESCRIPTION "PKCS#11 Interface for TPM"
#define MODULE_FILE "pkcs11_tpm.module"

static CK_FUNCTION_LIST *p11; /* initialised */

/* Text of a PKCS#11 structure, padded with blanks. */
static int length(const CK_UTF8CHAR *text, size_t n)
{
	while (n != 0 && text[n - 1] == ' ')
		n--;
	return (int)n;
}

static const char *load(void **library, CK_FUNCTION_LIST **functions)
{
	CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
	void *symbol;

	if ((*library = dlopen(pktool_module(), RTLD_NOW | RTLD_LOCAL)) == NULL)
		return dlerror();
	if ((symbol = dlsym(*library, "C_GetFunctionList")) == NULL)
		return "it is no PKCS#11 module";
	memcpy(&get, &symbol, sizeof get);
	return get(functions) == CKR_OK ? NULL : "C_GetFunctionList fails";
}

void module_check(struct doctor *d)
{
	CK_FUNCTION_LIST *functions = NULL;
	void *library = NULL;
	const char *fault = load(&library, &functions);
	CK_INFO info;
	CK_RV rv;

	if (fault == NULL && functions == NULL)
		fault = "C_GetFunctionList gives none";
	if (fault != NULL) {
		doctor_say(d, VERDICT_FIX, "%s cannot be loaded: %s", pktool_module(), fault);
		return;
	}
	rv = functions->C_Initialize(NULL);
	if (rv == CKR_OK) {
		p11 = functions;
		rv = p11->C_GetInfo(&info);
	}
	if (rv != CKR_OK) {
		doctor_say(d, VERDICT_FIX, "%s cannot be started (0x%lx): its reason is in the system's log",
			pktool_module(), (unsigned long)rv);
		return;
	}
	doctor_say(d, VERDICT_OK, "%s, version %u.%u", pktool_module(), info.libraryVersion.major,
		info.libraryVersion.minor);
}

static CK_RV slot_find(CK_SLOT_ID *slot, CK_TOKEN_INFO *token, bool *is_ours)
{
	CK_SLOT_ID slots[16];
	CK_ULONG n = sizeof slots / sizeof slots[0];
	CK_RV rv = p11->C_GetSlotList(CK_TRUE, slots, &n);
	CK_SLOT_INFO info;

	*is_ours = false;
	for (CK_ULONG i = 0; rv == CKR_OK && i < n && !*is_ours; i++) {
		rv = p11->C_GetSlotInfo(slots[i], &info);
		if (rv == CKR_OK && memcmp(info.slotDescription, DESCRIPTION, sizeof DESCRIPTION - 1) == 0) {
			*slot = slots[i];
			*is_ours = true;
			rv = p11->C_GetTokenInfo(*slot, token);
		}
	}
	return rv;
}

/* The module mends a damaged token file when it reads it, so it is not asked to. */
void slot_check(struct doctor *d)
{
	const struct store *store = doctor_store(d);
	CK_TOKEN_INFO token;
	CK_SLOT_ID slot = 0;
	bool is_ours = false;
	CK_RV rv;

	if (p11 == NULL) {
		doctor_say(d, VERDICT_SKIP, "the module does not run");
		return;
	}
	if (store->fault[0] != '\0') {
		doctor_say(d, VERDICT_SKIP, "the token cannot be read as it is");
	} else if (!store->has_token && !d->tcsd.answers) {
		doctor_say(d, VERDICT_SKIP, "there is no token, and tcsd does not answer");
	} else if ((rv = slot_find(&slot, &token, &is_ours)) != CKR_OK) {
		doctor_say(d, VERDICT_FIX,
			"the module does not tell of its token (0x%lx): its reason is in the system's log",
			(unsigned long)rv);
	} else if (!is_ours) {
		doctor_say(d, VERDICT_NOTE,
			"the module is not pkcs11_tpm, which is what the other lines are about");
	} else if ((token.flags & CKF_TOKEN_INITIALIZED) == 0) {
		doctor_say(d, VERDICT_OK, "number %lu, with a token that is to be initialised",
			(unsigned long)slot);
	} else {
		doctor_say(d, VERDICT_OK, "number %lu, with the token %.*s", (unsigned long)slot,
			length(token.label, sizeof token.label), (const char *)token.label);
	}
	p11->C_Finalize(NULL);
	p11 = NULL;
}

/* The value of "module:", without blanks and line end. */
static bool module_file_read(const char *path, char *module, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[1024];
	bool found = false;

	if (file == NULL)
		return false;
	module[0] = '\0';
	while (!found && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, "module:", 7) == 0) {
			const char *value = line + 7 + strspn(line + 7, " \t");

			snprintf(module, size, "%.*s", (int)strcspn(value, " \t\r\n"), value);
			found = true;
		}
	fclose(file);
	return true;
}

void p11_kit_check(struct doctor *d)
{
	static const char *const dirs[] = { P11KIT_MODULES, "/usr/share/p11-kit/modules",
		"/etc/pkcs11/modules" };
	const char *home = getenv("HOME");
	char path[1024], module[1024];
	bool found = false;

	snprintf(path, sizeof path, "%.900s/.config/pkcs11/modules/" MODULE_FILE, home != NULL ? home : "");
	found = module_file_read(path, module, sizeof module);
	for (size_t i = 0; !found && i < sizeof dirs / sizeof dirs[0]; i++) {
		snprintf(path, sizeof path, "%.900s/" MODULE_FILE, dirs[i]);
		found = dirs[i][0] != '\0' && module_file_read(path, module, sizeof module);
	}
	if (!found)
		doctor_say(d, VERDICT_NOTE,
			"has no " MODULE_FILE ": programs that find their modules by p11-kit do not find "
			"this one");
	else if (module[0] == '/' && access(module, F_OK) != 0)
		doctor_say(d, VERDICT_NOTE, "%s names %s, which is not there", path, module);
	else
		doctor_say(d, VERDICT_OK, "%s names %s", path, module);
}
