/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POLICY_CLASSES_H
#define POLICY_CLASSES_H

#include <stdbool.h>
#include <stddef.h>

#include "util/pkcs11.h"

/* Of PKCS#11 v3.0, but what it says is of use to every client. */
#ifndef CKA_UNIQUE_ID
#define CKA_UNIQUE_ID 0x00000004UL
#endif

/* Which attributes an object of each class has, and what may be done with them: const tables after
   the chapters of PKCS#11 v2.40 base specification, 4.1 to 4.9 and RSA in current mechanisms 2.1. */

enum attr_kind { KIND_BYTES, KIND_BOOL, KIND_ULONG, KIND_ULONGS, KIND_DATE };

enum attr_flag {
	MAY_CREATE = 1 << 0, /* may stand in the template of C_CreateObject */
	MUST_CREATE = 1 << 1,
	MAY_GENERATE = 1 << 2, /* ... of C_GenerateKey, C_GenerateKeyPair and C_UnwrapKey */
	MUST_GENERATE = 1 << 3, /* ... but not of C_UnwrapKey */
	MAY_SET = 1 << 4, /* ... of C_SetAttributeValue and C_CopyObject */
	MAY_COPY = 1 << 5, /* ... of C_CopyObject alone */
	DEFAULT_TRUE = 1 << 6,
	DEFAULT_FALSE = 1 << 7,
	DEFAULT_EMPTY = 1 << 8,
	DEFAULT_ZERO = 1 << 9,
	ONLY_TO_TRUE = 1 << 10, /* a change cannot take it back */
	ONLY_TO_FALSE = 1 << 11,
	TRUE_BY_SO = 1 << 12, /* nobody else can make it TRUE */
	IN_CHIP = 1 << 13, /* taken by the chip at import, kept nowhere else and never shown */
	IF_EXTRACTABLE = 1 << 14, /* shown and compared only if not SENSITIVE, but EXTRACTABLE */
	ONLY_TO_EMPTY = 1 << 15, /* a change can take it away, and that is all */
	UNIQUE_VALUE = 1 << 16, /* one value only: that of the table's class or subtype */
};

struct attr_rule {
	CK_ATTRIBUTE_TYPE type;
	enum attr_kind kind;
	unsigned int flags;
};

struct class_policy {
	CK_OBJECT_CLASS class;
	bool may_create; /* C_CreateObject makes such objects */
	CK_ATTRIBUTE_TYPE subtype_attr; /* CKA_KEY_TYPE, CKA_CERTIFICATE_TYPE, ..., or CKA_CLASS for none */
	CK_ULONG subtype;
	const struct attr_rule *rules;
	size_t count;
};

/* NULL if objects of that class are not held here. */
const struct class_policy *class_find(CK_OBJECT_CLASS class);

/* NULL if objects of that class have no such attribute. */
const struct attr_rule *class_rule(const struct class_policy *policy, CK_ATTRIBUTE_TYPE type);

#endif
