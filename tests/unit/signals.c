/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "util/signals.h"

/* Each case in a process of its own, whose signals are nobody else's. */

static volatile sig_atomic_t handled;

static void count(int signal)
{
	(void)signal;
	handled++;
}

static void count_info(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info, (void)context;
	handled++;
}

static void handle(int signal, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	MUST(sigaction(signal, &action, NULL) == 0);
}

static void in_child(int (*run)(void *), int expected)
{
	NUMBER_EQUAL(tap_child_wait(tap_child_start(run, NULL)), expected);
}

/* --- signals that the host handles --- */

static int held_back(void *arg)
{
	static const int signals[] = { SIGALRM, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGIO };
	struct signals held;

	(void)arg;
	for (size_t i = 0; i < COUNT(signals); i++) {
		struct sigaction action = { .sa_handler = count };

		tap_about("signal %d", signals[i]);
		if (i % 2 == 1) {
			action.sa_flags = SA_SIGINFO;
			action.sa_sigaction = count_info;
		}
		MUST(sigaction(signals[i], &action, NULL) == 0);
		handled = 0;
		signals_hold(&held);
		raise(signals[i]);
		kill(getpid(), signals[i]);
		NUMBER_EQUAL(handled, 0);
		signals_release(&held);
		CHECK(handled >= 1);
		handled = 0;
		raise(signals[i]);
		NUMBER_EQUAL(handled, 1);
	}
	return 0;
}

/* A thousand times a second, and no system call ends with EINTR. */
static int no_interruption(void *arg)
{
	const struct itimerval storm = { { 0, 1000 }, { 0, 1000 } }, calm = { { 0, 0 }, { 0, 0 } };
	const struct timespec a_while = { 0, 50000000 }, long_while = { 30, 0 };
	struct signals held;

	(void)arg;
	handle(SIGALRM, count);
	setitimer(ITIMER_REAL, &storm, NULL);
	CHECK(nanosleep(&long_while, NULL) != 0 && errno == EINTR);
	signals_hold(&held);
	handled = 0;
	CHECK(nanosleep(&a_while, NULL) == 0);
	NUMBER_EQUAL(handled, 0);
	signals_release(&held);
	CHECK(handled >= 1);
	setitimer(ITIMER_REAL, &calm, NULL);
	return 0;
}

static int interrupt(void *arg)
{
	struct signals held;

	handle(*(int *)arg, SIG_DFL);
	signals_hold(&held);
	raise(*(int *)arg);
	return 1;
}

static void default_actions(void)
{
	static int signals[] = { SIGTERM, SIGINT, SIGHUP };

	for (size_t i = 0; i < COUNT(signals); i++) {
		tap_about("signal %d", signals[i]);
		NUMBER_EQUAL(tap_child_wait(tap_child_start(interrupt, &signals[i])), 128 + signals[i]);
	}
}

static void leave(int signal)
{
	(void)signal;
	_exit(7);
}

static int fault(void *arg)
{
	struct signals held;

	handle(*(int *)arg, leave);
	signals_hold(&held);
	raise(*(int *)arg);
	return 1;
}

static void faults(void)
{
	static int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS };

	for (size_t i = 0; i < COUNT(signals); i++) {
		tap_about("signal %d", signals[i]);
		NUMBER_EQUAL(tap_child_wait(tap_child_start(fault, &signals[i])), 7);
	}
}

/* --- SIGPIPE --- */

static void write_to_nobody(void)
{
	int ends[2];

	MUST(pipe(ends) == 0);
	close(ends[0]);
	CHECK(write(ends[1], "x", 1) < 0 && errno == EPIPE);
	close(ends[1]);
}

static bool is_pending(int signal)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, signal) == 1;
}

static int pipe_inside(void *arg)
{
	void (*const handlers[])(int) = { SIG_DFL, SIG_IGN, count };
	struct signals held;

	(void)arg;
	for (size_t i = 0; i < COUNT(handlers); i++) {
		tap_about("handler %zu", i);
		handle(SIGPIPE, handlers[i]);
		for (int round = 0; round < 3; round++) {
			signals_hold(&held);
			write_to_nobody();
			signals_release(&held);
			CHECK(!is_pending(SIGPIPE));
		}
	}
	NUMBER_EQUAL(handled, 0);
	write_to_nobody();
	NUMBER_EQUAL(handled, 1);
	return 0;
}

/* The host's own SIGPIPE, which it keeps for later. */
static int pipe_before(void *arg)
{
	sigset_t set;
	struct signals held;

	(void)arg;
	handle(SIGPIPE, count);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	write_to_nobody();
	MUST(is_pending(SIGPIPE));
	signals_hold(&held);
	write_to_nobody();
	signals_release(&held);
	CHECK(is_pending(SIGPIPE));
	NUMBER_EQUAL(handled, 0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	NUMBER_EQUAL(handled, 1);
	return 0;
}

static int pipe_default(void *arg)
{
	struct signals held;

	(void)arg;
	handle(SIGPIPE, SIG_DFL);
	signals_hold(&held);
	write_to_nobody();
	signals_release(&held);
	write_to_nobody();
	return 1;
}

/* --- the mask --- */

static void mask_equal(const sigset_t *expected)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	for (int signal = 1; signal <= SIGRTMAX; signal++)
		TAP_CHECK(sigismember(&mask, signal) == sigismember(expected, signal),
			"the mask has changed for signal %d", signal);
}

static int mask_restored(void *arg)
{
	sigset_t before, set;
	struct signals held;

	(void)arg;
	handle(SIGUSR1, count);
	handle(SIGUSR2, count);
	handle(SIGRTMIN, count);
	sigemptyset(&set);
	for (int round = 0; round < 2; round++) {
		pthread_sigmask(SIG_SETMASK, &set, NULL);
		pthread_sigmask(SIG_SETMASK, NULL, &before);
		signals_hold(&held);
		pthread_sigmask(SIG_SETMASK, NULL, &set);
		CHECK(sigismember(&set, SIGUSR1) == 1 && sigismember(&set, SIGRTMIN) == 1);
		signals_release(&held);
		mask_equal(&before);
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		sigaddset(&set, SIGTERM);
		sigaddset(&set, SIGPIPE);
	}
	return 0;
}

static int all_blocked(void *arg)
{
	static const int faults_of_its_own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	sigset_t before, saved, mask;

	(void)arg;
	sigemptyset(&before);
	sigaddset(&before, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	signals_block_all(&saved);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	CHECK(sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGALRM) == 1
		&& sigismember(&mask, SIGCHLD) == 1 && sigismember(&mask, SIGPIPE) == 1
		&& sigismember(&mask, SIGRTMAX) == 1);
	for (size_t i = 0; i < COUNT(faults_of_its_own); i++)
		CHECK(sigismember(&mask, faults_of_its_own[i]) == 0);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	mask_equal(&before);
	return 0;
}

static void child_case(void)
{
	static const struct {
		const char *name;
		int (*run)(void *);
		int expected;
	} rows[] = {
		{ "held back", held_back, 0 }, { "interrupted", no_interruption, 0 },
		{ "inside is swallowed", pipe_inside, 0 }, { "was pending", pipe_before, 0 },
		{ "afterwards", pipe_default, 128 + SIGPIPE }, { "restored", mask_restored, 0 },
		{ "of our own", all_blocked, 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		if (strstr(tap_case_name(), rows[i].name) != NULL) {
			in_child(rows[i].run, rows[i].expected);
			return;
		}
	CHECK(!"a case without a row");
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "a signal with a handler is held back and comes afterwards", child_case },
		{ "no system call is interrupted", child_case },
		{ "a signal without a handler ends the program at once", default_actions },
		{ "a fault of the program's own is not held", faults },
		{ "a SIGPIPE raised inside is swallowed", child_case },
		{ "a SIGPIPE that was pending before stays so", child_case },
		{ "a SIGPIPE afterwards ends the program", child_case },
		{ "the mask is restored", child_case },
		{ "a thread of our own takes no signal", child_case },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "signals", cases);
}
