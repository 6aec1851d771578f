/* SPDX-License-Identifier: BSD-2-Clause */
#include "tspi/wire.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tspi/port.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct port_sockets strangers; /* connected to tcsd before we were */
static int wire = -1; /* not known */
static bool settled; /* found, or known not to be there, since it was expected */
static dev_t device;
static ino_t inode;
static struct sockaddr_storage local;

static bool is_stranger_locked(int fd)
{
	for (size_t i = 0; i < strangers.count; i++)
		if (strangers.fds[i] == fd)
			return true;
	return false;
}

static bool local_name(int fd, struct sockaddr_storage *name)
{
	socklen_t len = sizeof *name;

	memset(name, 0, sizeof *name);
	return getsockname(fd, (struct sockaddr *)name, &len) == 0;
}

/* The host may use libtspi itself: of two that are new, none is taken. */
static void look_locked(void)
{
	struct port_sockets sockets;
	struct stat st;
	size_t candidates = 0;

	wire = -1;
	port_sockets_find(&sockets);
	for (size_t i = 0; i < sockets.count; i++)
		if (!is_stranger_locked(sockets.fds[i])) {
			wire = sockets.fds[i];
			candidates++;
		}
	if (candidates != 1 || fstat(wire, &st) != 0 || !local_name(wire, &local)) {
		wire = -1;
		return;
	}
	device = st.st_dev;
	inode = st.st_ino;
	settled = true;
}

static bool is_wire_locked(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* libtspi may have closed it, and the number be another file's by now: the name tells that without a look
   at a file of the host, which may be on a file system that does not answer. */
static bool is_open_locked(void)
{
	struct sockaddr_storage name;

	return wire >= 0 && local_name(wire, &name) && memcmp(&name, &local, sizeof name) == 0
		&& is_wire_locked(wire);
}

static void close_locked(void)
{
	if (is_open_locked())
		close(wire);
	wire = -1;
}

void wire_expect(void)
{
	pthread_mutex_lock(&mutex);
	wire = -1;
	settled = false;
	port_sockets_find(&strangers);
	pthread_mutex_unlock(&mutex);
}

void wire_found(void)
{
	pthread_mutex_lock(&mutex);
	look_locked();
	if (wire >= 0)
		fcntl(wire, F_SETFD, FD_CLOEXEC);
	pthread_mutex_unlock(&mutex);
}

/* libtspi may still be connecting. But where ours is gone, another that is new is the host's. */
int wire_copy(void)
{
	int copy = -1;

	pthread_mutex_lock(&mutex);
	if (!settled)
		look_locked();
	if (is_open_locked())
		copy = fcntl(wire, F_DUPFD_CLOEXEC, 0);
	if (copy >= 0 && !is_wire_locked(copy)) {
		close(copy);
		copy = -1;
	}
	pthread_mutex_unlock(&mutex);
	return copy;
}

void wire_none(void)
{
	pthread_mutex_lock(&mutex);
	settled = true;
	pthread_mutex_unlock(&mutex);
}

static void copy_cut(int copy)
{
	if (copy >= 0) {
		shutdown(copy, SHUT_RDWR);
		close(copy);
	}
}

void wire_cut(void)
{
	copy_cut(wire_copy());
}

/* The copy ends the connection also for a forked child that holds the socket. */
void wire_end(int copy)
{
	pthread_mutex_lock(&mutex);
	close_locked();
	pthread_mutex_unlock(&mutex);
	copy_cut(copy);
}

void wire_forget(void)
{
	static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	memcpy(&mutex, &fresh, sizeof mutex);
	close_locked();
}
