/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/op_key.h"

#include <string.h>

#include <openssl/rsa.h>

#include "policy/attrs.h"
#include "util/crypto.h"
#include "util/wipe.h"

static CK_OBJECT_CLASS class_for(enum key_half half, const struct mechanism *mechanism)
{
	if (mechanism->family == FAMILY_HMAC)
		return CKO_SECRET_KEY;
	return half == PRIVATE_HALF ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY;
}

static bool mechanism_allowed(const struct object *object, CK_MECHANISM_TYPE type)
{
	const uint8_t *list;
	size_t len;

	if (!attrs_get(&object->attrs, CKA_ALLOWED_MECHANISMS, &list, &len) || len == 0)
		return true;
	for (size_t at = 0; at + ATTRS_ULONG_LEN <= len; at += ATTRS_ULONG_LEN)
		if (attrs_decode_ulong(list + at) == type)
			return true;
	return false;
}

static CK_RV check(const struct object *object, enum key_half half, CK_ATTRIBUTE_TYPE use,
	const struct mechanism *mechanism)
{
	if (object->policy->class != class_for(half, mechanism))
		return CKR_KEY_TYPE_INCONSISTENT;
	if (!attrs_bool(&object->attrs, use))
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	return mechanism_allowed(object, mechanism->type) ? CKR_OK : CKR_MECHANISM_INVALID;
}

static CK_RV open_private(struct token *token, struct object *object, CK_ATTRIBUTE_TYPE use,
	struct op_key *key)
{
	struct tspi_key_info info;
	const uint8_t *blob;
	size_t len;

	/* A key that was made to sign only stays so, whatever its attributes came to say. */
	if ((use == CKA_DECRYPT || use == CKA_UNWRAP) && attrs_get(&object->attrs, ATTR_KEY_BLOB, &blob, &len)
		&& tspi_blob_info(blob, len, &info) && info.usage == TSPI_SIGNING)
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	key->always_authenticate = attrs_bool(&object->attrs, CKA_ALWAYS_AUTHENTICATE);
	/* To unwrap is to decrypt, and there is no Init behind which the PIN could be given for it. */
	if (use == CKA_UNWRAP && key->always_authenticate)
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	return objects_key(token, object, &key->private);
}

static CK_RV open_secret(const struct object *object, struct op_key *key)
{
	const uint8_t *value;
	size_t len;

	if (!attrs_get(&object->attrs, CKA_VALUE, &value, &len))
		return CKR_KEY_TYPE_INCONSISTENT;
	key->secret.secret = object->is_private;
	buf_put(&key->secret, value, len);
	return buf_failed(&key->secret) ? CKR_HOST_MEMORY : CKR_OK;
}

static CK_RV open_rsa(struct token *token, struct object *object, enum key_half half,
	CK_ATTRIBUTE_TYPE use, struct op_key *key)
{
	const struct mechanism *mechanism = key->mechanism;
	const uint8_t *modulus;

	if (!attrs_get(&object->attrs, CKA_MODULUS, &modulus, &key->size) || key->size == 0 || modulus[0] == 0
		|| key->size < PKCS1_OVERHEAD + mechanism->prefix_len + mechanism->digest_len)
		return CKR_KEY_SIZE_RANGE;
	return half == PRIVATE_HALF ? open_private(token, object, use, key)
		: object_public_key(object, &key->public);
}

CK_RV op_key_open(struct token *token, CK_OBJECT_HANDLE handle, enum key_half half,
	CK_ATTRIBUTE_TYPE use, const struct mechanism *mechanism, struct op_key *key)
{
	struct object *object = NULL;
	CK_RV rv;

	memset(key, 0, sizeof *key);
	key->mechanism = mechanism;
	key->login = token_login_number(token);
	rv = objects_get(token, handle, &object);
	if (rv == CKR_OBJECT_HANDLE_INVALID)
		rv = CKR_KEY_HANDLE_INVALID;
	if (rv == CKR_OK)
		rv = check(object, half, use, mechanism);
	if (rv == CKR_OK) {
		key->needs_login = object->is_private;
		rv = mechanism->family == FAMILY_HMAC ? open_secret(object, key)
			: open_rsa(token, object, half, use, key);
	}
	object_free(&object);
	return rv;
}

bool op_key_lost(struct token *token, const struct op_key *key)
{
	return key->needs_login && key->login != token_login_number(token);
}

void op_key_close(struct op_key *key)
{
	tspi_key_free(&key->private);
	EVP_PKEY_free(key->public);
	buf_free(&key->secret);
	memset(key, 0, sizeof *key);
}

/* --- messages and blocks --- */

size_t op_key_message_max(const struct op_key *key)
{
	return key->mechanism->family == FAMILY_RSA_RAW ? key->size : key->size - PKCS1_OVERHEAD;
}

static int padding_of(const struct op_key *key)
{
	return key->mechanism->family == FAMILY_RSA_RAW ? RSA_NO_PADDING : RSA_PKCS1_PADDING;
}

/* A raw block is as long as the modulus; a shorter one is a number without its leading zeros. */
static bool block_fill(const struct op_key *key, const uint8_t *p, size_t n, struct buf *block)
{
	size_t zeros = key->mechanism->family == FAMILY_RSA_RAW ? key->size - n : 0;
	uint8_t *to = buf_extend(block, zeros + n);

	if (to == NULL)
		return false;
	memset(to, 0, zeros);
	if (n != 0)
		memcpy(to + zeros, p, n);
	return true;
}

static bool may_use(const struct op_key *key)
{
	return !key->always_authenticate || key->authenticated;
}

/* The chip pads by itself, type 1 and at least one byte, and nothing else. */
CK_RV op_key_sign(const struct op_key *key, const struct buf *message, uint8_t *signature)
{
	struct buf block = BUF_INIT;
	const uint8_t *text;
	size_t len;
	CK_RV rv = CKR_OK;

	if (!may_use(key))
		return CKR_USER_NOT_LOGGED_IN;
	if (message->len > op_key_message_max(key))
		return CKR_DATA_LEN_RANGE;
	if (!block_fill(key, message->data, message->len, &block))
		rv = CKR_HOST_MEMORY;
	text = block.data;
	len = block.len;
	if (rv == CKR_OK && key->mechanism->family == FAMILY_RSA_RAW
		&& !pkcs1_type1_text(block.data, block.len, &text, &len))
		rv = CKR_DATA_INVALID;
	if (rv == CKR_OK && len == 0)
		rv = CKR_DATA_LEN_RANGE;
	if (rv == CKR_OK)
		rv = tspi_public_code(tspi_key_sign(key->private, text, len, signature, key->size));
	buf_free(&block);
	return rv;
}

/* Without a digest libcrypto compares the very bytes inside the padding. */
CK_RV op_key_verify(const struct op_key *key, const struct buf *message, const uint8_t *signature,
	size_t len)
{
	struct buf block = BUF_INIT;
	EVP_PKEY_CTX *ctx;
	CK_RV rv = CKR_HOST_MEMORY;

	if (len != key->size)
		return CKR_SIGNATURE_LEN_RANGE;
	if (message->len > op_key_message_max(key))
		return CKR_DATA_LEN_RANGE;
	ctx = EVP_PKEY_CTX_new(key->public, NULL);
	if (ctx != NULL && block_fill(key, message->data, message->len, &block)
		&& EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, padding_of(key)) == 1)
		rv = EVP_PKEY_verify(ctx, signature, len, block.data, block.len) == 1
			? CKR_OK : CKR_SIGNATURE_INVALID;
	EVP_PKEY_CTX_free(ctx);
	buf_free(&block);
	return rv;
}

CK_RV op_key_recover(const struct op_key *key, const uint8_t *signature, size_t len, struct buf *message)
{
	size_t start = message->len, text_len = key->size;
	uint8_t *to;
	EVP_PKEY_CTX *ctx;
	CK_RV rv = CKR_HOST_MEMORY;

	if (len != key->size)
		return CKR_SIGNATURE_LEN_RANGE;
	to = buf_extend(message, key->size);
	ctx = EVP_PKEY_CTX_new(key->public, NULL);
	if (to != NULL && ctx != NULL && EVP_PKEY_verify_recover_init(ctx) == 1
		&& EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1)
		rv = EVP_PKEY_verify_recover(ctx, to, &text_len, signature, len) == 1
			? CKR_OK : CKR_SIGNATURE_INVALID;
	EVP_PKEY_CTX_free(ctx);
	if (rv != CKR_OK)
		text_len = 0;
	if (to != NULL)
		buf_cut(message, start + text_len, key->size - text_len);
	return rv;
}

CK_RV op_key_encrypt(const struct op_key *key, const uint8_t *p, size_t n, struct buf *out)
{
	struct buf block = BUF_INIT;
	size_t len = key->size;
	uint8_t *to;
	EVP_PKEY_CTX *ctx;
	CK_RV rv = CKR_HOST_MEMORY;

	if (n > op_key_message_max(key))
		return CKR_DATA_LEN_RANGE;
	to = buf_extend(out, key->size);
	ctx = EVP_PKEY_CTX_new(key->public, NULL);
	if (to != NULL && ctx != NULL && block_fill(key, p, n, &block) && EVP_PKEY_encrypt_init(ctx) == 1
		&& EVP_PKEY_CTX_set_rsa_padding(ctx, padding_of(key)) == 1)
		rv = EVP_PKEY_encrypt(ctx, to, &len, block.data, block.len) == 1 ? CKR_OK : CKR_DATA_INVALID;
	EVP_PKEY_CTX_free(ctx);
	buf_free(&block);
	return rv;
}

CK_RV op_key_decrypt(const struct op_key *key, const uint8_t *p, size_t n, struct buf *out)
{
	if (!may_use(key))
		return CKR_USER_NOT_LOGGED_IN;
	if (n != key->size)
		return CKR_ENCRYPTED_DATA_LEN_RANGE;
	return tspi_public_code(tspi_key_unbind(key->private, p, n, out));
}
