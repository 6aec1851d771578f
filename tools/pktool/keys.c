/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/keys.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "pktool/objects.h"
#include "pktool/pktool.h"
#include "util/crypto.h"

const struct keys_number keys_numbers[KEYS_NUMBERS] = {
	{ CKA_MODULUS, OSSL_PKEY_PARAM_RSA_N },
	{ CKA_PUBLIC_EXPONENT, OSSL_PKEY_PARAM_RSA_E },
	{ CKA_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D },
	{ CKA_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1 },
	{ CKA_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2 },
	{ CKA_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1 },
	{ CKA_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2 },
	{ CKA_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
};

/* --- searching --- */

static bool find_labelled(struct session *session, CK_OBJECT_CLASS class, const char *label,
	CK_OBJECT_HANDLE **found, size_t *count)
{
	struct buf copy = BUF_INIT;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE pattern[] = { { CKA_TOKEN, &yes, sizeof yes }, { CKA_CLASS, &class, sizeof class },
		{ CKA_LABEL, NULL, 0 } };
	bool ok;

	buf_put(&copy, label, label == NULL ? 0 : strlen(label));
	pattern[2].pValue = copy.data;
	pattern[2].ulValueLen = (CK_ULONG)copy.len;
	ok = !buf_failed(&copy) && objects_find(session, pattern, label == NULL ? 2 : 3, found, count);
	buf_free(&copy);
	return ok;
}

bool keys_count(struct session *session, CK_OBJECT_CLASS class, const char *label, size_t *count)
{
	CK_OBJECT_HANDLE *found = NULL;
	bool ok = find_labelled(session, class, label, &found, count);

	free(found);
	return ok;
}

static const char *class_name(CK_OBJECT_CLASS class)
{
	return class == CKO_PRIVATE_KEY	  ? "private key"
		: class == CKO_PUBLIC_KEY ? "public key"
					  : "secret key";
}

bool keys_find(struct session *session, CK_OBJECT_CLASS class, const char *label, CK_OBJECT_HANDLE *key)
{
	CK_OBJECT_HANDLE *found = NULL;
	const char *name = class_name(class);
	size_t count = 0;
	bool ok = false;

	if (find_labelled(session, class, label, &found, &count)) {
		ok = count == 1;
		if (ok)
			*key = found[0];
		else if (label == NULL)
			pktool_error(count == 0 ? "the token has no %s"
						: "the token has more than one %s: say label=",
				name);
		else
			pktool_error(count == 0 ? "there is no %s with the label %s"
						: "more than one %s has the label %s",
				name, label);
	}
	free(found);
	return ok;
}

bool keys_label_is_free(struct session *session, const char *label)
{
	size_t count;

	if (!keys_count(session, CKO_PRIVATE_KEY, label, &count))
		return false;
	if (count > 0)
		pktool_error("there is a private key with the label %s already: take another label, or "
			     "delete that "
			     "key first",
			label);
	return count == 0;
}

static bool modulus_of(const EVP_PKEY *key, struct buf *modulus)
{
	BIGNUM *number = NULL;
	uint8_t *to = NULL;

	if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &number) == 1) {
		to = buf_extend(modulus, (size_t)BN_num_bytes(number));
		if (to != NULL)
			BN_bn2bin(number, to);
	}
	BN_free(number);
	return to != NULL;
}

bool keys_private_is_new(struct session *session, const EVP_PKEY *key)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_BBOOL yes = CK_TRUE;
	struct buf modulus = BUF_INIT;
	CK_OBJECT_HANDLE *found = NULL;
	size_t count = 0;
	bool ok = modulus_of(key, &modulus);

	if (ok) {
		CK_ATTRIBUTE pattern[] = { { CKA_TOKEN, &yes, sizeof yes },
			{ CKA_CLASS, &class, sizeof class },
			{ CKA_MODULUS, modulus.data, (CK_ULONG)modulus.len } };

		ok = objects_find(session, pattern, 3, &found, &count);
	}
	if (ok && count > 0)
		pktool_error("the token has this private key already");
	free(found);
	buf_free(&modulus);
	return ok && count == 0;
}

/* Searches for every object of the modulus, as not every module would find an empty id's. */
static bool id_of_modulus(struct session *session, struct buf *modulus, struct buf *id)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE pattern[] = { { CKA_TOKEN, &yes, sizeof yes },
		{ CKA_MODULUS, modulus->data, (CK_ULONG)modulus->len } };
	CK_OBJECT_HANDLE *found = NULL;
	size_t count = 0;
	bool ok = objects_find(session, pattern, 2, &found, &count);

	for (size_t i = 0; ok && i < count && id->len == 0; i++)
		(void)objects_value(session, found[i], CKA_ID, id);
	free(found);
	return ok;
}

/* Keys of other kinds are known by their SubjectPublicKeyInfo. */
bool keys_id(struct session *session, const EVP_PKEY *key, struct buf *id)
{
	struct buf number = BUF_INIT;
	uint8_t hash[CRYPTO_SHA1_LEN];
	unsigned char *der = NULL;
	int n;
	bool ok = false;

	if (modulus_of(key, &number)) {
		if (!id_of_modulus(session, &number, id))
			goto out;
	} else if ((n = i2d_PUBKEY(key, &der)) > 0) {
		buf_put(&number, der, (size_t)n);
	}
	ok = id->len > 0;
	if (!ok && number.len > 0 && crypto_digest("SHA1", number.data, number.len, hash, sizeof hash)) {
		buf_put(id, hash, sizeof hash);
		ok = true;
	}
	if (!ok)
		pktool_error("this key has no id");
out:
	OPENSSL_free(der);
	buf_free(&number);
	return ok && !buf_failed(id);
}

/* --- what the token tells of a key --- */

/* Of a private key that does not know its exponent, the public half does. */
static bool exponent_of(
	struct session *session, CK_OBJECT_HANDLE key, struct buf *modulus, struct buf *exponent)
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_ATTRIBUTE pattern[] = { { CKA_CLASS, &class, sizeof class },
		{ CKA_MODULUS, modulus->data, (CK_ULONG)modulus->len } };
	CK_OBJECT_HANDLE *found = NULL;
	size_t count = 0;

	if (objects_value(session, key, CKA_PUBLIC_EXPONENT, exponent) && exponent->len > 0)
		return true;
	if (objects_find(session, pattern, 2, &found, &count) && count > 0)
		(void)objects_value(session, found[0], CKA_PUBLIC_EXPONENT, exponent);
	free(found);
	return exponent->len > 0;
}

EVP_PKEY *keys_public(struct session *session, CK_OBJECT_HANDLE key)
{
	struct buf modulus = BUF_INIT, exponent = BUF_INIT;
	CK_KEY_TYPE type = CKK_RSA;
	EVP_PKEY *made = NULL;

	if (!objects_ulong(session, key, CKA_KEY_TYPE, &type) || type != CKK_RSA)
		pktool_error("this is no RSA key");
	else if (objects_value(session, key, CKA_MODULUS, &modulus) && modulus.len > 0
		&& exponent_of(session, key, &modulus, &exponent))
		made = crypto_rsa_public(modulus.data, modulus.len, exponent.data, exponent.len);
	if (made == NULL && type == CKK_RSA)
		pktool_error("the token does not tell the public half of the key");
	buf_free(&modulus);
	buf_free(&exponent);
	return made;
}

bool keys_may_leave(struct session *session, CK_OBJECT_HANDLE key)
{
	bool sensitive = true, extractable = false;
	struct buf label = BUF_INIT;

	(void)objects_bool(session, key, CKA_SENSITIVE, &sensitive);
	(void)objects_bool(session, key, CKA_EXTRACTABLE, &extractable);
	if (!sensitive && extractable)
		return true;
	(void)objects_value(session, key, CKA_LABEL, &label);
	pktool_error("the key \"%.*s\" cannot leave the token: it is %s", (int)label.len,
		label.data == NULL ? "" : (const char *)label.data,
		!extractable ? "not extractable" : "sensitive");
	buf_free(&label);
	return false;
}

static EVP_PKEY *key_of_numbers(OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	if (params == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1
		|| EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(context);
	return key;
}

EVP_PKEY *keys_private(struct session *session, CK_OBJECT_HANDLE key)
{
	BIGNUM *values[KEYS_NUMBERS] = { NULL };
	OSSL_PARAM_BLD *build = NULL;
	EVP_PKEY *made = NULL;
	bool ok;

	if (!keys_may_leave(session, key))
		return NULL;
	ok = (build = OSSL_PARAM_BLD_new()) != NULL;
	for (size_t i = 0; ok && i < KEYS_NUMBERS; i++) {
		struct buf bytes = BUF_INIT;

		bytes.secret = true;
		ok = objects_value(session, key, keys_numbers[i].type, &bytes) && bytes.len > 0
			&& (values[i] = BN_secure_new()) != NULL
			&& BN_bin2bn(bytes.data, (int)bytes.len, values[i]) != NULL
			&& OSSL_PARAM_BLD_push_BN(build, keys_numbers[i].name, values[i]) == 1;
		buf_free(&bytes);
	}
	made = ok ? key_of_numbers(build) : NULL;
	if (made == NULL)
		pktool_error("the private key could not be read from the token");
	ERR_clear_error();
	OSSL_PARAM_BLD_free(build);
	for (size_t i = 0; i < KEYS_NUMBERS; i++)
		BN_clear_free(values[i]);
	return made;
}
