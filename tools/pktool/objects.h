/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PKTOOL_OBJECTS_H
#define PKTOOL_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>

#include "pktool/module.h"

/* Objects of a session's token. What fails has said so. */

/* The handles of all objects that match; the caller frees. None is no failure. */
bool objects_find(struct session *session, CK_ATTRIBUTE *pattern, CK_ULONG n, CK_OBJECT_HANDLE **handles,
	size_t *count);

/* One attribute's value, appended. False, without a word, where the object has none or keeps it to itself. */
bool objects_value(
	struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct buf *value);
bool objects_ulong(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG *value);
bool objects_bool(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool *value);

#endif
