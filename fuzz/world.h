/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <openssl/evp.h>

#include "fake_tspi.h"
#include "fuzz.h"

/*
 * What targets of C_* functions begin with: the library, the fake chip, and a token whose roles have PINs,
 * with objects of each class. Each is labelled with its number here.
 */
enum world_object {
	WORLD_DATA, /* private */
	WORLD_OPEN_DATA, /* and this one is not */
	WORLD_CERTIFICATE,
	WORLD_SECRET, /* private */
	WORLD_OPEN_SECRET,
	WORLD_PUBLIC, /* of WORLD_IMPORTED */
	WORLD_IMPORTED, /* not private */
	WORLD_GENERATED, /* private, and so on */
	WORLD_GENERATED_PUBLIC,
	WORLD_CAREFUL, /* CKA_ALWAYS_AUTHENTICATE */
	WORLD_OBJECTS
};

#define SO_PIN "so pin 4711"
#define USER_PIN "user pin 0815"

/* Makes it, once. */
void world_make(void);

/* The world as it was made, and the library initialised. */
void world_begin(void);

/* Nothing is left of the library. */
void world_end(void);

/*
 * To change its files before world_begin(): a file's content as it was made, NULL: there are no more. The
 * next world has the old ones again.
 */
const struct buf *world_file(size_t number, const char **name);
void world_change(const char *name, const struct buf *content);

/* The key that is imported there: its numbers, by their attributes. False: RSA keys have no such. */
bool world_number(CK_ATTRIBUTE_TYPE type, const uint8_t **number, size_t *len);

/* The handles of what can be seen now; 0 of what cannot. */
void world_look(CK_OBJECT_HANDLE handles[WORLD_OBJECTS]);

#endif
