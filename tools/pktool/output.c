/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/output.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "common/terminal.h"
#include "pktool/pktool.h"

/* Writes what lies in memory, of which encoded tells whether it is whole, and frees it. */
static bool memory_write(const char *path, BIO *memory, bool encoded, enum userfile_kind kind)
{
	char *data = NULL;
	long n = encoded ? BIO_get_mem_data(memory, &data) : 0;
	bool ok = n > 0;

	if (!ok)
		pktool_error("%s: the encoding failed", path);
	else
		ok = userfile_write(path, data, (size_t)n, kind);
	ERR_clear_error();
	BIO_free(memory);
	return ok;
}

/* Of kind, which tells whether it is to be wiped. */
static BIO *memory_new(enum userfile_kind kind)
{
	return BIO_new(kind == USERFILE_SECRET ? BIO_s_secmem() : BIO_s_mem());
}

bool output_certificate(const char *path, const X509 *certificate, bool der)
{
	BIO *memory = memory_new(USERFILE_PUBLIC);
	bool encoded = memory != NULL
		&& (der ? i2d_X509_bio(memory, certificate) : PEM_write_bio_X509(memory, certificate)) == 1;

	return memory_write(path, memory, encoded, USERFILE_PUBLIC);
}

bool output_certificates(const char *path, const STACK_OF(X509) *certificates)
{
	BIO *memory = memory_new(USERFILE_PUBLIC);
	bool encoded = memory != NULL;

	for (int i = 0; encoded && i < sk_X509_num(certificates); i++)
		encoded = PEM_write_bio_X509(memory, sk_X509_value(certificates, i)) == 1;
	return memory_write(path, memory, encoded, USERFILE_PUBLIC);
}

bool output_request(const char *path, const X509_REQ *request, bool der)
{
	BIO *memory = memory_new(USERFILE_PUBLIC);
	bool encoded = memory != NULL
		&& (der ? i2d_X509_REQ_bio(memory, request) : PEM_write_bio_X509_REQ(memory, request)) == 1;

	return memory_write(path, memory, encoded, USERFILE_PUBLIC);
}

bool output_public_key(const char *path, const EVP_PKEY *key, bool der)
{
	BIO *memory = memory_new(USERFILE_PUBLIC);
	bool encoded = memory != NULL
		&& (der ? i2d_PUBKEY_bio(memory, key) : PEM_write_bio_PUBKEY(memory, key)) == 1;

	return memory_write(path, memory, encoded, USERFILE_PUBLIC);
}

bool output_private_key(const char *path, const EVP_PKEY *key, bool der)
{
	BIO *memory = memory_new(USERFILE_SECRET);
	bool encoded = memory != NULL
		&& (der ? i2d_PKCS8PrivateKey_bio(memory, key, NULL, NULL, 0, NULL, NULL)
			: PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL))
			== 1;

	return memory_write(path, memory, encoded, USERFILE_SECRET);
}

bool output_pkcs12(
	const char *path, const char *label, EVP_PKEY *key, X509 *certificate, STACK_OF(X509) *others)
{
	struct buf passphrase = BUF_INIT;
	PKCS12 *bag = NULL;
	BIO *memory = NULL;
	bool ok = false;

	if (!terminal_new_secret("Passphrase for the PKCS#12 file: ", "The same again: ", &passphrase))
		goto out;
	if (key != NULL && passphrase.len == 0) {
		pktool_error("a private key needs a passphrase");
		goto out;
	}
	buf_put_u8(&passphrase, 0);
	memory = memory_new(USERFILE_SECRET);
	if (!buf_failed(&passphrase) && memory != NULL)
		bag = PKCS12_create(
			(const char *)passphrase.data, label, key, certificate, others, 0, 0, 0, 0, 0);
	ok = memory_write(path, memory, bag != NULL && i2d_PKCS12_bio(memory, bag) == 1, USERFILE_SECRET);
out:
	PKCS12_free(bag);
	buf_free(&passphrase);
	return ok;
}
