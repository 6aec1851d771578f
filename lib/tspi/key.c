/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/tspi.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <tss/tcs_error.h>
#include <tss/tpm_error.h>
#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "tspi/link.h"
#include "tspi/tss_error.h"
#include "tspi/tss_object.h"
#include "util/log.h"
#include "util/secmem.h"
#include "util/wipe.h"

/* How often a key that tcsd keeps evicting is loaded again before the chip counts as too busy. */
#define RELOADS 50

/* How often it is loaded again without being unloaded, which would take it from other processes too. A key
   that was imported may be in the chip with another auth, so that each attempt costs a try. */
#define SHARED_RELOADS 8
#define SHARED_RELOADS_IMPORTED 1

struct tspi_key {
	struct link_object object;
	struct tspi_key *parent;
	enum tspi_auth kind;
	uint8_t *auth; /* in secret memory; NULL for TSPI_AUTH_NONE */
	struct buf blob;
	atomic_uint references;
};

CK_RV tspi_key_open(const uint8_t *blob, size_t len, struct tspi_key *parent, enum tspi_auth kind,
	const uint8_t *auth, struct tspi_key **out)
{
	struct tspi_key_info info;
	struct tspi_key *key;

	*out = NULL;
	if (!tspi_blob_info(blob, len, &info)) {
		log_error("the key blob is no TPM key");
		return CKR_DEVICE_ERROR;
	}
	key = calloc(1, sizeof *key);
	if (key == NULL)
		return CKR_HOST_MEMORY;
	atomic_init(&key->references, 1);
	key->kind = kind;
	if (kind != TSPI_AUTH_NONE && (key->auth = secmem_alloc(TSPI_AUTH_LEN)) != NULL)
		memcpy(key->auth, auth, TSPI_AUTH_LEN);
	key->parent = parent != NULL ? tspi_key_ref(parent) : NULL;
	buf_put(&key->blob, blob, len);
	if (buf_failed(&key->blob) || (kind != TSPI_AUTH_NONE && key->auth == NULL)) {
		tspi_key_free(&key);
		return CKR_HOST_MEMORY;
	}
	*out = key;
	return CKR_OK;
}

struct tspi_key *tspi_key_ref(struct tspi_key *key)
{
	atomic_fetch_add(&key->references, 1);
	return key;
}

void tspi_key_free(struct tspi_key **at)
{
	struct tspi_key *key = *at;

	*at = NULL;
	if (key == NULL || atomic_fetch_sub(&key->references, 1) != 1)
		return;
	tspi_key_free(&key->parent);
	buf_free(&key->blob);
	secmem_free(key->auth, TSPI_AUTH_LEN);
	link_object_retire(&key->object, key);
}

typedef TSS_RESULT key_use(const struct link *link, struct tspi_key *key, void *arg);

struct key_call {
	struct tspi_key *key;
	key_use *use;
	void *arg;
	bool loading;
	int refusals; /* of an auth that is known to be right */
};

static TSS_RESULT key_load(const struct link *link, struct tspi_key *key)
{
	TSS_HPOLICY policy = 0;
	TSS_HKEY handle;
	TSS_RESULT r;

	if (key->object.handle != 0)
		return TSS_SUCCESS;
	if (key->parent != NULL && (r = key_load(link, key->parent)) != TSS_SUCCESS)
		return r;
	r = Tspi_Context_LoadKeyByBlob(link->context,
		key->parent != NULL ? key->parent->object.handle : link->srk, (UINT32)key->blob.len,
		key->blob.data, &handle);
	if (r != TSS_SUCCESS)
		return r;
	if (key->kind != TSPI_AUTH_NONE
		&& (r = tss_policy_new(link, handle, TSS_POLICY_USAGE, key->auth, &policy)) != TSS_SUCCESS) {
		Tspi_Context_CloseObject(link->context, handle);
		return r;
	}
	link_object_add(&key->object, handle, policy);
	return TSS_SUCCESS;
}

/*
 * tcsd answers AUTHFAIL for a key that it has evicted, which costs the chip no try. Only unloading
 * the key tells that from an auth that is wrong: the PIN, or that of another blob of the same key, as
 * tcsd takes any two of the same public half for one.
 */
static bool was_evicted(struct tspi_key *key)
{
	bool evicted = Tspi_Key_UnloadKey(key->object.handle) != TSS_SUCCESS;

	if (!evicted)
		link_expire();
	link_object_drop(&key->object);
	return evicted;
}

static bool key_gone(TSS_RESULT r)
{
	return r == TPM_E_INVALID_KEYHANDLE || r == TPM_E_KEYNOTFOUND
		|| r == TCS_ERROR(TCS_E_INVALID_KEY) || r == TCS_ERROR(TCS_E_INVALID_KEYHANDLE)
		|| r == TCS_ERROR(TCS_E_KM_LOADFAILED) || r == TCS_ERROR(TSS_E_FAIL);
}

/* May loading and using the key again help? Drops what must be loaded again. */
static bool worth_repeating(struct key_call *call, TSS_RESULT r)
{
	struct tspi_key *loser = call->loading ? call->key->parent : call->key;
	int shared_reloads;

	if (r != TPM_E_AUTHFAIL && r != TPM_E_AUTH2FAIL && !key_gone(r))
		return false;
	if (loser == NULL || loser->object.handle == 0)
		return false;
	shared_reloads = loser->parent == NULL ? SHARED_RELOADS : SHARED_RELOADS_IMPORTED;
	if (loser->kind != TSPI_AUTH_PIN && call->refusals++ < shared_reloads) {
		link_object_drop(&loser->object);
		return true;
	}
	return was_evicted(loser) || (loser->kind != TSPI_AUTH_PIN && call->refusals == shared_reloads + 1);
}

static TSS_RESULT key_work(const struct link *link, void *arg)
{
	struct key_call *call = arg;
	TSS_RESULT r;

	for (int reloads = 0;; reloads++) {
		call->loading = true;
		if ((r = key_load(link, call->key)) == TSS_SUCCESS) {
			call->loading = false;
			r = call->use(link, call->key, call->arg);
		}
		if (r == TSS_SUCCESS || reloads == RELOADS || !worth_repeating(call, r))
			return r;
	}
}

static CK_RV key_failure(const struct key_call *call, const char *what, TSS_RESULT r)
{
	bool pin = call->key->kind == TSPI_AUTH_PIN;
	CK_RV rv = tss_error_code(r);

	if (pin && !call->loading && rv == CKR_PIN_INCORRECT)
		return rv;
	if (!call->loading && rv == CKR_TOKEN_NOT_RECOGNIZED)
		return CKR_ENCRYPTED_DATA_INVALID;
	tss_error_report(call->loading ? "loading the key" : what, r);
	if (rv == CKR_PIN_INCORRECT || (rv == CKR_PIN_LOCKED && !pin))
		return CKR_DEVICE_ERROR;
	return rv;
}

static CK_RV key_run(struct tspi_key *key, const char *what, key_use *use, void *arg)
{
	struct key_call call = { key, use, arg, true, 0 };
	TSS_RESULT r = link_run(key_work, &call);

	return r == TSS_SUCCESS ? CKR_OK : key_failure(&call, what, r);
}

static TSS_RESULT use_nothing(const struct link *link, struct tspi_key *key, void *arg)
{
	(void)link, (void)key, (void)arg;
	return TSS_SUCCESS;
}

CK_RV tspi_public_code(CK_RV rv)
{
	return rv == CKR_TOKEN_NOT_RECOGNIZED ? CKR_DEVICE_ERROR : rv;
}

CK_RV tspi_key_load(struct tspi_key *key)
{
	return key_run(key, "loading the key", use_nothing, NULL);
}

struct message {
	const uint8_t *p;
	size_t n;
	uint8_t *fixed;
	size_t room;
	struct buf *grown;
};

static TSS_RESULT use_sign(const struct link *link, struct tspi_key *key, void *arg)
{
	const struct message *m = arg;
	TSS_HHASH hash;
	UINT32 len = 0;
	BYTE *signature = NULL, *input;
	struct buf copy = BUF_INIT;
	TSS_RESULT r;

	buf_put(&copy, m->p, m->n);
	if (buf_failed(&copy))
		return TSP_ERROR(TSS_E_OUTOFMEMORY);
	input = copy.data;
	r = Tspi_Context_CreateObject(link->context, TSS_OBJECT_TYPE_HASH, TSS_HASH_OTHER, &hash);
	if (r == TSS_SUCCESS) {
		r = Tspi_Hash_SetHashValue(hash, (UINT32)copy.len, input);
		if (r == TSS_SUCCESS)
			r = Tspi_Hash_Sign(hash, key->object.handle, &len, &signature);
		Tspi_Context_CloseObject(link->context, hash);
	}
	if (r == TSS_SUCCESS) {
		struct tspi_key_info info;

		if (tspi_blob_info(key->blob.data, key->blob.len, &info) && len == info.modulus_len
			&& len <= m->room)
			memcpy(m->fixed, signature, len);
		else
			r = TSP_ERROR(TSS_E_INTERNAL_ERROR);
		Tspi_Context_FreeMemory(link->context, signature);
	}
	buf_free(&copy);
	return r;
}

CK_RV tspi_key_sign(struct tspi_key *key, const uint8_t *p, size_t n, uint8_t *signature, size_t room)
{
	struct message m = { p, n, signature, room, NULL };

	return key_run(key, "signing", use_sign, &m);
}

static TSS_RESULT use_unbind(const struct link *link, struct tspi_key *key, void *arg)
{
	const struct message *m = arg;
	TSS_HENCDATA data;
	UINT32 len = 0;
	BYTE *plain = NULL;
	struct buf copy = BUF_INIT;
	TSS_RESULT r;

	buf_put(&copy, m->p, m->n);
	if (buf_failed(&copy))
		return TSP_ERROR(TSS_E_OUTOFMEMORY);
	r = Tspi_Context_CreateObject(link->context, TSS_OBJECT_TYPE_ENCDATA, TSS_ENCDATA_BIND, &data);
	if (r == TSS_SUCCESS) {
		r = Tspi_SetAttribData(data, TSS_TSPATTRIB_ENCDATA_BLOB, TSS_TSPATTRIB_ENCDATABLOB_BLOB,
			(UINT32)copy.len, copy.data);
		if (r == TSS_SUCCESS)
			r = Tspi_Data_Unbind(data, key->object.handle, &len, &plain);
		Tspi_Context_CloseObject(link->context, data);
	}
	if (r == TSS_SUCCESS) {
		buf_put(m->grown, plain, len);
		wipe(plain, len);
		link_free_all(link);
		link_overwrite_packet(link);
	}
	buf_free(&copy);
	return r;
}

CK_RV tspi_key_unbind(struct tspi_key *key, const uint8_t *p, size_t n, struct buf *out)
{
	struct message m = { p, n, NULL, 0, out };
	CK_RV rv = key_run(key, "decryption", use_unbind, &m);

	return rv == CKR_OK && buf_failed(out) ? CKR_HOST_MEMORY : rv;
}

struct new_auth {
	const uint8_t *auth;
	struct buf *blob;
};

static TSS_RESULT use_change_auth(const struct link *link, struct tspi_key *key, void *arg)
{
	const struct new_auth *new_auth = arg;
	TSS_HPOLICY policy;
	TSS_RESULT r = tss_policy_new(link, 0, TSS_POLICY_USAGE, new_auth->auth, &policy);

	if (r != TSS_SUCCESS)
		return r;
	r = Tspi_ChangeAuth(key->object.handle, link->srk, policy);
	Tspi_Policy_FlushSecret(policy);
	Tspi_Context_CloseObject(link->context, policy);
	if (r != TSS_SUCCESS)
		return r;
	/* The chip still holds the key with its old auth, and tcsd would take it for the new one. */
	link_expire();
	return tss_blob_read(link, key->object.handle, new_auth->blob);
}

CK_RV tspi_key_change_auth(struct tspi_key *key, const uint8_t *auth, struct buf *blob)
{
	struct new_auth new_auth = { auth, blob };

	return key_run(key, "changing the PIN", use_change_auth, &new_auth);
}
