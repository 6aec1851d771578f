/* SPDX-License-Identifier: BSD-2-Clause */
/* A process that dies with a lock, but leaves a child that has inherited the open file. */
#include "store.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 10 /* seconds; a lock that is held on would be waited for without an end */

/* Says that the lock is held, leaves a child behind, and dies. */
static void die_with_the_lock(int ready)
{
	struct objstore *store = store_open();
	pid_t heir;

	RV_MUST(objstore_pin_lock(store), CKR_OK);
	heir = fork();
	if (heir == 0) {
		objstore_abandon(store);
		if (write(ready, "", 1) == 1)
			sleep(3 * PATIENCE);
		_exit(0);
	}
	if (write(ready, &heir, sizeof heir) == sizeof heir)
		pause();
	_exit(1);
}

static void read_all(int fd, void *to, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = read(fd, (char *)to + done, n - done);

		MUST(got > 0);
		done += (size_t)got;
	}
}

static void heirs_hold_nothing(void)
{
	unsigned char words[sizeof(pid_t) + 1];
	struct objstore *store;
	int ready[2];
	pid_t holder;

	unit_fresh();
	store = store_open();
	store_switch(store, 't', "token");
	MUST(pipe(ready) == 0);
	holder = fork();
	MUST(holder >= 0);
	if (holder == 0)
		die_with_the_lock(ready[1]);
	read_all(ready[0], words, sizeof words);
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	alarm(PATIENCE);
	RV_EQUAL(objstore_pin_lock(store), CKR_OK);
	alarm(0);
	objstore_pin_unlock(store);
	objstore_close(&store);
	close(ready[0]);
	close(ready[1]);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "a lock ends with its process, whatever children it leaves", heirs_hold_nothing },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "store_fork", cases);
}
