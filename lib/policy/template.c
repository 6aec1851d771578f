/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/template.h"

#include <string.h>

#include "policy/attrs.h"

bool template_pointers(const CK_ATTRIBUTE *template, CK_ULONG count)
{
	return template != NULL || count == 0;
}

const CK_ATTRIBUTE *template_find(const CK_ATTRIBUTE *template, CK_ULONG count, CK_ATTRIBUTE_TYPE type)
{
	for (CK_ULONG i = 0; i < count; i++)
		if (template[i].type == type)
			return &template[i];
	return NULL;
}

/* --- one value, between the caller's form and ours --- */

static bool date_valid(const uint8_t *digits, size_t len)
{
	if (len != 0 && len != sizeof(CK_DATE))
		return false;
	for (size_t i = 0; i < len; i++)
		if (digits[i] < '0' || digits[i] > '9')
			return false;
	return true;
}

/* ulong_len: of a number in the form that the value has. */
static bool bytes_valid(enum attr_kind kind, const uint8_t *p, size_t len, size_t ulong_len)
{
	switch (kind) {
	case KIND_BOOL:
		return len == 1 && *p <= CK_TRUE;
	case KIND_ULONG:
		return len == ulong_len;
	case KIND_ULONGS:
		return len % ulong_len == 0;
	case KIND_DATE:
		return date_valid(p, len);
	case KIND_BYTES:
		return true;
	}
	return false;
}

static bool value_valid(enum attr_kind kind, const CK_ATTRIBUTE *a)
{
	return (a->pValue != NULL || a->ulValueLen == 0) && a->ulValueLen <= BUF_MAX
		&& bytes_valid(kind, a->pValue, a->ulValueLen, sizeof(CK_ULONG));
}

/* The caller's value may lie at any address. */
static void value_in(enum attr_kind kind, const CK_ATTRIBUTE *a, struct buf *out)
{
	if (kind != KIND_ULONG && kind != KIND_ULONGS) {
		buf_put(out, a->pValue, a->ulValueLen);
		return;
	}
	for (CK_ULONG at = 0; at < a->ulValueLen; at += sizeof(CK_ULONG)) {
		CK_ULONG number;

		memcpy(&number, (const uint8_t *)a->pValue + at, sizeof number);
		attrs_encode_ulong(out, number);
	}
}

static CK_ULONG value_out_len(enum attr_kind kind, size_t len)
{
	return kind == KIND_ULONG || kind == KIND_ULONGS
		? (CK_ULONG)(len / ATTRS_ULONG_LEN * sizeof(CK_ULONG)) : (CK_ULONG)len;
}

static void value_out(enum attr_kind kind, const uint8_t *value, size_t len, uint8_t *out)
{
	if (kind != KIND_ULONG && kind != KIND_ULONGS) {
		if (len != 0)
			memcpy(out, value, len);
		return;
	}
	for (size_t at = 0; at + ATTRS_ULONG_LEN <= len; at += ATTRS_ULONG_LEN) {
		CK_ULONG number = attrs_decode_ulong(value + at);

		memcpy(out, &number, sizeof number);
		out += sizeof number;
	}
}

/* Without a copy, as a search comes here for each object, and must not miss one for want of memory. */
static bool value_equals(enum attr_kind kind, const CK_ATTRIBUTE *a, const uint8_t *value, size_t len)
{
	if (!value_valid(kind, a) || value_out_len(kind, len) != a->ulValueLen)
		return false;
	if (kind != KIND_ULONG && kind != KIND_ULONGS)
		return len == 0 || memcmp(a->pValue, value, len) == 0;
	for (CK_ULONG at = 0; at < a->ulValueLen; at += sizeof(CK_ULONG), value += ATTRS_ULONG_LEN) {
		CK_ULONG number;

		memcpy(&number, (const uint8_t *)a->pValue + at, sizeof number);
		if (attrs_decode_ulong(value) != number)
			return false;
	}
	return true;
}

static CK_RV value_put(enum attr_kind kind, const CK_ATTRIBUTE *a, struct buf *attrs)
{
	struct buf value = { .secret = attrs->secret };

	value_in(kind, a, &value);
	if (!buf_failed(&value))
		attrs_put(attrs, a->type, value.data, value.len);
	else
		attrs->failed = true;
	buf_free(&value);
	return buf_failed(attrs) ? CKR_HOST_MEMORY : CKR_OK;
}

/* --- whole templates --- */

static bool is_true(const CK_ATTRIBUTE *a)
{
	return *(const uint8_t *)a->pValue == CK_TRUE;
}

static CK_ULONG number_of(const CK_ATTRIBUTE *a)
{
	CK_ULONG number;

	memcpy(&number, a->pValue, sizeof number);
	return number;
}

/* Giving the same value again is fine; giving another is a contradiction. */
static bool contradicts(const CK_ATTRIBUTE *template, CK_ULONG at)
{
	const CK_ATTRIBUTE *a = &template[at];

	for (CK_ULONG i = 0; i < at; i++)
		if (template[i].type == a->type && (template[i].ulValueLen != a->ulValueLen
			|| (a->ulValueLen != 0 && memcmp(template[i].pValue, a->pValue, a->ulValueLen) != 0)))
			return true;
	return false;
}

static CK_RV entry_check(const struct class_policy *policy, unsigned int allowed, bool is_so,
	const CK_ATTRIBUTE *template, CK_ULONG at, const struct attr_rule **rule)
{
	const CK_ATTRIBUTE *a = &template[at];

	*rule = class_rule(policy, a->type);
	if (*rule == NULL)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	if (!value_valid((*rule)->kind, a))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	if (((*rule)->flags & allowed) == 0)
		return CKR_ATTRIBUTE_READ_ONLY;
	if (contradicts(template, at))
		return CKR_TEMPLATE_INCONSISTENT;
	if (((*rule)->flags & TRUE_BY_SO) != 0 && is_true(a) && !is_so)
		return CKR_ATTRIBUTE_READ_ONLY;
	if (((*rule)->flags & UNIQUE_VALUE) != 0
		&& number_of(a) != (a->type == CKA_CLASS ? policy->class : policy->subtype))
		return allowed == MAY_CREATE ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_TEMPLATE_INCONSISTENT;
	return CKR_OK;
}

CK_RV template_class(const CK_ATTRIBUTE *template, CK_ULONG count, const struct class_policy **policy)
{
	const CK_ATTRIBUTE *a = template_find(template, count, CKA_CLASS);

	*policy = NULL;
	if (a == NULL)
		return CKR_TEMPLATE_INCOMPLETE;
	if (value_valid(KIND_ULONG, a))
		*policy = class_find(number_of(a));
	return *policy != NULL && (*policy)->may_create ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

/* What no single rule can say. */
static CK_RV whole_check(const struct buf *attrs)
{
	return attrs_bool(attrs, CKA_ALWAYS_AUTHENTICATE) && !attrs_bool(attrs, CKA_PRIVATE)
		? CKR_TEMPLATE_INCONSISTENT : CKR_OK;
}

static CK_RV default_put(const struct attr_rule *rule, struct buf *attrs)
{
	if ((rule->flags & (DEFAULT_TRUE | DEFAULT_FALSE)) != 0)
		attrs_put_bool(attrs, rule->type, (rule->flags & DEFAULT_TRUE) != 0);
	else if ((rule->flags & DEFAULT_EMPTY) != 0)
		attrs_put(attrs, rule->type, NULL, 0);
	else if ((rule->flags & DEFAULT_ZERO) != 0)
		attrs_put_ulong(attrs, rule->type, 0);
	return buf_failed(attrs) ? CKR_HOST_MEMORY : CKR_OK;
}

static bool becomes_private(const struct class_policy *policy, const CK_ATTRIBUTE *template, CK_ULONG count)
{
	const CK_ATTRIBUTE *a = template_find(template, count, CKA_PRIVATE);
	const struct attr_rule *rule = class_rule(policy, CKA_PRIVATE);

	if (a != NULL && value_valid(KIND_BOOL, a))
		return is_true(a);
	return rule != NULL && (rule->flags & DEFAULT_TRUE) != 0;
}

CK_RV template_apply(const struct class_policy *policy, enum template_use use, bool is_so,
	const CK_ATTRIBUTE *template, CK_ULONG count, struct buf *attrs)
{
	static const unsigned int may[] = { MAY_CREATE, MAY_GENERATE, MAY_GENERATE };
	static const unsigned int must[] = { MUST_CREATE, MUST_GENERATE, UNIQUE_VALUE };
	CK_RV rv;

	buf_free(attrs);
	attrs->secret = becomes_private(policy, template, count);
	for (size_t i = 0; i < policy->count; i++)
		if ((rv = default_put(&policy->rules[i], attrs)) != CKR_OK)
			return rv;
	for (CK_ULONG i = 0; i < count; i++) {
		const struct attr_rule *rule;

		if ((rv = entry_check(policy, may[use], is_so, template, i, &rule)) != CKR_OK)
			return rv;
		if ((rule->flags & IN_CHIP) == 0
			&& (rv = value_put(rule->kind, &template[i], attrs)) != CKR_OK)
			return rv;
	}
	for (size_t i = 0; i < policy->count; i++)
		if ((policy->rules[i].flags & must[use]) != 0
			&& template_find(template, count, policy->rules[i].type) == NULL)
			return CKR_TEMPLATE_INCOMPLETE;
	attrs_put_ulong(attrs, CKA_CLASS, policy->class);
	if (policy->subtype_attr != CKA_CLASS)
		attrs_put_ulong(attrs, policy->subtype_attr, policy->subtype);
	return buf_failed(attrs) ? CKR_HOST_MEMORY : whole_check(attrs);
}

static bool may_become(const struct attr_rule *rule, const CK_ATTRIBUTE *a, const struct buf *attrs)
{
	bool now = attrs_bool(attrs, rule->type);

	if ((rule->flags & ONLY_TO_TRUE) != 0 && now)
		return is_true(a);
	if ((rule->flags & ONLY_TO_FALSE) != 0 && !now)
		return !is_true(a);
	return (rule->flags & ONLY_TO_EMPTY) == 0 || a->ulValueLen == 0;
}

static CK_RV change(const struct class_policy *policy, unsigned int may, bool is_so,
	const CK_ATTRIBUTE *template, CK_ULONG count, struct buf *attrs)
{
	CK_RV rv;

	for (CK_ULONG i = 0; i < count; i++) {
		const struct attr_rule *rule;

		if ((rv = entry_check(policy, may, is_so, template, i, &rule)) != CKR_OK)
			return rv;
		if (!may_become(rule, &template[i], attrs))
			return CKR_ATTRIBUTE_READ_ONLY;
		if ((rv = value_put(rule->kind, &template[i], attrs)) != CKR_OK)
			return rv;
	}
	return CKR_OK;
}

CK_RV template_set(const struct class_policy *policy, bool is_so, const CK_ATTRIBUTE *template,
	CK_ULONG count, struct buf *attrs)
{
	/* What the SO vouches for is nobody else's to change. */
	if (!attrs_bool(attrs, CKA_MODIFIABLE)
		|| (policy->class == CKO_CERTIFICATE && attrs_bool(attrs, CKA_TRUSTED) && !is_so))
		return CKR_ACTION_PROHIBITED;
	return change(policy, MAY_SET, is_so, template, count, attrs);
}

CK_RV template_copy(const struct class_policy *policy, bool is_so, const CK_ATTRIBUTE *template,
	CK_ULONG count, struct buf *attrs)
{
	bool was_private = attrs_bool(attrs, CKA_PRIVATE);
	CK_RV rv;

	if (!attrs_bool(attrs, CKA_COPYABLE))
		return CKR_ACTION_PROHIBITED;
	rv = change(policy, MAY_SET | MAY_COPY, is_so, template, count, attrs);
	/* The SO vouches for what he has seen, and for no copy that may be another. */
	if (rv == CKR_OK && policy->class == CKO_CERTIFICATE && !is_so) {
		attrs_put_bool(attrs, CKA_TRUSTED, false);
		rv = buf_failed(attrs) ? CKR_HOST_MEMORY : CKR_OK;
	}
	/* A private key does not come to light by way of a copy. */
	if (rv == CKR_OK && was_private && class_rule(policy, CKA_SENSITIVE) != NULL
		&& !attrs_bool(attrs, CKA_PRIVATE))
		rv = CKR_TEMPLATE_INCONSISTENT;
	return rv == CKR_OK ? whole_check(attrs) : rv;
}

static bool hidden(const struct attr_rule *rule, const struct buf *attrs)
{
	return (rule->flags & IN_CHIP) != 0 || ((rule->flags & IF_EXTRACTABLE) != 0
		&& (attrs_bool(attrs, CKA_SENSITIVE) || !attrs_bool(attrs, CKA_EXTRACTABLE)));
}

static CK_RV entry_get(const struct class_policy *policy, const struct buf *attrs, CK_ATTRIBUTE *a)
{
	const struct attr_rule *rule = class_rule(policy, a->type);
	const uint8_t *value;
	size_t len;
	CK_ULONG room = a->ulValueLen;

	a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
	if (rule == NULL)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	if (hidden(rule, attrs))
		return CKR_ATTRIBUTE_SENSITIVE;
	if (!attrs_get(attrs, a->type, &value, &len))
		return CKR_ATTRIBUTE_TYPE_INVALID;
	if (a->pValue != NULL && room < value_out_len(rule->kind, len))
		return CKR_BUFFER_TOO_SMALL;
	a->ulValueLen = value_out_len(rule->kind, len);
	if (a->pValue != NULL)
		value_out(rule->kind, value, len, a->pValue);
	return CKR_OK;
}

CK_RV template_get(const struct class_policy *policy, const struct buf *attrs, CK_ATTRIBUTE *template,
	CK_ULONG count)
{
	CK_RV first = CKR_OK;

	for (CK_ULONG i = 0; i < count; i++) {
		CK_RV rv = entry_get(policy, attrs, &template[i]);

		if (first == CKR_OK)
			first = rv;
	}
	return first;
}

bool template_matches(const struct class_policy *policy, const struct buf *attrs,
	const CK_ATTRIBUTE *template, CK_ULONG count)
{
	for (CK_ULONG i = 0; i < count; i++) {
		const struct attr_rule *rule = class_rule(policy, template[i].type);
		const uint8_t *value;
		size_t len;

		if (rule == NULL || hidden(rule, attrs)
			|| !attrs_get(attrs, rule->type, &value, &len)
			|| !value_equals(rule->kind, &template[i], value, len))
			return false;
	}
	return true;
}

bool template_fits(const struct class_policy *policy, const struct buf *attrs)
{
	for (size_t i = 0; i < policy->count; i++) {
		const uint8_t *value;
		size_t len;

		if (attrs_get(attrs, policy->rules[i].type, &value, &len)
			&& !bytes_valid(policy->rules[i].kind, value, len, ATTRS_ULONG_LEN))
			return false;
	}
	return true;
}
