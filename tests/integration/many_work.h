/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_MANY_WORK_H
#define TESTS_INTEGRATION_MANY_WORK_H

/*
 * Writers and readers of one token, each a process. Every writer owns places, each of which holds one
 * object or none, and says in memory that all share what it is about to do and what it was told is
 * done: by that the readers judge what they find.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "p11.h"

#define MANY_WRITERS 8
#define MANY_READERS 8
#define MANY_PROCESSES (MANY_WRITERS + MANY_READERS)
/* The first ones log in, more than tcsd has places; the others see what is public. */
#define MANY_USERS 14
#define MANY_PLACES 90
/* The first ones are changed again and again and never destroyed. All together they are more than a
   directory lists in one system call, as only between two of these a file can be missed. */
#define MANY_LASTING 75
#define MANY_BOARDS 2  /* objects of which each writer changes one attribute */
#define MANY_FIELDS 4
#define MANY_COMPLAINTS 12

enum place_state { PLACE_EMPTY, PLACE_CREATING, PLACE_LIVE, PLACE_CHANGING, PLACE_DESTROYING };

/* One atomic number: serial of the last object here, its version as acknowledged, state. */
struct place {
	uint32_t serial, version;
	enum place_state state;
};

struct many {
	atomic_bool stop;
	atomic_uint complained;
	char complaints[MANY_COMPLAINTS][256];
	_Atomic uint64_t places[MANY_WRITERS][MANY_PLACES];
	_Atomic uint64_t fields[MANY_WRITERS]; /* twice the version; plus 1 while it is being changed */
	atomic_uint beats[MANY_PROCESSES];	/* grows as long as the process gets on */
	atomic_uint created, changed, destroyed, searches, values;
	atomic_uint login_ms, write_ms, search_ms; /* the longest */
};
extern struct many *many;

void many_make(void);
/* Everybody stops then; the parent fails with what was said. */
void many_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct place many_place(unsigned int writer, unsigned int place);

/* Bodies of processes. *argument is an unsigned int: which writer, which process. */
int many_write(void *argument);
int many_read(void *argument);
/* Before all: the boards and what lasts. In a fresh process at the end: exactly what the journal says. */
int many_begin(void *argument);
int many_judge(void *argument);

/* Shared by the two. An object as it was read, which is whole. */
struct seen {
	bool is_board;
	unsigned int writer, place; /* of a board: its number is the place */
	uint32_t serial, version, fields[MANY_FIELDS];
};
#define MANY_MAX_FOUND (MANY_WRITERS * MANY_PLACES * 2)
CK_ULONG many_search(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count,
	CK_OBJECT_HANDLE found[MANY_MAX_FOUND]);
CK_RV many_see(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, struct seen *seen);
long many_now_ms(void);
void many_took(atomic_uint *longest, long since_ms);
CK_SESSION_HANDLE many_login(unsigned int number);
bool many_is_private(unsigned int place);
uint32_t many_random(uint32_t below);
#define MANY_MAX_VALUE 900
size_t many_value(char value[MANY_MAX_VALUE], unsigned int writer, unsigned int place, uint32_t serial,
	uint32_t version);

#endif
