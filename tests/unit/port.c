/* SPDX-License-Identifier: BSD-2-Clause */
/* Who listens on tcsd's port, where that can be looked up and where it cannot. */
#include "tspi/port.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "unit.h"
#include "util/system.h"
#include "util/user.h"

#define SOMEBODY 4711

/* What the system is made to say: the owner of the listener, and that user's entry in passwd; why the name
   of the host cannot be looked up. */
static struct {
	uid_t owner;
	int owner_error, entry_error;
	const char *name;
	int name_error, name_errno;
} says;

bool __wrap_system_listener(const struct sockaddr *address, uid_t *owner);
bool __wrap_user_entry(uid_t uid, struct passwd *entry, struct buf *space);

bool __wrap_system_listener(const struct sockaddr *address, uid_t *owner)
{
	(void)address;
	*owner = says.owner;
	errno = says.owner_error;
	return says.owner_error == 0;
}

bool __wrap_user_entry(uid_t uid, struct passwd *entry, struct buf *space)
{
	(void)space;
	NUMBER_EQUAL(uid, says.owner);
	memset(entry, 0, sizeof *entry);
	if (says.name != NULL)
		entry->pw_name = (char *)buf_extend(space, strlen(says.name) + 1);
	if (entry->pw_name != NULL)
		memcpy(entry->pw_name, says.name, strlen(says.name) + 1);
	errno = says.entry_error;
	return entry->pw_name != NULL;
}

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **found);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **found);

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **found)
{
	if (says.name_error == 0)
		return __real_getaddrinfo(host, service, hints, found);
	errno = says.name_errno;
	return says.name_error;
}

static int listen_somewhere(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof name;
	char port[8];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	MUST(fd >= 0 && bind(fd, (struct sockaddr *)&name, len) == 0 && listen(fd, 16) == 0);
	MUST(getsockname(fd, (struct sockaddr *)&name, &len) == 0);
	snprintf(port, sizeof port, "%d", ntohs(name.sin_port));
	setenv("TSS_TCSD_HOSTNAME", "127.0.0.1", 1);
	setenv("TSS_TCSD_PORT", port, 1);
	return fd;
}

static void owners(void)
{
	static const struct {
		uid_t owner;
		const char *name;
		enum port_state state;
	} rows[] = {
		{ 0, "root", PORT_ANSWERS },
		{ SOMEBODY, "tss", PORT_ANSWERS },
		{ SOMEBODY, "somebody", PORT_FOREIGN },
		{ SOMEBODY, NULL, PORT_FOREIGN },
	};
	int fd = listen_somewhere();

	for (size_t i = 0; i < COUNT(rows); i++) {
		tap_about("row %zu", i);
		memset(&says, 0, sizeof says);
		says.owner = rows[i].owner;
		says.name = rows[i].name;
		NUMBER_EQUAL(port_look(), rows[i].state);
	}
	close(fd);
	NUMBER_EQUAL(port_look(), PORT_REFUSES);
}

/* What this process lacks must not make a stranger of tcsd. */
static void shortages(void)
{
	static const struct {
		int error;
		enum port_state state;
	} rows[] = {
		{ ENOMEM, PORT_NO_MEMORY },
		{ EMFILE, PORT_UNABLE },
		{ ENFILE, PORT_UNABLE },
		{ EIO, PORT_FOREIGN },
	};
	int fd = listen_somewhere();

	for (size_t i = 0; i < COUNT(rows); i++) {
		tap_about("row %zu", i);
		memset(&says, 0, sizeof says);
		says.owner = SOMEBODY;
		says.entry_error = rows[i].error;
		NUMBER_EQUAL(port_look(), rows[i].state);
		says.owner_error = rows[i].error;
		NUMBER_EQUAL(port_look(), rows[i].state);
	}
	close(fd);
}

static void names(void)
{
	static const struct {
		int error, system;
		enum port_state state;
	} rows[] = {
		{ EAI_NONAME, 0, PORT_REFUSES },
		{ EAI_AGAIN, ENOMEM, PORT_REFUSES },
		{ EAI_MEMORY, 0, PORT_NO_MEMORY },
		{ EAI_SYSTEM, ENOMEM, PORT_NO_MEMORY },
		{ EAI_SYSTEM, EMFILE, PORT_UNABLE },
		{ EAI_SYSTEM, EIO, PORT_REFUSES },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		tap_about("row %zu", i);
		memset(&says, 0, sizeof says);
		says.name_error = rows[i].error;
		says.name_errno = rows[i].system;
		NUMBER_EQUAL(port_look(), rows[i].state);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "tcsd belongs to root or tss", owners },
		{ "who listens cannot be looked up", shortages },
		{ "the name cannot be looked up", names },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "port", cases));
}
