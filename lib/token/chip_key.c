/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/chip_key.h"

#include <string.h>

#include "token/import_parent.h"

struct number number_read(const void *p, size_t len)
{
	struct number n = { p, len };

	while (n.len != 0 && *n.p == 0) {
		n.p++;
		n.len--;
	}
	return n;
}

struct number number_of(const CK_ATTRIBUTE *a)
{
	return number_read(a->pValue, a->ulValueLen);
}

size_t number_bits(struct number n)
{
	size_t bits = 8 * n.len;

	for (unsigned int top = n.len != 0 ? n.p[0] : 0x80; (top & 0x80) == 0; top <<= 1)
		bits--;
	return bits;
}

bool chip_key_exponent(struct number n)
{
	return n.len == sizeof tspi_exponent && memcmp(n.p, tspi_exponent, n.len) == 0;
}

bool chip_key_size(size_t bits)
{
	return bits == 512 || bits == 1024 || bits == 2048;
}

enum tspi_usage chip_key_usage(const struct buf *attrs)
{
	return attrs_bool(attrs, CKA_DECRYPT) || attrs_bool(attrs, CKA_UNWRAP) ? TSPI_LEGACY : TSPI_SIGNING;
}

CK_RV chip_key_parent_open(struct token *token, struct chip_key_parent *parent)
{
	CK_RV rv = import_parent_need(token, &parent->blob);

	if (rv == CKR_OK && (rv = import_parent_open(token, &parent->key)) == CKR_OK)
		rv = tspi_key_load(parent->key);
	return rv;
}

void chip_key_parent_free(struct chip_key_parent *parent)
{
	tspi_key_free(&parent->key);
	buf_free(&parent->blob);
}

static CK_RV try(struct tspi_key *parent, const struct buf *blob, const uint8_t *auth)
{
	static const uint8_t text[] = { 1 };
	struct tspi_key *key = NULL;
	uint8_t signature[2048 / 8];
	CK_RV rv = tspi_key_open(blob->data, blob->len, parent, TSPI_AUTH_KNOWN, auth, &key);

	if (rv == CKR_OK)
		rv = tspi_key_sign(key, text, sizeof text, signature, sizeof signature);
	tspi_key_free(&key);
	return rv;
}

CK_RV chip_key_wrap(const struct chip_key_parent *parent, enum tspi_usage usage, struct number modulus,
	struct number prime, const uint8_t *auth, struct buf *blob)
{
	CK_RV rv =
		tspi_key_wrap(&parent->blob, usage, modulus.p, modulus.len, prime.p, prime.len, auth, blob);

	return rv == CKR_OK ? try(parent->key, blob, auth) : rv;
}

CK_RV chip_key_put(struct buf *attrs, enum attr_key_parent parent, enum attr_key_origin origin,
	const struct buf *blob, const uint8_t *auth)
{
	attrs_put_ulong(attrs, ATTR_KEY_HOME, KEY_HOME_CHIP);
	attrs_put_ulong(attrs, ATTR_KEY_ORIGIN, origin);
	attrs_put_ulong(attrs, ATTR_KEY_PARENT, parent);
	attrs_put(attrs, ATTR_KEY_BLOB, blob->data, blob->len);
	attrs_put(attrs, ATTR_KEY_AUTH, auth, TSPI_AUTH_LEN);
	return buf_failed(attrs) ? CKR_HOST_MEMORY : CKR_OK;
}
