/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_OBJECT_H
#define TOKEN_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>

#include <openssl/evp.h>

#include "policy/classes.h"
#include "tspi/tspi.h"
#include "util/buf.h"
#include "util/pkcs11.h"

/*
 * One object as it was at some moment: once it can be seen it never changes; a change of it puts
 * another in its place. So who holds a reference needs no lock.
 */
struct object {
	atomic_uint references;
	bool is_token, is_private;
	const struct class_policy *policy;
	struct buf attrs; /* policy/attrs.h; a private object's in secret memory */
	struct tspi_key *key; /* of a private key in the chip; guarded by the token's mutex */
	_Atomic(EVP_PKEY *) public; /* of an RSA key; NULL until it is needed */
};

/* Takes attrs over (it is empty afterwards, also on an error). CKR_HOST_MEMORY, or CKR_DEVICE_ERROR
   if attrs is no object's. */
CK_RV object_new(struct buf *attrs, struct object **object);

struct object *object_ref(struct object *object);

/* An RSA key's public half, as libcrypto has it; a reference of the caller's. CKR_KEY_TYPE_INCONSISTENT,
   CKR_HOST_MEMORY. */
CK_RV object_public_key(struct object *object, EVP_PKEY **key);

/* Lets go of a reference and sets *object to NULL; the last wipes. NULL-safe. */
void object_free(struct object **object);

#endif
