/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_KEYS_H
#define TOKEN_KEYS_H

#include "token/objects.h"

/* How objects come to be: made by the chip, or given by the caller (PKCS#11 v2.40 base
   specification, 5.7 and 5.13). Errors: policy/template.h's, objects.h's, tspi.h's. */

/* C_GenerateKeyPair of RSA. CKR_KEY_SIZE_RANGE: not 512, 1024 or 2048 bits. All or nothing. */
CK_RV keys_generate(struct token *token, const struct actor *actor,
	const CK_ATTRIBUTE *public_template, CK_ULONG public_count,
	const CK_ATTRIBUTE *private_template, CK_ULONG private_count,
	CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key);

/* C_CreateObject. A private key is wrapped into the chip and tried there before it counts. */
CK_RV keys_create_object(struct token *token, const struct actor *actor, const CK_ATTRIBUTE *template,
	CK_ULONG count, CK_OBJECT_HANDLE *handle);

/* C_GenerateKey of a generic secret. CKR_KEY_SIZE_RANGE. */
CK_RV secret_generate(struct token *token, const struct actor *actor, const CK_ATTRIBUTE *template,
	CK_ULONG count, CK_OBJECT_HANDLE *key);

/* C_UnwrapKey: whether the template will do, before the chip is asked; then the object itself.
   CKR_WRAPPED_KEY_INVALID: the value is empty. */
CK_RV secret_check_template(struct token *token, const struct actor *actor, const CK_ATTRIBUTE *template,
	CK_ULONG count);
CK_RV secret_unwrap(struct token *token, const struct actor *actor, const CK_ATTRIBUTE *template,
	CK_ULONG count, const struct buf *value, CK_OBJECT_HANDLE *key);

#endif
