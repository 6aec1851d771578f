/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/operations.h"

#include <string.h>

#include <openssl/rsa.h>

#include "util/wipe.h"

static const struct {
	CK_FLAGS flag;
	CK_ATTRIBUTE_TYPE use;
} uses[] = {
	[PRIVATE_HALF] = { CKF_SIGN, CKA_SIGN }, [PUBLIC_HALF] = { CKF_VERIFY, CKA_VERIFY },
};

void signature_end(struct session *session, enum direction direction)
{
	struct signature_op *op = &session->signatures[direction];

	op_key_close(&op->key);
	EVP_MD_CTX_free(op->md);
	buf_free(&op->parts);
	memset(op, 0, sizeof *op);
}

CK_RV signature_init(struct session *session, enum direction direction, const CK_MECHANISM *wanted,
	CK_OBJECT_HANDLE handle)
{
	struct signature_op *op = &session->signatures[direction];
	const struct mechanism *mechanism;
	CK_RV rv = mechanism_check(wanted, uses[direction].flag, &mechanism);

	if (rv != CKR_OK)
		return rv;
	if (op->mechanism != NULL && !op_key_lost(session->token, &op->key))
		return CKR_OPERATION_ACTIVE;
	signature_end(session, direction);
	rv = op_key_open(session->token, handle, direction, uses[direction].use, mechanism, &op->key);
	if (rv == CKR_OK && mechanism->digest != NULL) {
		op->md = EVP_MD_CTX_new();
		if (op->md == NULL
			|| EVP_DigestInit_ex(op->md, EVP_get_digestbyname(mechanism->digest), NULL) != 1)
			rv = CKR_HOST_MEMORY;
	}
	op->mechanism = mechanism;
	if (rv != CKR_OK)
		signature_end(session, direction);
	return rv;
}

/* The operation as it may be used now: none if the login has ended that its key was seen in. */
static struct signature_op *under_way(struct session *session, enum direction direction)
{
	struct signature_op *op = &session->signatures[direction];

	if (op->mechanism != NULL && op_key_lost(session->token, &op->key))
		signature_end(session, direction);
	return op->mechanism != NULL ? op : NULL;
}

/* A block that is signed as it is has to fit into the key's. */
static CK_RV add(struct signature_op *op, const CK_BYTE *p, CK_ULONG n)
{
	if (p == NULL && n != 0)
		return CKR_ARGUMENTS_BAD;
	if (op->md != NULL)
		return EVP_DigestUpdate(op->md, p, n) == 1 ? CKR_OK : CKR_DEVICE_ERROR;
	if (n > op->key.size - PKCS1_OVERHEAD - op->parts.len)
		return CKR_DATA_LEN_RANGE;
	buf_put(&op->parts, p, n);
	return buf_failed(&op->parts) ? CKR_HOST_MEMORY : CKR_OK;
}

/* What goes into the padded block. */
static CK_RV message_finish(struct signature_op *op, struct buf *message)
{
	uint8_t md[EVP_MAX_MD_SIZE];

	if (op->md == NULL)
		buf_move(message, &op->parts);
	else if (EVP_DigestFinal_ex(op->md, md, NULL) == 1)
		mechanism_digest_info(op->mechanism, md, message);
	else
		return CKR_DEVICE_ERROR;
	return buf_failed(message) ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV signature_update(struct session *session, enum direction direction, const CK_BYTE *p, CK_ULONG n)
{
	struct signature_op *op = under_way(session, direction);
	CK_RV rv;

	if (op == NULL)
		return CKR_OPERATION_NOT_INITIALIZED;
	rv = op->mode == OP_ONE_SHOT ? CKR_OPERATION_ACTIVE : add(op, p, n);
	op->mode = OP_PARTS;
	if (rv != CKR_OK)
		signature_end(session, direction);
	return rv;
}

/* --- the private half --- */

/* The chip signs no empty block. */
static CK_RV finish_sign(struct signature_op *op, const struct output *out)
{
	struct buf message = BUF_INIT, signature = BUF_INIT;
	uint8_t *to = buf_extend(&signature, op->key.size);
	CK_RV rv = to == NULL ? CKR_HOST_MEMORY : message_finish(op, &message);

	if (rv == CKR_OK && message.len == 0)
		rv = CKR_DATA_LEN_RANGE;
	if (rv == CKR_OK)
		rv = op_key_code(tspi_key_sign(op->key.private, message.data, message.len, to));
	if (rv == CKR_OK)
		output_give(out, to, op->key.size);
	buf_free(&message);
	buf_free(&signature);
	return rv;
}

static bool begin_sign_end(struct session *session, enum op_mode wrong, enum op_mode mode,
	const struct output *out, CK_RV *rv)
{
	struct signature_op *op = under_way(session, PRIVATE_HALF);

	if (op == NULL) {
		*rv = CKR_OPERATION_NOT_INITIALIZED;
		return true;
	}
	if (out->len == NULL || op->mode == wrong) {
		*rv = out->len == NULL ? CKR_ARGUMENTS_BAD : CKR_OPERATION_ACTIVE;
		signature_end(session, PRIVATE_HALF);
		return true;
	}
	op->mode = mode;
	return output_asks(out, op->key.size, rv);
}

CK_RV sign(struct session *session, const CK_BYTE *p, CK_ULONG n, struct output out)
{
	struct signature_op *op = &session->signatures[PRIVATE_HALF];
	CK_RV rv;

	if (begin_sign_end(session, OP_PARTS, OP_ONE_SHOT, &out, &rv))
		return rv;
	if ((rv = add(op, p, n)) == CKR_OK)
		rv = finish_sign(op, &out);
	signature_end(session, PRIVATE_HALF);
	return rv;
}

CK_RV sign_final(struct session *session, struct output out)
{
	CK_RV rv;

	if (begin_sign_end(session, OP_ONE_SHOT, OP_PARTS, &out, &rv))
		return rv;
	rv = finish_sign(&session->signatures[PRIVATE_HALF], &out);
	signature_end(session, PRIVATE_HALF);
	return rv;
}

/* --- the public half --- */

/* Without a digest libcrypto compares the very bytes inside the padding. */
static CK_RV rsa_verify(EVP_PKEY *key, const struct buf *message, const CK_BYTE *signature, CK_ULONG len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	CK_RV rv = CKR_HOST_MEMORY;

	if (ctx != NULL && EVP_PKEY_verify_init(ctx) == 1
		&& EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1)
		rv = EVP_PKEY_verify(ctx, signature, len, message->data, message->len) == 1
			? CKR_OK : CKR_SIGNATURE_INVALID;
	EVP_PKEY_CTX_free(ctx);
	return rv;
}

static CK_RV finish_verify(struct signature_op *op, const CK_BYTE *signature, CK_ULONG len)
{
	struct buf message = BUF_INIT;
	CK_RV rv;

	if (signature == NULL)
		return CKR_ARGUMENTS_BAD;
	if (len != op->key.size)
		return CKR_SIGNATURE_LEN_RANGE;
	rv = message_finish(op, &message);
	if (rv == CKR_OK)
		rv = rsa_verify(op->key.public, &message, signature, len);
	buf_free(&message);
	return rv;
}

CK_RV verify(struct session *session, const CK_BYTE *p, CK_ULONG n, const CK_BYTE *signature,
	CK_ULONG signature_len)
{
	struct signature_op *op = under_way(session, PUBLIC_HALF);
	CK_RV rv;

	if (op == NULL)
		return CKR_OPERATION_NOT_INITIALIZED;
	rv = op->mode == OP_PARTS ? CKR_OPERATION_ACTIVE : add(op, p, n);
	if (rv == CKR_OK)
		rv = finish_verify(op, signature, signature_len);
	signature_end(session, PUBLIC_HALF);
	return rv;
}

CK_RV verify_final(struct session *session, const CK_BYTE *signature, CK_ULONG signature_len)
{
	struct signature_op *op = under_way(session, PUBLIC_HALF);
	CK_RV rv;

	if (op == NULL)
		return CKR_OPERATION_NOT_INITIALIZED;
	rv = finish_verify(op, signature, signature_len);
	signature_end(session, PUBLIC_HALF);
	return rv;
}
