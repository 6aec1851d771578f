/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DOCTOR_PROCESS_H
#define DOCTOR_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "pktool/doctor/version.h"

/* The process tcsd, where the system tells of it. root: "" but in tests. */

#define PROCESS_PATH_MAX 512

struct process {
	long number;
	char program[PROCESS_PATH_MAX]; /* a file to be read, root and all */
	char conf[PROCESS_PATH_MAX]; /* its tcsd.conf, likewise */
};

/* The first process called tcsd that belongs to owner or root. */
bool process_find_tcsd(const char *root, uid_t owner, struct process *process);

/* The version that stands in the program. */
bool process_version(const struct process *process, struct version *version);

/* num_threads, as its tcsd.conf says; the preset is 10. False: the file cannot be read. */
bool process_places(const struct process *process, unsigned int *places);

/* The version that the system's package manager knows trousers by. */
bool package_version(struct version *version);

#endif
