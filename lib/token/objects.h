/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_OBJECTS_H
#define TOKEN_OBJECTS_H

#include "token/object.h"
#include "token/token.h"

/*
 * The set of objects that can be seen: the token's, public ones always and private ones while the
 * user is logged in, and those of sessions. A handle stands for one object for good (PKCS#11 v2.40
 * base specification, 4.4 and 5.7).
 */

/* Who asks: decides what may be made and changed, and whose session objects die together. */
struct actor {
	CK_SESSION_HANDLE session;
	bool read_write;
};

/*
 * Makes objects of the given attributes (policy/attrs.h), all of them or none; each attrs is empty
 * afterwards. CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN, CKR_TOKEN_WRITE_PROTECTED, objstore.h's.
 */
CK_RV objects_create(struct token *token, const struct actor *actor, struct buf *attrs, size_t count,
	CK_OBJECT_HANDLE *handles);

/* The same checks alone, before the chip is asked for a long work. */
CK_RV objects_may_create(struct token *token, const struct actor *actor, const struct buf *attrs);

/* The caller frees *object. CKR_OBJECT_HANDLE_INVALID, objstore.h's. */
CK_RV objects_get(struct token *token, CK_OBJECT_HANDLE handle, struct object **object);

/* The key of a private key object in the chip; the caller frees *key. No TPM command. */
CK_RV objects_key(struct token *token, struct object *object, struct tspi_key **key);

/* Looks at the store anew, then lists what matches. The caller frees *handles with free(). */
CK_RV objects_find(struct token *token, const CK_ATTRIBUTE *template, CK_ULONG count,
	CK_OBJECT_HANDLE **handles, size_t *found);

/* C_CopyObject. CKR_ACTION_PROHIBITED, policy/template.h's, objects_create()'s. */
CK_RV objects_copy(struct token *token, const struct actor *actor, CK_OBJECT_HANDLE handle,
	const CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *copy);

/* C_SetAttributeValue, C_DestroyObject. */
CK_RV objects_set(struct token *token, const struct actor *actor, CK_OBJECT_HANDLE handle,
	const CK_ATTRIBUTE *template, CK_ULONG count);
CK_RV objects_destroy(struct token *token, const struct actor *actor, CK_OBJECT_HANDLE handle);

void objects_end_session(struct token *token, CK_SESSION_HANDLE session);

#endif
