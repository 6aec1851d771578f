/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/operations.h"

#include <string.h>

#include <openssl/rsa.h>

static const struct {
	CK_FLAGS flag;
	CK_ATTRIBUTE_TYPE use;
} uses[] = {
	[PRIVATE_HALF] = { CKF_DECRYPT, CKA_DECRYPT }, [PUBLIC_HALF] = { CKF_ENCRYPT, CKA_ENCRYPT },
};

void cipher_end(struct session *session, enum direction direction)
{
	struct cipher_op *op = &session->ciphers[direction];

	op_key_close(&op->key);
	buf_free(&op->plain);
	memset(op, 0, sizeof *op);
}

CK_RV cipher_init(struct session *session, enum direction direction, const CK_MECHANISM *wanted,
	CK_OBJECT_HANDLE handle)
{
	struct cipher_op *op = &session->ciphers[direction];
	const struct mechanism *mechanism;
	CK_RV rv = mechanism_check(wanted, uses[direction].flag, &mechanism);

	if (rv != CKR_OK)
		return rv;
	if (op->mechanism != NULL && !op_key_lost(session->token, &op->key))
		return CKR_OPERATION_ACTIVE;
	cipher_end(session, direction);
	rv = op_key_open(session->token, handle, direction, uses[direction].use, mechanism, &op->key);
	op->mechanism = mechanism;
	if (rv != CKR_OK)
		cipher_end(session, direction);
	return rv;
}

static CK_RV encrypt(struct cipher_op *op, const CK_BYTE *p, CK_ULONG n, const struct output *out)
{
	struct buf result = BUF_INIT;
	uint8_t *to = buf_extend(&result, op->key.size);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(op->key.public, NULL);
	size_t len = op->key.size;
	CK_RV rv = CKR_HOST_MEMORY;

	if (n > op->key.size - PKCS1_OVERHEAD)
		rv = CKR_DATA_LEN_RANGE;
	else if (to != NULL && ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1
		&& EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1
		&& EVP_PKEY_encrypt(ctx, to, &len, p, n) == 1)
		rv = CKR_OK;
	if (rv == CKR_OK)
		output_give(out, to, len);
	EVP_PKEY_CTX_free(ctx);
	buf_free(&result);
	return rv;
}

/* How long the text is only the chip knows, so it is kept if it turns out not to fit. */
static CK_RV decrypt(struct cipher_op *op, const CK_BYTE *p, CK_ULONG n, const struct output *out)
{
	CK_RV rv = CKR_OK;

	if (!op->has_plain) {
		if (n != op->key.size)
			return CKR_ENCRYPTED_DATA_LEN_RANGE;
		rv = op_key_code(tspi_key_unbind(op->key.private, p, n, &op->plain));
		op->has_plain = rv == CKR_OK;
	}
	if (rv == CKR_OK && !output_asks(out, op->plain.len, &rv))
		output_give(out, op->plain.data, op->plain.len);
	return rv;
}

/* A query: a sufficient length, without asking the chip. */
static bool asks(const struct cipher_op *op, enum direction direction, const struct output *out, CK_RV *rv)
{
	size_t sufficient = op->key.size;

	if (direction == PRIVATE_HALF)
		sufficient = op->has_plain ? op->plain.len : op->key.size - PKCS1_OVERHEAD;
	if (direction == PRIVATE_HALF && out->p != NULL)
		return false;
	return output_asks(out, sufficient, rv);
}

CK_RV cipher(struct session *session, enum direction direction, const CK_BYTE *p, CK_ULONG n,
	struct output out)
{
	struct cipher_op *op = &session->ciphers[direction];
	CK_RV rv = CKR_OK;

	if (op->mechanism != NULL && op_key_lost(session->token, &op->key))
		cipher_end(session, direction);
	if (op->mechanism == NULL)
		return CKR_OPERATION_NOT_INITIALIZED;
	if (out.len == NULL || (p == NULL && n != 0))
		rv = CKR_ARGUMENTS_BAD;
	else if (asks(op, direction, &out, &rv))
		return rv;
	else
		rv = direction == PRIVATE_HALF ? decrypt(op, p, n, &out) : encrypt(op, p, n, &out);
	if (rv != CKR_BUFFER_TOO_SMALL)
		cipher_end(session, direction);
	return rv;
}
