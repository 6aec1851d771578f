/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/log.h"
#include "util/setting.h"
#include "util/system.h"
#include "util/user.h"

#define CONNECT_MS 1000
#define ADDRESSES_MAX 16

struct address {
	int family, protocol;
	socklen_t len;
	struct sockaddr_storage name;
};

struct addresses {
	struct address list[ADDRESSES_MAX];
	size_t count;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct addresses kept; /* by port_find() */

const char *port_host(void)
{
	const char *host = setting_env("TSS_TCSD_HOSTNAME");

	return host != NULL ? host : "localhost";
}

const char *port_service(void)
{
	const char *port = setting_env("TSS_TCSD_PORT");

	return port != NULL ? port : "30003";
}

struct addrinfo *port_addresses(void)
{
	struct addrinfo hints, *found = NULL;
	int error;

	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	error = getaddrinfo(port_host(), port_service(), &hints, &found);
	if (error == 0)
		return found;
	if (error != EAI_SYSTEM)
		errno = error == EAI_MEMORY ? ENOMEM : 0;
	return NULL;
}

static void addresses_find(struct addresses *addresses)
{
	struct addrinfo *all = port_addresses();

	memset(addresses, 0, sizeof *addresses);
	for (const struct addrinfo *a = all; a != NULL && addresses->count < ADDRESSES_MAX; a = a->ai_next) {
		struct address *address = &addresses->list[addresses->count];

		if (a->ai_addrlen > sizeof address->name)
			continue;
		address->family = a->ai_family;
		address->protocol = a->ai_protocol;
		address->len = a->ai_addrlen;
		memcpy(&address->name, a->ai_addr, a->ai_addrlen);
		addresses->count++;
	}
	if (all != NULL)
		freeaddrinfo(all);
}

static void addresses_recall(struct addresses *addresses)
{
	pthread_mutex_lock(&mutex);
	*addresses = kept;
	pthread_mutex_unlock(&mutex);
}

/* What this machine is short of, which says nothing of tcsd. */
static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static enum port_state shortage(int error)
{
	if (error == ENOMEM || error == ENOBUFS)
		return PORT_NO_MEMORY;
	log_error("no connection to tcsd can be opened: %s", strerror(error));
	return PORT_UNABLE;
}

static bool wait_for(struct pollfd *waiting, unsigned int ms)
{
	int n;

	do
		n = poll(waiting, 1, (int)ms);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* A forked child may have a copy, which must not keep a place in tcsd. */
static void hang_up(int fd)
{
	shutdown(fd, SHUT_RDWR);
	close(fd);
}

/* SO_KEEPALIVE, which libtspi never sets, marks a socket of this file. */
static int address_connect(const struct address *address, unsigned int ms)
{
	int fd = socket(address->family, SOCK_STREAM, address->protocol);
	struct pollfd waiting = { fd, POLLOUT, 0 };
	socklen_t len = sizeof(int);
	int failed = 0, on = 1;
	bool ok;

	if (fd < 0)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	ok = connect(fd, (const struct sockaddr *)&address->name, address->len) == 0;
	if (!ok && errno == EINPROGRESS) {
		errno = ETIMEDOUT;
		ok = wait_for(&waiting, ms)
			&& getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) == 0 && failed == 0;
		if (failed != 0)
			errno = failed;
	}
	if (ok)
		return fd;
	failed = errno;
	close(fd);
	errno = failed;
	return -1;
}

static int port_connect(const struct addresses *addresses, unsigned int ms, const struct sockaddr **to)
{
	int fd = -1;

	errno = ECONNREFUSED;
	for (size_t i = 0; i < addresses->count; i++) {
		*to = (const struct sockaddr *)&addresses->list[i].name;
		fd = address_connect(&addresses->list[i], ms);
		if (fd >= 0 || errno == ETIMEDOUT || is_shortage(errno))
			break;
	}
	return fd;
}

bool port_is_loopback(const struct sockaddr *address)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof v4);
		return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
	}
	if (address->sa_family != AF_INET6)
		return false;
	memcpy(&v6, address, sizeof v6);
	return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

/* Any user may listen on the port while tcsd does not. */
static enum port_state owner_judge(uid_t owner)
{
	struct buf space = BUF_INIT;
	struct passwd entry;
	bool is_tss;
	int error;

	if (owner == 0)
		return PORT_ANSWERS;
	is_tss = user_entry(owner, &entry, &space) && strcmp(entry.pw_name, "tss") == 0;
	error = errno;
	buf_free(&space);
	if (is_tss)
		return PORT_ANSWERS;
	if (is_shortage(error))
		return shortage(error);
	log_error("what listens on port %s is not tcsd: it belongs to user %lu, not to tss or root",
		port_service(), (unsigned long)owner);
	return PORT_FOREIGN;
}

static enum port_state listener_judge(const struct sockaddr *address)
{
	uid_t owner;

	if (!port_is_loopback(address))
		return PORT_ANSWERS;
	if (system_listener(address, &owner))
		return owner_judge(owner);
	if (is_shortage(errno))
		return shortage(errno);
	if (errno == 0)
		return PORT_ANSWERS;
	log_error("who listens on port %s cannot be looked up in /proc/net: %s", port_service(),
		strerror(errno));
	return PORT_FOREIGN;
}

/* A name cannot be looked up without a descriptor either, but the resolver does not always say so. */
static enum port_state unfound(int error)
{
	int fd;

	if (is_shortage(error))
		return shortage(error);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 && is_shortage(errno))
		return shortage(errno);
	if (fd >= 0)
		close(fd);
	return PORT_REFUSES;
}

static enum port_state look(struct addresses *addresses)
{
	const struct sockaddr *to;
	enum port_state state = PORT_REFUSES;
	int fd;

	if (setting_env_denied("TSS_TCSD_HOSTNAME") || setting_env_denied("TSS_TCSD_PORT")) {
		log_error("a set-uid program does not follow TSS_TCSD_HOSTNAME or TSS_TCSD_PORT: unset them");
		return PORT_FOREIGN;
	}
	addresses_find(addresses);
	if (addresses->count == 0)
		return unfound(errno);
	if ((fd = port_connect(addresses, CONNECT_MS, &to)) >= 0) {
		state = listener_judge(to);
		hang_up(fd);
	} else if (errno == ETIMEDOUT) {
		state = PORT_BUSY;
	} else if (is_shortage(errno)) {
		state = shortage(errno);
	}
	return state;
}

enum port_state port_look(void)
{
	struct addresses addresses;

	return look(&addresses);
}

enum port_state port_find(void)
{
	struct addresses addresses = { .count = 0 };
	enum port_state state = look(&addresses);

	pthread_mutex_lock(&mutex);
	kept = addresses;
	pthread_mutex_unlock(&mutex);
	return state;
}

/* tcsd hangs up on whoever has nothing to say, and at once if its places are taken; the kernel alone,
   which takes connections for a stopped tcsd, does not. */
bool port_alive(unsigned int ms)
{
	struct pollfd waiting = { -1, POLLIN, 0 };
	struct addresses addresses;
	const struct sockaddr *to;
	bool alive;

	addresses_recall(&addresses);
	if ((waiting.fd = port_connect(&addresses, ms, &to)) < 0)
		return false;
	shutdown(waiting.fd, SHUT_WR);
	alive = wait_for(&waiting, ms);
	hang_up(waiting.fd);
	return alive;
}

struct search {
	struct addresses addresses;
	struct port_sockets *sockets;
};

static bool goes_to(const struct addresses *addresses, const struct sockaddr_storage *peer)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (addresses->list[i].family == peer->ss_family
			&& memcmp(&addresses->list[i].name, peer, addresses->list[i].len) == 0)
			return true;
	return false;
}

static bool socket_visit(int fd, void *arg)
{
	struct search *search = arg;
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer, mark_len = sizeof(int);
	int mark = 0;

	memset(&peer, 0, sizeof peer);
	if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && goes_to(&search->addresses, &peer)
		&& getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &mark, &mark_len) == 0 && mark == 0)
		search->sockets->fds[search->sockets->count++] = fd;
	return search->sockets->count < PORT_SOCKETS;
}

void port_sockets_find(struct port_sockets *sockets)
{
	struct search search;

	search.sockets = sockets;
	addresses_recall(&search.addresses);
	sockets->count = 0;
	system_descriptors(socket_visit, &search);
}

void port_forget(void)
{
	static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	memcpy(&mutex, &fresh, sizeof mutex);
}
