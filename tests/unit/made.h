/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_MADE_H
#define TESTS_UNIT_MADE_H

#include "policy/attrs.h"
#include "policy/template.h"
#include "unit.h"

/* Attributes of objects of each class. */

/* The least that makes an object of each class. */
static inline CK_RV apply(CK_OBJECT_CLASS class, const CK_ATTRIBUTE *more, CK_ULONG count,
	struct buf *attrs)
{
	const CK_ATTRIBUTE least[] = {
		A_ULONG(CKA_CLASS, class), A_ULONG(CKA_KEY_TYPE, CKK_RSA),
		A_TEXT(CKA_MODULUS, "\x80modulus"),
		A_TEXT(CKA_PUBLIC_EXPONENT, "\1\0\1"), A_TEXT(CKA_PRIME_1, "prime"),
	};
	const CK_ATTRIBUTE certificate[] = { A_ULONG(CKA_CERTIFICATE_TYPE, CKC_X_509),
		A_TEXT(CKA_SUBJECT, "subject"),
		A_TEXT(CKA_VALUE, "value") };
	const CK_ATTRIBUTE secret[] = { A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
		A_TEXT(CKA_VALUE, "value") };
	CK_ULONG n = class == CKO_PRIVATE_KEY ? 5 : class == CKO_PUBLIC_KEY ? 4 : 1;
	CK_ATTRIBUTE all[16];

	memcpy(all, least, sizeof least);
	if (class == CKO_CERTIFICATE)
		memcpy(all + 1, certificate, sizeof certificate);
	if (class == CKO_SECRET_KEY)
		memcpy(all + 1, secret, sizeof secret);
	n += class == CKO_CERTIFICATE ? 3 : class == CKO_SECRET_KEY ? 2 : 0;
	MUST(n + count <= COUNT(all));
	if (count != 0)
		memcpy(all + n, more, count * sizeof *all);
	return template_apply(class_find(class), TEMPLATE_CREATE, false, all, n + count, attrs);
}

static inline void made(CK_OBJECT_CLASS class, const CK_ATTRIBUTE *more, CK_ULONG count, struct buf *attrs)
{
	RV_MUST(apply(class, more, count, attrs), CKR_OK);
	MUST(attrs_valid(attrs));
}

#endif
