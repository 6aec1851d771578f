/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/operations.h"

#include <string.h>

#include "policy/attrs.h"
#include "util/crypto.h"

/* The context is kept, begun anew so that nothing of the data is left in it: a new one takes as long as a
   short digest. */
void digest_end(struct session *session)
{
	EVP_MD_CTX *md = session->digest.md;

	if (session->digest.mechanism != NULL && md != NULL && EVP_DigestInit_ex(md, NULL, NULL) != 1) {
		EVP_MD_CTX_free(md);
		md = NULL;
	}
	memset(&session->digest, 0, sizeof session->digest);
	session->digest.md = md;
}

void digest_release(struct session *session)
{
	EVP_MD_CTX_free(session->digest.md);
	memset(&session->digest, 0, sizeof session->digest);
}

bool digest_lost(struct token *token, const struct digest_op *op)
{
	return op->needs_login && op->login != token_login_number(token);
}

/* The digest as it may be used now: none if the login has ended that a key was seen in. */
static struct digest_op *under_way(struct session *session)
{
	struct digest_op *op = &session->digest;

	if (op->mechanism == NULL)
		return NULL;
	if (digest_lost(session->token, op)) {
		digest_end(session);
		return NULL;
	}
	return op;
}

CK_RV digest_init(struct session *session, const CK_MECHANISM *wanted)
{
	struct digest_op *op = &session->digest;
	const struct mechanism *mechanism;
	CK_RV rv = mechanism_check(wanted, CKF_DIGEST, &mechanism, NULL);

	if (rv != CKR_OK)
		return rv;
	if (under_way(session) != NULL)
		return CKR_OPERATION_ACTIVE;
	op->mechanism = mechanism;
	op->mode = OP_FRESH;
	if (op->md == NULL)
		op->md = EVP_MD_CTX_new();
	if (op->md != NULL && EVP_DigestInit_ex(op->md, crypto_md(mechanism->digest), NULL) == 1)
		return CKR_OK;
	digest_end(session);
	return CKR_HOST_MEMORY;
}

static CK_RV add(struct digest_op *op, const CK_BYTE *p, CK_ULONG n)
{
	if (p == NULL && n != 0)
		return CKR_ARGUMENTS_BAD;
	return EVP_DigestUpdate(op->md, p, n) == 1 ? CKR_OK : CKR_DEVICE_ERROR;
}

static CK_RV finish(struct digest_op *op, const struct output *out)
{
	uint8_t md[EVP_MAX_MD_SIZE];

	if (EVP_DigestFinal_ex(op->md, md, NULL) != 1)
		return CKR_DEVICE_ERROR;
	output_give(out, md, op->mechanism->digest_len);
	return CKR_OK;
}

/* What one-shot and multi-part ends have in common; rv says whether that was all. */
static bool begin_end(struct session *session, enum op_mode wrong, enum op_mode mode,
	const struct output *out, CK_RV *rv)
{
	struct digest_op *op = under_way(session);

	if (op == NULL) {
		*rv = CKR_OPERATION_NOT_INITIALIZED;
		return true;
	}
	if (out->len == NULL || op->mode == wrong) {
		*rv = out->len == NULL ? CKR_ARGUMENTS_BAD : CKR_OPERATION_ACTIVE;
		digest_end(session);
		return true;
	}
	op->mode = mode;
	return output_asks(out, op->mechanism->digest_len, rv);
}

CK_RV digest(struct session *session, const CK_BYTE *p, CK_ULONG n, struct output out)
{
	CK_RV rv;

	if (begin_end(session, OP_PARTS, OP_ONE_SHOT, &out, &rv))
		return rv;
	if ((rv = add(&session->digest, p, n)) == CKR_OK)
		rv = finish(&session->digest, &out);
	digest_end(session);
	return rv;
}

CK_RV digest_update(struct session *session, const CK_BYTE *p, CK_ULONG n)
{
	struct digest_op *op = under_way(session);
	CK_RV rv;

	if (op == NULL)
		return CKR_OPERATION_NOT_INITIALIZED;
	rv = op->mode == OP_ONE_SHOT ? CKR_OPERATION_ACTIVE : add(op, p, n);
	op->mode = OP_PARTS;
	if (rv != CKR_OK)
		digest_end(session);
	return rv;
}

/* A key of a later login does not make the digest one of that login. */
CK_RV digest_key(struct session *session, CK_OBJECT_HANDLE handle)
{
	unsigned long login = token_login_number(session->token);
	struct digest_op *op = under_way(session);
	struct object *object = NULL;
	const uint8_t *value;
	size_t len;
	CK_RV rv;

	if (op == NULL)
		return CKR_OPERATION_NOT_INITIALIZED;
	rv = objects_get(session->token, handle, &object);
	if (rv == CKR_OBJECT_HANDLE_INVALID)
		rv = CKR_KEY_HANDLE_INVALID;
	else if (rv == CKR_OK && (object->policy->class != CKO_SECRET_KEY
		|| !attrs_get(&object->attrs, CKA_VALUE, &value, &len)))
		rv = CKR_KEY_INDIGESTIBLE;
	if (rv == CKR_OK && object->is_private && !op->needs_login) {
		op->needs_login = true;
		op->login = login;
	}
	if (rv == CKR_OK)
		rv = digest_update(session, value, len);
	else
		digest_end(session);
	object_free(&object);
	return rv;
}

CK_RV digest_final(struct session *session, struct output out)
{
	CK_RV rv;

	if (begin_end(session, OP_ONE_SHOT, OP_PARTS, &out, &rv))
		return rv;
	rv = finish(&session->digest, &out);
	digest_end(session);
	return rv;
}
