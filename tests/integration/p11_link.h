/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_P11_LINK_H
#define TESTS_INTEGRATION_P11_LINK_H

/*
 * What the programs about the link to tcsd share: the control of chip and tcsd, what a process has
 * open, crowds of processes, and listeners that are not tcsd.
 */
#include <stdatomic.h>
#include <sys/stat.h>

#include "p11.h"

/* The full size of a test with TESTS_LONG in the environment, else the small one. */
int link_amount(int small, int full);
double link_seconds(void);
void link_sleep(double seconds);
bool link_wait(bool (*holds)(void), int seconds);
void link_set(const char *name, int value); /* in the environment */

/* One word of with-swtpm's control program. The first has to succeed. */
void link_control(const char *word);
int link_try_control(const char *word, const char *argument);
/* Whatever the case before has left: chip and tcsd run. */
void link_mend(void);
/* As systemctl does it: nobody who is connected keeps tcsd from ending. */
void link_restart_tcsd(void);

/*
 * A new token with a pair for all, after which the module is not initialised here. Whoever signs
 * does it with link_log_in() in a process of its own.
 */
struct link_signer {
	CK_SESSION_HANDLE session;
	struct p11_pair pair;
	EVP_PKEY *public;
};
void link_new_token(void);
void link_find_pair(struct link_signer *signer); /* in signer->session */
void link_log_in(struct link_signer *signer);
/* CKR_OK: and libcrypto agrees; CKR_SIGNATURE_INVALID: it does not. For threads too. */
CK_RV link_sign(const struct link_signer *signer);
CK_RV link_decrypt(const struct link_signer *signer);
int link_start_and_sign(void *ignored); /* for p11_in_child() */
/* For it too: the right PIN is refused, with a word in the log, and nobody is suspected of guessing. */
int link_fail_to_log_in(void *ignored);

/* What this process has open. */
unsigned int link_connections(void); /* to the port of tcsd */
unsigned int link_threads(int process); /* 0: of this process */
bool link_is_quiet(void); /* no connection, and no thread but this one */
/* With PKCS11_TPM_IDLE=0, a moment after a call: sooner than the default would have closed it. */
bool link_closed_at_once(void);

#define LINK_MAX_FILES 1024
struct link_files {
	bool open[LINK_MAX_FILES];
	struct stat status[LINK_MAX_FILES];
};
void link_list_files(struct link_files *files);
void link_check_files(const struct link_files *before);

/* Processes that come to link_crowd_line_up() and go on when the parent releases them. */
#define LINK_MAX_CROWD 64
struct link_crowd {
	int ready, go;
	int size;
	pid_t children[LINK_MAX_CROWD];
};
void link_crowd_start(struct link_crowd *crowd, int size, int (*run)(void *), void *argument);
void link_crowd_line_up(void);
void link_crowd_await(const struct link_crowd *crowd); /* all of them are at the line */
void link_crowd_release(struct link_crowd *crowd);
void link_crowd_end(struct link_crowd *crowd); /* each must have returned 0 */

/* A process that listens where tcsd might: it answers nothing, or hangs up at once. */
struct link_listener {
	pid_t process;
	struct link_seen {
		atomic_int port;
		atomic_uint connections;
		atomic_uint bytes;
	} *seen;
};
void link_listen(struct link_listener *listener, uid_t owner, bool hangs_up);
void link_listener_end(struct link_listener *listener);

/* The log of a child: before it initialises the module, and after it has ended. */
void link_log_to(const char *path);
const char *link_log_path(void); /* one for each case */
size_t link_log_read(char *text, size_t size); /* the number of lines */

#endif
