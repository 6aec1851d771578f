/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_PROOF_H
#define TOKEN_PROOF_H

#include "token/hierarchy.h"
#include "token/token.h"

/* What a right PIN opens, and what is done with it; under objstore_pin_lock(). */

struct proof {
	bool by_default; /* the role has no key: the rest is zeros */
	uint8_t secret[SECRET_LEN];
	struct pin_keys keys;
	struct tspi_key *key; /* the role's, in the chip until proof_end() */
};

/* Tests the PIN, costing the chip one try at the most, and checks that the file is what it was made
   as. The caller ends proof, also after an error and before it lets go of the lock. CKR_PIN_INCORRECT,
   CKR_PIN_LOCKED, tspi.h's. */
CK_RV proof_make(struct token *token, const struct token_file *file, const struct objstore_id *id,
	enum role role, struct pin pin, struct proof *proof);

/* Takes the key out of the chip and wipes the rest. */
void proof_end(struct proof *proof);

/* For an edit of the token file: CKR_PIN_INCORRECT if somebody changed the role's PIN meanwhile. */
CK_RV proof_still_holds(const struct token_file *file, enum role role, const struct role_record *tested);

/* Binds the master key to the SO's key, if there is one. */
CK_RV so_copy_make(struct token_file *file, const uint8_t *master);

#endif
