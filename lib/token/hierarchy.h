/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_HIERARCHY_H
#define TOKEN_HIERARCHY_H

#include "token/pin.h"
#include "token/token_file.h"

/*
 * The roles' keys in the chip: made, unlocked with a PIN, given a new PIN. All of it but the MACs
 * needs the chip, and is done under objstore_pin_lock(). A role's secret (SECRET_LEN bytes) is the
 * master key for the user, a check value for the SO.
 *
 * Errors: tspi.h's; CKR_PIN_INCORRECT and CKR_PIN_LOCKED mean the PIN that was given.
 */

/* Makes the role's key with a new salt, a new UUID, and secret bound to it. keys: what the PIN
   becomes (the caller wipes them). */
CK_RV role_make(struct pin pin, const uint8_t *secret, struct role_record *record, struct pin_keys *keys);

/* Tests the PIN by unbinding the role's secret. *key: the role's key, still in the chip; NULL on an error.
   The caller wipes secret and keys, and gives *key to role_close(). */
CK_RV role_unlock(const struct role_record *record, struct pin pin, uint8_t *secret,
	struct pin_keys *keys, struct tspi_key **key);

/* Takes the key out of the chip, with the connection; *key becomes NULL. NULL-safe. */
void role_close(struct tspi_key **key);

/* Is the key this chip's? CKR_TOKEN_NOT_RECOGNIZED: no. Costs no try. */
CK_RV role_load(const struct role_record *record);

/* The same key and secret under a new PIN: a new salt, UUID and blob in changed. key: what role_unlock() gave
   for record. keys: the new PIN's. */
CK_RV role_change_pin(const struct role_record *record, struct tspi_key *key, struct pin pin,
	struct role_record *changed, struct pin_keys *keys);

/* Is it this chip's own, non-migratable bind key, so that a secret may be bound to it? */
CK_RV role_check_key(const struct role_record *record);

/* Unbinds the SO's copy of the master key with the SO's auth. The caller wipes master. */
CK_RV so_copy_open(const struct token_file *file, const uint8_t *so_auth, uint8_t *master);

/*
 * The MAC that belongs into the role's record: under K2, over the secret, the token's id and the
 * public halves that the secret is bound to.
 */
CK_RV role_mac(const struct token_file *file, const struct objstore_id *token_id, enum role role,
	const uint8_t *secret, const uint8_t *k2, uint8_t mac[MAC_LEN]);

/* The value of token_file.master_check. */
CK_RV master_check(const struct objstore_id *token_id, const uint8_t *master, uint8_t check[MAC_LEN]);

#endif
