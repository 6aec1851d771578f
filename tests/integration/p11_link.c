/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "p11_link.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_UP_SECONDS 150
#define PF_EXITING 4 /* Linux, include/linux/sched.h */

int link_amount(int small, int full)
{
	return getenv("TESTS_LONG") != NULL ? full : small;
}

double link_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void link_sleep(double seconds)
{
	struct timespec left = { .tv_sec = (time_t)seconds };

	left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

bool link_wait(bool (*holds)(void), int seconds)
{
	double end = link_seconds() + seconds;

	while (!holds()) {
		if (link_seconds() > end)
			return false;
		link_sleep(0.02);
	}
	return true;
}

void link_set(const char *name, int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", value);
	setenv(name, text, 1);
}

/* The chip and tcsd */

int link_try_control(const char *word, const char *argument)
{
	char program[512], words[2][64];
	char *argv[] = { program, words[0], argument == NULL ? NULL : words[1], NULL };

	snprintf(program, sizeof(program), "%s", getenv("WITH_SWTPM_CTL"));
	snprintf(words[0], sizeof(words[0]), "%s", word);
	snprintf(words[1], sizeof(words[1]), "%s", argument == NULL ? "" : argument);
	return p11_run_program(argv);
}

void link_control(const char *word)
{
	int status = link_try_control(word, NULL);

	TAP_MUST(status == 0, "%s: exit status %d", word, status);
}

void link_mend(void)
{
	link_control("thaw-tpm");
	link_control("start-tcsd");
	link_control("thaw-tcsd");
}

void link_restart_tcsd(void)
{
	int status = link_try_control("term-tcsd", NULL);

	TAP_CHECK(status == 0, "tcsd does not end: exit status %d", status);
	if (status != 0)
		link_control("kill-tcsd");
	link_control("start-tcsd");
}

/* Tokens and signatures */

void link_new_token(void)
{
	CK_SESSION_HANDLE session;
	struct p11_pair pair;

	link_mend();
	session = p11_new_token();
	RV_MUST(p11_generate(session, 1024, "link", true, true, &pair), CKR_OK);
	p11_stop();
}

void link_find_pair(struct link_signer *signer)
{
	signer->pair.public = p11_find(signer->session, CKO_PUBLIC_KEY, "link");
	signer->pair.private = p11_find(signer->session, CKO_PRIVATE_KEY, "link");
	signer->public = p11_read_public(signer->session, signer->pair.public);
	MUST(signer->public != NULL);
}

void link_log_in(struct link_signer *signer)
{
	p11_start();
	signer->session = p11_open_user();
	link_find_pair(signer);
}

CK_RV link_sign(const struct link_signer *signer)
{
	static atomic_uint number;
	unsigned char data[40] = { 0 }, signature[P11_MAX_BYTES];
	CK_ULONG length = sizeof(signature);
	CK_RV rv;

	snprintf((char *)data, sizeof(data), "%ld.%u", (long)getpid(), atomic_fetch_add(&number, 1));
	rv = p11_sign(signer->session, CKM_SHA256_RSA_PKCS, signer->pair.private, data, sizeof(data),
		      signature, &length);
	if (rv == CKR_OK &&
	    !p11_soft_verify(signer->public, EVP_sha256(), data, sizeof(data), signature, length))
		rv = CKR_SIGNATURE_INVALID;
	return rv;
}

CK_RV link_decrypt(const struct link_signer *signer)
{
	CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
	unsigned char data[] = "for the chip alone", sealed[P11_MAX_BYTES], opened[P11_MAX_BYTES];
	size_t sealed_length = p11_soft_encrypt(signer->public, data, sizeof(data), sealed);
	CK_ULONG length = sizeof(opened);
	CK_RV rv = p11->C_DecryptInit(signer->session, &rsa, signer->pair.private);

	if (rv == CKR_OK)
		rv = p11->C_Decrypt(signer->session, sealed, sealed_length, opened, &length);
	if (rv == CKR_OK && (length != sizeof(data) || memcmp(opened, data, length) != 0))
		rv = CKR_ENCRYPTED_DATA_INVALID;
	return rv;
}

int link_start_and_sign(void *ignored)
{
	struct link_signer signer;

	(void)ignored;
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	p11_stop();
	return 0;
}

int link_fail_to_log_in(void *ignored)
{
	CK_SESSION_HANDLE session;

	(void)ignored;
	link_log_to(link_log_path());
	p11_start();
	session = p11_open();
	RV_EQUAL(p11_login(session, CKU_USER, USER_PIN), CKR_DEVICE_ERROR);
	ULONG_EQUAL(p11_flags(), 0x44d);
	ULONG_EQUAL(p11_state(session), CKS_RW_PUBLIC_SESSION);
	p11_stop();
	return 0;
}

/* What this process has open */

static int port_of(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)address)->sin_port);
	if (address->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
	return -1;
}

unsigned int link_connections(void)
{
	const char *port = getenv("TSS_TCSD_PORT");
	struct sockaddr_storage peer;
	unsigned int count = 0;
	socklen_t length;
	int fd;

	for (fd = 0; port != NULL && fd < LINK_MAX_FILES; fd++) {
		length = sizeof(peer);
		if (getpeername(fd, (struct sockaddr *)&peer, &length) == 0 && port_of(&peer) == atoi(port))
			count++;
	}
	return count;
}

/* One that has been joined may still be listed for a moment. */
static bool is_exiting(const char *tasks, const char *task)
{
	unsigned int flags = PF_EXITING;
	char path[400], text[512] = "";
	const char *rest;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/stat", tasks, task);
	file = fopen(path, "re");
	if (file != NULL && fgets(text, sizeof(text), file) != NULL && (rest = strrchr(text, ')')) != NULL)
		sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %u", &flags);
	if (file != NULL)
		fclose(file);
	return (flags & PF_EXITING) != 0;
}

unsigned int link_threads(int process)
{
	const struct dirent *entry;
	unsigned int count = 0;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", process == 0 ? (int)getpid() : process);
	tasks = opendir(path);
	while (tasks != NULL && (entry = readdir(tasks)) != NULL)
		count += entry->d_name[0] != '.' && !is_exiting(path, entry->d_name);
	if (tasks != NULL)
		closedir(tasks);
	return count;
}

bool link_is_quiet(void)
{
	return link_connections() == 0 && link_threads(0) == 1;
}

static bool is_closed(void)
{
	return link_connections() == 0;
}

bool link_closed_at_once(void)
{
	return link_wait(is_closed, 4);
}

/* The log's own descriptor is opened before the first look, for it stays. */
void link_list_files(struct link_files *files)
{
	int fd;

	openlog(NULL, LOG_NDELAY, LOG_USER);
	memset(files, 0, sizeof(*files));
	for (fd = 0; fd < LINK_MAX_FILES; fd++)
		files->open[fd] = fstat(fd, &files->status[fd]) == 0;
}

static const char *file_name(int fd, char name[128])
{
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, name, 127);
	name[length < 0 ? 0 : length] = '\0';
	return name;
}

void link_check_files(const struct link_files *before)
{
	static struct link_files now;
	char name[128];
	int fd;

	link_list_files(&now);
	for (fd = 0; fd < LINK_MAX_FILES; fd++) {
		TAP_CHECK(!now.open[fd] || before->open[fd], "descriptor %d was left open: %s", fd,
			  file_name(fd, name));
		TAP_CHECK(now.open[fd] || !before->open[fd], "descriptor %d was closed", fd);
		if (now.open[fd] && before->open[fd])
			TAP_CHECK(now.status[fd].st_dev == before->status[fd].st_dev &&
					  now.status[fd].st_ino == before->status[fd].st_ino,
				  "descriptor %d is another file: %s", fd, file_name(fd, name));
	}
}

/* Crowds */

static struct {
	int (*run)(void *);
	void *argument;
	int ready[2], go[2];
} line;

/* The end of a file is the signal to go on, so no child may hold the other end of it open. */
static int join_crowd(void *ignored)
{
	(void)ignored;
	close(line.ready[0]);
	close(line.go[1]);
	return line.run(line.argument);
}

void link_crowd_start(struct link_crowd *crowd, int size, int (*run)(void *), void *argument)
{
	MUST(size <= LINK_MAX_CROWD && pipe(line.ready) == 0 && pipe(line.go) == 0);
	line.run = run;
	line.argument = argument;
	for (crowd->size = 0; crowd->size < size; crowd->size++)
		crowd->children[crowd->size] = tap_child_start(join_crowd, NULL);
	close(line.ready[1]);
	close(line.go[0]);
	crowd->ready = line.ready[0];
	crowd->go = line.go[1];
}

void link_crowd_line_up(void)
{
	char byte = 0;
	ssize_t got;

	MUST(write(line.ready[1], &byte, 1) == 1);
	close(line.ready[1]);
	while ((got = read(line.go[0], &byte, 1)) < 0 && errno == EINTR)
		continue;
	CHECK(got == 0);
	close(line.go[0]);
}

void link_crowd_await(const struct link_crowd *crowd)
{
	struct pollfd waiting = { crowd->ready, POLLIN, 0 };
	int there = 0;
	char byte;

	while (there < crowd->size && poll(&waiting, 1, LINE_UP_SECONDS * 1000) == 1 &&
	       read(crowd->ready, &byte, 1) == 1)
		there++;
	TAP_CHECK(there == crowd->size, "%d of %d processes came to the line", there, crowd->size);
}

void link_crowd_release(struct link_crowd *crowd)
{
	if (crowd->go >= 0)
		close(crowd->go);
	crowd->go = -1;
}

void link_crowd_end(struct link_crowd *crowd)
{
	int i, status;

	link_crowd_release(crowd);
	for (i = 0; i < crowd->size; i++) {
		status = tap_child_wait(crowd->children[i]);
		TAP_CHECK(status == 0, "process %d of %d ended with %d", i, crowd->size, status);
	}
	close(crowd->ready);
}

/* Listeners */

static void count_bytes(struct pollfd *waiting, nfds_t count, struct link_seen *seen)
{
	char bytes[256];
	ssize_t got;

	for (nfds_t i = 1; i < count; i++) {
		if (waiting[i].fd < 0 || waiting[i].revents == 0)
			continue;
		got = read(waiting[i].fd, bytes, sizeof(bytes));
		if (got > 0) {
			atomic_fetch_add(&seen->bytes, (unsigned int)got);
		} else {
			close(waiting[i].fd);
			waiting[i].fd = -1;
		}
	}
}

static _Noreturn void serve(int fd, struct link_seen *seen, bool hangs_up)
{
	struct pollfd waiting[256] = { { fd, POLLIN, 0 } };
	nfds_t count = 1;

	while (count < sizeof(waiting) / sizeof(*waiting) && poll(waiting, count, -1) > 0) {
		count_bytes(waiting, count, seen);
		if (waiting[0].revents == 0)
			continue;
		waiting[count].fd = accept(fd, NULL, NULL);
		waiting[count].events = POLLIN;
		waiting[count].revents = 0;
		atomic_fetch_add(&seen->connections, 1);
		if (hangs_up)
			close(waiting[count].fd);
		else
			count++;
	}
	_exit(1);
}

static _Noreturn void listen_as(uid_t owner, struct link_seen *seen, bool hangs_up)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd;

	if (owner != geteuid() && setuid(owner) != 0)
		_exit(1);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 64) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) != 0)
		_exit(1);
	atomic_store(&seen->port, ntohs(address.sin_port));
	serve(fd, seen, hangs_up);
}

void link_listen(struct link_listener *listener, uid_t owner, bool hangs_up)
{
	double end = link_seconds() + 30;

	listener->seen = mmap(NULL, sizeof(*listener->seen), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(listener->seen != MAP_FAILED);
	fflush(NULL);
	listener->process = fork();
	MUST(listener->process >= 0);
	if (listener->process == 0)
		listen_as(owner, listener->seen, hangs_up);
	while (atomic_load(&listener->seen->port) == 0 && link_seconds() < end)
		link_sleep(0.01);
	TAP_MUST(atomic_load(&listener->seen->port) != 0, "user %ld cannot listen", (long)owner);
}

void link_listener_end(struct link_listener *listener)
{
	kill(listener->process, SIGKILL);
	waitpid(listener->process, NULL, 0);
	munmap(listener->seen, sizeof(*listener->seen));
}

/* Logs */

const char *link_log_path(void)
{
	static char path[700];

	snprintf(path, sizeof(path), "%s/log", p11_directory());
	return path;
}

void link_log_to(const char *path)
{
	setenv("PKCS11_TPM_LOG", "error", 1);
	MUST(freopen(path, "w", stderr) != NULL);
	setvbuf(stderr, NULL, _IONBF, 0);
}

size_t link_log_read(char *text, size_t size)
{
	size_t length = 0, lines = 0, i;
	unsigned char *content = p11_read_file(link_log_path(), &length);

	TAP_MUST(content != NULL && length < size, "%s cannot be read", link_log_path());
	memcpy(text, content, length);
	text[length] = '\0';
	free(content);
	for (i = 0; i < length; i++)
		lines += text[i] == '\n';
	return lines;
}
