/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "config.h"
#include "util/setting.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/log.h"

#define FILE_MAX 65536
#define CONF_FILE SYSCONFDIR "/pkcs11_tpm.conf"

static struct {
	const char *name;
	char *value; /* kept for good: whoever asked may hold on to it */
} settings[] = {
	{ "PKCS11_TPM_ACCEPT_WEAK_KEYS", NULL },
	{ "PKCS11_TPM_DIR", NULL },
	{ "PKCS11_TPM_IDLE", NULL },
	{ "PKCS11_TPM_KEYGEN", NULL },
	{ "PKCS11_TPM_LOG", NULL },
	{ "PKCS11_TPM_SRK_SECRET_FILE", NULL },
	{ "PKCS11_TPM_TIMEOUT", NULL },
};

static pthread_once_t loaded = PTHREAD_ONCE_INIT;

const char *setting_env(const char *name)
{
	const char *value;

#ifdef HAVE_SECURE_GETENV
	value = secure_getenv(name);
#else
	value = issetugid() ? NULL : getenv(name);
#endif
	return value != NULL && *value != '\0' ? value : NULL;
}

bool setting_env_denied(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' && setting_env(name) == NULL;
}

static const char *read_open_file(int fd, struct buf *content)
{
	struct stat st;
	uint8_t *to;
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is no regular file";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "it belongs to somebody else";
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others may write to it: chmod go-w";
	if (st.st_size > FILE_MAX)
		return "it is too large";
	if ((to = buf_extend(content, (size_t)st.st_size)) == NULL)
		return "out of memory";
	n = read(fd, to, (size_t)st.st_size);
	if (n != (ssize_t)st.st_size)
		return n < 0 ? strerror(errno) : "it changed meanwhile";
	return NULL;
}

const char *setting_read_file(const char *path, struct buf *content)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const char *why;

	if (fd < 0)
		return strerror(errno);
	why = read_open_file(fd, content);
	close(fd);
	return why;
}

/* Cuts blanks at both ends. */
static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && strchr(" \t\r", end[-1]) != NULL)
		end--;
	*end = '\0';
	return text + strspn(text, " \t");
}

static void line_take(const char *path, unsigned int number, char *line)
{
	char *name, *value = strchr(line, '=');

	line = trim(line);
	if (*line == '\0' || *line == '#')
		return;
	if (value == NULL) {
		log_error("%s, line %u: no NAME = value", path, number);
		return;
	}
	*value++ = '\0';
	name = trim(line);
	value = trim(value);
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
		if (strcmp(settings[i].name, name) == 0) {
			free(settings[i].value);
			settings[i].value = *value != '\0' ? strdup(value) : NULL;
			return;
		}
	log_error("%s, line %u: %s is no setting", path, number, name);
}

static void load(void)
{
	const char *chosen = setting_env("PKCS11_TPM_CONF"), *why;
	const char *path = chosen != NULL ? chosen : CONF_FILE;
	struct buf content = BUF_INIT;
	unsigned int number = 0;
	char *line, *rest;

	errno = 0;
	why = setting_read_file(path, &content);
	if (chosen == NULL && why != NULL && errno == ENOENT)
		return;
	if (why == NULL && content.len != 0 && memchr(content.data, '\0', content.len) != NULL)
		why = "it is no text";
	buf_put_u8(&content, '\0');
	if (why == NULL && buf_failed(&content))
		why = "out of memory";
	if (why != NULL)
		log_error("%s is not read: %s", path, why);
	for (line = why == NULL ? (char *)content.data : NULL; line != NULL; line = rest) {
		rest = strchr(line, '\n');
		if (rest != NULL)
			*rest++ = '\0';
		line_take(path, ++number, line);
	}
	buf_free(&content);
}

const char *setting_get(const char *name)
{
	const char *value = setting_env(name);

	if (value != NULL)
		return value;
	pthread_once(&loaded, load);
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
		if (strcmp(settings[i].name, name) == 0)
			return settings[i].value;
	return NULL;
}

unsigned int setting_number(const char *name, unsigned int preset, unsigned int max)
{
	const char *value = setting_get(name);
	unsigned long number;
	char *end;

	if (value == NULL)
		return preset;
	errno = 0;
	number = strtoul(value, &end, 10);
	if (*value >= '0' && *value <= '9' && *end == '\0' && errno == 0 && number <= max)
		return (unsigned int)number;
	log_error("%s is no number of 0 to %u: %s", name, max, value);
	return preset;
}
