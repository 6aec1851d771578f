/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_SIGNALS_H
#define UTIL_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/*
 * libtspi writes to its socket without MSG_NOSIGNAL and takes EINTR for the end of the connection. So
 * between these two the calling thread is sent neither SIGPIPE nor any signal that the host program
 * handles; those come when it is released. A signal that ends the program still does.
 */
struct signals {
	sigset_t before;
	bool pipe_was_pending;
};

void signals_hold(struct signals *held);
void signals_release(const struct signals *held);

/* For a thread of our own: no signal is for it. */
void signals_block_all(sigset_t *before);

#endif
