/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/keypair.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#include "common/terminal.h"
#include "pktool/objects.h"
#include "pktool/pktool.h"

#define N(array) (sizeof(array) / sizeof(array)[0])

static CK_BBOOL yes = CK_TRUE;

static CK_RV generate(struct session *session, CK_MECHANISM_TYPE type, CK_ATTRIBUTE *public_template,
	CK_ULONG n_public, CK_ATTRIBUTE *private_template, CK_ULONG n_private, CK_OBJECT_HANDLE keys[2])
{
	CK_MECHANISM mechanism = { type, NULL, 0 };
	CK_RV rv;

	terminal_busy("The token makes the keys...");
	rv = session->p11->C_GenerateKeyPair(session->handle, &mechanism, public_template, n_public,
		private_template, n_private, &keys[0], &keys[1]);
	terminal_idle();
	return rv;
}

static CK_RV generate_rsa(struct session *session, CK_ULONG bits, CK_OBJECT_HANDLE keys[2])
{
	CK_BYTE exponent[] = { 1, 0, 1 };
	CK_ATTRIBUTE public_template[] = {
		{ CKA_TOKEN, &yes, sizeof yes },
		{ CKA_MODULUS_BITS, &bits, sizeof bits },
		{ CKA_PUBLIC_EXPONENT, exponent, sizeof exponent },
		{ CKA_ENCRYPT, &yes, sizeof yes },
		{ CKA_VERIFY, &yes, sizeof yes },
		{ CKA_WRAP, &yes, sizeof yes },
	};
	CK_ATTRIBUTE private_template[] = {
		{ CKA_TOKEN, &yes, sizeof yes },
		{ CKA_PRIVATE, &yes, sizeof yes },
		{ CKA_DECRYPT, &yes, sizeof yes },
		{ CKA_SIGN, &yes, sizeof yes },
		{ CKA_UNWRAP, &yes, sizeof yes },
	};

	return generate(session, CKM_RSA_PKCS_KEY_PAIR_GEN, public_template, N(public_template),
		private_template, N(private_template), keys);
}

static CK_RV generate_ec(struct session *session, struct buf *params, CK_OBJECT_HANDLE keys[2])
{
	CK_ATTRIBUTE public_template[] = {
		{ CKA_TOKEN, &yes, sizeof yes },
		{ CKA_EC_PARAMS, params->data, params->len },
		{ CKA_VERIFY, &yes, sizeof yes },
	};
	CK_ATTRIBUTE private_template[] = {
		{ CKA_TOKEN, &yes, sizeof yes },
		{ CKA_PRIVATE, &yes, sizeof yes },
		{ CKA_SIGN, &yes, sizeof yes },
	};

	return generate(session, CKM_EC_KEY_PAIR_GEN, public_template, N(public_template), private_template,
		N(private_template), keys);
}

/* The curve's object identifier in DER. */
static bool curve_params(const char *curve, struct buf *params)
{
	int nid = EC_curve_nist2nid(curve), len;
	unsigned char *to;

	if (nid == NID_undef)
		nid = strcmp(curve, "secp256r1") == 0 ? NID_X9_62_prime256v1 : OBJ_txt2nid(curve);
	len = nid != NID_undef ? i2d_ASN1_OBJECT(OBJ_nid2obj(nid), NULL) : 0;
	if (len <= 0) {
		pktool_error("curve=%s: not a curve that is known here; P-256 and secp384r1 are", curve);
		return false;
	}
	to = buf_extend(params, (size_t)len);
	return to != NULL && i2d_ASN1_OBJECT(OBJ_nid2obj(nid), &to) == len;
}

static CK_RV set(
	struct session *session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type, const void *value, size_t n)
{
	union {
		const void *given;
		void *taken;
	} pointer = { .given = value };
	CK_ATTRIBUTE attribute = { type, pointer.taken, n };

	return session->p11->C_SetAttributeValue(session->handle, key, &attribute, 1);
}

static bool default_id(struct session *session, CK_OBJECT_HANDLE key, struct buf *id)
{
	struct buf number = BUF_INIT;
	unsigned int len = 0;
	uint8_t *to = buf_extend(id, EVP_MAX_MD_SIZE);
	bool ok = to != NULL
		&& (objects_value(session, key, CKA_MODULUS, &number)
			|| objects_value(session, key, CKA_EC_POINT, &number))
		&& number.len > 0 && EVP_Digest(number.data, number.len, to, &len, EVP_sha1(), NULL) == 1;

	if (ok)
		id->len = len;
	else
		pktool_error("the new public key cannot be read");
	buf_free(&number);
	return ok;
}

static bool keys_name(
	struct session *session, const struct keypair_request *request, const CK_OBJECT_HANDLE keys[2])
{
	struct buf id = BUF_INIT;
	bool ok = true;
	CK_RV rv = CKR_OK;

	if (request->id != NULL)
		buf_put(&id, request->id, request->id_len);
	else
		ok = default_id(session, keys[0], &id);
	for (size_t i = 0; ok && rv == CKR_OK && i < 2; i++) {
		rv = set(session, keys[i], CKA_LABEL, request->label, strlen(request->label));
		if (rv == CKR_OK)
			rv = set(session, keys[i], CKA_ID, id.data, id.len);
	}
	if (rv != CKR_OK)
		(void)module_failed("naming the new keys", rv);
	buf_free(&id);
	return ok && rv == CKR_OK;
}

bool keypair_make(struct session *session, const struct keypair_request *request,
	CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
	struct buf params = BUF_INIT;
	CK_OBJECT_HANDLE keys[2] = { 0, 0 };
	CK_RV rv;
	bool ok = false;

	if (request->curve != NULL && !curve_params(request->curve, &params))
		goto out;
	rv = request->curve != NULL ? generate_ec(session, &params, keys)
				    : generate_rsa(session, request->bits, keys);
	if (rv != CKR_OK) {
		(void)module_failed("making the keys", rv);
		goto out;
	}
	ok = keys_name(session, request, keys);
	for (size_t i = 0; !ok && i < 2; i++)
		(void)session->p11->C_DestroyObject(session->handle, keys[i]);
	*public_key = keys[0];
	*private_key = keys[1];
out:
	buf_free(&params);
	return ok;
}
