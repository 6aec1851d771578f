/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_CORE_SEARCH_H
#define TESTS_INTEGRATION_CORE_SEARCH_H

/*
 * Secrets in another process's memory, as a core dump would have it, and in a core file. Any 12 bytes
 * in a row of a secret give it away, so that a freed copy whose first bytes the allocator has used
 * again is found as well.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum search_kind {
	SEARCH_CONTROL, /* no secret: it must be found, or the search is blind */
	SEARCH_PIN,
	SEARCH_PIN_KEY, /* what PBKDF2 makes of a PIN */
	SEARCH_MASTER, /* the master key and what comes from it */
	SEARCH_VALUE, /* of a private object */
	SEARCH_GONE, /* the same of one that was destroyed */
	SEARCH_IMPORTED, /* the numbers of an imported private key */
	SEARCH_AUTH, /* of a key in the chip */
	SEARCH_KINDS,
};

struct search_result {
	unsigned int dumped[SEARCH_KINDS]; /* how often found where a core dump has it */
	unsigned int hidden[SEARCH_KINDS]; /* in memory that a core dump leaves out */
	size_t bytes;
	unsigned char master[32]; /* if the search for the master key found it */
	bool has_master;
	char where[SEARCH_KINDS][200]; /* the first few places of each kind, in words */
};

void search_forget(void);
void search_for(enum search_kind kind, const char *name, const unsigned char *bytes, size_t length);
/* A big-endian number; also as libcrypto has it, its least significant byte first. */
void search_for_number(enum search_kind kind, const char *name, const unsigned char *bytes, size_t length);
/* A master key that is not known, but by the master check of the token file (doc/FORMAT.md, 2). */
void search_for_master(const unsigned char token_id[16], const unsigned char check[32]);

/* The memory of a stopped process, file mappings that were never written to left out. NULL, or why it
   cannot be read. */
const char *search_process(pid_t process, struct search_result *result);
const char *search_file(const char *path, struct search_result *result);

/* HKDF-SHA256 of FORMAT.md, 2. */
void search_derive(const unsigned char master[32], const unsigned char token_id[16], const char *info,
	unsigned char out[32]);

#endif
