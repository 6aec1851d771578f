/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TPMADM_KEYS_H
#define TPMADM_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "tspi/link.h"

/* The keys that TrouSerS has on record: the system's, in tcsd's system.data, and those of the user who asks,
   in user.data. */

#define UUID_TEXT_LEN 36

bool uuid_parse(const char *text, TSS_UUID *uuid);
void uuid_format(const TSS_UUID *uuid, char text[UUID_TEXT_LEN + 1]);
bool uuid_equal(const TSS_UUID *a, const TSS_UUID *b);
bool uuid_is_srk(const TSS_UUID *uuid);

struct key {
	TSS_UUID uuid, parent;
	TSS_FLAG store; /* TSS_PS_TYPE_SYSTEM, TSS_PS_TYPE_USER */
	bool loaded;    /* tcsd tells it of the system's keys alone */
};

struct keys {
	struct key *list;
	size_t count;
};

/* The caller frees what is in it. */
TSS_RESULT keys_read(struct keys *keys);
void keys_free(struct keys *keys);

/* That key, the user's before the system's, or NULL. */
const struct key *keys_find(const struct keys *keys, const TSS_UUID *uuid);

/* How many others have it as their parent. */
size_t keys_children(const struct keys *keys, const struct key *key);

/* "user" or "system". */
const char *key_store(const struct key *key);

#endif
