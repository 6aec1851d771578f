/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/signals.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <time.h>

/* Raised by what the thread itself does: to hold them back would be to go on after the fault. */
static const int faults[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP };

static void faults_remove(sigset_t *set)
{
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
		sigdelset(set, faults[i]);
}

static bool has_handler(int signal)
{
	struct sigaction action;

	if (sigaction(signal, NULL, &action) != 0)
		return false;
	return (action.sa_flags & SA_SIGINFO) != 0
		|| (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

static bool pipe_is_pending(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGPIPE) == 1;
}

void signals_hold(struct signals *held)
{
	sigset_t set;

	sigemptyset(&set);
	for (int signal = 1; signal <= SIGRTMAX; signal++)
		if (has_handler(signal))
			sigaddset(&set, signal);
	faults_remove(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, &held->before);
	held->pipe_was_pending = pipe_is_pending();
}

void signals_release(const struct signals *held)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe_only;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	if (!held->pipe_was_pending && pipe_is_pending())
		while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &held->before, NULL);
}

void signals_block_all(sigset_t *before)
{
	sigset_t set;

	sigfillset(&set);
	faults_remove(&set);
	pthread_sigmask(SIG_SETMASK, &set, before);
}
