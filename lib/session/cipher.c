/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/operations.h"

#include <string.h>

static const struct {
	CK_FLAGS flag;
	CK_ATTRIBUTE_TYPE use;
} uses[] = {
	[PRIVATE_HALF] = { CKF_DECRYPT, CKA_DECRYPT }, [PUBLIC_HALF] = { CKF_ENCRYPT, CKA_ENCRYPT },
};

void cipher_end(struct session *session, enum key_half half)
{
	struct cipher_op *op = &session->ciphers[half];

	op_key_close(&op->key);
	buf_free(&op->plain);
	memset(op, 0, sizeof *op);
}

static struct cipher_op *under_way(struct session *session, enum key_half half)
{
	struct cipher_op *op = &session->ciphers[half];

	if (op->mechanism != NULL && op_key_lost(session->token, &op->key))
		cipher_end(session, half);
	return op->mechanism != NULL ? op : NULL;
}

CK_RV cipher_init(struct session *session, enum key_half half, const CK_MECHANISM *wanted,
	CK_OBJECT_HANDLE handle)
{
	struct cipher_op *op = &session->ciphers[half];
	const struct mechanism *mechanism;
	CK_RV rv = mechanism_check(wanted, uses[half].flag, &mechanism, NULL);

	if (rv != CKR_OK)
		return rv;
	if (under_way(session, half) != NULL)
		return CKR_OPERATION_ACTIVE;
	rv = op_key_open(session->token, handle, half, uses[half].use, mechanism, &op->key);
	op->mechanism = mechanism;
	op->key.begun = ++session->operations_begun;
	if (rv != CKR_OK)
		cipher_end(session, half);
	return rv;
}

static CK_RV encrypt(struct cipher_op *op, const CK_BYTE *p, CK_ULONG n, const struct output *out)
{
	struct buf result = BUF_INIT;
	CK_RV rv = op_key_encrypt(&op->key, p, n, &result);

	if (rv == CKR_OK)
		output_give(out, result.data, result.len);
	buf_free(&result);
	return rv;
}

/* How long the text is only the chip knows, so it is kept if it turns out not to fit. */
static CK_RV decrypt(struct cipher_op *op, const CK_BYTE *p, CK_ULONG n, const struct output *out)
{
	CK_RV rv = CKR_OK;

	if (!op->has_plain) {
		op->plain.secret = op->key.needs_login;
		rv = op_key_decrypt(&op->key, p, n, &op->plain);
		op->has_plain = rv == CKR_OK;
	}
	if (rv == CKR_OK && !output_asks(out, op->plain.len, &rv))
		output_give(out, op->plain.data, op->plain.len);
	return rv;
}

/* A query: a sufficient length, without asking the chip. */
static bool asks(const struct cipher_op *op, enum key_half half, const struct output *out, CK_RV *rv)
{
	size_t sufficient = op->key.size;

	if (half == PRIVATE_HALF)
		sufficient = op->has_plain ? op->plain.len : op_key_message_max(&op->key);
	if (half == PRIVATE_HALF && out->p != NULL)
		return false;
	return output_asks(out, sufficient, rv);
}

CK_RV cipher(struct session *session, enum key_half half, const CK_BYTE *p, CK_ULONG n,
	struct output out)
{
	struct cipher_op *op = under_way(session, half);
	CK_RV rv = CKR_OK;

	if (op == NULL)
		return CKR_OPERATION_NOT_INITIALIZED;
	if (out.len == NULL || (p == NULL && n != 0))
		rv = CKR_ARGUMENTS_BAD;
	else if (asks(op, half, &out, &rv))
		return rv;
	else
		rv = half == PRIVATE_HALF ? decrypt(op, p, n, &out) : encrypt(op, p, n, &out);
	if (rv != CKR_BUFFER_TOO_SMALL)
		cipher_end(session, half);
	return rv;
}
