/* SPDX-License-Identifier: BSD-2-Clause */
/* The token's keys: whether this chip knows them, and whether they can be broken. */
#include "pktool/doctor/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "objstore/file.h"
#include "objstore/store.h"
#include "policy/attrs.h"
#include "token/weak.h"
#include "tspi/tspi.h"

#define PIN_LOCK "lock.pin"
#define PIN_LOCK_TRIES 400 /* in two seconds */

/* tcsd knows a loaded key by its public half, so nobody may use it meanwhile. A lock file that is missing, or
   can only be read, keeps nobody out: the module does without it as well. */
static bool lock_pins(const struct store *store, int *fd)
{
	static const struct timespec pause = { 0, 5000000 };
	CK_RV rv = CKR_OK;

	*fd = openat(store->dir, PIN_LOCK, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	for (int i = 0; *fd >= 0 && i < PIN_LOCK_TRIES; i++) {
		if ((rv = store_lock_try(*fd, PIN_LOCK)) != OBJSTORE_BUSY)
			break;
		nanosleep(&pause, NULL);
	}
	return rv == CKR_OK;
}

/* Loading tests no PIN. */
static CK_RV key_try(const struct buf *blob)
{
	static const uint8_t no_auth[TSPI_AUTH_LEN];
	struct tspi_key *key = NULL;
	CK_RV rv = tspi_key_open(blob->data, blob->len, NULL, TSPI_AUTH_PIN, no_auth, &key);

	if (rv == CKR_OK)
		rv = tspi_key_load(key);
	tspi_key_free(&key);
	tspi_close();
	return rv;
}

static bool role_check(struct doctor *d, enum role role)
{
	const struct role_record *record = &d->store.file.roles[role];
	CK_RV rv = record->has_key ? key_try(&record->blob) : CKR_OK;

	if (rv == CKR_TOKEN_NOT_RECOGNIZED)
		doctor_say(d, VERDICT_FIX,
			"%s's is not this chip's: it was cleared or exchanged, and the token's keys are lost "
			"with it; bring the old chip back, or let pktool inittoken set the store aside and "
			"begin afresh",
			role_names[role]);
	else if (rv != CKR_OK)
		doctor_say(d, VERDICT_UNKNOWN, "cannot tell for %s: %s", role_names[role],
			doctor_complaint(d, "the chip does not answer"));
	return rv == CKR_OK;
}

void chip_keys_check(struct doctor *d)
{
	const struct role_record *roles = d->store.file.roles;
	int lock;

	if (doctor_skips(d, doctor_no_token(d)))
		return;
	if (!roles[ROLE_SO].has_key && !roles[ROLE_USER].has_key) {
		doctor_say(d, VERDICT_OK, "none yet, as both PINs are the default ones");
		return;
	}
	if (doctor_skips(d, d->no_srk))
		return;
	if (!lock_pins(&d->store, &lock))
		doctor_say(d, VERDICT_UNKNOWN, "cannot tell: a program works with a PIN just now");
	else if (role_check(d, ROLE_SO) && role_check(d, ROLE_USER))
		doctor_say(d, VERDICT_OK, "this chip knows the token's");
	file_close(&lock);
}

struct moduli {
	size_t seen, weak;
};

static void modulus_see(struct moduli *moduli, const uint8_t *modulus, size_t len)
{
	moduli->seen++;
	moduli->weak += weak_modulus(modulus, len);
}

static void blob_see(struct moduli *moduli, const struct buf *blob)
{
	struct tspi_key_info info;

	if (blob->len != 0 && tspi_blob_info(blob->data, blob->len, &info))
		modulus_see(moduli, info.modulus, info.modulus_len);
}

static void object_see(struct doctor *d, const struct object *object, void *arg)
{
	const uint8_t *modulus;
	size_t len;

	if (object->state != OBJECT_PUBLIC || !attrs_valid(&object->body)
		|| !attrs_get(&object->body, CKA_MODULUS, &modulus, &len))
		return;
	modulus_see(arg, modulus, len);
	if (weak_modulus(modulus, len))
		doctor_say(d, VERDICT_FIX,
			"the key objects/%s can be broken (ROCA, CVE-2017-15361): make another in its place, "
			"and let nobody trust this one",
			object->name);
}

void weak_keys_check(struct doctor *d)
{
	const struct token_file *file = &d->store.file;
	struct moduli moduli = { 0, 0 };
	bool own;

	if (doctor_skips(d, doctor_no_token(d)))
		return;
	blob_see(&moduli, &file->roles[ROLE_SO].blob);
	blob_see(&moduli, &file->roles[ROLE_USER].blob);
	blob_see(&moduli, &file->import_parent);
	own = moduli.weak != 0;
	if (own)
		doctor_say(d, VERDICT_FIX,
			"the token's own keys can be broken (ROCA, CVE-2017-15361): update the chip's "
			"firmware, "
			"then begin with a new token");
	if (!doctor_objects(d, object_see, &moduli))
		doctor_say(d, VERDICT_UNKNOWN, "cannot tell for the objects: %s", strerror(errno));
	else if (moduli.weak == 0)
		doctor_say(d, VERDICT_OK, "none among the %zu that can be seen without a PIN (ROCA)",
			moduli.seen);
}
