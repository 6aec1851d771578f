/* SPDX-License-Identifier: BSD-2-Clause */
#include "bodies.h"

#include "policy/attrs.h"
#include "policy/template.h"
#include "token/object.h"
#include "token/token_file.h"

void token_body_check(const struct buf *body)
{
	struct token_file file = { 0 };
	struct buf again = BUF_INIT;

	if (token_file_decode(body, &file) == CKR_OK) {
		FUZZ_MUST(token_file_encode(&file, &again));
		FUZZ_MUST(again.len == body->len && memcmp(again.data, body->data, body->len) == 0);
	}
	buf_free(&again);
	token_file_free(&file);
}

/* Every attribute that its class knows: asked for its length, then taken into that very room. */
static void object_show(const struct object *object)
{
	for (size_t i = 0; i < object->policy->count; i++) {
		CK_ATTRIBUTE a = { object->policy->rules[i].type, NULL, 0 };
		CK_ULONG len;

		if (template_get(object->policy, &object->attrs, &a, 1) != CKR_OK)
			continue;
		len = a.ulValueLen;
		a.pValue = malloc(len != 0 ? len : 1);
		FUZZ_MUST(
			template_get(object->policy, &object->attrs, &a, 1) == CKR_OK && a.ulValueLen == len);
		(void)template_matches(object->policy, &object->attrs, &a, 1);
		free(a.pValue);
	}
}

/* The key of a private key object. No TPM command. */
static void object_key_check(const struct object *object)
{
	static const uint8_t auth[TSPI_AUTH_LEN];
	struct tspi_key_info info;
	struct tspi_key *opened = NULL;
	const uint8_t *blob;
	size_t len;

	if (!attrs_get(&object->attrs, ATTR_KEY_BLOB, &blob, &len))
		return;
	FUZZ_MUST((tspi_key_open(blob, len, NULL, TSPI_AUTH_KNOWN, auth, &opened) == CKR_OK)
		== tspi_blob_info(blob, len, &info));
	tspi_key_free(&opened);
}

void object_body_check(const struct buf *body)
{
	CK_ATTRIBUTE label = { CKA_LABEL, (char[]){ "new" }, 3 };
	struct object *object = NULL;
	EVP_PKEY *public = NULL;
	struct buf attrs = BUF_INIT;

	if (!attrs_valid(body))
		return;
	buf_put(&attrs, body->data, body->len);
	attrs_put(&attrs, CKA_ID, "id", 2);
	FUZZ_MUST(attrs_valid(&attrs));
	buf_free(&attrs);
	buf_put(&attrs, body->data, body->len);
	if (object_new(&attrs, &object) == CKR_OK) {
		object_show(object);
		object_key_check(object);
		if (object_public_key(object, &public) == CKR_OK)
			EVP_PKEY_free(public);
		buf_put(&attrs, object->attrs.data, object->attrs.len);
		if (template_set(object->policy, false, &label, 1, &attrs) == CKR_OK)
			FUZZ_MUST(attrs_valid(&attrs));
	}
	buf_free(&attrs);
	object_free(&object);
}
