/* SPDX-License-Identifier: BSD-2-Clause */
/* Secrets in memory: what a core dump has of them while the user is logged in, afterwards, after a fork. */
#define _GNU_SOURCE
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core_secrets.h"

/* --- what must not be found --- */

#define KIND(kind) (1u << SEARCH_##kind)
#define ALL (~KIND(CONTROL))

#define OF_USER (KIND(PIN) | KIND(PIN_KEY) | KIND(GONE) | KIND(IMPORTED) | KIND(PLAINTEXT) | \
	KIND(GENERATED))
#define BUT_AUTH (ALL & ~KIND(AUTH)) /* libtspi keeps those of loaded keys */

static const struct {
	const char *name;
	unsigned int dumped, hidden; /* kinds that must not be where a core dump looks, and elsewhere */
} moments[MOMENTS] = {
	[SO_INIT_TOKEN] = { "after C_InitToken", ALL, ALL },
	[SO_LOGIN] = { "after the SO's C_Login", ALL, KIND(PIN) | KIND(MASTER) },
	[SO_INIT_PIN] = { "after C_InitPIN", ALL, KIND(PIN) | KIND(MASTER) },
	[SO_SET_PIN] = { "after the SO's C_SetPIN", ALL, KIND(PIN) | KIND(MASTER) },
	[SO_INIT_PIN_AGAIN] = { "after another C_InitPIN", ALL, KIND(PIN) | KIND(MASTER) },
	[SO_LOGOUT] = { "after the SO's C_Logout", ALL, ALL },
	[USER_LOGIN] = { "after C_Login", BUT_AUTH, OF_USER },
	[USER_SET_PIN] = { "after C_SetPIN", BUT_AUTH, OF_USER },
	[USER_DATA] = { "after work with data", BUT_AUTH, OF_USER },
	[USER_SECRET_KEY] = { "after work with a secret key", BUT_AUTH, OF_USER },
	[USER_RANDOM] = { "after C_GenerateRandom", BUT_AUTH, OF_USER },
	[USER_SEED] = { "after C_SeedRandom", BUT_AUTH, OF_USER },
	[USER_CHIP_KEY] = { "after work with a key in the chip", BUT_AUTH, OF_USER },
	[USER_SOFTWARE_KEY] = { "after work with a key made in software", BUT_AUTH, OF_USER },
	[USER_IMPORT] = { "after an import", BUT_AUTH, OF_USER },
	[FORKED] = { "in a process forked meanwhile", BUT_AUTH, ALL },
	[FORKED_ANEW] = { "in that process after C_Initialize", BUT_AUTH, ALL },
	/* libcrypto keeps the key that an HMAC or a digest was begun with. */
	[USER_READY] = { "with operations begun", BUT_AUTH & ~KIND(VALUE), OF_USER & ~KIND(PLAINTEXT) },
	[USER_LOGOUT] = { "after C_Logout", ALL, ALL },
	[FINALIZED] = { "after C_Finalize", ALL, ALL },
};

static void check_result(enum moment moment, const struct search_result *result)
{
	static const char *const kinds[SEARCH_KINDS] = {
		[SEARCH_PIN] = "a PIN",
		[SEARCH_PIN_KEY] = "what a PIN gives",
		[SEARCH_MASTER] = "the master key",
		[SEARCH_VALUE] = "a private object's value",
		[SEARCH_GONE] = "what a destroyed object had",
		[SEARCH_IMPORTED] = "an imported key",
		[SEARCH_AUTH] = "the auth of a key",
		[SEARCH_PLAINTEXT] = "what was decrypted",
		[SEARCH_GENERATED] = "a key made in software",
	};

	tap_about("%s", moments[moment].name);
	TAP_CHECK(result->dumped[SEARCH_CONTROL] > 0, "the search does not find what is certainly there");
	for (unsigned int kind = SEARCH_PIN; kind < SEARCH_KINDS; kind++) {
		unsigned int dumped = moments[moment].dumped >> kind & 1 ? result->dumped[kind] : 0;
		unsigned int hidden = moments[moment].hidden >> kind & 1 ? result->hidden[kind] : 0;

		TAP_CHECK(dumped + hidden == 0, "%s is found %u times: %s", kinds[kind], dumped + hidden,
			result->where[kind]);
	}
	tap_about(NULL);
}

static const char *look(enum moment moment, pid_t worker, struct search_result *result)
{
	unsigned int keys = learn();
	pid_t process = moment == FORKED || moment == FORKED_ANEW ? desk->forked : worker;
	const char *why = search_process(process, result);

	if (why == NULL && moment == USER_LOGIN)
		TAP_CHECK(result->hidden[SEARCH_MASTER] > 0, "the master key is not found during the login");
	if (moment >= USER_IMPORT && moment <= USER_LOGOUT)
		ULONG_EQUAL(keys, KEYS_PRIVATE);
	return why;
}

/* Follows the worker to its end. core: nothing is checked on the way, for that is another case's. */
static bool follow(pid_t worker, bool core, int *status)
{
	const char *why = NULL;

	while (worker_stops(worker, status)) {
		enum moment moment = desk->moment;
		static struct search_result result;

		if (moment != STARTED && why == NULL)
			why = look(moment, worker, &result);
		if (moment != STARTED && why == NULL && !core)
			check_result(moment, &result);
		worker_goes_on(worker);
	}
	if (why != NULL) {
		printf("# the memory of another process cannot be read: %s\n", why);
		tap_skip("the memory of another process cannot be read");
	}
	return why == NULL;
}

static void in_memory(void)
{
	int status = 0;
	pid_t worker = worker_start(&(struct work){ .dump = MOMENTS });

	if (follow(worker, false, &status))
		TAP_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the worker ended with %d", status);
}

/* --- a core file --- */

static bool core_is_a_file(void)
{
	char pattern[256] = "|";
	FILE *file = fopen("/proc/sys/kernel/core_pattern", "r");
	struct rlimit limit;

	if (file != NULL && fgets(pattern, sizeof(pattern), file) == NULL)
		pattern[0] = '|';
	if (file != NULL)
		fclose(file);
	return strncmp(pattern, "core", 4) == 0 && strchr(pattern, '/') == NULL &&
		getrlimit(RLIMIT_CORE, &limit) == 0 && (limit.rlim_max == RLIM_INFINITY || geteuid() == 0);
}

static void in_core(enum moment moment)
{
	struct search_result result;
	const char *why = NULL;
	char pattern[700];
	glob_t found;
	int status = 0;

	if (!core_is_a_file()) {
		tap_skip("this system puts no core file into the directory of the process");
		return;
	}
	if (!follow(worker_start(&(struct work){ .dump = moment }), true, &status))
		return;
	TAP_MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && WCOREDUMP(status),
		"the worker left no core: status %d", status);
	snprintf(pattern, sizeof(pattern), "%s/core*", p11_directory());
	MUST(glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1);
	why = search_file(found.gl_pathv[0], &result);
	TAP_CHECK(why == NULL, "%s: %s", found.gl_pathv[0], why);
	unlink(found.gl_pathv[0]);
	globfree(&found);
	check_result(moment, &result);
}

static void in_core_logged_in(void)
{
	in_core(USER_IMPORT);
}

static void in_core_logged_out(void)
{
	in_core(USER_LOGOUT);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "in memory, from login to C_Finalize", in_memory },
		{ "in the core file of a process that is logged in", in_core_logged_in },
		{ "in the core file of one that has logged out", in_core_logged_out },
		{ NULL, NULL },
	};

	return p11_main(argc, argv, "secrets", cases);
}
