/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* setgroups() */
#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "util/system.h"

#define NOBODY 65534
#define TSS 59

/* --- why there can be no TPM 1.2: a made-up root directory --- */

static void root_mkdir(const char *path)
{
	char whole[512];

	snprintf(whole, sizeof whole, "%s", unit_path(path));
	for (char *slash = whole + strlen(unit_scratch()) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(whole, 0755);
		*slash = '/';
	}
	mkdir(whole, 0755);
}

static void device_make(uid_t user, gid_t group, mode_t mode)
{
	root_mkdir("dev");
	unit_write(unit_path("dev/tpm0"), "", 0);
	MUST(chmod(unit_path("dev/tpm0"), mode) == 0);
	MUST(chown(unit_path("dev/tpm0"), user, group) == 0);
}

static void fault_is(const char *expected)
{
	const char *fault = system_tpm_fault(unit_scratch());

	TAP_CHECK(expected == NULL ? fault == NULL : fault != NULL && strstr(fault, expected) != NULL,
		"the fault is: %s; not: %s", fault != NULL ? fault : "(none)",
		expected != NULL ? expected : "(none)");
}

static void nothing_known(void)
{
	unit_fresh();
	fault_is(NULL);
	root_mkdir("sys");
	fault_is(NULL);
}

static void no_device(void)
{
	unit_fresh();
	root_mkdir("sys/class");
	fault_is("there is no /dev/tpm0");
	root_mkdir("sys/class/tpm");
	root_mkdir("dev");
	fault_is("there is no /dev/tpm0");
}

static void versions(void)
{
	static const struct {
		const char *text, *fault;
	} rows[] = {
		{ "2\n", "TPM 2.0" }, { "2", "TPM 2.0" }, { "1\n", NULL }, { "", NULL }, { "\n", NULL },
		{ "x\n", NULL },
	};

	unit_fresh();
	root_mkdir("sys/class/tpm/tpm0");
	device_make(geteuid(), getegid(), 0666);
	fault_is(NULL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		tap_about("row %zu", i);
		unit_write(unit_path("sys/class/tpm/tpm0/tpm_version_major"), rows[i].text,
			strlen(rows[i].text));
		fault_is(rows[i].fault);
	}
}

static void owners(void)
{
	static const struct {
		uid_t user;
		gid_t group;
		mode_t mode;
		bool usable;
	} rows[] = {
		{ 0, 0, 0600, false }, { 0, 0, 0660, false }, { 0, 0, 0664, false }, { 0, 0, 0666, true },
		{ 0, TSS, 0660, true }, { 0, TSS, 0640, false }, { 0, TSS, 0600, false },
		{ TSS, TSS, 0600, true }, { TSS, 0, 0660, true }, { TSS, TSS, 0660, true },
	};

	if (geteuid() != 0) {
		tap_skip("only root can give files away");
		return;
	}
	unit_fresh();
	root_mkdir("sys/class/tpm/tpm0");
	unit_write(unit_path("sys/class/tpm/tpm0/tpm_version_major"), "1\n", 2);
	for (size_t i = 0; i < COUNT(rows); i++) {
		tap_about("row %zu", i);
		device_make(rows[i].user, rows[i].group, rows[i].mode);
		fault_is(rows[i].usable ? NULL : "tcsd may not open /dev/tpm0");
	}
}

/* --- who listens --- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool can_tell(void)
{
	if (access("/proc/net/tcp", R_OK) == 0)
		return true;
	tap_skip("the system has no /proc/net/tcp");
	return false;
}

static bool can_be_nobody(void)
{
	if (geteuid() != 0)
		tap_skip("only root can become another user");
	return geteuid() == 0 && can_tell();
}

static union address address_of(const char *text, unsigned int port)
{
	union address a;

	memset(&a, 0, sizeof a);
	a.any.sa_family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	MUST(inet_pton(a.any.sa_family, text,
		a.any.sa_family == AF_INET ? (void *)&a.v4.sin_addr : (void *)&a.v6.sin6_addr) == 1);
	if (a.any.sa_family == AF_INET)
		a.v4.sin_port = htons((uint16_t)port);
	else
		a.v6.sin6_port = htons((uint16_t)port);
	return a;
}

/* A bound socket, at any port where that is 0, which becomes the one it got. -1: no such address. */
static int bound(const char *text, bool only_v6, unsigned int *port)
{
	union address a = address_of(text, *port);
	int fd = socket(a.any.sa_family, SOCK_STREAM, 0), only = only_v6;
	socklen_t len = a.any.sa_family == AF_INET ? sizeof a.v4 : sizeof a.v6;

	if (fd >= 0 && a.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
	if (fd >= 0 && bind(fd, &a.any, len) == 0 && getsockname(fd, &a.any, &len) == 0) {
		*port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The list that cannot be read, and why; or, where it can be, one line of it cannot. */
static const char *closed_table;
static int closed_error;

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

FILE *__wrap_fopen(const char *path, const char *mode)
{
	if (closed_table == NULL || strcmp(path, closed_table) != 0)
		return __real_fopen(path, mode);
	errno = closed_error;
	/* Of a directory nothing can be read. */
	return closed_error == EISDIR ? __real_fopen("/", mode) : NULL;
}

static bool listener_of(const char *text, unsigned int port, uid_t *owner)
{
	union address a = address_of(text, port);

	*owner = (uid_t)-1;
	return system_listener(&a.any, owner);
}

/* "a listener on WHERE, asked for as ADDRESS" */
static void listener(void)
{
	char where[64], asked[64];
	unsigned int port = 0;
	uid_t owner;
	int fd;

	MUST(sscanf(tap_case_name(), "a listener on %63[^,], asked for as %63s", where, asked) == 2);
	if (!can_tell())
		return;
	if ((fd = bound(where, false, &port)) < 0) {
		tap_skip("the machine has no such address");
		return;
	}
	CHECK(!listener_of(asked, port, &owner));
	MUST(listen(fd, 1) == 0);
	CHECK(listener_of(asked, port, &owner));
	NUMBER_EQUAL(owner, geteuid());
	CHECK(!listener_of(asked, port == 65535 ? 1 : port + 1, &owner) || owner != geteuid());
	close(fd);
	CHECK(!listener_of(asked, port, &owner));
}

/* A list that is not there tells nothing. One that cannot be read is no such list. */
static void closed_list(void)
{
	static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	static const int errors[] = { EACCES, EMFILE, ENFILE, ENOMEM, EISDIR };
	unsigned int port = 0;
	uid_t owner;
	int fd = bound("127.0.0.1", false, &port);

	if (!can_tell())
		return;
	MUST(fd >= 0 && listen(fd, 1) == 0);
	for (size_t i = 0; i < COUNT(tables); i++) {
		closed_table = tables[i];
		for (size_t j = 0; j < COUNT(errors); j++) {
			tap_about("%s: %s", tables[i], strerror(errors[j]));
			closed_error = errors[j];
			CHECK(!listener_of("127.0.0.1", port, &owner));
			NUMBER_EQUAL(errno, errors[j]);
		}
		tap_about("%s is missing", tables[i]);
		closed_error = ENOENT;
		CHECK(listener_of("127.0.0.1", port, &owner) == (i == 1));
		CHECK(i == 1 || errno == 0);
	}
	closed_table = NULL;
	close(fd);
	CHECK(!listener_of("127.0.0.1", port, &owner));
	NUMBER_EQUAL(errno, 0);
}

struct stranger {
	const char *where;
	bool only_v6;
	unsigned int port;
	int ready, done, done_end;
};

/* Listens as another user until the case has seen it. */
static int stranger_listens(void *arg)
{
	struct stranger *stranger = arg;
	char byte;
	int fd;

	close(stranger->done_end);
	MUST(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	fd = bound(stranger->where, stranger->only_v6, &stranger->port);
	MUST(fd >= 0 && listen(fd, 1) == 0);
	MUST(write(stranger->ready, &stranger->port, sizeof stranger->port) == sizeof stranger->port);
	CHECK(read(stranger->done, &byte, 1) == 0);
	return 0;
}

/* Root listens at ours, where there is one, and somebody else at the same port of theirs. */
static void two_listeners(const char *ours, const char *theirs, const char *asked, uid_t expected)
{
	int ready[2], done[2], fd = -1;
	struct stranger stranger = { theirs, true, 0, -1, -1, -1 };
	uid_t owner;
	pid_t child;

	tap_about("%s beside %s, asked for as %s", ours != NULL ? ours : "none", theirs, asked);
	if (ours != NULL) {
		fd = bound(ours, true, &stranger.port);
		MUST(fd >= 0 && listen(fd, 1) == 0);
	}
	MUST(pipe(ready) == 0 && pipe(done) == 0);
	stranger.ready = ready[1];
	stranger.done = done[0];
	stranger.done_end = done[1];
	child = tap_child_start(stranger_listens, &stranger);
	close(ready[1]);
	if (read(ready[0], &stranger.port, sizeof stranger.port) == sizeof stranger.port) {
		CHECK(listener_of(asked, stranger.port, &owner));
		NUMBER_EQUAL(owner, expected);
	}
	close(done[1]);
	NUMBER_EQUAL(tap_child_wait(child), 0);
	close(done[0]);
	close(ready[0]);
	if (fd >= 0)
		close(fd);
}

static bool has_v6(void)
{
	unsigned int port = 0;
	int fd = bound("::1", true, &port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void strangers(void)
{
	if (!can_be_nobody())
		return;
	two_listeners(NULL, "127.0.0.1", "127.0.0.1", NOBODY);
	two_listeners("127.0.0.1", "127.0.0.2", "127.0.0.1", 0);
	two_listeners("127.0.0.1", "127.0.0.2", "127.0.0.2", NOBODY);
	two_listeners("127.0.0.2", "127.0.0.1", "127.0.0.2", 0);
	two_listeners("127.0.0.2", "127.0.0.1", "127.0.0.1", NOBODY);
	if (!has_v6())
		return;
	two_listeners("127.0.0.1", "::1", "127.0.0.1", 0);
	two_listeners("127.0.0.1", "::1", "::1", NOBODY);
	two_listeners("::1", "127.0.0.1", "127.0.0.1", NOBODY);
	two_listeners("::1", "127.0.0.1", "::1", 0);
	two_listeners("0.0.0.0", "::1", "::1", NOBODY);
	two_listeners("0.0.0.0", "::", "127.0.0.1", 0);
	two_listeners("0.0.0.0", "::", "::1", NOBODY);
}

/* --- descriptors --- */

#define MANY 2048

static unsigned int visits[MANY];

static bool note(int fd, void *arg)
{
	(void)arg;
	if (fd >= 0 && fd < MANY)
		visits[fd]++;
	return true;
}

static bool stop_at_third(int fd, void *arg)
{
	(void)fd;
	return ++*(unsigned int *)arg < 3;
}

/* The one that the search itself needs was not open before. */
static void descriptors(void)
{
	int high[] = { 20, 77, 500, 1000 }, file = open("/dev/null", O_RDONLY);
	unsigned int count = 0;

	MUST(file >= 0);
	for (size_t i = 0; i < COUNT(high); i++)
		MUST(dup2(file, high[i]) == high[i]);
	close(file);
	memset(visits, 0, sizeof visits);
	system_descriptors(note, NULL);
	for (int fd = 0; fd < MANY; fd++)
		TAP_CHECK(visits[fd] == (fcntl(fd, F_GETFD) >= 0 ? 1u : 0u), "descriptor %d: %u visits", fd,
			visits[fd]);
	CHECK(visits[1000] == 1 && visits[0] == 1);
	system_descriptors(stop_at_third, &count);
	NUMBER_EQUAL(count, 3);
	for (size_t i = 0; i < COUNT(high); i++)
		close(high[i]);
	file = open("/dev/null", O_RDONLY);
	memset(visits, 0, sizeof visits);
	system_descriptors(note, NULL);
	NUMBER_EQUAL(visits[file], 1);
	NUMBER_EQUAL(visits[1000], 0);
	close(file);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "a system that does not tell its devices", nothing_known },
		{ "a machine without a TPM", no_device },
		{ "a TPM 2.0", versions },
		{ "a device that tcsd may not open", owners },
		{ "a listener on 127.0.0.1, asked for as 127.0.0.1", listener },
		{ "a listener on ::1, asked for as ::1", listener },
		{ "a listener on 0.0.0.0, asked for as 127.0.0.1", listener },
		{ "a listener on ::, asked for as ::1", listener },
		{ "a listener on ::, asked for as 127.0.0.1", listener },
		{ "a list of listeners that cannot be read", closed_list },
		{ "a listener of another user, alone or beside root's", strangers },
		{ "each open descriptor is visited once, and no other", descriptors },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "system", cases));
}
