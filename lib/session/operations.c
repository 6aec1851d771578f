/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/operations.h"

#include <string.h>

static const enum key_half halves[] = { PRIVATE_HALF, PUBLIC_HALF };

void operations_end_cryptographic(struct session *session)
{
	digest_end(session);
	for (int kind = 0; kind < SIGNATURE_KINDS; kind++)
		signature_end(session, (enum signature_kind)kind);
	for (int i = 0; i < 2; i++)
		cipher_end(session, halves[i]);
}

void operations_end(struct session *session)
{
	operations_end_cryptographic(session);
	find_end(session);
}

void operations_end_lost(struct session *session)
{
	if (digest_lost(session->token, &session->digest))
		digest_end(session);
	for (int kind = 0; kind < SIGNATURE_KINDS; kind++)
		if (op_key_lost(session->token, &session->signatures[kind].key))
			signature_end(session, (enum signature_kind)kind);
	for (int i = 0; i < 2; i++)
		if (op_key_lost(session->token, &session->ciphers[i].key))
			cipher_end(session, halves[i]);
}

struct op_key *operations_asking_login(struct session *session)
{
	struct op_key *const keys[] = {
		&session->signatures[SIGN].key, &session->signatures[SIGN_RECOVER].key,
		&session->ciphers[PRIVATE_HALF].key,
	};
	struct op_key *latest = NULL;

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (keys[i]->always_authenticate && (latest == NULL || keys[i]->begun > latest->begun))
			latest = keys[i];
	return latest;
}

bool output_asks(const struct output *out, size_t needed, CK_RV *rv)
{
	bool fits = out->p != NULL && *out->len >= needed;

	if (fits)
		return false;
	*rv = out->p == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL;
	*out->len = (CK_ULONG)needed;
	return true;
}

void output_give(const struct output *out, const void *p, size_t n)
{
	if (n != 0)
		memcpy(out->p, p, n);
	*out->len = (CK_ULONG)n;
}
