/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/keys.h"

#include "policy/attrs.h"
#include "policy/template.h"
#include "token/describe.h"
#include "util/crypto.h"

#define SECRET_MAX 8192 /* bytes; mechanisms.c says it in bits */

static CK_RV apply(struct token *token, enum template_use use, const CK_ATTRIBUTE *template,
	CK_ULONG count, struct buf *attrs)
{
	return template_apply(class_find(CKO_SECRET_KEY), use, token_login_state(token) == LOGIN_SO, template,
		count, attrs);
}

static bool random_value(struct buf *attrs, size_t len)
{
	struct buf value = { .secret = attrs->secret };
	uint8_t *to = buf_extend(&value, len);
	bool ok = to != NULL && crypto_random(to, len);

	if (ok)
		attrs_put(attrs, CKA_VALUE, value.data, value.len);
	buf_free(&value);
	return ok && !buf_failed(attrs);
}

CK_RV secret_generate(struct token *token, const struct actor *actor, const CK_ATTRIBUTE *template,
	CK_ULONG count, CK_OBJECT_HANDLE *key)
{
	struct buf attrs = BUF_INIT;
	CK_ULONG len = 0;
	CK_RV rv = apply(token, TEMPLATE_GENERATE, template, count, &attrs);

	if (rv == CKR_OK) {
		len = attrs_ulong(&attrs, CKA_VALUE_LEN, 0);
		rv = len == 0 || len > SECRET_MAX ? CKR_KEY_SIZE_RANGE : CKR_OK;
	}
	if (rv == CKR_OK)
		rv = objects_may_create(token, actor, &attrs);
	if (rv == CKR_OK && !random_value(&attrs, len))
		rv = CKR_HOST_MEMORY;
	if (rv == CKR_OK && (rv = describe_secret(&attrs)) == CKR_OK) {
		attrs_put_bool(&attrs, CKA_LOCAL, true);
		attrs_put_ulong(&attrs, CKA_KEY_GEN_MECHANISM, CKM_GENERIC_SECRET_KEY_GEN);
		attrs_put_bool(&attrs, CKA_ALWAYS_SENSITIVE, attrs_bool(&attrs, CKA_SENSITIVE));
		attrs_put_bool(&attrs, CKA_NEVER_EXTRACTABLE, !attrs_bool(&attrs, CKA_EXTRACTABLE));
		rv = objects_create(token, actor, &attrs, 1, key);
	}
	buf_free(&attrs);
	return rv;
}

CK_RV secret_check_template(struct token *token, const struct actor *actor, const CK_ATTRIBUTE *template,
	CK_ULONG count)
{
	struct buf attrs = BUF_INIT;
	CK_RV rv = apply(token, TEMPLATE_UNWRAP, template, count, &attrs);

	if (rv == CKR_OK)
		rv = objects_may_create(token, actor, &attrs);
	buf_free(&attrs);
	return rv;
}

CK_RV secret_unwrap(struct token *token, const struct actor *actor, const CK_ATTRIBUTE *template,
	CK_ULONG count, const struct buf *value, CK_OBJECT_HANDLE *key)
{
	struct buf attrs = BUF_INIT;
	CK_RV rv = apply(token, TEMPLATE_UNWRAP, template, count, &attrs);

	if (rv == CKR_OK && attrs_ulong(&attrs, CKA_VALUE_LEN, (CK_ULONG)value->len) != value->len)
		rv = CKR_TEMPLATE_INCONSISTENT;
	if (rv == CKR_OK && value->len == 0)
		rv = CKR_WRAPPED_KEY_INVALID;
	if (rv == CKR_OK) {
		attrs_put(&attrs, CKA_VALUE, value->data, value->len);
		attrs_put_ulong(&attrs, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION);
		rv = describe_secret(&attrs);
	}
	if (rv == CKR_OK)
		rv = objects_create(token, actor, &attrs, 1, key);
	buf_free(&attrs);
	return rv;
}
