/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/sign.h"

#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>

#include "pktool/objects.h"
#include "pktool/pktool.h"
#include "util/crypto.h"

static const struct hash hashes[] = {
	{ "sha256", "SHA256", CKM_SHA256, NID_sha256, NID_sha256WithRSAEncryption },
	{ "sha384", "SHA384", CKM_SHA384, NID_sha384, NID_sha384WithRSAEncryption },
	{ "sha512", "SHA512", CKM_SHA512, NID_sha512, NID_sha512WithRSAEncryption },
	{ "sha224", "SHA224", CKM_SHA224, NID_sha224, NID_sha224WithRSAEncryption },
	{ "sha1", "SHA1", CKM_SHA_1, NID_sha1, NID_sha1WithRSAEncryption },
	{ "md5", "MD5", CKM_MD5, NID_md5, NID_md5WithRSAEncryption },
};

const struct hash *hash_find(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof hashes / sizeof hashes[0]; i++)
		if (strcmp(name, hashes[i].name) == 0)
			return &hashes[i];
	return &hashes[0];
}

static size_t hash_length(const struct hash *hash)
{
	const EVP_MD *md = EVP_get_digestbyname(hash->libcrypto_name);

	return md == NULL ? EVP_MAX_MD_SIZE : (size_t)EVP_MD_get_size(md);
}

/* The DigestInfo has up to 19 bytes before the digest, the padding 11 (RFC 8017, 9.2). */
bool hash_fits(const struct hash *hash, unsigned long bits)
{
	if (bits / 8 >= hash_length(hash) + 30)
		return true;
	pktool_error("a key of %lu bits is too short to sign with %s", bits, hash->name);
	return false;
}

/* --- digest --- */

/* By the token, if it can: whoever counts on it there gets it. */
static bool digest_by_token(
	const struct session *s, const struct hash *hash, struct buf *data, struct buf *digest)
{
	CK_MECHANISM mechanism = { hash->mechanism, NULL, 0 };
	CK_MECHANISM_INFO info;
	CK_ULONG n = (CK_ULONG)hash_length(hash);
	unsigned char out[EVP_MAX_MD_SIZE];

	if (s->p11->C_GetMechanismInfo(s->slot, hash->mechanism, &info) != CKR_OK
		|| (info.flags & CKF_DIGEST) == 0 || s->p11->C_DigestInit(s->handle, &mechanism) != CKR_OK
		|| s->p11->C_Digest(s->handle, data->data, (CK_ULONG)data->len, out, &n) != CKR_OK
		|| n != hash_length(hash))
		return false;
	buf_put(digest, out, n);
	return true;
}

static bool digest_info(const struct signer *signer, struct buf *data, struct buf *info)
{
	struct buf digest = BUF_INIT;
	X509_SIG *sig = X509_SIG_new();
	X509_ALGOR *algorithm;
	ASN1_OCTET_STRING *octets;
	unsigned char out[EVP_MAX_MD_SIZE], *der = NULL;
	size_t n = hash_length(signer->hash);
	int len = -1;

	if (!digest_by_token(signer->session, signer->hash, data, &digest)
		&& crypto_digest(signer->hash->libcrypto_name, data->data, data->len, out, n))
		buf_put(&digest, out, n);
	if (sig != NULL && !buf_failed(&digest) && digest.len > 0) {
		X509_SIG_getm(sig, &algorithm, &octets);
		if (X509_ALGOR_set0(algorithm, OBJ_nid2obj(signer->hash->digest), V_ASN1_NULL, NULL) == 1
			&& ASN1_OCTET_STRING_set(octets, digest.data, (int)digest.len) == 1)
			len = i2d_X509_SIG(sig, &der);
	}
	if (len > 0)
		buf_put(info, der, (size_t)len);
	else
		pktool_error("%s cannot be had", signer->hash->name);
	OPENSSL_free(der);
	X509_SIG_free(sig);
	buf_free(&digest);
	return len > 0 && !buf_failed(info);
}

/* --- signature --- */

/* A key that wants the PIN before each of its signatures. */
static bool key_unlock(const struct signer *signer)
{
	struct session *s = signer->session;
	struct buf pin = BUF_INIT;
	bool wants = false, ok;
	CK_RV rv;

	if (!objects_bool(s, signer->key, CKA_ALWAYS_AUTHENTICATE, &wants) || !wants)
		return true;
	ok = session_pin("This key asks for the PIN again: ", signer->pinfile, &pin);
	if (ok) {
		rv = s->p11->C_Login(s->handle, CKU_CONTEXT_SPECIFIC, pin.data, (CK_ULONG)pin.len);
		ok = rv == CKR_OK;
		if (!ok)
			module_failed("unlocking the key", rv);
	}
	buf_free(&pin);
	return ok;
}

static bool signature_make(const struct signer *signer, struct buf *info, struct buf *signature)
{
	struct session *s = signer->session;
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	CK_ULONG n = (CK_ULONG)EVP_PKEY_get_size(signer->public_key);
	unsigned char *out = buf_extend(signature, n);
	CK_RV rv;

	if (out == NULL) {
		pktool_error("no memory for a signature");
		return false;
	}
	rv = s->p11->C_SignInit(s->handle, &mechanism, signer->key);
	if (rv == CKR_OK) {
		if (!key_unlock(signer))
			return false;
		rv = s->p11->C_Sign(s->handle, info->data, (CK_ULONG)info->len, out, &n);
	}
	if (rv == CKR_OK && n == signature->len)
		return true;
	module_failed("signing", rv == CKR_OK ? CKR_SIGNATURE_LEN_RANGE : rv);
	return false;
}

/* SEQUENCE of what is signed, the algorithm with its NULL (RFC 3279, 2.2.1), and the signature. */
static bool signed_encode(
	const struct buf *tbs, X509_ALGOR *algorithm, const struct buf *signature, struct buf *out)
{
	unsigned char *der = NULL, *p;
	int len = i2d_X509_ALGOR(algorithm, &der), bits = (int)signature->len + 1, inner, total;

	if (len <= 0)
		return false;
	inner = (int)tbs->len + len + ASN1_object_size(0, bits, V_ASN1_BIT_STRING);
	total = ASN1_object_size(1, inner, V_ASN1_SEQUENCE);
	p = buf_extend(out, (size_t)total);
	if (p != NULL) {
		ASN1_put_object(&p, 1, inner, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
		memcpy(p, tbs->data, tbs->len);
		p += tbs->len;
		memcpy(p, der, (size_t)len);
		p += len;
		ASN1_put_object(&p, 0, bits, V_ASN1_BIT_STRING, V_ASN1_UNIVERSAL);
		*p++ = 0;
		memcpy(p, signature->data, signature->len);
	}
	OPENSSL_free(der);
	return p != NULL;
}

static X509_ALGOR *signature_algorithm(const struct hash *hash)
{
	X509_ALGOR *algorithm = X509_ALGOR_new();

	if (algorithm == NULL
		|| X509_ALGOR_set0(algorithm, OBJ_nid2obj(hash->signature), V_ASN1_NULL, NULL) != 1) {
		X509_ALGOR_free(algorithm);
		pktool_error("%s cannot be had", hash->name);
		return NULL;
	}
	return algorithm;
}

/* Takes the DER of what is to be signed, of len bytes, and frees it. */
static bool der_sign(
	const struct signer *signer, X509_ALGOR *algorithm, unsigned char *der, int len, struct buf *out)
{
	struct buf tbs = BUF_INIT, info = BUF_INIT, signature = BUF_INIT;
	bool ok = len > 0;

	if (ok)
		buf_put(&tbs, der, (size_t)len);
	OPENSSL_free(der);
	if (!ok || buf_failed(&tbs))
		pktool_error("no memory for what is to be signed");
	else
		ok = digest_info(signer, &tbs, &info) && signature_make(signer, &info, &signature)
			&& signed_encode(&tbs, algorithm, &signature, out);
	buf_free(&tbs);
	buf_free(&info);
	buf_free(&signature);
	return ok && !buf_failed(out);
}

/* --- certificates --- */

/* RFC 5280, 4.1. libcrypto's own has no way to put in a signature that was made elsewhere. */
typedef struct {
	ASN1_INTEGER *version;
	ASN1_INTEGER *serial;
	X509_ALGOR *algorithm;
	X509_NAME *issuer;
	X509_VAL *validity;
	X509_NAME *subject;
	X509_PUBKEY *key;
	STACK_OF(X509_EXTENSION) *extensions;
} TBS;

ASN1_SEQUENCE(TBS) = {
	ASN1_EXP_OPT(TBS, version, ASN1_INTEGER, 0),
	ASN1_SIMPLE(TBS, serial, ASN1_INTEGER),
	ASN1_SIMPLE(TBS, algorithm, X509_ALGOR),
	ASN1_SIMPLE(TBS, issuer, X509_NAME),
	ASN1_SIMPLE(TBS, validity, X509_VAL),
	ASN1_SIMPLE(TBS, subject, X509_NAME),
	ASN1_SIMPLE(TBS, key, X509_PUBKEY),
	ASN1_EXP_SEQUENCE_OF_OPT(TBS, extensions, X509_EXTENSION, 3),
} static_ASN1_SEQUENCE_END(TBS)

X509 *certificate_sign(const struct signer *signer, const struct certificate_terms *terms)
{
	TBS tbs = { ASN1_INTEGER_new(), terms->serial, signature_algorithm(signer->hash), terms->issuer,
		terms->validity, terms->subject, NULL, terms->extensions };
	struct buf encoded = BUF_INIT;
	unsigned char *der = NULL;
	const unsigned char *p;
	X509 *certificate = NULL;
	int len;

	if (tbs.algorithm == NULL || tbs.version == NULL || ASN1_INTEGER_set(tbs.version, X509_VERSION_3) != 1
		|| X509_PUBKEY_set(&tbs.key, terms->key) != 1)
		goto out;
	len = ASN1_item_i2d((const ASN1_VALUE *)&tbs, &der, ASN1_ITEM_rptr(TBS));
	if (!der_sign(signer, tbs.algorithm, der, len, &encoded))
		goto out;
	p = encoded.data;
	certificate = d2i_X509(NULL, &p, (long)encoded.len);
	if (certificate == NULL || X509_verify(certificate, signer->public_key) != 1) {
		X509_free(certificate);
		certificate = NULL;
		pktool_error("the token's signature does not verify: nothing was made of it");
	}
out:
	ERR_clear_error();
	ASN1_INTEGER_free(tbs.version);
	X509_ALGOR_free(tbs.algorithm);
	X509_PUBKEY_free(tbs.key);
	buf_free(&encoded);
	return certificate;
}

/* --- requests --- */

X509_REQ *request_sign(
	const struct signer *signer, const X509_NAME *subject, const STACK_OF(X509_EXTENSION) *extensions)
{
	X509_REQ *draft = X509_REQ_new(), *request = NULL;
	X509_ALGOR *algorithm = signature_algorithm(signer->hash);
	struct buf encoded = BUF_INIT;
	unsigned char *der = NULL;
	const unsigned char *p;
	int len;

	if (draft == NULL || algorithm == NULL || X509_REQ_set_version(draft, X509_REQ_VERSION_1) != 1
		|| X509_REQ_set_subject_name(draft, subject) != 1
		|| X509_REQ_set_pubkey(draft, signer->public_key) != 1
		|| (sk_X509_EXTENSION_num(extensions) > 0 && X509_REQ_add_extensions(draft, extensions) != 1))
		goto out;
	len = i2d_re_X509_REQ_tbs(draft, &der);
	if (!der_sign(signer, algorithm, der, len, &encoded))
		goto out;
	p = encoded.data;
	request = d2i_X509_REQ(NULL, &p, (long)encoded.len);
	if (request == NULL || X509_REQ_verify(request, signer->public_key) != 1) {
		X509_REQ_free(request);
		request = NULL;
		pktool_error("the token's signature does not verify: nothing was made of it");
	}
out:
	ERR_clear_error();
	X509_REQ_free(draft);
	X509_ALGOR_free(algorithm);
	buf_free(&encoded);
	return request;
}
