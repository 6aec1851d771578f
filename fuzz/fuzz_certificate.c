/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pktool takes from files: requests, and certificates and keys that go into the token and are shown
 * again. The input: a byte of choices, a file.
 */
#include "world.h"

#include <stdarg.h>

#include <openssl/err.h>

#include "common/terminal.h"
#include "pktool/extensions.h"
#include "pktool/material.h"
#include "pktool/name.h"
#include "pktool/objects.h"
#include "pktool/pktool.h"
#include "pktool/request.h"
#include "pktool/select.h"

enum { AS_REQUEST = 1, WITH_LABEL = 2, WITH_ID = 4, IS_CERTIFICATE = 8 };

static CK_FUNCTION_LIST *p11;

/* --- in the place of the program's --- */

void pktool_error(const char *format, ...)
{
	char line[4096];
	va_list args;

	va_start(args, format);
	FUZZ_MUST(vsnprintf(line, sizeof line, format, args) >= 0);
	va_end(args);
}

bool terminal_secret(const char *prompt, struct buf *answer)
{
	(void)prompt;
	buf_put(answer, "secret", 6);
	return true;
}

bool terminal_secret_file(const char *path, struct buf *answer)
{
	(void)path, (void)answer;
	return false;
}

bool terminal_line(const char *prompt, const char *preset, struct buf *answer)
{
	(void)prompt, (void)preset, (void)answer;
	return false;
}

void terminal_busy(const char *text)
{
	(void)text;
}

void terminal_idle(void)
{
}

const char *pktool_module(void)
{
	return "";
}

/* libcrypto's would refuse whatever was changed. */
int X509_REQ_verify(X509_REQ *request, EVP_PKEY *key)
{
	FUZZ_MUST(request != NULL && key != NULL);
	return 1;
}

/* --- requests --- */

static void request_try(const char *path)
{
	STACK_OF(X509_EXTENSION) *list = NULL;
	X509_REQ *request = request_read(path);
	char *text;

	if (request == NULL)
		return;
	text = name_text(X509_REQ_get_subject_name(request));
	OPENSSL_free(text);
	if (extensions_take(&list, request) && extensions_add_basic(&list, false))
		(void)extensions_add_key_ids(
			&list, X509_REQ_get0_pubkey(request), NULL, X509_REQ_get0_pubkey(request));
	ERR_clear_error();
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	X509_REQ_free(request);
}

/* --- certificates and keys --- */

/* What went in comes out again. */
static void objects_show(struct session *session, const struct created *created)
{
	for (size_t i = 0; i < created->count; i++) {
		X509 *certificate = select_certificate(session, created->objects[i]);

		if (certificate != NULL)
			OPENSSL_free(name_text(X509_get_subject_name(certificate)));
		X509_free(certificate);
	}
}

static void material_try(unsigned int choices, struct buf *content)
{
	static CK_UTF8CHAR pin[] = USER_PIN;
	struct session session = { .p11 = p11 };
	struct created created = { .session = &session };
	struct buf id = BUF_INIT;
	struct created_key as = { choices & WITH_LABEL ? "label" : NULL, &id, true, false };
	struct material material = { NULL, NULL, NULL };

	if (choices & WITH_ID)
		buf_put(&id, "id", 2);
	if (material_read(&material, "file", content)) {
		FUZZ_MUST(!material_is_empty(&material));
		FUZZ_MUST(ERR_peek_error() == 0);
		world_begin();
		FUZZ_MUST(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session.handle)
			== CKR_OK);
		FUZZ_MUST(C_Login(session.handle, CKU_USER, pin, strlen(USER_PIN)) == CKR_OK);
		session.logged_in = true;
		if (material_store(&material, &created, &as))
			objects_show(&session, &created);
		FUZZ_MUST(ERR_peek_error() == 0);
		created_undo(&created);
		world_end();
	}
	material_free(&material);
	buf_free(&id);
}

/* One that is no certificate can be stored as one as well, and be looked at. */
static void certificate_try(const struct buf *content)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_BYTE info[8192];
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class },
		{ CKA_CERTIFICATE_TYPE, &type, sizeof type }, { CKA_SUBJECT, content->data, content->len },
		{ CKA_VALUE, content->data, content->len } };
	CK_ATTRIBUTE computed = { CKA_PUBLIC_KEY_INFO, info, sizeof info };
	struct session session = { .p11 = p11 };
	CK_OBJECT_HANDLE object;

	world_begin();
	FUZZ_MUST(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session.handle) == CKR_OK);
	if (C_CreateObject(session.handle, t, COUNT(t), &object) == CKR_OK) {
		FUZZ_MUST(C_GetAttributeValue(session.handle, object, &computed, 1) == CKR_OK
			|| content->len > sizeof info);
		X509_free(select_certificate(&session, object));
	}
	world_end();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	world_make();
	FUZZ_MUST(C_GetFunctionList(&p11) == CKR_OK);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf content = BUF_INIT;

	if (size < 2)
		return 0;
	buf_put(&content, data + 1, size - 1);
	if (data[0] & AS_REQUEST) {
		fuzz_write(fuzz_path("request"), content.data, content.len);
		request_try(fuzz_path("request"));
	} else if (data[0] & IS_CERTIFICATE) {
		certificate_try(&content);
	} else {
		material_try(data[0], &content);
	}
	FUZZ_MUST(ERR_peek_error() == 0);
	buf_free(&content);
	return 0;
}
