/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/proof.h"

#include <string.h>

#include "token/state.h"
#include "util/log.h"
#include "util/wipe.h"

CK_RV proof_make(struct token *token, const struct token_file *file, const struct objstore_id *id,
	enum role role, struct pin pin, struct proof *proof)
{
	const struct role_record *record = &file->roles[role];
	uint8_t mac[MAC_LEN];
	CK_RV rv;

	memset(proof, 0, sizeof *proof);
	if (record->has_key && pin_is_default(pin, role)) {
		/* No key has it, so the chip need not lose a try; but it says if it is locked, or another. */
		rv = role_load(record);
		rv = rv == CKR_OK ? CKR_PIN_INCORRECT : rv;
	} else if (record->has_key) {
		rv = role_unlock(record, pin, proof->secret, &proof->keys, &proof->key);
	} else {
		rv = pin_is_default(pin, role) ? CKR_OK : CKR_PIN_INCORRECT;
		proof->by_default = true;
	}
	state_note_try(token, role, rv);
	if (rv != CKR_OK || !record->has_key)
		return rv;
	rv = role_mac(file, id, role, proof->secret, proof->keys.k2, mac);
	if (rv == CKR_OK && !wipe_equal(mac, record->mac, sizeof mac)) {
		log_error("the token file was tampered with: its keys are not those that were made with it");
		rv = CKR_DEVICE_ERROR;
	}
	return rv;
}

void proof_end(struct proof *proof)
{
	role_close(&proof->key);
	wipe(proof, sizeof *proof);
}

/* The record must still be the one that the PIN was tested against. */
CK_RV proof_still_holds(const struct token_file *file, enum role role, const struct role_record *tested)
{
	const struct role_record *now = &file->roles[role];

	return now->has_key == tested->has_key
		&& (!now->has_key || memcmp(now->uuid, tested->uuid, sizeof now->uuid) == 0)
		? CKR_OK : CKR_PIN_INCORRECT;
}

CK_RV so_copy_make(struct token_file *file, const uint8_t *master)
{
	buf_free(&file->so_copy);
	return file->roles[ROLE_SO].has_key
		? tspi_bind(&file->roles[ROLE_SO].blob, master, SECRET_LEN, &file->so_copy) : CKR_OK;
}
