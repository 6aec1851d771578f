/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/material.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include "common/terminal.h"
#include "pktool/pktool.h"
#include "util/wipe.h"

/* --- the passphrase --- */

struct passphrase {
	const char *path;
	struct buf text;
	bool asked, failed;
};

/* For libcrypto, which may ask more than once for one file. */
static int passphrase_give(char *out, int size, int writing, void *user)
{
	struct passphrase *p = user;
	char prompt[300];

	(void)writing;
	if (!p->asked) {
		p->asked = true;
		snprintf(prompt, sizeof prompt, "Passphrase of %.256s: ", p->path);
		p->failed = !terminal_secret(prompt, &p->text);
	}
	if (p->failed || p->text.len > (size_t)size)
		return -1;
	if (p->text.len > 0)
		memcpy(out, p->text.data, p->text.len);
	return (int)p->text.len;
}

/* --- the content --- */

static bool is_rsa(const EVP_PKEY *key, const char *path)
{
	if (EVP_PKEY_is_a(key, "RSA"))
		return true;
	pktool_error("%s: the key is a %s key; only RSA keys can be imported", path,
		EVP_PKEY_get0_type_name(key) == NULL ? "foreign" : EVP_PKEY_get0_type_name(key));
	return false;
}

static bool key_take(EVP_PKEY **to, EVP_PKEY *key, const char *path)
{
	bool ok = key != NULL && is_rsa(key, path);

	if (ok && *to != NULL) {
		pktool_error("%s: has more than one key", path);
		ok = false;
	}
	if (ok)
		*to = key;
	else
		EVP_PKEY_free(key);
	return ok;
}

static bool info_take(struct material *material, const OSSL_STORE_INFO *info, const char *path)
{
	X509 *certificate;

	switch (OSSL_STORE_INFO_get_type(info)) {
	case OSSL_STORE_INFO_PKEY:
		return key_take(&material->key, OSSL_STORE_INFO_get1_PKEY(info), path);
	case OSSL_STORE_INFO_PUBKEY:
		return key_take(&material->public_key, OSSL_STORE_INFO_get1_PUBKEY(info), path);
	case OSSL_STORE_INFO_CERT:
		certificate = OSSL_STORE_INFO_get1_CERT(info);
		if (certificate != NULL && sk_X509_push(material->certificates, certificate) > 0)
			return true;
		X509_free(certificate);
		pktool_error("%s: no memory", path);
		return false;
	default: /* revocation lists and parameters do not belong here */
		return true;
	}
}

/* Does anything in PEM begin in these bytes? */
static bool has_pem(const uint8_t *p, size_t n)
{
	static const char begin[] = "-----BEGIN ";

	for (; n >= sizeof begin - 1; p++, n--)
		if (memcmp(p, begin, sizeof begin - 1) == 0)
			return true;
	return false;
}

/* All of the file: what cannot be understood must not pass for what was not there. Text after PEM may be. */
static bool store_read(struct material *material, const struct passphrase *passphrase, OSSL_STORE_CTX *store,
	const struct buf *content, BIO *memory)
{
	bool pem = has_pem(content->data, content->len);

	while (OSSL_STORE_eof(store) == 0) {
		size_t left = (size_t)BIO_pending(memory);
		OSSL_STORE_INFO *info;
		bool ok;

		if (pem && !has_pem(content->data + content->len - left, left))
			break;
		info = OSSL_STORE_load(store);
		ok = info != NULL && info_take(material, info, passphrase->path);
		if (info == NULL && !passphrase->failed)
			pktool_error(passphrase->asked ? "%s: the passphrase is wrong, or the file damaged"
						       : "%s: has something that is not understood",
				passphrase->path);
		OSSL_STORE_INFO_free(info);
		if (!ok)
			return false;
	}
	return true;
}

bool material_is_empty(const struct material *material)
{
	return material->key == NULL && material->public_key == NULL
		&& sk_X509_num(material->certificates) <= 0;
}

bool material_read(struct material *material, const char *path, struct buf *content)
{
	struct passphrase passphrase = { .path = path };
	UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(passphrase_give, 0);
	BIO *memory = BIO_new_mem_buf(content->data, (int)content->len);
	/* The ciphers of old PKCS#12 files; without them most others can be read all the same. */
	OSSL_PROVIDER *legacy = OSSL_PROVIDER_try_load(NULL, "legacy", 1);
	OSSL_STORE_CTX *store = NULL;
	bool ok = false;

	memset(material, 0, sizeof *material);
	material->certificates = sk_X509_new_null();
	if (ui != NULL && memory != NULL && material->certificates != NULL)
		store = OSSL_STORE_attach(memory, "file", NULL, NULL, ui, &passphrase, NULL, NULL, NULL);
	if (store == NULL)
		pktool_error("%s: libcrypto cannot read files", path);
	else if (store_read(material, &passphrase, store, content, memory)) {
		ok = !material_is_empty(material);
		if (!ok)
			pktool_error("%s: no key and no certificate that is understood", path);
	}
	OSSL_STORE_close(store);
	BIO_free(memory);
	UI_destroy_method(ui);
	if (legacy != NULL)
		OSSL_PROVIDER_unload(legacy);
	buf_free(&passphrase.text);
	ERR_clear_error();
	return ok;
}

void material_drop_keys(struct material *material)
{
	EVP_PKEY_free(material->key);
	EVP_PKEY_free(material->public_key);
	material->key = material->public_key = NULL;
}

void material_drop_certificates(struct material *material)
{
	sk_X509_pop_free(material->certificates, X509_free);
	material->certificates = NULL;
}

void material_free(struct material *material)
{
	material_drop_keys(material);
	material_drop_certificates(material);
}
