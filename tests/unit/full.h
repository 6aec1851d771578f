/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_FULL_H
#define TESTS_UNIT_FULL_H

#include "token.h"

/*
 * A token with something of everything, made once: its files are kept in memory and put back at
 * will, so that they can be damaged one after the other. The log goes to memory too, and nothing is
 * synced: what is on the disk after a power loss is not what these programs look at.
 */

enum full_kind {
	FULL_DATA,
	FULL_CERTIFICATE,
	FULL_PRIVATE_DATA,
	FULL_PRIVATE_KEY,
	FULL_SECRET_KEY,
	FULL_PUBLIC_KEY, /* of FULL_PRIVATE_KEY */
	FULL_IMPORTED_KEY, /* a private key with CKA_PRIVATE FALSE, under the import parent */
	FULL_PUBLIC_SECRET_KEY,
	FULL_LARGE, /* private, 100 kB */
	FULL_OBJECTS
};

struct full_object {
	const char *label;
	bool is_private;
	char name[48]; /* of its file, "objects/" and its id */
	struct buf attrs;
};

struct full_file {
	char name[48];
	struct buf content;
};

#define FULL_FILES (FULL_OBJECTS + 6)
#define FULL_LARGEST (16 * 1024 * 1024) /* that a file may be */

extern struct full_object full_objects[FULL_OBJECTS];
extern struct full_file full_files[FULL_FILES];

/* Everything as it was when it was made, and nothing else in the store. */
void full_restore(void);

/* The same, and a process that is logged in and has seen it all. */
struct token *full_user(void);

/* The end of main(). */
int full_end(int status);

/* The path of something in the store, and beside it: not the one that unit_path() makes here. Good for
   eight calls. */
const char *full_path(const char *name);
const char *full_beside(const char *name);
const struct buf *full_content(const char *name);
void full_write(const char *name, const uint8_t *p, size_t n);
bool full_is(const char *name, const uint8_t *p, size_t n);

/* As a writer leaves it: every process looks at the files again. */
void full_touch(void);

/* The token shows all objects that can be seen but that one (FULL_OBJECTS: all), each with every
   attribute as it was. */
void full_check(struct token *token, bool logged_in, enum full_kind missing);

/* The same of a process that begins now, before its login and after. */
void full_check_login(enum full_kind missing);

/* An object can be made and destroyed. */
void full_check_write(struct token *token);

/* Every file but that one and those that are no token's content is as it was. */
void full_check_files(const char *but);

/* Lines of the log that contain the word since it was last cleared. */
void full_log_clear(void);
unsigned int full_log_count(const char *word);

/* Has an assertion failed since the case, or the part of it that full_begin() began? More of the same
   would say no more. */
void full_begin(void);
bool full_failed(void);

/* Magic and another version. */
bool full_other_version(const uint8_t *p, size_t n);

/* damaged/ holds a file of that name with these bytes, and nothing else; it is removed. */
void full_check_set_aside(const char *name, const uint8_t *p, size_t n);
bool full_nothing_set_aside(void);

/* The three kinds of damage at one position, one after the other: a bit, a cut, one more byte. */
#define FULL_DAMAGES 3
void full_damage(unsigned int damage, const struct buf *good, size_t at, struct buf *bad);

/* FULL_DATA has such a bit, to be seen by everybody. */
void full_damage_data(struct buf *bad);

#endif
