/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/doctor/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM_MAX 4000000
#define PLACES_PRESET 10

/* Reads at most size - 1 bytes, and ends them with a NUL. */
static size_t file_head(const char *path, char *to, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t n = 0;

	if (file != NULL) {
		n = fread(to, 1, size - 1, file);
		fclose(file);
	}
	to[n] = '\0';
	return n;
}

static bool first_readable(const char *root, const char *const *paths, char found[PROCESS_PATH_MAX])
{
	for (; *paths != NULL; paths++) {
		snprintf(found, PROCESS_PATH_MAX, "%.200s%.300s", root, *paths);
		if (access(found, R_OK) == 0)
			return true;
	}
	found[0] = '\0';
	return false;
}

/* /proc/N/exe is what runs, even if another file has its name by now, but another user's cannot be read. */
static void program_find(const char *root, long number, const char *argument, char program[PROCESS_PATH_MAX])
{
	const char *const usual[] = { argument[0] == '/' ? argument : "/usr/sbin/tcsd", "/usr/sbin/tcsd",
		"/usr/local/sbin/tcsd", "/sbin/tcsd", "/usr/lib/tcsd", NULL };

	snprintf(program, PROCESS_PATH_MAX, "%s/proc/%ld/exe", root, number);
	if (access(program, R_OK) != 0)
		first_readable(root, usual, program);
}

/* words: as in /proc/N/cmdline, a NUL behind each. */
static void conf_find(
	const char *root, long number, const char *words, size_t len, char conf[PROCESS_PATH_MAX])
{
	static const char *const usual[] = { "/etc/tcsd.conf", "/etc/security/tcsd.conf",
		"/usr/local/etc/tcsd.conf", NULL };
	const char *named = NULL;

	for (const char *word = words; word < words + len; word += strlen(word) + 1)
		if (strcmp(word, "-c") == 0 && word + 3 < words + len)
			named = word + 3;
	if (named == NULL || named[0] == '\0')
		first_readable(root, usual, conf);
	else if (named[0] == '/')
		snprintf(conf, PROCESS_PATH_MAX, "%.100s%.400s", root, named);
	else
		snprintf(conf, PROCESS_PATH_MAX, "%.80s/proc/%ld/cwd/%.400s", root, number, named);
}

static bool process_read(const char *root, long number, uid_t owner, struct process *process)
{
	char path[PROCESS_PATH_MAX], text[1024];
	struct stat st;
	size_t n;

	snprintf(path, sizeof path, "%s/proc/%ld", root, number);
	if (stat(path, &st) != 0 || (st.st_uid != 0 && st.st_uid != owner))
		return false;
	snprintf(path, sizeof path, "%s/proc/%ld/comm", root, number);
	file_head(path, text, sizeof text);
	if (strcmp(text, "tcsd\n") != 0)
		return false;
	snprintf(path, sizeof path, "%s/proc/%ld/cmdline", root, number);
	n = file_head(path, text, sizeof text);
	process->number = number;
	program_find(root, number, text, process->program);
	conf_find(root, number, text, n, process->conf);
	return true;
}

bool process_find_tcsd(const char *root, uid_t owner, struct process *process)
{
	char path[PROCESS_PATH_MAX];
	bool found = false;
	DIR *stream;

	snprintf(path, sizeof path, "%s/proc", root);
	if ((stream = opendir(path)) == NULL)
		return false;
	for (struct dirent *d; !found && (d = readdir(stream)) != NULL;)
		found = d->d_name[0] >= '1' && d->d_name[0] <= '9'
			&& process_read(root, strtol(d->d_name, NULL, 10), owner, process);
	closedir(stream);
	return found;
}

bool process_version(const struct process *process, struct version *version)
{
	char *bytes = process->program[0] != '\0' ? malloc(PROGRAM_MAX) : NULL;
	bool found = bytes != NULL
		&& version_find(bytes, file_head(process->program, bytes, PROGRAM_MAX), version);

	free(bytes);
	return found;
}

bool process_places(const struct process *process, unsigned int *places)
{
	FILE *file = process->conf[0] != '\0' ? fopen(process->conf, "re") : NULL;
	char line[512];

	if (file == NULL)
		return false;
	*places = PLACES_PRESET;
	while (fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, " num_threads = %9u", places) == 1)
			break;
	fclose(file);
	return true;
}

bool package_version(struct version *version)
{
	static const struct {
		const char *program, *command;
	} managers[] = {
		{ "/usr/bin/dpkg-query", "/usr/bin/dpkg-query -W -f '${Version}' trousers 2>/dev/null" },
		{ "/usr/bin/rpm", "/usr/bin/rpm -q --queryformat '%{VERSION}' trousers 2>/dev/null" },
		{ "/usr/bin/pkg", "/usr/bin/pkg list -H -o version library/security/trousers 2>/dev/null" },
	};
	char text[128];

	for (size_t i = 0; i < sizeof managers / sizeof managers[0]; i++) {
		/* Nothing of a command comes from outside. NOLINTNEXTLINE(cert-env33-c) */
		FILE *pipe = access(managers[i].program, X_OK) == 0 ? popen(managers[i].command, "r") : NULL;
		bool found = pipe != NULL && fgets(text, sizeof text, pipe) != NULL;

		if (pipe != NULL)
			pclose(pipe);
		if (found && version_read(text, version))
			return true;
	}
	return false;
}
