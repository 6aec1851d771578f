/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/saved.h"

#include <stdlib.h>
#include <string.h>

#include "util/crypto.h"
#include "util/wipe.h"

#define NAME_LEN 24

struct saved_state {
	uint8_t name[NAME_LEN];
	struct digest_op digest;
};

struct saved_states {
	pthread_mutex_t mutex;
	struct saved_state states[SAVED_MAX];
	size_t next;
};

struct saved_states *saved_new(void)
{
	struct saved_states *states = calloc(1, sizeof *states);

	if (states != NULL)
		pthread_mutex_init(&states->mutex, NULL);
	return states;
}

void saved_free(struct saved_states **at)
{
	struct saved_states *states = *at;

	*at = NULL;
	if (states == NULL)
		return;
	for (size_t i = 0; i < SAVED_MAX; i++)
		EVP_MD_CTX_free(states->states[i].digest.md);
	pthread_mutex_destroy(&states->mutex);
	free(states);
}

static bool digest_copy(const struct digest_op *from, struct digest_op *to)
{
	*to = *from;
	to->md = EVP_MD_CTX_new();
	if (to->md != NULL && EVP_MD_CTX_copy_ex(to->md, from->md) == 1)
		return true;
	EVP_MD_CTX_free(to->md);
	memset(to, 0, sizeof *to);
	return false;
}

static bool works_with_keys(const struct session *session)
{
	for (int kind = 0; kind < SIGNATURE_KINDS; kind++)
		if (session->signatures[kind].mechanism != NULL)
			return true;
	return session->ciphers[PRIVATE_HALF].mechanism != NULL
		|| session->ciphers[PUBLIC_HALF].mechanism != NULL;
}

static CK_RV keep_locked(struct saved_states *states, const struct digest_op *digest, const uint8_t *name)
{
	struct saved_state *place = &states->states[states->next];
	struct digest_op copy;

	if (!digest_copy(digest, &copy))
		return CKR_HOST_MEMORY;
	EVP_MD_CTX_free(place->digest.md);
	place->digest = copy;
	memcpy(place->name, name, NAME_LEN);
	states->next = (states->next + 1) % SAVED_MAX;
	return CKR_OK;
}

void saved_end_lost(struct saved_states *states, struct token *token)
{
	pthread_mutex_lock(&states->mutex);
	for (size_t i = 0; i < SAVED_MAX; i++)
		if (digest_lost(token, &states->states[i].digest)) {
			EVP_MD_CTX_free(states->states[i].digest.md);
			wipe(&states->states[i], sizeof states->states[i]);
		}
	pthread_mutex_unlock(&states->mutex);
}

CK_RV saved_get(struct saved_states *states, struct session *session, struct output out)
{
	uint8_t name[NAME_LEN];
	CK_RV rv;

	operations_end_lost(session);
	if (works_with_keys(session))
		return CKR_STATE_UNSAVEABLE;
	if (session->digest.mechanism == NULL)
		return CKR_OPERATION_NOT_INITIALIZED;
	if (output_asks(&out, NAME_LEN, &rv))
		return rv;
	if (!crypto_random(name, sizeof name))
		return CKR_HOST_MEMORY;
	pthread_mutex_lock(&states->mutex);
	rv = keep_locked(states, &session->digest, name);
	pthread_mutex_unlock(&states->mutex);
	if (rv == CKR_OK)
		output_give(&out, name, sizeof name);
	return rv;
}

CK_RV saved_set(struct saved_states *states, struct session *session, const CK_BYTE *state,
	CK_ULONG state_len, bool has_keys)
{
	struct digest_op copy = { 0 };
	CK_RV rv = CKR_SAVED_STATE_INVALID;

	if (state_len != NAME_LEN)
		return rv;
	pthread_mutex_lock(&states->mutex);
	for (size_t i = 0; i < SAVED_MAX; i++)
		if (states->states[i].digest.md != NULL
			&& wipe_equal(states->states[i].name, state, NAME_LEN)
			&& !digest_lost(session->token, &states->states[i].digest))
			rv = digest_copy(&states->states[i].digest, &copy) ? CKR_OK : CKR_HOST_MEMORY;
	pthread_mutex_unlock(&states->mutex);
	if (rv == CKR_OK && has_keys) {
		EVP_MD_CTX_free(copy.md);
		rv = CKR_KEY_NOT_NEEDED;
	}
	if (rv == CKR_OK) {
		operations_end_cryptographic(session);
		digest_release(session);
		session->digest = copy;
	}
	return rv;
}
