/* SPDX-License-Identifier: BSD-2-Clause */
#include "attributes.h"

#include "policy/attrs.h"
#include "policy/classes.h"
#include "world.h"

#define GUARD 16
#define GUARD_BYTE 0xa5

/* What the classes know, and some that none has. */
static const CK_ATTRIBUTE_TYPE types[] = { CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_APPLICATION,
	CKA_VALUE, CKA_OBJECT_ID, CKA_CERTIFICATE_TYPE, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_TRUSTED,
	CKA_CERTIFICATE_CATEGORY, CKA_JAVA_MIDP_SECURITY_DOMAIN, CKA_URL, CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
	CKA_HASH_OF_ISSUER_PUBLIC_KEY, CKA_NAME_HASH_ALGORITHM, CKA_CHECK_VALUE, CKA_KEY_TYPE, CKA_SUBJECT,
	CKA_ID, CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_SIGN, CKA_SIGN_RECOVER,
	CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_DERIVE, CKA_START_DATE, CKA_END_DATE, CKA_MODULUS,
	CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1,
	CKA_EXPONENT_2, CKA_COEFFICIENT, CKA_PUBLIC_KEY_INFO, CKA_VALUE_LEN, CKA_EXTRACTABLE, CKA_LOCAL,
	CKA_NEVER_EXTRACTABLE, CKA_ALWAYS_SENSITIVE, CKA_KEY_GEN_MECHANISM, CKA_MODIFIABLE, CKA_COPYABLE,
	CKA_DESTROYABLE, CKA_ALWAYS_AUTHENTICATE, CKA_WRAP_WITH_TRUSTED, CKA_ALLOWED_MECHANISMS,
	CKA_UNIQUE_ID, CKA_HW_FEATURE_TYPE, ATTR_KEY_HOME, ATTR_KEY_PARENT, ATTR_KEY_BLOB, ATTR_KEY_AUTH,
	ATTR_KEY_ORIGIN, CKA_WRAP_TEMPLATE, CKA_EC_POINT };

static const CK_ULONG interesting[] = { 0, 1, 2, 3, 4, CKK_GENERIC_SECRET, 8, 16, 512, 1000, 1024, 2048, 4096,
	65536, CKM_RSA_PKCS, CKO_HW_FEATURE, CKA_VENDOR_DEFINED, CK_UNAVAILABLE_INFORMATION,
	CK_UNAVAILABLE_INFORMATION / 2, UINT32_MAX };

static void put(struct attributes *t, CK_ATTRIBUTE_TYPE type, const void *value, size_t n)
{
	if (t->count == ATTRIBUTES_MAX)
		return;
	t->a[t->count++] = (CK_ATTRIBUTE){ type, fuzz_copy(value, n), n };
}

static void put_ulong(struct attributes *t, CK_ATTRIBUTE_TYPE type, CK_ULONG v)
{
	put(t, type, &v, sizeof v);
}

static void put_number(struct attributes *t, CK_ATTRIBUTE_TYPE type)
{
	const uint8_t *number = NULL;
	size_t len = 0;

	(void)world_number(type, &number, &len);
	put(t, type, number, len);
}

/* --- bases --- */

static void rsa_put(struct attributes *t, bool private)
{
	put_ulong(t, CKA_KEY_TYPE, CKK_RSA);
	put_number(t, CKA_MODULUS);
	put_number(t, CKA_PUBLIC_EXPONENT);
	if (private) {
		put_number(t, CKA_PRIVATE_EXPONENT);
		put_number(t, CKA_PRIME_1);
		put_number(t, CKA_PRIME_2);
	}
}

static void base_put(struct attributes *t, unsigned int base)
{
	CK_BBOOL yes = CK_TRUE;

	switch (base) {
	case 1:
		put_ulong(t, CKA_CLASS, CKO_DATA);
		break;
	case 2:
		put_ulong(t, CKA_CLASS, CKO_CERTIFICATE);
		put_ulong(t, CKA_CERTIFICATE_TYPE, CKC_X_509);
		put(t, CKA_SUBJECT, "0\0", 2);
		put(t, CKA_VALUE, "0\0", 2);
		break;
	case 3:
		put_ulong(t, CKA_CLASS, CKO_PUBLIC_KEY);
		rsa_put(t, false);
		break;
	case 4:
		put_ulong(t, CKA_CLASS, CKO_PRIVATE_KEY);
		rsa_put(t, true);
		break;
	case 5:
		put_ulong(t, CKA_CLASS, CKO_SECRET_KEY);
		put_ulong(t, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
		put(t, CKA_VALUE, "value", 5);
		break;
	case 6: /* C_GenerateKey, C_UnwrapKey */
		put_ulong(t, CKA_CLASS, CKO_SECRET_KEY);
		put_ulong(t, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
		put_ulong(t, CKA_VALUE_LEN, 16);
		break;
	case 7: /* C_GenerateKeyPair */
		put_ulong(t, CKA_MODULUS_BITS, 512);
		put(t, CKA_TOKEN, &yes, 1);
		break;
	}
}

/* --- single ones --- */

static enum attr_kind kind_of(CK_ATTRIBUTE_TYPE type)
{
	static const CK_OBJECT_CLASS classes[] = { CKO_DATA, CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY,
		CKO_SECRET_KEY };

	for (size_t i = 0; i < COUNT(classes); i++) {
		const struct attr_rule *rule = class_rule(class_find(classes[i]), type);

		if (rule != NULL)
			return rule->kind;
	}
	return KIND_BYTES;
}

static CK_ATTRIBUTE_TYPE type_read(struct reader *r)
{
	uint8_t which = reader_u8(r);

	return which < 250 ? types[which % COUNT(types)] : reader_u32(r);
}

static CK_ULONG ulong_read(struct reader *r)
{
	uint8_t which = reader_u8(r);

	return which < 128 ? interesting[which % COUNT(interesting)] : reader_u32(r);
}

/* A value of the kind that the type wants. */
static void fitting_put(struct reader *r, struct attributes *t, CK_ATTRIBUTE_TYPE type)
{
	CK_ULONG numbers[4];
	const uint8_t *bytes;
	CK_BBOOL yes;
	size_t n;

	switch (kind_of(type)) {
	case KIND_BOOL:
		yes = reader_u8(r) & 1;
		put(t, type, &yes, 1);
		break;
	case KIND_ULONG:
		put_ulong(t, type, ulong_read(r));
		break;
	case KIND_ULONGS:
		n = fuzz_pick(r, COUNT(numbers) + 1);
		for (size_t i = 0; i < n; i++)
			numbers[i] = ulong_read(r);
		put(t, type, numbers, n * sizeof *numbers);
		break;
	case KIND_DATE:
		put(t, type, "20261231", fuzz_pick(r, 2) * 8);
		break;
	case KIND_BYTES:
		bytes = fuzz_bytes(r, 255, &n);
		put(t, type, bytes, n);
	}
}

/* Or any other: no value, none of that length, a length that nobody means. */
static void one_put(struct reader *r, struct attributes *t)
{
	static const CK_ULONG lengths[] = { 0, 1, 8, BUF_MAX + 1, CK_UNAVAILABLE_INFORMATION,
		CK_UNAVAILABLE_INFORMATION - 7 };
	CK_ATTRIBUTE_TYPE type = type_read(r);
	const uint8_t *bytes;
	size_t n;

	switch (fuzz_pick(r, 8)) {
	case 0:
		put(t, type, NULL, 0);
		free(t->a[t->count - 1].pValue);
		t->a[t->count - 1].pValue = NULL;
		t->a[t->count - 1].ulValueLen = lengths[fuzz_pick(r, COUNT(lengths))];
		break;
	case 1:
		bytes = fuzz_bytes(r, 255, &n);
		put(t, type, bytes, n);
		break;
	case 2:
		put_number(t, type);
		break;
	default:
		fitting_put(r, t, type);
	}
}

static void one_drop(struct reader *r, struct attributes *t)
{
	size_t which;

	if (t->count == 0)
		return;
	which = fuzz_pick(r, (unsigned int)t->count);
	free(t->a[which].pValue);
	t->a[which] = t->a[--t->count];
}

void attributes_read(struct reader *r, struct attributes *t)
{
	unsigned int more;

	memset(t, 0, sizeof *t);
	base_put(t, fuzz_pick(r, 8));
	more = fuzz_pick(r, 16);
	for (unsigned int i = 0; i < more && t->count < ATTRIBUTES_MAX; i++)
		if (fuzz_pick(r, 8) != 0)
			one_put(r, t);
		else
			one_drop(r, t);
	t->p = t->count == 0 && more % 2 == 1 ? NULL : t->a;
	if (more == 15 && fuzz_pick(r, 2) == 1)
		t->p = NULL;
}

/* --- rooms --- */

void attributes_read_rooms(struct reader *r, struct attributes *t)
{
	memset(t, 0, sizeof *t);
	t->count = fuzz_pick(r, 12);
	t->p = t->count == 11 ? NULL : t->a;
	for (CK_ULONG i = 0; i < t->count; i++) {
		CK_ULONG n = reader_u8(r);

		t->a[i].type = type_read(r);
		t->a[i].ulValueLen = t->rooms[i] = n;
		if (n % 4 == 3)
			continue;
		t->a[i].pValue = malloc(n + GUARD);
		FUZZ_MUST(t->a[i].pValue != NULL);
		memset(t->a[i].pValue, GUARD_BYTE, n + GUARD);
	}
}

void attributes_check_rooms(const struct attributes *t, CK_RV rv)
{
	bool was_gone_through = rv == CKR_OK || rv == CKR_BUFFER_TOO_SMALL || rv == CKR_ATTRIBUTE_SENSITIVE
		|| rv == CKR_ATTRIBUTE_TYPE_INVALID;

	for (CK_ULONG i = 0; i < t->count; i++) {
		const uint8_t *p = t->a[i].pValue;
		CK_ULONG len = t->a[i].ulValueLen;

		for (CK_ULONG at = 0; p != NULL && at < GUARD; at++)
			FUZZ_MUST(p[t->rooms[i] + at] == GUARD_BYTE);
		if (was_gone_through && t->p != NULL)
			FUZZ_MUST(p == NULL || len == CK_UNAVAILABLE_INFORMATION || len <= t->rooms[i]);
		if (!was_gone_through)
			FUZZ_MUST(len == t->rooms[i]);
		if (rv == CKR_OK)
			FUZZ_MUST(len != CK_UNAVAILABLE_INFORMATION);
	}
}

void attributes_free(struct attributes *t)
{
	for (CK_ULONG i = 0; i < t->count; i++)
		free(t->a[i].pValue);
	t->count = 0;
}
