/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/request.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/userfile.h"
#include "pktool/pktool.h"

static X509_REQ *request_decode(const struct buf *content)
{
	const unsigned char *p = content->data;
	X509_REQ *request = d2i_X509_REQ(NULL, &p, (long)content->len);
	BIO *memory;

	if (request != NULL && p == content->data + content->len)
		return request;
	X509_REQ_free(request);
	memory = BIO_new_mem_buf(content->data, (int)content->len);
	request = memory == NULL ? NULL : PEM_read_bio_X509_REQ(memory, NULL, NULL, NULL);
	BIO_free(memory);
	return request;
}

X509_REQ *request_read(const char *path)
{
	struct buf content = BUF_INIT;
	X509_REQ *request = NULL;
	EVP_PKEY *key;

	if (userfile_read(path, &content)) {
		request = content.len == 0 ? NULL : request_decode(&content);
		key = request == NULL ? NULL : X509_REQ_get0_pubkey(request);
		if (request == NULL)
			pktool_error("%s: no certificate request in PEM or DER", path);
		else if (key == NULL)
			pktool_error("%s: a request for a key of a kind that is not known here", path);
		else if (X509_REQ_verify(request, key) != 1)
			pktool_error("%s: the signature of the request is wrong: it was changed, or does not "
				     "come from whoever has the key",
				path);
		else
			goto out;
		X509_REQ_free(request);
		request = NULL;
	}
out:
	ERR_clear_error();
	buf_free(&content);
	return request;
}
