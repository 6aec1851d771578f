/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TSPI_PORT_H
#define TSPI_PORT_H

#include <stdbool.h>
#include <stddef.h>

/* tcsd's port, as libtspi finds it: $TSS_TCSD_HOSTNAME or localhost, $TSS_TCSD_PORT or 30003. */

struct addrinfo;
struct sockaddr;

const char *port_host(void);
const char *port_service(void);

/* For freeaddrinfo(); NULL: there are none, and errno is 0, or why they cannot be looked up. */
struct addrinfo *port_addresses(void);
bool port_is_loopback(const struct sockaddr *address);

enum port_state {
	PORT_ANSWERS,
	PORT_BUSY, /* somebody listens, but more have knocked than he lets wait */
	PORT_REFUSES,
	PORT_FOREIGN, /* somebody else listens there, or it may not be looked for there (logged) */
	PORT_UNABLE, /* this process, or the system, has no descriptor left to look with (logged) */
	PORT_NO_MEMORY
};

/* Looks in the environment and for the name, so only in a thread of the host's. */
enum port_state port_look(void);

/* The same, before a connection is opened: what was found is what the functions below go by, in whatever
   thread. A refused Tspi_Context_Connect closes its descriptor twice, so this is asked first. */
enum port_state port_find(void);

/* Does tcsd still serve, if only by hanging up? Waits for it no longer than that. */
bool port_alive(unsigned int ms);

/* The sockets of this process that are connected to tcsd, but for those of this file. Does not block. */
#define PORT_SOCKETS 16
struct port_sockets {
	int fds[PORT_SOCKETS];
	size_t count;
};

void port_sockets_find(struct port_sockets *sockets);

/* In the child after a fork. */
void port_forget(void);

#endif
