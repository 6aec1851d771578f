/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "objstore/objstore.h"
#include "objstore/place.h"
#include "token/token_file.h"
#include "tspi/tspi.h"

/*
 * "pktool doctor" looks at every link from chip to token and changes none: no file is made or mended, no PIN
 * is tried. The checks run in the order of the table in cmd_doctor.c, and each finds here what the earlier
 * ones have found out.
 */

enum verdict {
	VERDICT_OK,
	VERDICT_NOTE, /* not wrong, but worth knowing */
	VERDICT_FIX, /* something is to be done */
	VERDICT_UNKNOWN, /* cannot tell */
	VERDICT_SKIP /* cannot be looked at, as an earlier link is broken */
};

#define COMPLAINTS_MAX 16
#define COMPLAINT_LEN 512

struct tcsd {
	bool looked, answers, is_local;
	char where[320]; /* "localhost, port 30003" */
	char fault[COMPLAINT_LEN];
	bool knows_owner;
	uid_t owner; /* of the listening socket */
};

enum copy_state { COPY_MISSING, COPY_GOOD, COPY_DAMAGED, COPY_NEWER_VERSION, COPY_REFUSED };

struct store_copy {
	enum copy_state state;
	char fault[COMPLAINT_LEN];
	struct objstore_id id, replaced;
	uint64_t sequence;
	struct buf body;
};

/* The user's store, as it is on disk. */
struct store {
	bool looked;
	int dir; /* -1: there is none, or it is refused */
	char path[PLACE_PATH_MAX];
	char fault[COMPLAINT_LEN];
	struct store_copy copies[2];
	bool has_token; /* file is what its token file says */
	struct objstore_id id, replaced;
	struct token_file file;
};

struct doctor {
	const char *name; /* of the check under way */
	bool coloured;
	bool to_do; /* some check said VERDICT_FIX */
	char complaints[COMPLAINTS_MAX][COMPLAINT_LEN]; /* what lib/ had to say since the check began */
	size_t n_complaints;
	/* Why later checks cannot be made; NULL: they can. */
	const char *no_chip, *no_srk;
	struct tcsd tcsd;
	struct store store;
	unsigned int fewest_tries; /* left before a lockout; ~0: not known */
};

/* One line of the report. */
void doctor_say(struct doctor *d, enum verdict verdict, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The last that lib/ complained of in this check, or otherwise. */
const char *doctor_complaint(const struct doctor *d, const char *otherwise);

/* Before each check, and wherever earlier complaints are dealt with. */
void doctor_complaints_clear(struct doctor *d);

/* True, having said so: this check is to be left out, for that reason. NULL: it is not. */
bool doctor_skips(struct doctor *d, const char *why);

typedef void doctor_check(struct doctor *d);

doctor_check device_check, tcsd_check, tcsd_version_check, tcsd_places_check;
doctor_check chip_check, owner_check, firmware_check, lockout_check, srk_check;
doctor_check settings_check, module_check, slot_check, p11_kit_check;
doctor_check directory_check, rights_check, room_check, token_check, objects_check, aside_check, mirror_check;
doctor_check chip_keys_check, weak_keys_check, pins_check;

/* Before all else: connecting to tcsd would make a user.data. */
void mirror_hide(void);

/* tcsd as far as it can be seen without a TPM command; looks once. */
const struct tcsd *doctor_tcsd(struct doctor *d);

/* The store; looks once. */
const struct store *doctor_store(struct doctor *d);

/* Why the token cannot be looked at, or NULL. */
const char *doctor_no_token(struct doctor *d);

/* "the SO", "the user" */
extern const char *const role_names[ROLES];

#endif
