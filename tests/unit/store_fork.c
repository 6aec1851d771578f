/* SPDX-License-Identifier: BSD-2-Clause */
/* A process that dies with a lock, but leaves a child that has inherited the open file; one that is
   stopped. */
#include "store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 10 /* seconds; a lock that is held on would be waited for without an end */

/* Takes the lock, leaves a child behind, which says so, and dies. */
static void die_with_the_lock(int ready)
{
	struct objstore *store = store_open();
	pid_t heir;

	RV_MUST(objstore_pin_lock(store), CKR_OK);
	if (fork() == 0) {
		objstore_abandon(store);
		heir = getpid();
		if (write(ready, &heir, sizeof heir) == sizeof heir)
			sleep(3 * PATIENCE);
		_exit(0);
	}
	pause();
	_exit(1);
}

static void heirs_hold_nothing(void)
{
	struct objstore *store;
	int ready[2];
	pid_t holder, heir;

	unit_fresh();
	store = store_open();
	store_switch(store, 't', "token");
	MUST(pipe(ready) == 0);
	holder = fork();
	MUST(holder >= 0);
	if (holder == 0)
		die_with_the_lock(ready[1]);
	MUST(read(ready[0], &heir, sizeof heir) == sizeof heir);
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	alarm(PATIENCE);
	RV_EQUAL(objstore_pin_lock(store), CKR_OK);
	alarm(0);
	MUST(kill(heir, SIGKILL) == 0);
	objstore_pin_unlock(store);
	objstore_close(&store);
	close(ready[0]);
	close(ready[1]);
}

/* As a writer does at the beginning of its turn; and there it stays. */
static int stop_in_a_turn(void *ready)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(unit_path("store/lock"), O_RDWR);

	MUST(fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0);
	unit_write(unit_path("store/generation"), "\0\0\0\0\0\0\0\3", 8);
	MUST(write(*(int *)ready, "", 1) == 1);
	pause();
	return 0;
}

static void a_stopped_writer_stops_no_reader(void)
{
	struct objstore *store = store_fresh();
	int ready[2];
	char byte;
	pid_t writer;

	RV_MUST(store_write(store, 't', 'a', false, "object"), CKR_OK);
	MUST(pipe(ready) == 0);
	writer = tap_child_start(stop_in_a_turn, &ready[1]);
	MUST(read(ready[0], &byte, 1) == 1);
	alarm(PATIENCE);
	NUMBER_EQUAL(store_count(store), 1);
	alarm(0);
	store_check(store, 'a', "object");
	kill(writer, SIGKILL);
	tap_child_wait(writer);
	RV_EQUAL(store_write(store, 't', 'b', false, "another"), CKR_OK);
	objstore_close(&store);
	close(ready[0]);
	close(ready[1]);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "a lock ends with its process, whatever children it leaves", heirs_hold_nothing },
		{ "a writer that is stopped stops no reader", a_stopped_writer_stops_no_reader },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "store_fork", cases));
}
