/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "traced.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static char refusal[256];

/* What the worker tells: it may be killed at any moment. */
static volatile struct {
	bool returned;
	CK_RV rv;
} *told;

static const struct traced_work *current;

/* A socket, not a pipe: write() may be one of the calls that fail. */
static int line[2];

/* Tells the other side that this one has come so far, and waits for it. */
static bool meet(int end)
{
	char byte = 0;

	return send(end, &byte, 1, MSG_NOSIGNAL) == 1 && recv(end, &byte, 1, 0) == 1;
}

static int worker_run(void *argument)
{
	(void)argument;
#ifdef PR_SET_PTRACER
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
#endif
	close(line[0]);
	current->prepare();
	MUST(meet(line[1]));
	told->rv = current->act();
	told->returned = true;
	if (current->after != NULL) {
		MUST(meet(line[1]));
		current->after();
	}
	return 0;
}

static _Noreturn void strace_exec(pid_t worker, int log, const char *list, const char *inject)
{
	char number[24], trace[600], fault[600], output[600];

	snprintf(number, sizeof(number), "%ld", (long)worker);
	snprintf(trace, sizeof(trace), "trace=%s", list);
	snprintf(output, sizeof(output), "%s/strace.out", getenv("WITH_SWTPM_DIR"));
	snprintf(fault, sizeof(fault), "inject=%s", inject != NULL ? inject : "");
	dup2(log, STDERR_FILENO);
	/* A NULL inject ends the list of arguments early. */
	execlp("strace", "strace", "-p", number, "-s", "0", "-o", output, "-e", "signal=none", "-e", trace,
		inject != NULL ? "-e" : (char *)NULL, fault, (char *)NULL);
	dprintf(STDERR_FILENO, "strace: %s\n", strerror(errno));
	_exit(127);
}

/* The first line that strace prints tells whether it holds the process. */
static pid_t strace_start(pid_t worker, const char *list, const char *inject, int *log)
{
	size_t length = 0;
	int ends[2];
	pid_t tracer;

	MUST(pipe(ends) == 0);
	fflush(NULL);
	tracer = fork();
	if (tracer == 0)
		strace_exec(worker, ends[1], list, inject);
	MUST(tracer > 0);
	close(ends[1]);
	*log = ends[0];
	while (length < sizeof(refusal) - 1 && read(*log, refusal + length, 1) == 1
		&& refusal[length] != '\n')
		length++;
	refusal[length] = '\0';
	if (strstr(refusal, "attached") != NULL)
		return tracer;
	if (length == 0)
		snprintf(refusal, sizeof(refusal), "strace says nothing");
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	return -1;
}

static void call_add(struct traced_calls *calls, const char *text)
{
	struct traced_call *call = &calls->calls[calls->count];
	size_t length = strcspn(text, "(");

	if (text[0] < 'a' || text[0] > 'z' || text[length] != '(' || length >= sizeof(call->name)
		|| calls->count == TRACED_MAX_CALLS)
		return;
	memcpy(call->name, text, length);
	call->name[length] = '\0';
	call->number = 1;
	for (size_t i = 0; i < calls->count; i++)
		call->number += strcmp(calls->calls[i].name, call->name) == 0;
	calls->count++;
	snprintf(calls->last, sizeof(calls->last), "%.*s", (int)strcspn(text, "\n"), text);
}

static void calls_read(struct traced_calls *calls)
{
	char path[600], text[1000];
	FILE *file;

	calls->count = 0;
	calls->last[0] = '\0';
	snprintf(path, sizeof(path), "%s/strace.out", getenv("WITH_SWTPM_DIR"));
	file = fopen(path, "r");
	TAP_MUST(file != NULL, "%s: %s", path, strerror(errno));
	while (fgets(text, sizeof(text), file) != NULL)
		call_add(calls, text);
	fclose(file);
	unlink(path);
	TAP_CHECK(calls->count < TRACED_MAX_CALLS, "more calls than there is room for");
}

/* Lets the prepared worker go, and takes strace away before what comes after the act. */
static void worker_watch(pid_t tracer)
{
	char byte = 0;

	CHECK(send(line[0], &byte, 1, MSG_NOSIGNAL) == 1);
	if (current->after != NULL && recv(line[0], &byte, 1, 0) == 1) {
		kill(tracer, SIGTERM);
		waitpid(tracer, NULL, 0);
		CHECK(send(line[0], &byte, 1, MSG_NOSIGNAL) == 1);
	}
}

static bool worker_trace(const char *list, const char *inject, struct traced_end *end)
{
	pid_t worker, tracer = -1;
	int log = -1;
	char byte = 0;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, line) == 0);
	worker = tap_child_start(worker_run, NULL);
	close(line[1]);
	if (recv(line[0], &byte, 1, 0) != 1)
		snprintf(refusal, sizeof(refusal), "the worker could not prepare its work");
	else
		tracer = strace_start(worker, list, inject, &log);
	if (tracer >= 0)
		worker_watch(tracer);
	else
		kill(worker, SIGKILL);
	end->status = tap_child_wait(worker);
	if (tracer >= 0)
		waitpid(tracer, NULL, 0);
	close(line[0]);
	if (log >= 0)
		close(log);
	return tracer >= 0;
}

static void told_make(void)
{
	if (told == NULL)
		told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(told != MAP_FAILED);
	told->returned = false;
	told->rv = CKR_GENERAL_ERROR;
}

void traced_run(const struct traced_work *work, const char *list, const char *inject,
	struct traced_calls *calls, struct traced_end *end)
{
	bool traced;

	told_make();
	current = work;
	traced = worker_trace(list, inject, end);
	TAP_MUST(traced, "%s", refusal);
	calls_read(calls);
	end->returned = told->returned;
	end->rv = told->rv;
}

static void nothing(void)
{
}

static CK_RV no_act(void)
{
	return CKR_OK;
}

const char *traced_refusal(void)
{
	static const struct traced_work idle = { nothing, no_act, NULL };
	struct traced_end end;

	told_make();
	current = &idle;
	return worker_trace(TRACED_WRITE_CALLS, NULL, &end) ? NULL : refusal;
}
