/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/system.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TCP_LISTEN 0x0a
#define DESCRIPTORS_MAX 4096

enum fit { FIT_NOT, FIT_WILDCARD, FIT_EXACT };

/* IPv4 addresses as IPv6 has them: ::ffff:a.b.c.d. The kernel prints words of its own byte order. */
static void words_of_v4(uint32_t v4, uint32_t words[4])
{
	words[0] = words[1] = 0;
	words[2] = htonl(0xffff);
	words[3] = v4;
}

static bool words_of_address(const struct sockaddr *address, uint32_t words[4], unsigned int *port)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof v4);
		words_of_v4(v4.sin_addr.s_addr, words);
		*port = ntohs(v4.sin_port);
		return true;
	}
	if (address->sa_family != AF_INET6)
		return false;
	memcpy(&v6, address, sizeof v6);
	memcpy(words, &v6.sin6_addr, sizeof v6.sin6_addr);
	*port = ntohs(v6.sin6_port);
	return true;
}

static enum fit address_fit(const char *digits, const uint32_t wanted[4])
{
	static const uint32_t none[4];
	unsigned int n[4] = { 0, 0, 0, 0 };
	uint32_t words[4], any_v4[4];
	bool is_v4 = strlen(digits) == 8;

	if (sscanf(digits, "%8x%8x%8x%8x", &n[0], &n[1], &n[2], &n[3]) != (is_v4 ? 1 : 4))
		return FIT_NOT;
	for (int i = 0; i < 4; i++)
		words[i] = n[i];
	if (is_v4)
		words_of_v4(n[0], words);
	if (memcmp(words, wanted, sizeof words) == 0)
		return FIT_EXACT;
	words_of_v4(0, any_v4);
	if (memcmp(words, none, sizeof words) == 0)
		return FIT_WILDCARD;
	return memcmp(words, any_v4, sizeof words) == 0 && memcmp(wanted, any_v4, 3 * sizeof words[0]) == 0
		? FIT_WILDCARD : FIT_NOT;
}

/* A line of Linux's /proc/net/tcp: number, local and remote address, state, queues, timer, retries, uid. */
static enum fit listens(const char *line, const uint32_t wanted[4], unsigned int port, uid_t *owner)
{
	unsigned int local_port, state;
	unsigned long uid;
	char digits[33];

	if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %lu", digits,
			&local_port, &state, &uid) != 4 || local_port != port || state != TCP_LISTEN)
		return FIT_NOT;
	*owner = (uid_t)uid;
	return address_fit(digits, wanted);
}

struct wanted {
	uint32_t words[4];
	unsigned int port;
	enum fit best;
	uid_t owner;
};

/* 0, also where there is no such table, or an errno. */
static int table_search(const char *path, struct wanted *wanted)
{
	FILE *table = fopen(path, "re");
	int error = 0;
	char line[512];
	uid_t uid;

	if (table == NULL)
		return errno == ENOENT ? 0 : errno;
	while (errno = 0, fgets(line, sizeof line, table) != NULL) {
		enum fit fit = listens(line, wanted->words, wanted->port, &uid);

		if (fit > wanted->best) {
			wanted->best = fit;
			wanted->owner = uid;
		}
	}
	if (ferror(table))
		error = errno != 0 ? errno : EIO;
	fclose(table);
	return error;
}

/* The address itself goes before the wildcard, as it does for the kernel. */
bool system_listener(const struct sockaddr *address, uid_t *owner)
{
	static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	struct wanted wanted = { .best = FIT_NOT };
	int error = 0;

	if (words_of_address(address, wanted.words, &wanted.port))
		for (size_t i = 0; error == 0 && i < sizeof tables / sizeof tables[0]; i++)
			error = table_search(tables[i], &wanted);
	errno = error;
	if (error != 0 || wanted.best == FIT_NOT)
		return false;
	*owner = wanted.owner;
	return true;
}

void system_descriptors(bool (*visit)(int fd, void *arg), void *arg)
{
	DIR *stream = opendir("/proc/self/fd");
	int max = (int)sysconf(_SC_OPEN_MAX);

	if (stream == NULL) {
		for (int fd = 0; (fd < max || max < 0) && fd < DESCRIPTORS_MAX; fd++)
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

int system_tpm_version(const char *root)
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
	if (system_tpm_version(root) == 2)
		return "the chip is a TPM 2.0, and this module is for TPM 1.2: use tpm2-pkcs11";
	if (!path_exists(root, "/dev/tpm0", &st))
		return "there is no /dev/tpm0: switch the TPM on in the firmware setup, load its driver";
	if (st.st_uid == 0 && (st.st_mode & S_IRWXO) != (S_IROTH | S_IWOTH)
		&& (st.st_gid == 0 || (st.st_mode & (S_IRGRP | S_IWGRP)) != (S_IRGRP | S_IWGRP)))
		return "tcsd may not open /dev/tpm0: chown tss:tss /dev/tpm0";
	return NULL;
}
