/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/operations.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "util/crypto.h"
#include "util/wipe.h"

static const struct {
	CK_FLAGS flag;
	CK_ATTRIBUTE_TYPE use;
	enum key_half half;
} kinds[] = {
	[SIGN] = { CKF_SIGN, CKA_SIGN, PRIVATE_HALF },
	[VERIFY] = { CKF_VERIFY, CKA_VERIFY, PUBLIC_HALF },
	[SIGN_RECOVER] = { CKF_SIGN_RECOVER, CKA_SIGN_RECOVER, PRIVATE_HALF },
	[VERIFY_RECOVER] = { CKF_VERIFY_RECOVER, CKA_VERIFY_RECOVER, PUBLIC_HALF },
};

void signature_end(struct session *session, enum signature_kind kind)
{
	struct signature_op *op = &session->signatures[kind];

	op_key_close(&op->key);
	EVP_MD_CTX_free(op->md);
	EVP_MAC_CTX_free(op->mac);
	buf_free(&op->parts);
	memset(op, 0, sizeof *op);
}

/* --- what is fed in: into a digest, into a MAC, or kept as it is --- */

static bool mac_begin(struct signature_op *op)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	char digest[16];
	OSSL_PARAM params[2];

	strncpy(digest, op->mechanism->digest, sizeof digest - 1);
	digest[sizeof digest - 1] = '\0';
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	op->mac = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
	EVP_MAC_free(hmac);
	return op->mac != NULL
		&& EVP_MAC_init(op->mac, op->key.secret.data, op->key.secret.len, params) == 1;
}

static bool md_begin(struct signature_op *op)
{
	op->md = EVP_MD_CTX_new();
	return op->md != NULL
		&& EVP_DigestInit_ex(op->md, crypto_md(op->mechanism->digest), NULL) == 1;
}

static bool input_begin(struct signature_op *op)
{
	switch (op->mechanism->family) {
	case FAMILY_HMAC:
		return mac_begin(op);
	case FAMILY_RSA_DIGEST:
		return md_begin(op);
	default:
		return true;
	}
}

static CK_RV input_add(struct signature_op *op, const CK_BYTE *p, CK_ULONG n)
{
	if (p == NULL && n != 0)
		return CKR_ARGUMENTS_BAD;
	if (op->mac != NULL)
		return EVP_MAC_update(op->mac, p, n) == 1 ? CKR_OK : CKR_DEVICE_ERROR;
	if (op->md != NULL)
		return EVP_DigestUpdate(op->md, p, n) == 1 ? CKR_OK : CKR_DEVICE_ERROR;
	if (n > op_key_message_max(&op->key) - op->parts.len)
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

/* --- what comes out --- */

static CK_RV finish_mac(struct signature_op *op, uint8_t mac[EVP_MAX_MD_SIZE])
{
	size_t len;

	return EVP_MAC_final(op->mac, mac, &len, EVP_MAX_MD_SIZE) == 1 ? CKR_OK : CKR_DEVICE_ERROR;
}

static CK_RV finish_make(struct signature_op *op, const struct output *out)
{
	struct buf message = BUF_INIT, signature = BUF_INIT;
	uint8_t *to = buf_extend(&signature, op->size < EVP_MAX_MD_SIZE ? EVP_MAX_MD_SIZE : op->size);
	CK_RV rv = CKR_HOST_MEMORY;

	if (to != NULL && op->mac != NULL)
		rv = finish_mac(op, to);
	else if (to != NULL && (rv = message_finish(op, &message)) == CKR_OK)
		rv = op_key_sign(&op->key, &message, to);
	if (rv == CKR_OK)
		output_give(out, to, op->size);
	buf_free(&message);
	buf_free(&signature);
	return rv;
}

static CK_RV finish_verify(struct signature_op *op, const CK_BYTE *signature, CK_ULONG len)
{
	struct buf message = BUF_INIT;
	uint8_t mac[EVP_MAX_MD_SIZE];
	CK_RV rv;

	if (signature == NULL)
		return CKR_ARGUMENTS_BAD;
	if (len != op->size)
		return CKR_SIGNATURE_LEN_RANGE;
	if (op->mac != NULL) {
		rv = finish_mac(op, mac);
		if (rv == CKR_OK && !wipe_equal(mac, signature, len))
			rv = CKR_SIGNATURE_INVALID;
		wipe(mac, sizeof mac);
	} else if ((rv = message_finish(op, &message)) == CKR_OK) {
		rv = op_key_verify(&op->key, &message, signature, len);
	}
	buf_free(&message);
	return rv;
}

/* --- the calls --- */

/* The operation as it may be used now: none if the login has ended that its key was seen in. */
static struct signature_op *under_way(struct session *session, enum signature_kind kind)
{
	struct signature_op *op = &session->signatures[kind];

	if (op->mechanism != NULL && op_key_lost(session->token, &op->key))
		signature_end(session, kind);
	return op->mechanism != NULL ? op : NULL;
}

CK_RV signature_init(struct session *session, enum signature_kind kind, const CK_MECHANISM *wanted,
	CK_OBJECT_HANDLE handle)
{
	struct signature_op *op = &session->signatures[kind];
	const struct mechanism *mechanism;
	size_t mac_len;
	CK_RV rv = mechanism_check(wanted, kinds[kind].flag, &mechanism, &mac_len);

	if (rv != CKR_OK)
		return rv;
	if (under_way(session, kind) != NULL)
		return CKR_OPERATION_ACTIVE;
	rv = op_key_open(session->token, handle, kinds[kind].half, kinds[kind].use, mechanism, &op->key);
	op->mechanism = mechanism;
	op->key.begun = ++session->operations_begun;
	op->size = mechanism->family == FAMILY_HMAC ? mac_len : op->key.size;
	if (rv == CKR_OK && !input_begin(op))
		rv = CKR_HOST_MEMORY;
	if (rv != CKR_OK)
		signature_end(session, kind);
	return rv;
}

CK_RV signature_update(struct session *session, enum signature_kind kind, const CK_BYTE *p, CK_ULONG n)
{
	struct signature_op *op = under_way(session, kind);
	CK_RV rv;

	if (op == NULL)
		return CKR_OPERATION_NOT_INITIALIZED;
	rv = op->mode == OP_ONE_SHOT ? CKR_OPERATION_ACTIVE : input_add(op, p, n);
	op->mode = OP_PARTS;
	if (rv != CKR_OK)
		signature_end(session, kind);
	return rv;
}

/* True: *rv is the call's answer already. */
static bool begin_make(struct session *session, enum signature_kind kind, enum op_mode mode,
	const struct output *out, CK_RV *rv)
{
	struct signature_op *op = under_way(session, kind);

	if (op == NULL) {
		*rv = CKR_OPERATION_NOT_INITIALIZED;
		return true;
	}
	if (out->len == NULL || (op->mode != OP_FRESH && op->mode != mode)) {
		*rv = out->len == NULL ? CKR_ARGUMENTS_BAD : CKR_OPERATION_ACTIVE;
		signature_end(session, kind);
		return true;
	}
	op->mode = mode;
	return output_asks(out, op->size, rv);
}

CK_RV sign(struct session *session, enum signature_kind kind, const CK_BYTE *p, CK_ULONG n,
	struct output out)
{
	struct signature_op *op = &session->signatures[kind];
	CK_RV rv;

	if (begin_make(session, kind, OP_ONE_SHOT, &out, &rv))
		return rv;
	if ((rv = input_add(op, p, n)) == CKR_OK)
		rv = finish_make(op, &out);
	signature_end(session, kind);
	return rv;
}

CK_RV sign_final(struct session *session, struct output out)
{
	CK_RV rv;

	if (begin_make(session, SIGN, OP_PARTS, &out, &rv))
		return rv;
	rv = finish_make(&session->signatures[SIGN], &out);
	signature_end(session, SIGN);
	return rv;
}

CK_RV verify(struct session *session, const CK_BYTE *p, CK_ULONG n, const CK_BYTE *signature,
	CK_ULONG signature_len)
{
	struct signature_op *op = under_way(session, VERIFY);
	CK_RV rv;

	if (op == NULL)
		return CKR_OPERATION_NOT_INITIALIZED;
	rv = op->mode == OP_PARTS ? CKR_OPERATION_ACTIVE : input_add(op, p, n);
	if (rv == CKR_OK)
		rv = finish_verify(op, signature, signature_len);
	signature_end(session, VERIFY);
	return rv;
}

CK_RV verify_final(struct session *session, const CK_BYTE *signature, CK_ULONG signature_len)
{
	struct signature_op *op = under_way(session, VERIFY);
	CK_RV rv;

	if (op == NULL)
		return CKR_OPERATION_NOT_INITIALIZED;
	rv = finish_verify(op, signature, signature_len);
	signature_end(session, VERIFY);
	return rv;
}

CK_RV verify_recover(struct session *session, const CK_BYTE *signature, CK_ULONG signature_len,
	struct output out)
{
	struct signature_op *op = under_way(session, VERIFY_RECOVER);
	struct buf message = BUF_INIT;
	CK_RV rv;
	bool goes_on = false;

	if (op == NULL)
		return CKR_OPERATION_NOT_INITIALIZED;
	if (out.len == NULL || signature == NULL)
		rv = CKR_ARGUMENTS_BAD;
	else if ((rv = op_key_recover(&op->key, signature, signature_len, &message)) == CKR_OK
		&& !(goes_on = output_asks(&out, message.len, &rv)))
		output_give(&out, message.data, message.len);
	buf_free(&message);
	if (!goes_on)
		signature_end(session, VERIFY_RECOVER);
	return rv;
}
