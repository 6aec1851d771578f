/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the link's settings come from, and whom on tcsd's port the module talks to. */
#define _GNU_SOURCE
#include "p11_link.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The file is read once a process, so each look at it is a program of its own: this one, with an option. */
#define SIGN "--sign"
#define SET_UID "--set-uid"
#define NO_SET_UID 77

static unsigned int connections_left;

static uid_t somebody(void)
{
	const struct passwd *nobody = getpwnam("nobody");

	return nobody != NULL ? nobody->pw_uid : 65534;
}

/* --- the configuration file --- */

static void write_conf(const char *text)
{
	char path[700];

	snprintf(path, sizeof(path), "%s/conf", p11_directory());
	p11_write_file(path, text, strlen(text));
	MUST(chmod(path, 0644) == 0);
	setenv("PKCS11_TPM_CONF", path, 1);
}

/* The connections that are left by a signature: PKCS11_TPM_IDLE shows by them. */
static void sign_and_count(void)
{
	struct link_signer signer;

	if (getenv("LINK_CONF_LOG") != NULL)
		link_log_to(getenv("LINK_CONF_LOG"));
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	if (connections_left == 0)
		CHECK(link_closed_at_once());
	else
		ULONG_EQUAL(link_connections(), connections_left);
	p11_stop();
}

static int run_myself(const char *option, unsigned int connections)
{
	char program[] = "/proc/self/exe", first[32], second[32];
	char *argv[] = { program, first, second, NULL };

	snprintf(first, sizeof(first), "%s", option);
	snprintf(second, sizeof(second), "%u", connections);
	return p11_run_program(argv);
}

static void check_conf(const char *conf, unsigned int connections)
{
	tap_about("%s", conf);
	write_conf(conf);
	ULONG_EQUAL(run_myself(SIGN, connections), 0);
	unsetenv("PKCS11_TPM_CONF");
}

static void conf_file(void)
{
	unsetenv("PKCS11_TPM_IDLE");
	link_new_token();
	check_conf("PKCS11_TPM_IDLE = 0\n", 0);
	check_conf("PKCS11_TPM_IDLE=0", 0);
	check_conf("# a comment\n\n  # another = one\n\tPKCS11_TPM_IDLE \t=  0  \n", 0);
	check_conf("PKCS11_TPM_TIMEOUT = 60\r\nPKCS11_TPM_IDLE = 0\r\n", 0);
	check_conf("PKCS11_TPM_IDLE = 600\n", 1);
	check_conf("# PKCS11_TPM_IDLE = 0\n", 1);
	check_conf("PKCS11_TPM_IDLE = 0x\n", 1);
	check_conf("PKCS11_TPM_IDLER = 0\nno setting at all\nPKCS11_TPM_TIMEOUT = many\n", 1);
	check_conf("", 1);
}

static void environment_first(void)
{
	link_new_token();
	link_set("PKCS11_TPM_IDLE", 600);
	check_conf("PKCS11_TPM_IDLE = 0\n", 1);
	link_set("PKCS11_TPM_IDLE", 0);
	check_conf("PKCS11_TPM_IDLE = 600\n", 0);
	setenv("PKCS11_TPM_IDLE", "", 1);
	check_conf("PKCS11_TPM_IDLE = 0\n", 0);
	unsetenv("PKCS11_TPM_IDLE");
}

/* A file that others can write to, or that is not there: said, and nothing of it taken. */
static void conf_refused(void)
{
	char log[4000];

	link_new_token();
	setenv("LINK_CONF_LOG", link_log_path(), 1);
	for (int i = 0; i < 3; i++) {
		tap_about("file %d", i);
		write_conf("PKCS11_TPM_IDLE = 0\n");
		if (i == 0)
			MUST(chmod(getenv("PKCS11_TPM_CONF"), 0666) == 0);
		else if (i == 1)
			MUST(unlink(getenv("PKCS11_TPM_CONF")) == 0);
		else if (geteuid() != 0 || chown(getenv("PKCS11_TPM_CONF"), somebody(), (gid_t)-1) != 0)
			continue;
		ULONG_EQUAL(run_myself(SIGN, 1), 0);
		ULONG_EQUAL(link_log_read(log, sizeof(log)), 1);
		CHECK(strstr(log, "conf") != NULL);
		unlink(getenv("PKCS11_TPM_CONF"));
	}
	unsetenv("LINK_CONF_LOG");
	unsetenv("PKCS11_TPM_CONF");
}

/* --- whoever listens --- */

static int refuse_listener(void *listener)
{
	link_set("TSS_TCSD_PORT", ((struct link_listener *)listener)->seen->port);
	link_set("PKCS11_TPM_TIMEOUT", 5);
	return link_fail_to_log_in(NULL);
}

/* It gets not one byte, let alone a secret. */
static void stranger_listens(void)
{
	struct link_listener listener;
	char log[4000], owner[32];

	link_new_token();
	link_listen(&listener, geteuid() == 0 ? somebody() : geteuid(), false);
	ULONG_EQUAL(p11_in_child(refuse_listener, &listener), 0);
	ULONG_EQUAL(listener.seen->bytes, 0);
	CHECK(link_log_read(log, sizeof(log)) >= 1);
	snprintf(owner, sizeof(owner), "%ld", (long)(geteuid() == 0 ? somebody() : geteuid()));
	TAP_CHECK(strstr(log, "belongs to") != NULL && strstr(log, owner) != NULL,
		  "the log does not say whose the port is: %s", log);
	link_listener_end(&listener);
	ULONG_EQUAL(p11_in_child(link_start_and_sign, NULL), 0);
}

static int fail_to_start_token(void *listener)
{
	link_set("TSS_TCSD_PORT", ((struct link_listener *)listener)->seen->port);
	p11_start();
	CHECK(p11_init_token("a pin", "label") != CKR_OK);
	p11_stop();
	return 0;
}

static void stranger_meets_new_token(void)
{
	struct link_listener listener;

	link_mend();
	p11_fresh();
	link_listen(&listener, geteuid() == 0 ? somebody() : geteuid(), false);
	ULONG_EQUAL(p11_in_child(fail_to_start_token, &listener), 0);
	ULONG_EQUAL(listener.seen->bytes, 0);
	link_listener_end(&listener);
}

/* --- a set-uid host --- */

/*
 * The program runs itself from a copy that is set-uid: its environment is somebody else's, so it must
 * not take from there where tcsd is. It uses only what needs no store of its own.
 */
static void run_set_uid(void)
{
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
	unsigned char random[20];

	if (getauxval(AT_SECURE) == 0)
		exit(NO_SET_UID);
	p11_start();
	if (p11->C_OpenSession(p11_slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) == CKR_OK)
		RV_EQUAL(p11->C_GenerateRandom(session, random, sizeof(random)), CKR_DEVICE_ERROR);
	p11_stop();
}

static bool copy_set_uid(char *path, size_t size)
{
	unsigned char *program;
	size_t length;

	program = p11_read_file("/proc/self/exe", &length);
	snprintf(path, size, "%s/set-uid", p11_directory());
	MUST(program != NULL);
	p11_write_file(path, program, length);
	free(program);
	return geteuid() == 0 && chown(path, somebody(), (gid_t)-1) == 0 && chmod(path, 04755) == 0;
}

static void set_uid(void)
{
	struct link_listener listener;
	char path[700], option[] = SET_UID;
	char *argv[] = { path, option, NULL };
	char port[32];
	int status;

	link_mend();
	p11_fresh();
	if (!copy_set_uid(path, sizeof(path))) {
		tap_skip("only root can give a program to another user");
		return;
	}
	link_listen(&listener, 0, true);
	snprintf(port, sizeof(port), "%s", getenv("TSS_TCSD_PORT"));
	link_set("TSS_TCSD_PORT", listener.seen->port);
	status = p11_run_program(argv);
	setenv("TSS_TCSD_PORT", port, 1);
	if (status == NO_SET_UID)
		tap_skip("set-uid programs do not work here: the file system is mounted nosuid");
	else
		ULONG_EQUAL(status, 0);
	ULONG_EQUAL(listener.seen->connections, 0);
	link_listener_end(&listener);
}

static const struct tap_case cases[] = {
	{ "settings in the file that PKCS11_TPM_CONF names", conf_file },
	{ "the environment comes before the file", environment_first },
	{ "a file that is refused is said to be", conf_refused },
	{ "a listener that is neither root's nor tss's", stranger_listens },
	{ "the same when the token is to be initialised", stranger_meets_new_token },
	{ "a set-uid host does not follow the environment to another tcsd", set_uid },
	{ NULL, NULL },
};

static const struct tap_case sign_case[] = { { "sign", sign_and_count }, { NULL, NULL } };
static const struct tap_case set_uid_case[] = { { "no way to tcsd", run_set_uid }, { NULL, NULL } };

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], SIGN) == 0) {
		connections_left = (unsigned int)atoi(argv[2]);
		return p11_main(1, argv, "with settings", sign_case);
	}
	if (argc > 1 && strcmp(argv[1], SET_UID) == 0)
		return p11_main(1, argv, "set-uid", set_uid_case);
	return p11_main(argc, argv, "settings of the link", cases);
}
