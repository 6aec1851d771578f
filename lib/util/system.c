/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/system.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TCP_LISTEN 0x0a
#define DESCRIPTORS_MAX 4096

/* A line of Linux's /proc/net/tcp: number, local and remote address, state, queues, timer, retries, uid. */
static bool listens(const char *line, unsigned int port, uid_t *owner)
{
	unsigned int local_port, state;
	unsigned long uid;

	if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %lu", &local_port,
			&state, &uid) != 3 || local_port != port || state != TCP_LISTEN)
		return false;
	*owner = (uid_t)uid;
	return true;
}

bool system_listener(unsigned int port, uid_t *owner)
{
	static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	char line[512];
	bool found = false;

	for (size_t i = 0; !found && i < sizeof tables / sizeof tables[0]; i++) {
		FILE *table = fopen(tables[i], "re");

		while (table != NULL && !found && fgets(line, sizeof line, table) != NULL)
			found = listens(line, port, owner);
		if (table != NULL)
			fclose(table);
	}
	return found;
}

void system_descriptors(bool (*visit)(int fd, void *arg), void *arg)
{
	DIR *stream = opendir("/proc/self/fd");
	int max = (int)sysconf(_SC_OPEN_MAX);

	if (stream == NULL) {
		for (int fd = 0; fd < max && fd < DESCRIPTORS_MAX; fd++)
			if (fcntl(fd, F_GETFD) >= 0 && !visit(fd, arg))
				return;
		return;
	}
	for (struct dirent *d; (d = readdir(stream)) != NULL;)
		if (d->d_name[0] != '.' && atoi(d->d_name) != dirfd(stream) && !visit(atoi(d->d_name), arg))
			break;
	closedir(stream);
}

static bool path_exists(const char *root, const char *path, struct stat *st)
{
	char whole[512];

	snprintf(whole, sizeof whole, "%s%s", root, path);
	return stat(whole, st) == 0;
}

static int version_major(const char *root)
{
	char path[512], digit = '\0';
	FILE *file;

	snprintf(path, sizeof path, "%s/sys/class/tpm/tpm0/tpm_version_major", root);
	if ((file = fopen(path, "re")) == NULL)
		return 0;
	if (fread(&digit, 1, 1, file) != 1)
		digit = '0';
	fclose(file);
	return digit - '0';
}

/* Only a system that says what devices it has can say that one is missing. */
const char *system_tpm_fault(const char *root)
{
	struct stat st;

	if (!path_exists(root, "/sys/class", &st))
		return NULL;
	if (version_major(root) == 2)
		return "the chip is a TPM 2.0, and this module is for TPM 1.2: use tpm2-pkcs11";
	if (!path_exists(root, "/dev/tpm0", &st))
		return "there is no /dev/tpm0: switch the TPM on in the firmware setup, load its driver";
	if (st.st_uid == 0 && (st.st_mode & S_IRWXO) != (S_IROTH | S_IWOTH)
		&& (st.st_gid == 0 || (st.st_mode & (S_IRGRP | S_IWGRP)) != (S_IRGRP | S_IWGRP)))
		return "tcsd may not open /dev/tpm0: chown tss:tss /dev/tpm0";
	return NULL;
}
