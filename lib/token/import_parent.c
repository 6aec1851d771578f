/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/import_parent.h"

#include <string.h>

#include "util/crypto.h"
#include "util/log.h"
#include "util/wipe.h"

#define PARENT_BITS 2048

static CK_RV read_locked(struct token *token, struct buf *blob, bool *exists)
{
	CK_RV rv = state_refresh_locked(token);

	*exists = token->on_disk.exists;
	if (rv == CKR_OK)
		buf_put(blob, token->file.import_parent.data, token->file.import_parent.len);
	return rv == CKR_OK && buf_failed(blob) ? CKR_HOST_MEMORY : rv;
}

/* Of two processes that made one at the same time, the first has made it. */
static CK_RV keep_edit(struct token_file *file, const struct objstore_id *token_id, void *arg)
{
	const struct buf *made = arg;

	(void)token_id;
	if (file->import_parent.len == 0)
		buf_put(&file->import_parent, made->data, made->len);
	return buf_failed(&file->import_parent) ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV import_parent_need(struct token *token, struct buf *blob)
{
	struct buf made = BUF_INIT;
	bool exists;
	CK_RV rv;

	pthread_mutex_lock(&token->mutex);
	rv = read_locked(token, blob, &exists);
	pthread_mutex_unlock(&token->mutex);
	if (rv == CKR_OK && !exists) {
		log_error("the token is not initialised: C_InitToken first");
		rv = CKR_TOKEN_WRITE_PROTECTED;
	}
	if (rv != CKR_OK || blob->len != 0)
		return rv;
	rv = tspi_key_create(TSPI_STORAGE, PARENT_BITS, NULL, &made);
	if (rv == CKR_OK)
		rv = state_change(token, keep_edit, &made);
	buf_free(&made);
	if (rv != CKR_OK)
		return rv;
	pthread_mutex_lock(&token->mutex);
	rv = read_locked(token, blob, &exists);
	pthread_mutex_unlock(&token->mutex);
	return rv == CKR_OK && blob->len == 0 ? CKR_DEVICE_ERROR : rv;
}

CK_RV import_auth(struct token *token, const struct buf *parent_blob, bool is_private,
	const uint8_t *modulus, size_t modulus_len, uint8_t auth[TSPI_AUTH_LEN])
{
	uint8_t secret[CRYPTO_KEY_LEN], derived[CRYPTO_KEY_LEN];
	CK_RV rv = CKR_HOST_MEMORY;
	bool ok;

	if (is_private) {
		pthread_mutex_lock(&token->mutex);
		ok = token->login.has_master;
		memcpy(secret, token->secrets->master, sizeof secret);
		pthread_mutex_unlock(&token->mutex);
		if (!ok)
			return CKR_USER_NOT_LOGGED_IN;
	} else {
		ok = crypto_sha256(parent_blob->data, parent_blob->len, secret);
	}
	if (ok && crypto_derive(secret, modulus, modulus_len, "pkcs11_tpm imported key", derived)) {
		memcpy(auth, derived, TSPI_AUTH_LEN);
		rv = CKR_OK;
	}
	wipe(secret, sizeof secret);
	wipe(derived, sizeof derived);
	return rv;
}

CK_RV import_parent_open(struct token *token, struct tspi_key **key)
{
	const struct buf *blob = &token->file.import_parent;
	CK_RV rv = CKR_OK;

	*key = NULL;
	pthread_mutex_lock(&token->mutex);
	if (token->import_parent == NULL)
		rv = tspi_key_open(blob->data, blob->len, NULL, TSPI_AUTH_NONE, NULL, &token->import_parent);
	if (rv == CKR_OK)
		*key = tspi_key_ref(token->import_parent);
	pthread_mutex_unlock(&token->mutex);
	return rv;
}
