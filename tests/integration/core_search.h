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
	SEARCH_PLAINTEXT, /* what a key in the chip decrypted */
	SEARCH_GENERATED, /* the numbers of a key that was made outside the chip */
	SEARCH_KINDS,
};

#define SEARCH_HITS 4096
struct search_hit {
	enum search_kind kind;
	const char *name;
	unsigned long address, region; /* of what was found, and where its region begins */
	char where[128]; /* the region */
};

struct search_result {
	unsigned int dumped[SEARCH_KINDS]; /* how often found where a core dump has it */
	unsigned int hidden[SEARCH_KINDS]; /* in memory that a core dump leaves out */
	size_t bytes;
	char where[SEARCH_KINDS][200]; /* the first few places of each kind, in words */
	struct search_hit hits[SEARCH_HITS];
	size_t hit_count; /* of all, if there is no room for them */
};

void search_forget(void);
void search_for(enum search_kind kind, const char *name, const unsigned char *bytes, size_t length);
/* What HMAC is used with, or may be: also as libcrypto has it meanwhile. */
void search_for_key(enum search_kind kind, const char *name, const unsigned char *bytes, size_t length);
/* A big-endian number; also as libcrypto has it, its least significant byte first. */
void search_for_number(enum search_kind kind, const char *name, const unsigned char *bytes, size_t length);
/* The memory of a stopped process, file mappings that were never written to left out. NULL, or why it
   cannot be read. */
const char *search_process(pid_t process, struct search_result *result);
const char *search_file(const char *path, struct search_result *result);

#endif
