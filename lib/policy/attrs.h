/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POLICY_ATTRS_H
#define POLICY_ATTRS_H

#include <stdbool.h>

#include "util/buf.h"
#include "util/pkcs11.h"

/*
 * An object's attributes as bytes that are the same on every machine: for each a 32-bit type, a
 * 32-bit length and the value; a CK_BBOOL is one byte, a CK_ULONG eight, big-endian
 * (CK_UNAVAILABLE_INFORMATION: all ones). This is the form in memory and in the store.
 */

/* Attributes of our own, which no template can set; home, origin and blob can be read. */
#define ATTR_KEY_HOME (CKA_VENDOR_DEFINED | 0x54504D01UL) /* CK_ULONG: enum attr_key_home */
#define ATTR_KEY_PARENT (CKA_VENDOR_DEFINED | 0x54504D02UL) /* CK_ULONG: enum attr_key_parent */
#define ATTR_KEY_BLOB (CKA_VENDOR_DEFINED | 0x54504D03UL) /* the wrapped TPM key */
#define ATTR_KEY_AUTH (CKA_VENDOR_DEFINED | 0x54504D04UL) /* its usage auth */
#define ATTR_KEY_ORIGIN (CKA_VENDOR_DEFINED | 0x54504D05UL) /* CK_ULONG: enum attr_key_origin */

/* Where the private half of a key lives. */
enum attr_key_home { KEY_HOME_CHIP = 1 };

/* Where it was made: by the chip, by libcrypto in a process that used this module, or who knows where. */
enum attr_key_origin { KEY_ORIGIN_CHIP = 1, KEY_ORIGIN_SOFTWARE = 2, KEY_ORIGIN_OUTSIDE = 3 };

/* Under which key of the chip it is wrapped. */
enum attr_key_parent { KEY_PARENT_SRK = 0, KEY_PARENT_IMPORT = 1 };

/* Can every attribute be read? To be asked before anything else of bytes from outside. */
bool attrs_valid(const struct buf *attrs);

/* The value, which stays in attrs; false if there is none of that type. */
bool attrs_get(const struct buf *attrs, CK_ATTRIBUTE_TYPE type, const uint8_t **value, size_t *len);

/* FALSE and otherwise where there is no such attribute, or one of another kind. */
bool attrs_bool(const struct buf *attrs, CK_ATTRIBUTE_TYPE type);
CK_ULONG attrs_ulong(const struct buf *attrs, CK_ATTRIBUTE_TYPE type, CK_ULONG otherwise);

/* Adds an attribute or gives it a new value; value must not lie in attrs. */
void attrs_put(struct buf *attrs, CK_ATTRIBUTE_TYPE type, const void *value, size_t len);
void attrs_put_bool(struct buf *attrs, CK_ATTRIBUTE_TYPE type, bool value);
void attrs_put_ulong(struct buf *attrs, CK_ATTRIBUTE_TYPE type, CK_ULONG value);

/* A CK_ULONG in its eight bytes. */
void attrs_encode_ulong(struct buf *b, CK_ULONG value);
CK_ULONG attrs_decode_ulong(const uint8_t *value);
#define ATTRS_ULONG_LEN 8

#endif
