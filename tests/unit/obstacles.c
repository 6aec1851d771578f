/* SPDX-License-Identifier: BSD-2-Clause */
#include "obstacles.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#define NOBODY 65534

/* --- what lies outside the store --- */

static struct buf outside;

static int outside_add(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *below = path + strlen(full_beside("./"));

	/* The directory itself gets and loses names that are none of the store's. */
	if (ftw->level == 0 || strncmp(below, "store", 5) == 0)
		return 0;
	buf_put(&outside, path, strlen(path));
	buf_put_u64(&outside, (uint64_t)st->st_ino);
	buf_put_u64(&outside, (uint64_t)st->st_mode << 32 | st->st_uid);
	buf_put_u64(&outside, (uint64_t)st->st_mtim.tv_sec);
	buf_put_u64(&outside, (uint64_t)st->st_mtim.tv_nsec);
	if (type == FTW_F && S_ISREG(st->st_mode))
		unit_read(path, &outside);
	return 0;
}

struct buf outside_now(void)
{
	struct buf seen;

	memset(&outside, 0, sizeof outside);
	MUST(nftw(full_beside("."), outside_add, 16, FTW_PHYS) == 0 && !buf_failed(&outside));
	seen = outside;
	memset(&outside, 0, sizeof outside);
	return seen;
}

void outside_check(struct buf *before)
{
	struct buf after = outside_now();

	TAP_CHECK(after.len == before->len && memcmp(after.data, before->data, after.len) == 0,
		"what lies outside the store has been touched");
	buf_free(&after);
	buf_free(before);
}

/* --- obstacles --- */

#define GOOD "good" /* beside the store: what was at the name */

bool mknod_forbidden;

static void link_to_good(const char *path)
{
	MUST(rename(path, full_beside(GOOD)) == 0 && symlink(full_beside(GOOD), path) == 0);
}

static void link_to_victim(const char *path)
{
	unit_remove_tree(path);
	MUST(symlink(full_beside("victim"), path) == 0);
}

static void link_to_nothing(const char *path)
{
	unit_remove_tree(path);
	MUST(symlink(full_beside("made by mistake"), path) == 0);
}

static void link_to_device(const char *path)
{
	unit_remove_tree(path);
	MUST(symlink("/dev/zero", path) == 0);
}

static void link_to_directory(const char *path)
{
	unit_remove_tree(path);
	MUST(symlink(full_beside("elsewhere"), path) == 0);
}

static void hard_link_to_good(const char *path)
{
	MUST(link(path, full_beside(GOOD)) == 0);
}

static void hard_link_to_victim(const char *path)
{
	unit_remove_tree(path);
	MUST(link(full_beside("victim"), path) == 0);
}

static void fifo(const char *path)
{
	unit_remove_tree(path);
	MUST(mkfifo(path, 0600) == 0);
}

static void unix_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	unit_remove_tree(path);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", full_beside("socket"));
	MUST(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
	close(fd);
	MUST(chmod(full_beside("socket"), 0600) == 0 && rename(full_beside("socket"), path) == 0);
}

static void directory(const char *path)
{
	unit_remove_tree(path);
	MUST(mkdir(path, 0700) == 0);
}

static void file(const char *path)
{
	unit_remove_tree(path);
	unit_write(path, "a file", 6);
}

static void group_may_write(const char *path)
{
	struct stat st;

	MUST(stat(path, &st) == 0 && chmod(path, (st.st_mode & 0700) | 020) == 0);
}

static void others_may_write(const char *path)
{
	struct stat st;

	MUST(stat(path, &st) == 0 && chmod(path, (st.st_mode & 0700) | 002) == 0);
}

/* As /tmp is. */
static void sticky(const char *path)
{
	MUST(chmod(path, 01777) == 0);
}

static void device(const char *path)
{
	unit_remove_tree(path);
	mknod_forbidden = mknod(path, S_IFCHR | 0600, makedev(1, 5)) != 0;
	TAP_CHECK(!mknod_forbidden || errno == EPERM, "mknod: %s", strerror(errno));
}

static void foreign(const char *path)
{
	MUST(chown(path, NOBODY, NOBODY) == 0);
}

const struct obstacle obstacles[OBSTACLES] = {
	{ "a link to what was there", link_to_good, OF_BOTH, ANYBODY },
	{ "a link to a file", link_to_victim, OF_BOTH, ANYBODY },
	{ "a link to nothing", link_to_nothing, OF_BOTH, ANYBODY },
	{ "a link to a device", link_to_device, OF_BOTH, ANYBODY },
	{ "a link to a directory", link_to_directory, OF_BOTH, ANYBODY },
	{ "a second name of what was there", hard_link_to_good, OF_FILE, ANYBODY },
	{ "a second name of another file", hard_link_to_victim, OF_FILE, ANYBODY },
	{ "a FIFO", fifo, OF_BOTH, ANYBODY },
	{ "a socket", unix_socket, OF_BOTH, ANYBODY },
	{ "a directory", directory, OF_FILE, ANYBODY },
	{ "a file", file, OF_DIRECTORY, ANYBODY },
	{ "what was there, and the group may write to it", group_may_write, OF_BOTH, ANYBODY },
	{ "what was there, and others may write to it", others_may_write, OF_BOTH, ANYBODY },
	{ "what was there, with the mode of /tmp", sticky, OF_DIRECTORY, ANYBODY },
	{ "what was there, but somebody else's", foreign, OF_BOTH, ROOT_MAKES },
	{ "a device", device, OF_BOTH, MKNOD_MAKES },
};

bool obstacle_possible(const struct obstacle *obstacle)
{
	return obstacle->needs != ROOT_MAKES || geteuid() == 0;
}

/* Links to what was there, and the like, need something to be there. */
bool obstacle_is_new(const struct obstacle *obstacle)
{
	return obstacle->needs == ANYBODY && obstacle->plant != link_to_good
		&& obstacle->plant != hard_link_to_good && obstacle->plant != group_may_write
		&& obstacle->plant != others_may_write && obstacle->plant != sticky;
}

bool obstacle_is_directory(const struct obstacle *obstacle)
{
	return obstacle->plant == directory;
}

void obstacle_plant(const char *path, const struct obstacle *obstacle, struct planted *planted)
{
	mknod_forbidden = false;
	unit_write(full_beside("victim"), "victim", 6);
	mkdir(full_beside("elsewhere"), 0700);
	obstacle->plant(path);
	snprintf(planted->path, sizeof planted->path, "%s", path);
	if (!mknod_forbidden)
		MUST(lstat(path, &planted->st) == 0);
}

void planted_check(const struct planted *planted)
{
	struct stat st;
	bool there = lstat(planted->path, &st) == 0;

	CHECK(there && st.st_ino == planted->st.st_ino && st.st_mode == planted->st.st_mode
		&& st.st_uid == planted->st.st_uid && st.st_size == planted->st.st_size);
}
