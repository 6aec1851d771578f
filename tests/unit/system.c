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
	for (char *slash = whole + strlen(unit_scratch()) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
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

struct endpoint {
	int family;
	const char *address;
	int fd;
	unsigned int port;
};

/* False: the machine has no such address. */
static bool endpoint_bind(struct endpoint *e)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr *address = e->family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t len = e->family == AF_INET ? sizeof v4 : sizeof v6;

	MUST(inet_pton(e->family, e->address,
		e->family == AF_INET ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr) == 1);
	v4.sin_port = v6.sin6_port = htons((uint16_t)e->port);
	e->fd = socket(e->family, SOCK_STREAM, 0);
	if (e->fd < 0 || bind(e->fd, address, len) != 0) {
		if (e->fd >= 0)
			close(e->fd);
		return false;
	}
	MUST(getsockname(e->fd, address, &len) == 0);
	e->port = ntohs(e->family == AF_INET ? v4.sin_port : v6.sin6_port);
	return true;
}

static bool can_tell(void)
{
	if (access("/proc/net/tcp", R_OK) == 0)
		return true;
	tap_skip("the system has no /proc/net/tcp");
	return false;
}

static void listener_seen(struct endpoint e)
{
	uid_t owner = (uid_t)-1;

	if (!can_tell())
		return;
	if (!endpoint_bind(&e)) {
		tap_skip("the machine has no such address");
		return;
	}
	CHECK(!system_listener(e.port, &owner));
	MUST(listen(e.fd, 1) == 0);
	CHECK(system_listener(e.port, &owner));
	NUMBER_EQUAL(owner, geteuid());
	close(e.fd);
	CHECK(!system_listener(e.port, &owner));
}

static void listener_v4(void)
{
	listener_seen((struct endpoint){ AF_INET, "127.0.0.1", -1, 0 });
}

static void listener_v6(void)
{
	listener_seen((struct endpoint){ AF_INET6, "::1", -1, 0 });
}

static void listener_anywhere(void)
{
	listener_seen((struct endpoint){ AF_INET, "0.0.0.0", -1, 0 });
}

static int nobody_listens(void *arg)
{
	struct endpoint e = { AF_INET, "127.0.0.1", -1, 0 };
	uid_t owner = 0;

	(void)arg;
	MUST(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	MUST(endpoint_bind(&e) && listen(e.fd, 1) == 0);
	CHECK(system_listener(e.port, &owner));
	NUMBER_EQUAL(owner, NOBODY);
	return 0;
}

static void listener_owner(void)
{
	if (!can_tell())
		return;
	if (geteuid() != 0) {
		tap_skip("only root can become another user");
		return;
	}
	NUMBER_EQUAL(tap_child_wait(tap_child_start(nobody_listens, NULL)), 0);
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
		{ "a listener on 127.0.0.1", listener_v4 },
		{ "a listener on ::1", listener_v6 },
		{ "a listener on every address", listener_anywhere },
		{ "a listener of another user", listener_owner },
		{ "each open descriptor is visited once, and no other", descriptors },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "system", cases));
}
