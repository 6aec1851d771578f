/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_DESCRIBE_H
#define TOKEN_DESCRIBE_H

#include "util/buf.h"
#include "util/pkcs11.h"

/*
 * The attributes that the token computes from others (PKCS#11 v2.40 base specification, 4.6 to 4.10).
 * CKR_ATTRIBUTE_VALUE_INVALID: the caller gave another value; CKR_HOST_MEMORY.
 */

/* CKA_PUBLIC_KEY_INFO, from CKA_MODULUS and CKA_PUBLIC_EXPONENT. */
CK_RV describe_rsa(struct buf *attrs);

/* CKA_PUBLIC_KEY_INFO as far as the certificate can be read, CKA_CHECK_VALUE, defaults. */
CK_RV describe_certificate(struct buf *attrs);

/* CKA_VALUE_LEN and CKA_CHECK_VALUE of CKA_VALUE. */
CK_RV describe_secret(struct buf *attrs);

#endif
