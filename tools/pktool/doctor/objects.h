/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DOCTOR_OBJECTS_H
#define DOCTOR_OBJECTS_H

#include "pktool/doctor/doctor.h"

enum object_state {
	OBJECT_PUBLIC,
	OBJECT_PRIVATE, /* as far as it can be seen without a PIN */
	OBJECT_DAMAGED,
	OBJECT_REFUSED,
	OBJECT_NEWER_VERSION,
	OBJECT_REPLACED /* of the token before this one: to be swept */
};
#define OBJECT_STATES 6

struct object {
	const char *name;
	enum object_state state;
	struct buf body; /* of a public one */
};

typedef void object_visit(struct doctor *d, const struct object *object, void *arg);

/* Every file of objects/ that is named as an object. False: the directory cannot be read (errno). */
bool doctor_objects(struct doctor *d, object_visit *visit, void *arg);

#endif
