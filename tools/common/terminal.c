/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "util/wipe.h"

#define LINE_LEN_MAX 256

static struct termios shown, hidden;

/* --- the echo, which every way out of the program puts back --- */

static void restore_and_die(int number)
{
	int saved = errno;

	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	signal(number, SIG_DFL);
	raise(number);
	errno = saved;
}

static void hide_again(int number)
{
	(void)number;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
}

static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP };
#define N_ENDING (sizeof ending / sizeof ending[0])

struct echo {
	bool hidden;
	struct sigaction before[N_ENDING], before_cont;
};

static void echo_hide(struct echo *echo)
{
	struct sigaction action;

	echo->hidden = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &shown) == 0;
	if (!echo->hidden)
		return;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	memset(&action, 0, sizeof action);
	action.sa_handler = restore_and_die;
	action.sa_flags = SA_NODEFER | SA_RESTART;
	for (size_t i = 0; i < N_ENDING; i++)
		sigaction(ending[i], &action, &echo->before[i]);
	action.sa_handler = hide_again;
	sigaction(SIGCONT, &action, &echo->before_cont);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
}

static void echo_show(const struct echo *echo)
{
	if (!echo->hidden)
		return;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	for (size_t i = 0; i < N_ENDING; i++)
		sigaction(ending[i], &echo->before[i], NULL);
	sigaction(SIGCONT, &echo->before_cont, NULL);
}

/* --- lines --- */

/* A byte at a time, so that what follows stays for whoever reads next. */
static bool line_read(int fd, const char *what, struct buf *answer)
{
	char line[LINE_LEN_MAX + 2];
	size_t len = 0;
	bool ended = false, ok = false;
	ssize_t n = 0;

	while (len < sizeof line && !ended) {
		do
			n = read(fd, line + len, 1);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			break;
		ended = line[len] == '\n';
		len += ended ? 0 : 1;
	}
	if (len > 0 && ended && line[len - 1] == '\r')
		len--;
	if (n < 0)
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
	else if (n == 0 && len == 0)
		fprintf(stderr, "%s: the input ended\n", what);
	else if (len > LINE_LEN_MAX)
		fprintf(stderr, "%s: longer than %d bytes\n", what, LINE_LEN_MAX);
	else if (memchr(line, '\0', len) != NULL)
		fprintf(stderr, "%s: has a NUL byte\n", what);
	else
		ok = true;
	if (ok) {
		buf_put(answer, line, len);
		ok = !buf_failed(answer);
	}
	wipe(line, sizeof line);
	return ok;
}

bool terminal_secret(const char *prompt, struct buf *answer)
{
	struct echo echo;
	bool ok;

	answer->secret = true;
	fputs(prompt, stderr);
	fflush(stderr);
	echo_hide(&echo);
	ok = line_read(STDIN_FILENO, "the standard input", answer);
	echo_show(&echo);
	fputc('\n', stderr); /* what was typed shows no line end, nor does what was piped in */
	return ok;
}

bool terminal_new_secret(const char *prompt, const char *again, struct buf *answer)
{
	struct buf second = BUF_INIT;
	bool ok = terminal_secret(prompt, answer) && terminal_secret(again, &second);

	if (ok && (answer->len != second.len || !wipe_equal(answer->data, second.data, second.len))) {
		fputs("The two are not the same.\n", stderr);
		ok = false;
	}
	buf_free(&second);
	return ok;
}

bool terminal_secret_file(const char *path, struct buf *answer)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool ok;

	answer->secret = true;
	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IRGRP | S_IROTH)) != 0)
		fprintf(stderr, "%s: others may read it; chmod 600 it\n", path);
	ok = line_read(fd, path, answer);
	close(fd);
	return ok;
}

bool terminal_line(const char *prompt, const char *preset, struct buf *answer)
{
	size_t before = answer->len;

	fputs(prompt, stderr);
	fflush(stderr);
	if (!line_read(STDIN_FILENO, "the standard input", answer))
		return false;
	if (answer->len == before)
		buf_put(answer, preset, strlen(preset));
	buf_put_u8(answer, 0);
	return !buf_failed(answer);
}

bool terminal_confirm(const char *question)
{
	struct buf answer = BUF_INIT;
	bool yes;

	yes = terminal_line(question, "n", &answer) && (strcmp((const char *)answer.data, "y") == 0
		|| strcmp((const char *)answer.data, "yes") == 0);
	buf_free(&answer);
	return yes;
}

/* --- long work --- */

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const char *text;
	bool runs, done;
} busy = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void *busy_show(void *arg)
{
	struct timespec next;
	unsigned int seconds = 0;

	clock_gettime(CLOCK_REALTIME, &next);
	pthread_mutex_lock(&busy.lock);
	while (!busy.done) {
		next.tv_sec++;
		while (!busy.done && pthread_cond_timedwait(&busy.changed, &busy.lock, &next) != ETIMEDOUT)
			;
		if (!busy.done)
			fprintf(stderr, "\r%s %u s", busy.text, ++seconds);
	}
	pthread_mutex_unlock(&busy.lock);
	if (seconds > 0)
		fputc('\n', stderr);
	return arg;
}

void terminal_busy(const char *text)
{
	sigset_t all, before;

	if (!isatty(STDERR_FILENO))
		return;
	busy.text = text;
	busy.done = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	busy.runs = pthread_create(&busy.thread, NULL, busy_show, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void terminal_idle(void)
{
	if (!busy.runs)
		return;
	pthread_mutex_lock(&busy.lock);
	busy.done = true;
	pthread_cond_signal(&busy.changed);
	pthread_mutex_unlock(&busy.lock);
	pthread_join(busy.thread, NULL);
	busy.runs = false;
}
