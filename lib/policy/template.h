/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POLICY_TEMPLATE_H
#define POLICY_TEMPLATE_H

#include <stdbool.h>

#include "policy/classes.h"
#include "util/buf.h"
#include "util/pkcs11.h"

/*
 * A caller's CK_ATTRIBUTE array against the tables of classes.h, and to and from the bytes of
 * attrs.h (PKCS#11 v2.40 base specification, 4.1). A template is checked whole before anything is
 * done with it.
 */

/* Is it an array: not NULL with a count? */
bool template_pointers(const CK_ATTRIBUTE *template, CK_ULONG count);

/* The first value of that type, or NULL. */
const CK_ATTRIBUTE *template_find(const CK_ATTRIBUTE *template, CK_ULONG count, CK_ATTRIBUTE_TYPE type);

/* The class that C_CreateObject is asked for. CKR_TEMPLATE_INCOMPLETE, CKR_ATTRIBUTE_VALUE_INVALID. */
CK_RV template_class(const CK_ATTRIBUTE *template, CK_ULONG count, const struct class_policy **policy);

enum template_use { TEMPLATE_CREATE, TEMPLATE_GENERATE, TEMPLATE_UNWRAP };

/*
 * attrs becomes what the template gives and the defaults of what it does not, without what only the chip
 * keeps; in secret memory if the object is to be private. is_so: the SO asks. CKR_ATTRIBUTE_TYPE_INVALID,
 * _VALUE_INVALID, _READ_ONLY, CKR_TEMPLATE_INCOMPLETE, _INCONSISTENT.
 */
CK_RV template_apply(const struct class_policy *policy, enum template_use use, bool is_so,
	const CK_ATTRIBUTE *template, CK_ULONG count, struct buf *attrs);

/* Change attrs as C_SetAttributeValue and C_CopyObject may; on an error attrs is to be thrown away.
   CKR_ACTION_PROHIBITED too. */
CK_RV template_set(const struct class_policy *policy, bool is_so, const CK_ATTRIBUTE *template,
	CK_ULONG count, struct buf *attrs);
CK_RV template_copy(const struct class_policy *policy, bool is_so, const CK_ATTRIBUTE *template,
	CK_ULONG count, struct buf *attrs);

/* C_GetAttributeValue: goes through every entry, whatever becomes of the others. */
CK_RV template_get(const struct class_policy *policy, const struct buf *attrs, CK_ATTRIBUTE *template,
	CK_ULONG count);

/* Has the object every attribute of the template, with that very value? */
bool template_matches(const struct class_policy *policy, const struct buf *attrs,
	const CK_ATTRIBUTE *template, CK_ULONG count);

/* Is each value of attrs one of its attribute's kind? To be asked of bytes from outside. */
bool template_fits(const struct class_policy *policy, const struct buf *attrs);

#endif
