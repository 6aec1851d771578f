/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/module.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "pktool/codes.h"
#include "pktool/pktool.h"

int module_failed(const char *what, CK_RV rv)
{
	const struct code *code = code_find(rv);

	if (code == NULL)
		pktool_error("%s: error 0x%lx%s", what, rv,
			rv >= CKR_VENDOR_DEFINED ? ", one of the module's own" : "");
	else if (code->words == NULL)
		pktool_error("%s: %s", what, code->name);
	else
		pktool_error("%s: %s (%s)", what, code->words, code->name);
	return PKTOOL_FAILED;
}

static bool module_load(struct module *module, const char *path)
{
	CK_C_GetFunctionList get_list;
	CK_RV rv;

	module->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (module->library == NULL) {
		pktool_error("the PKCS#11 module cannot be loaded: %s", dlerror());
		return false;
	}
	/* As POSIX has it for functions: ISO C knows no cast from an object's address. */
	*(void **)&get_list = dlsym(module->library, "C_GetFunctionList");
	if (get_list == NULL) {
		pktool_error("%s is no PKCS#11 module: it has no C_GetFunctionList", path);
		return false;
	}
	rv = get_list(&module->p11);
	if (rv != CKR_OK || module->p11 == NULL) {
		module->p11 = NULL;
		(void)module_failed(path, rv == CKR_OK ? CKR_GENERAL_ERROR : rv);
		return false;
	}
	return true;
}

bool module_open(struct module *module)
{
	const char *path = pktool_module();
	CK_RV rv;

	memset(module, 0, sizeof *module);
	if (!module_load(module, path))
		goto fail;
	rv = module->p11->C_Initialize(NULL);
	if (rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return true;
	(void)module_failed(path, rv);
	module->p11 = NULL;
fail:
	module_close(module);
	return false;
}

void module_close(struct module *module)
{
	if (module->p11 != NULL)
		(void)module->p11->C_Finalize(NULL);
	if (module->library != NULL)
		(void)dlclose(module->library);
	memset(module, 0, sizeof *module);
}

/* Between the two calls a token may come. */
bool module_slots(const struct module *module, CK_SLOT_ID **slots, CK_ULONG *count)
{
	CK_SLOT_ID *grown;
	CK_RV rv;

	*slots = NULL;
	*count = 0;
	do {
		rv = module->p11->C_GetSlotList(CK_TRUE, NULL, count);
		if (rv != CKR_OK)
			break;
		grown = realloc(*slots, (*count + 1) * sizeof *grown);
		if (grown == NULL) {
			rv = CKR_HOST_MEMORY;
			break;
		}
		*slots = grown;
		rv = module->p11->C_GetSlotList(CK_TRUE, *slots, count);
	} while (rv == CKR_BUFFER_TOO_SMALL);
	if (rv == CKR_OK)
		return true;
	(void)module_failed("looking for tokens", rv);
	free(*slots);
	*slots = NULL;
	*count = 0;
	return false;
}

static size_t field_length(const CK_UTF8CHAR *field, size_t n)
{
	const CK_UTF8CHAR *end = memchr(field, '\0', n);

	if (end != NULL)
		n = (size_t)(end - field);
	while (n > 0 && field[n - 1] == ' ')
		n--;
	return n;
}

void module_text(const CK_UTF8CHAR *field, size_t n, char *out)
{
	n = field_length(field, n);
	for (size_t i = 0; i < n; i++)
		out[i] = field[i] < ' ' || field[i] == 0x7f ? '?' : (char)field[i];
	out[n] = '\0';
}
