/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Eight writers and eight readers on one token, and now and then a writer is killed. Nothing that was
 * acknowledged is lost, doubled, mixed or missed by a search, and nobody waits for the dead.
 * TESTS_SECONDS says how long, both cases together.
 */
#define _GNU_SOURCE
#include "many_work.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* So long without a step is a hang, however busy the machine. */
#define PATIENCE_SECONDS 60
#define KILL_MS_MIN 200
#define KILL_MS_MORE 800

static struct process {
	pid_t id;
	unsigned int number, beats;
	long since_ms; /* when beats was seen to grow */
} processes[MANY_PROCESSES];

static unsigned int killed;

static int run(void *argument)
{
	alarm(p11_seconds() + 4 * PATIENCE_SECONDS);
	return *(unsigned int *)argument < MANY_WRITERS ? many_write(argument) : many_read(argument);
}

static void process_start(struct process *p)
{
	p->beats = many->beats[p->number];
	p->since_ms = many_now_ms();
	p->id = tap_child_start(run, &p->number);
}

static void process_kill(struct process *p)
{
	int status;

	kill(p->id, SIGKILL);
	status = tap_child_wait(p->id);
	TAP_CHECK(status == 128 + SIGKILL, "writer %u ended by itself with status %d", p->number, status);
	p->id = -1;
	killed++;
}

/* Nobody ends before the time, and nobody hangs. */
static void process_look(struct process *p)
{
	unsigned int beats = many->beats[p->number];
	int status;

	if (waitpid(p->id, &status, WNOHANG) == p->id) {
		p->id = -1;
		many_complain("process %u ended early with status 0x%x", p->number, (unsigned int)status);
	} else if (beats != p->beats) {
		p->beats = beats;
		p->since_ms = many_now_ms();
	} else if (many_now_ms() - p->since_ms > 1000L * PATIENCE_SECONDS) {
		many_complain("process %u (%s) has not got on for %d s", p->number,
			p->number < MANY_WRITERS ? "a writer" : "a reader", PATIENCE_SECONDS);
	}
}

static void processes_look(void)
{
	static const struct timespec pause = { 0, 20000000 };

	nanosleep(&pause, NULL);
	for (int i = 0; i < MANY_PROCESSES && !many->stop; i++)
		process_look(&processes[i]);
}

/* The time begins when all have got to work. */
static void watch_logins(void)
{
	for (int i = 0; i < MANY_PROCESSES && !many->stop;) {
		if (many->beats[i] != 0)
			i++;
		else
			processes_look();
	}
}

static void watch(unsigned int seconds)
{
	long end = many_now_ms() + 1000L * seconds, next_kill = 0, latest = end + 1000L * PATIENCE_SECONDS;

	while (!many->stop && (many_now_ms() < end || (many->destroyed == 0 && many_now_ms() < latest))) {
		processes_look();
		if (many_now_ms() >= next_kill && !many->stop) {
			struct process *p = &processes[many_random(MANY_WRITERS)];

			process_kill(p);
			process_start(p);
			next_kill = many_now_ms() + KILL_MS_MIN + (long)many_random(KILL_MS_MORE);
		}
	}
}

/* Those that hang are killed: they have been complained about. */
static void gather(void)
{
	long since_ms = many_now_ms();
	static const struct timespec pause = { 0, 20000000 };

	for (int i = 0; i < MANY_PROCESSES; i++) {
		int status = 0;
		pid_t got = 0;

		if (processes[i].id < 0)
			continue;
		while ((got = waitpid(processes[i].id, &status, WNOHANG)) == 0
			&& many_now_ms() - since_ms < 1000L * PATIENCE_SECONDS)
			nanosleep(&pause, NULL);
		if (got == 0) {
			many_complain("process %d did not end", i);
			kill(processes[i].id, SIGKILL);
			waitpid(processes[i].id, NULL, 0);
		} else {
			TAP_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %d: status 0x%x", i,
				(unsigned int)status);
		}
	}
}

static void complaints_show(void)
{
	for (unsigned int i = 0; i < many->complained && i < MANY_COMPLAINTS; i++)
		TAP_CHECK(false, "%s", many->complaints[i]);
}

/* The token, on which nobody works yet, is in p11_store(). */
static void many_at_once(void)
{
	unsigned int seconds = (p11_seconds() + 1) / 2;

	alarm(seconds + 4 * PATIENCE_SECONDS);
	many_make();
	killed = 0;
	ULONG_EQUAL(p11_in_child(many_begin, NULL), 0);
	for (unsigned int i = 0; i < MANY_PROCESSES; i++) {
		processes[i].number = i;
		process_start(&processes[i]);
	}
	watch_logins();
	watch(seconds);
	/* The last ones killed leave to the end what they had begun. */
	for (int i = 0; i < 2 && !many->stop; i++)
		process_kill(&processes[i]);
	many->stop = true;
	gather();
	printf("# %u s: %u created, %u changed, %u destroyed; %u searches, %u values; %u writers killed\n",
		seconds, many->created, many->changed, many->destroyed, many->searches, many->values, killed);
	printf("# the longest took: a login %u ms, a write %u ms, a search %u ms\n", many->login_ms,
		many->write_ms, many->search_ms);
	if (many->complained != 0) {
		complaints_show();
		return;
	}
	CHECK(many->created > 0 && many->changed > 0 && many->destroyed > 0 && many->searches > 0);
	CHECK(killed > 2);
	ULONG_EQUAL(p11_in_child(many_judge, NULL), 0);
	complaints_show();
}

static void on_disk(void)
{
	p11_new_token();
	p11_stop();
	many_at_once();
}

/* Its directories list a file that is being replaced twice or not at all, where those of a disk do not. */
static void in_memory(void)
{
	char directory[] = "/dev/shm/pkcs11_tpm.XXXXXX", from[600], copy[] = "cp", all[] = "-a";
	char remove[] = "rm", recursively[] = "-rf";
	char *copy_argv[] = { copy, all, from, directory, NULL };
	char *remove_argv[] = { remove, recursively, directory, NULL };
	struct stat here, there;

	if (stat(getenv("WITH_SWTPM_DIR"), &here) != 0 || stat("/dev/shm", &there) != 0
		|| here.st_dev == there.st_dev || mkdtemp(directory) == NULL) {
		tap_skip("/dev/shm is not there, not writable, or the first case was there");
		return;
	}
	p11_new_token();
	p11_stop();
	snprintf(from, sizeof(from), "%s/.", p11_directory());
	ULONG_EQUAL(p11_run_program(copy_argv), 0);
	p11_use_store(directory);
	many_at_once();
	ULONG_EQUAL(p11_run_program(remove_argv), 0);
}

static const struct tap_case cases[] = {
	{ "eight writers and eight readers at once, and writers killed", on_disk },
	{ "the same in /dev/shm", in_memory },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "many", cases);
}
