/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_STATE_H
#define TOKEN_STATE_H

#include <pthread.h>

#include "objstore/objstore.h"
#include "token/pin.h"
#include "token/token.h"
#include "token/token_file.h"

/* What the files of this room share. */

struct entry;

/* Chains of entries by their objects' CKA_ID; see token/object_index.h. */
struct object_index {
	bool holds;
	size_t buckets;
	size_t *heads, *next;
};

/* The objects that can be seen now, in the order of their handles. */
struct objects {
	struct entry **entries;
	size_t count, room;
	CK_OBJECT_HANDLE last_handle;
	uint64_t generation; /* of the store when it was last looked at; 0: look again */
	struct object_index index;
};

/* In secret memory, as long as the token is open. */
struct login_secrets {
	uint8_t master[SECRET_LEN]; /* the user's */
	uint8_t object_key[OBJSTORE_KEY_LEN]; /* from the master key: for the store */
	uint8_t so_auth[TSPI_AUTH_LEN]; /* the SO's */
};

struct login_state {
	enum login who;
	bool expired; /* with the default PIN */
	bool has_master;
};

struct token {
	/* Held while PINs and the token's life are worked on, so across TPM commands; taken first. */
	pthread_mutex_t life_mutex;
	/* Guards all that follows; never held across a TPM command. */
	pthread_mutex_t mutex;
	struct objstore *store;
	uint64_t generation; /* of the store when the token file was last read; 0: read again */
	struct objstore_token on_disk; /* its body is not kept */
	struct token_file file; /* of zeros if there is no token */
	struct login_state login;
	struct login_secrets *secrets;
	unsigned long login_number;
	struct objects objects;
	struct tspi_key *import_parent;
};

/* Reads the token file again if somebody changed it. A token that is another one by now ends the
   login and all token objects. */
CK_RV state_refresh_locked(struct token *token);

/* A copy of the token file as it is now, to work on without the mutex. The caller frees *file. */
CK_RV state_copy(struct token *token, struct objstore_token *on_disk, struct token_file *file);

/*
 * Changes the token file: edit is called with the current content and may refuse; if somebody else
 * changed the file meanwhile it is called again with theirs. UUIDs that are to be dropped are, as far
 * as that works.
 */
typedef CK_RV state_edit(struct token_file *file, const struct objstore_id *token_id, void *arg);
CK_RV state_change(struct token *token, state_edit *edit, void *arg);

/* Drops the keys on the list from the TSS store; what cannot be dropped now stays on the list, and on
   disk the whole list stays until the next change, in case this is as far as the process comes. */
void state_drop_uuids(struct token_file *file);

/* The key of the private objects, from the user's master key. Wiped by the caller. CKR_HOST_MEMORY. */
CK_RV state_object_key(const struct objstore_id *token_id, const uint8_t *master,
	uint8_t key[OBJSTORE_KEY_LEN]);

/* The user is logged in with these keys. */
void state_set_master_locked(struct token *token, const uint8_t *master, const uint8_t *object_key);

/* What can no longer be seen at a logout, when the token is another one, at the end. */
void state_forget_private(struct token *token);
void state_forget_token(struct token *token);
void state_forget_all(struct token *token);

/* Ends the login: secrets wiped, private objects gone. */
void state_logout_locked(struct token *token);

/* The serial number of a token that has no file yet: the same for the same user and place. */
CK_RV token_serial(struct token *token, char serial[SERIAL_LEN]);

/* What a note says of a role's PIN: how the last try ended. */
enum try_outcome { TRY_GOOD, TRY_FAILED, TRY_LOCKED };

/* Notes what the chip said to the role's PIN, for all processes. */
void state_note_try(struct token *token, enum role role, CK_RV rv);

#endif
