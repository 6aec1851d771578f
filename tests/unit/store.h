/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_STORE_H
#define TESTS_UNIT_STORE_H

#include <dirent.h>

#include "objstore/objstore.h"
#include "unit.h"
#include "util/hex.h"

/* What the programs about the store share. */

#define NOBODY 65534

static const uint8_t store_key[OBJSTORE_KEY_LEN] = "a key of thirty-two bytes, as is";

static inline struct objstore *store_open(void)
{
	struct objstore *store;

	RV_MUST(objstore_open(&store), CKR_OK);
	return store;
}

static inline struct objstore_id store_id(char fill)
{
	struct objstore_id id;

	memset(&id, fill, sizeof id);
	return id;
}

/* The path of an object's file. */
static inline const char *store_file(char fill)
{
	struct objstore_id id = store_id(fill);
	char name[64] = "store/objects/";

	hex_encode(id.bytes, sizeof id.bytes, name + strlen(name));
	return unit_path(name);
}

static inline struct objstore_token store_token(struct objstore *store)
{
	struct objstore_token token;

	RV_MUST(objstore_token_read(store, &token), CKR_OK);
	buf_free(&token.body);
	return token;
}

/* Replaces the token file, whatever it is now. */
static inline void store_switch(struct objstore *store, char id_fill, const char *text)
{
	struct objstore_token current = store_token(store);
	struct objstore_id id = store_id(id_fill);
	struct buf body = BUF_INIT;

	buf_put(&body, text, strlen(text));
	RV_MUST(objstore_token_switch(store, &current, &id, &body), CKR_OK);
	buf_free(&body);
}

static inline void store_check_token(struct objstore *store, char id_fill, const char *text)
{
	struct objstore_id id = store_id(id_fill);
	struct objstore_token token;

	RV_EQUAL(objstore_token_read(store, &token), CKR_OK);
	CHECK(token.exists && memcmp(&token.id, &id, sizeof id) == 0 && buf_is(&token.body, text));
	buf_free(&token.body);
}

/* A store whose token has an id of 't's. */
static inline struct objstore *store_fresh(void)
{
	struct objstore *store;

	unit_fresh();
	store = store_open();
	store_switch(store, 't', "token");
	return store;
}

/* Makes an object, replaces the one that is there, or, with text NULL, removes it. */
static inline CK_RV store_write(struct objstore *store, char token_fill, char fill, bool is_private,
	const char *text)
{
	struct objstore_id token_id = store_id(token_fill);
	struct buf body = BUF_INIT, old = BUF_INIT;
	struct objstore_change change = { .id = store_id(fill), .is_private = is_private };
	struct objstore_stamp stamp;
	struct objstore_patience patience = { .tries = 0 };
	struct objstore_step step;
	bool was_private;
	CK_RV rv = CKR_OK;

	if (text != NULL) {
		buf_put(&body, text, strlen(text));
		change.body = &body;
		if (objstore_read(store, &token_id, &change.id, NULL, &was_private, &stamp, &old) == CKR_OK)
			change.expected = &stamp;
	}
	while (objstore_try(store, &patience, &rv))
		rv = objstore_write(store, &token_id, store_key, &change, 1, &step);
	buf_free(&old);
	buf_free(&body);
	return rv;
}

static inline CK_RV store_read(struct objstore *store, char token_fill, char fill, struct buf *body)
{
	struct objstore_id token_id = store_id(token_fill), id = store_id(fill);
	struct objstore_stamp stamp;
	bool is_private;

	return objstore_read(store, &token_id, &id, store_key, &is_private, &stamp, body);
}

static inline void store_check(struct objstore *store, char fill, const char *text)
{
	struct buf body = BUF_INIT;

	RV_EQUAL(store_read(store, 't', fill, &body), CKR_OK);
	TAP_CHECK(buf_is(&body, text), "object %c is not \"%s\"", fill, text);
	buf_free(&body);
}

static inline void store_check_none(struct objstore *store, char fill)
{
	struct buf body = BUF_INIT;

	RV_EQUAL(store_read(store, 't', fill, &body), CKR_OBJECT_HANDLE_INVALID);
	NUMBER_EQUAL(body.len, 0);
	buf_free(&body);
}

static inline size_t store_count(struct objstore *store)
{
	struct objstore_id *ids;
	uint64_t generation;
	size_t count;

	RV_EQUAL(objstore_list(store, &ids, &count, &generation), CKR_OK);
	free(ids);
	return count;
}

static inline uint64_t store_generation(struct objstore *store)
{
	uint64_t generation;

	RV_EQUAL(objstore_generation(store, &generation), CKR_OK);
	return generation;
}

/* Names in a directory that begin so. */
static inline unsigned int store_names(const char *directory, const char *beginning)
{
	DIR *stream = opendir(unit_path(directory));
	unsigned int count = 0;

	TAP_MUST(stream != NULL, "%s: %s", directory, strerror(errno));
	for (struct dirent *d; (d = readdir(stream)) != NULL;)
		if (strncmp(d->d_name, beginning, strlen(beginning)) == 0)
			count++;
	closedir(stream);
	return count;
}

/* Not root any more, for whom no mode is an obstacle; only for a forked process. False: it cannot be. */
static inline bool store_become_nobody(void)
{
	if (geteuid() != 0)
		return true;
	return chown(unit_scratch(), NOBODY, NOBODY) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0;
}

#endif
