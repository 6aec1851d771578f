/* SPDX-License-Identifier: BSD-2-Clause */
/* The rights of the store's files, and what was set aside. */
#include "pktool/doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "objstore/file.h"
#include "objstore/store.h"

#define DAMAGED "damaged"
#define ASIDE "aside."
#define DEPTH_MAX 3

static const char *fault_find(const struct stat *st, bool is_dir)
{
	if (is_dir ? !S_ISDIR(st->st_mode) : !S_ISREG(st->st_mode))
		return is_dir ? "it is no directory: move it away" : "it is no regular file: move it away";
	if (st->st_uid != geteuid())
		return "it belongs to somebody else: chown";
	if ((st->st_mode & 0077) != 0)
		return is_dir ? "others have rights to it: chmod 700" : "others have rights to it: chmod 600";
	if ((st->st_mode & 0600) != 0600)
		return is_dir ? "its owner lacks rights: chmod 700" : "its owner lacks rights: chmod 600";
	return !is_dir && st->st_nlink > 1 ? "it has a second name (hard link): find and remove that" : NULL;
}

static bool right(struct doctor *d, int dir, const char *below, const char *name, bool is_dir)
{
	const char *fault;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return true;
	if ((fault = fault_find(&st, is_dir)) != NULL)
		doctor_say(d, VERDICT_FIX, "%s%s: %s", below, name, fault);
	return fault == NULL;
}

static bool rights_of_objects(struct doctor *d)
{
	int dir = openat(d->store.dir, OBJECTS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = dir >= 0 ? file_list(dir) : NULL;
	bool all = true;

	while (stream != NULL && all) {
		struct dirent *entry = readdir(stream);
		struct objstore_id id;

		if (entry == NULL)
			break;
		if (store_object_id(entry->d_name, &id))
			all = right(d, dir, OBJECTS_DIR "/", entry->d_name, false);
	}
	if (stream != NULL)
		closedir(stream);
	file_close(&dir);
	return all;
}

void rights_check(struct doctor *d)
{
	static const char *const files[] = { TOKEN_FILE, TOKEN_COPY, "generation", "note", "lock",
		"lock.pin" };
	static const char *const dirs[] = { OBJECTS_DIR, DAMAGED };
	const struct store *store = doctor_store(d);
	bool all = true;

	if (store->dir < 0) {
		doctor_skips(d, doctor_no_token(d));
		return;
	}
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		all &= right(d, store->dir, "", files[i], false);
	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
		all &= right(d, store->dir, "", dirs[i], true);
	all &= rights_of_objects(d);
	if (all)
		doctor_say(d, VERDICT_OK, "all files are the user's own, and closed to others");
}

struct heap {
	size_t files;
	unsigned long long bytes;
};

static void heap_count(int at, const char *name, int depth, struct heap *heap)
{
	int dir = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = dir >= 0 ? file_list(dir) : NULL;
	struct stat st;

	for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0
			|| fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISREG(st.st_mode)) {
			heap->files++;
			heap->bytes += (unsigned long long)st.st_size;
		} else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
			heap_count(dir, entry->d_name, depth + 1, heap);
		}
	}
	if (stream != NULL)
		closedir(stream);
	file_close(&dir);
}

void aside_check(struct doctor *d)
{
	const struct store *store = doctor_store(d);
	DIR *stream = store->dir >= 0 ? file_list(store->dir) : NULL;
	bool any = false;

	if (stream == NULL) {
		doctor_say(d, VERDICT_SKIP, "there is no directory to look at");
		return;
	}
	for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
		bool damaged = strcmp(entry->d_name, DAMAGED) == 0;
		struct heap heap = { 0, 0 };

		if (!damaged && strncmp(entry->d_name, ASIDE, sizeof ASIDE - 1) != 0)
			continue;
		heap_count(store->dir, entry->d_name, 0, &heap);
		any |= heap.files != 0;
		if (heap.files != 0)
			doctor_say(d, VERDICT_NOTE, "%s/%s has %s (%zu files, %llu bytes)", store->path,
				entry->d_name, damaged ? "objects that were found damaged" : "a former token",
				heap.files, heap.bytes);
	}
	closedir(stream);
	if (!any)
		doctor_say(d, VERDICT_OK, "nothing");
}
