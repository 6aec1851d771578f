/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of the objects. Private ones stay closed. */
#include "pktool/doctor/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "objstore/file.h"
#include "objstore/format.h"
#include "objstore/store.h"

#define NAMED_MAX 5

static bool is_damaged(
	const struct format_header *header, const struct objstore_id *id, const struct store *store)
{
	return header->kind != FORMAT_OBJECT || memcmp(&header->object_id, id, sizeof *id) != 0
		|| (memcmp(&header->token_id, &store->id, sizeof store->id) != 0
			&& !store_is_replaced(&header->token_id, &store->replaced));
}

static enum object_state object_judge(
	const struct store *store, const struct objstore_id *id, const struct buf *file, struct buf *body)
{
	struct format_header header;
	enum format_verdict verdict = format_header(file, &header);

	if (verdict == FORMAT_UNKNOWN_VERSION)
		return OBJECT_NEWER_VERSION;
	if (verdict != FORMAT_GOOD || is_damaged(&header, id, store))
		return OBJECT_DAMAGED;
	if (memcmp(&header.token_id, &store->id, sizeof store->id) != 0)
		return OBJECT_REPLACED;
	if (header.is_private)
		return OBJECT_PRIVATE;
	return format_body(file, NULL, body) ? OBJECT_PUBLIC : OBJECT_DAMAGED;
}

static void object_read(struct doctor *d, int dir, const char *name, object_visit *visit, void *arg)
{
	struct object object = { name, OBJECT_REFUSED, BUF_INIT };
	struct buf file = BUF_INIT;
	struct objstore_id id;
	struct stat st;
	bool exists = true;

	if (!store_object_id(name, &id))
		return;
	doctor_complaints_clear(d);
	if (file_read(dir, name, &file, &exists, &st) == CKR_OK && exists)
		object.state = object_judge(&d->store, &id, &file, &object.body);
	if (exists)
		visit(d, &object, arg);
	buf_free(&object.body);
	buf_free(&file);
}

bool doctor_objects(struct doctor *d, object_visit *visit, void *arg)
{
	int dir = openat(d->store.dir, OBJECTS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = dir >= 0 ? file_list(dir) : NULL;

	if (stream == NULL) {
		file_close(&dir);
		return errno == ENOENT;
	}
	for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
		object_read(d, dir, entry->d_name, visit, arg);
	closedir(stream);
	close(dir);
	return true;
}

static void object_count(struct doctor *d, const struct object *object, void *arg)
{
	size_t *counts = arg, bad;

	counts[object->state]++;
	bad = counts[OBJECT_DAMAGED] + counts[OBJECT_REFUSED];
	if (bad > NAMED_MAX)
		return;
	if (object->state == OBJECT_DAMAGED)
		doctor_say(d, VERDICT_FIX,
			OBJECTS_DIR
			"/%s is damaged: bring it back from a backup, or let the next program that "
			"reads it set it aside",
			object->name);
	if (object->state == OBJECT_REFUSED)
		doctor_say(d, VERDICT_FIX, OBJECTS_DIR "/%s", doctor_complaint(d, object->name));
}

void objects_check(struct doctor *d)
{
	size_t counts[OBJECT_STATES] = { 0 }, bad;

	if (doctor_skips(d, doctor_no_token(d)))
		return;
	if (!doctor_objects(d, object_count, counts)) {
		doctor_say(d, VERDICT_FIX, OBJECTS_DIR " cannot be read: %s", strerror(errno));
		return;
	}
	bad = counts[OBJECT_DAMAGED] + counts[OBJECT_REFUSED];
	if (bad > NAMED_MAX)
		doctor_say(d, VERDICT_FIX, "%zu more are damaged or refused", bad - NAMED_MAX);
	if (bad == 0)
		doctor_say(d, VERDICT_OK,
			"%zu public and %zu private ones, whole as far as that shows without a PIN",
			counts[OBJECT_PUBLIC], counts[OBJECT_PRIVATE]);
	if (counts[OBJECT_NEWER_VERSION] != 0)
		doctor_say(d, VERDICT_NOTE,
			"%zu were written by a newer version of the module, and are left out",
			counts[OBJECT_NEWER_VERSION]);
}
