/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's descriptors, and the module's in programs that the host starts. */
#define _GNU_SOURCE
#include "p11_link.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 3
#define HELD 24
#define COUNT_CONNECTIONS "--count-connections"

/* --- a started program --- */

/* The connections that a program has which is started here, or -1. */
static int connections_after_exec(void)
{
	pid_t child = fork();

	if (child == 0) {
		execl("/proc/self/exe", "link_files", COUNT_CONNECTIONS, (char *)NULL);
		_exit(99);
	}
	return child > 0 ? tap_child_wait(child) : -1;
}

static int start_programs(void *ignored)
{
	struct link_signer signer;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 600);
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	ULONG_EQUAL(link_connections(), 1);
	ULONG_EQUAL(connections_after_exec(), 0);
	link_control("kill-tcsd");
	link_control("start-tcsd");
	RV_EQUAL(link_sign(&signer), CKR_OK);
	ULONG_EQUAL(link_connections(), 1);
	ULONG_EQUAL(connections_after_exec(), 0);
	p11_stop();
	return 0;
}

static void exec(void)
{
	link_new_token();
	ULONG_EQUAL(p11_in_child(start_programs, NULL), 0);
}

/* --- a host that opens and closes --- */

struct host {
	pthread_t thread;
	unsigned int number;
	unsigned long opened;
	unsigned int closed; /* by somebody else */
	unsigned int stolen;
};

static atomic_bool host_over;

static int open_one(unsigned int *seed, const char *path)
{
	switch (rand_r(seed) % 3) {
	case 0:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 1:
		return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	default:
		return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
}

static bool is_same(int fd, const struct stat *status)
{
	struct stat now;

	return fstat(fd, &now) == 0 && now.st_dev == status->st_dev && now.st_ino == status->st_ino;
}

static void close_one(struct host *host, int fd, const struct stat *status)
{
	if (fcntl(fd, F_GETFD) < 0) {
		host->closed++;
		return;
	}
	if (!is_same(fd, status))
		host->stolen++;
	if (close(fd) != 0)
		host->closed++;
}

static void *open_and_close(void *argument)
{
	struct host *host = argument;
	unsigned int seed = host->number;
	struct stat status[HELD];
	int fds[HELD];
	char path[700];

	snprintf(path, sizeof(path), "%s/host.%u", p11_directory(), host->number);
	for (int i = 0; i < HELD; i++)
		fds[i] = -1;
	while (!atomic_load(&host_over)) {
		int i = rand_r(&seed) % HELD;

		if (fds[i] >= 0)
			close_one(host, fds[i], &status[i]);
		fds[i] = open_one(&seed, path);
		if (fds[i] >= 0 && fstat(fds[i], &status[i]) != 0)
			host->closed++;
		host->opened++;
		if (host->opened % 64 == 0)
			sched_yield();
	}
	for (int i = 0; i < HELD; i++)
		if (fds[i] >= 0)
			close_one(host, fds[i], &status[i]);
	return NULL;
}

/* Connections opened and closed, broken, and refused. */
static void reconnect(const struct link_signer *signer)
{
	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < link_amount(6, 16); i++)
			RV_EQUAL(link_sign(signer), CKR_OK);
		link_control("kill-tcsd");
		for (int i = 0; i < 4; i++)
			RV_EQUAL(link_sign(signer), CKR_DEVICE_ERROR);
		link_control("start-tcsd");
	}
	RV_EQUAL(link_sign(signer), CKR_OK);
}

/* IDLE 0: the connection is opened and closed in each call; 600: it breaks while it stands. */
static int reconnect_in_a_busy_host(void *idle)
{
	static struct link_files before;
	struct host hosts[THREADS] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
	struct link_signer signer = { .session = CK_INVALID_HANDLE };

	link_set("PKCS11_TPM_IDLE", *(int *)idle);
	link_list_files(&before);
	link_log_in(&signer);
	for (int i = 0; i < THREADS; i++)
		MUST(pthread_create(&hosts[i].thread, NULL, open_and_close, &hosts[i]) == 0);
	reconnect(&signer);
	atomic_store(&host_over, true);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(hosts[i].thread, NULL);
		ULONG_EQUAL(hosts[i].closed, 0);
		ULONG_EQUAL(hosts[i].stolen, 0);
		CHECK(hosts[i].opened > 1000);
	}
	p11_stop();
	link_check_files(&before);
	return 0;
}

static void busy_host(void)
{
	int idle[] = { 0, 600 };

	for (int i = 0; i < 2; i++) {
		tap_about("idle %d", idle[i]);
		link_new_token();
		ULONG_EQUAL(p11_in_child(reconnect_in_a_busy_host, &idle[i]), 0);
	}
}

/* --- no descriptor to be had --- */

/* Every number is taken: the call fails, and the module is none the worse for it. */
static int sign_without_descriptors(void *ignored)
{
	static int taken[LINK_MAX_FILES];
	struct link_signer signer;
	struct rlimit few = { 64, 64 };
	int count = 0;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 0);
	link_log_to(link_log_path());
	link_log_in(&signer);
	MUST(link_closed_at_once());
	MUST(setrlimit(RLIMIT_NOFILE, &few) == 0);
	while (count < LINK_MAX_FILES && (taken[count] = open("/dev/null", O_RDONLY)) >= 0)
		count++;
	for (int i = 0; i < 5; i++)
		RV_EQUAL(link_sign(&signer), CKR_HOST_MEMORY);
	ULONG_EQUAL(p11_state(signer.session), CKS_RW_USER_FUNCTIONS);
	/* Enough to see that somebody listens, but not who. */
	CHECK(close(taken[--count]) == 0);
	RV_EQUAL(link_sign(&signer), CKR_HOST_MEMORY);
	while (count > 0)
		CHECK(close(taken[--count]) == 0);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	p11_stop();
	return 0;
}

/* tcsd is not to blame, and nobody is sent to start it. */
static void out_of_descriptors(void)
{
	char log[8000];

	link_new_token();
	ULONG_EQUAL(p11_in_child(sign_without_descriptors, NULL), 0);
	CHECK(link_log_read(log, sizeof(log)) >= 6);
	TAP_CHECK(strstr(log, "no descriptor left") != NULL && strstr(log, strerror(EMFILE)) != NULL,
		  "the log does not say what is missing: %s", log);
	TAP_CHECK(strstr(log, "tcsd does not answer") == NULL && strstr(log, "tcsd hangs up") == NULL,
		  "the log blames tcsd: %s", log);
}

/* Where it cannot be seen who listens, he gets nothing. */
static int ask_stranger(void *listener)
{
	static int taken[LINK_MAX_FILES];
	struct rlimit few = { 64, 64 };
	CK_SESSION_HANDLE session;
	unsigned char random[20];
	int count = 0;

	link_set("TSS_TCSD_PORT", ((struct link_listener *)listener)->seen->port);
	link_set("PKCS11_TPM_TIMEOUT", 2);
	p11_start();
	session = p11_open();
	MUST(setrlimit(RLIMIT_NOFILE, &few) == 0);
	while (count < LINK_MAX_FILES && (taken[count] = open("/dev/null", O_RDONLY)) >= 0)
		count++;
	for (int i = 0; i < 5; i++) {
		RV_EQUAL(p11->C_GenerateRandom(session, random, sizeof(random)),
			 i < 2 ? CKR_HOST_MEMORY : CKR_DEVICE_ERROR);
		CHECK(close(taken[--count]) == 0);
	}
	while (count > 0)
		close(taken[--count]);
	p11_stop();
	return 0;
}

static void unseen_stranger(void)
{
	struct link_listener listener;
	const struct passwd *nobody = getpwnam("nobody");

	link_new_token();
	if (geteuid() == 0 && nobody == NULL) {
		tap_skip("there is no user to become who is not root");
		return;
	}
	link_listen(&listener, geteuid() == 0 ? nobody->pw_uid : geteuid(), false);
	ULONG_EQUAL(p11_in_child(ask_stranger, &listener), 0);
	ULONG_EQUAL(listener.seen->bytes, 0);
	link_listener_end(&listener);
}

/* --- a connection of the host's own --- */

#define HOST_SPEAKS 'h'

struct stage {
	int listener, port;
	int host, host_peer;
	atomic_bool spoken;
};

static int listener_connect(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_port = htons((uint16_t)port);
	MUST(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

/* Says when TrouSerS has spoken, and hangs up on it when the host has come. */
static void *hang_up_on_trousers(void *argument)
{
	struct stage *stage = argument;
	int trousers = -1, fd;
	char byte;

	while ((fd = accept(stage->listener, NULL, NULL)) >= 0) {
		if (read(fd, &byte, 1) != 1) {
			close(fd);
		} else if (byte == HOST_SPEAKS) {
			stage->host_peer = fd;
			close(trousers);
			return NULL;
		} else {
			trousers = fd;
			atomic_store(&stage->spoken, true);
		}
	}
	return NULL;
}

static void *come_between(void *argument)
{
	struct stage *stage = argument;
	char byte = HOST_SPEAKS;

	while (!atomic_load(&stage->spoken))
		link_sleep(0.001);
	stage->host = listener_connect(stage->port);
	MUST(write(stage->host, &byte, 1) == 1);
	return NULL;
}

/* Opened while TrouSerS connects, which then fails: what is new and still open is the host's. */
static int connect_beside_the_host(void *ignored)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct stage stage = { .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .host = -1 };
	socklen_t length = sizeof(address);
	pthread_t threads[2];
	CK_SESSION_HANDLE session;
	unsigned char random[20];

	(void)ignored;
	MUST(bind(stage.listener, (struct sockaddr *)&address, length) == 0);
	MUST(listen(stage.listener, 16) == 0);
	MUST(getsockname(stage.listener, (struct sockaddr *)&address, &length) == 0);
	stage.port = ntohs(address.sin_port);
	link_set("TSS_TCSD_PORT", stage.port);
	link_set("PKCS11_TPM_TIMEOUT", 1);
	p11_start();
	session = p11_open();
	MUST(pthread_create(&threads[0], NULL, hang_up_on_trousers, &stage) == 0);
	MUST(pthread_create(&threads[1], NULL, come_between, &stage) == 0);
	RV_EQUAL(p11->C_GenerateRandom(session, random, sizeof(random)), CKR_DEVICE_ERROR);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	TAP_CHECK(send(stage.host, "", 1, MSG_NOSIGNAL) == 1, "the host's connection: %s", strerror(errno));
	p11_stop();
	return 0;
}

static void host_connection(void)
{
	if (geteuid() != 0) {
		tap_skip("only root's listener is taken for tcsd");
		return;
	}
	link_new_token();
	ULONG_EQUAL(p11_in_child(connect_beside_the_host, NULL), 0);
}

static const struct tap_case cases[] = {
	{ "a program that the host starts has no connection", exec },
	{ "no descriptor of the host is closed or taken", busy_host },
	{ "a connection of the host's to tcsd", host_connection },
	{ "no descriptor is to be had", out_of_descriptors },
	{ "a stranger who listens, and no descriptor to see him with", unseen_stranger },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], COUNT_CONNECTIONS) == 0)
		return (int)link_connections();
	return p11_main(argc, argv, "link and descriptors", cases);
}
