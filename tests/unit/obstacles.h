/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_OBSTACLES_H
#define TESTS_UNIT_OBSTACLES_H

#include "full.h"

/* What somebody who can write to the store can put at a name of it. */

enum { OF_FILE = 1, OF_DIRECTORY = 2, OF_BOTH = 3 };

struct obstacle {
	const char *what;
	void (*plant)(const char *path);
	int of; /* what it is an obstacle in the place of */
	enum { ANYBODY, ROOT_MAKES, MKNOD_MAKES } needs;
};

#define OBSTACLES 16

extern const struct obstacle obstacles[OBSTACLES];

struct planted {
	char path[512];
	struct stat st;
};

/* Something is at the path already, unless obstacle_is_new(). */
void obstacle_plant(const char *path, const struct obstacle *obstacle, struct planted *planted);

/* The last one that was to be planted needed a mknod that the system refused. */
extern bool mknod_forbidden;

bool obstacle_possible(const struct obstacle *obstacle);
bool obstacle_is_new(const struct obstacle *obstacle);
bool obstacle_is_directory(const struct obstacle *obstacle);

/* It lies there as it did. */
void planted_check(const struct planted *planted);

/* Names, modes, owners, times and contents of all that lies beside the store; and that they are the
   same still. The check frees them. */
struct buf outside_now(void);
void outside_check(struct buf *before);

#endif
