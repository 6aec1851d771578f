/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The environment is the host's, which may change it in any of its threads, and the resolver may take its
 * time: only the threads that call the module look there. This program stands before the C library.
 */
#define _GNU_SOURCE
#include "p11_link.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_t host;
static atomic_bool watched;
static atomic_uint lookups, strange_lookups, strange_getenvs;

static bool is_strange(void)
{
	return atomic_load(&watched) && !pthread_equal(pthread_self(), host);
}

/* libtspi looks for its file when a context is closed, in whatever thread: that one name is its own. */
static void note_getenv(const char *name)
{
	if (is_strange() && strcmp(name, "TSS_USER_PS_FILE") != 0)
		atomic_fetch_add(&strange_getenvs, 1);
}

static void *real(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (function == NULL)
		abort();
	return function;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	int (*function)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	*(void **)&function = real("getaddrinfo");
	atomic_fetch_add(&lookups, 1);
	if (is_strange())
		atomic_fetch_add(&strange_lookups, 1);
	return function(node, service, hints, found);
}

char *getenv(const char *name)
{
	char *(*function)(const char *);

	*(void **)&function = real("getenv");
	note_getenv(name);
	return function(name);
}

char *secure_getenv(const char *name)
{
	char *(*function)(const char *);

	*(void **)&function = real("secure_getenv");
	note_getenv(name);
	return function(name);
}

static void watch(void)
{
	host = pthread_self();
	atomic_store(&lookups, 0);
	atomic_store(&watched, true);
}

static void check_watched(void)
{
	CHECK(atomic_load(&lookups) > 0);
	ULONG_EQUAL(atomic_load(&strange_lookups), 0);
	ULONG_EQUAL(atomic_load(&strange_getenvs), 0);
}

static bool is_closed(void)
{
	return link_connections() == 0;
}

/* The module's own thread closes the connection, which it looks at before. */
static int leave_idle(void *ignored)
{
	struct link_signer signer;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 1);
	watch();
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	CHECK(link_wait(is_closed, 20));
	RV_EQUAL(link_sign(&signer), CKR_OK);
	link_control("kill-tcsd");
	CHECK(link_wait(is_closed, 20));
	check_watched();
	p11_stop();
	return 0;
}

static void idle(void)
{
	link_new_token();
	ULONG_EQUAL(p11_in_child(leave_idle, NULL), 0);
	link_mend();
}

/* It watches over tcsd while that is asked, and cuts the connection. */
static int ask_frozen(void *ignored)
{
	unsigned char random[20];
	struct link_signer signer;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 600);
	link_set("PKCS11_TPM_TIMEOUT", 3);
	watch();
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	link_control("freeze-tcsd");
	RV_EQUAL(p11->C_GenerateRandom(signer.session, random, sizeof(random)), CKR_DEVICE_ERROR);
	link_control("thaw-tcsd");
	RV_EQUAL(p11->C_GenerateRandom(signer.session, random, sizeof(random)), CKR_OK);
	check_watched();
	p11_stop();
	return 0;
}

static void frozen(void)
{
	link_new_token();
	ULONG_EQUAL(p11_in_child(ask_frozen, NULL), 0);
	link_mend();
}

/* What the host makes of its environment while a connection stands is for the next one. */
static int change_environment(void *ignored)
{
	char port[32];
	unsigned char random[20];
	struct link_signer signer;

	(void)ignored;
	link_set("PKCS11_TPM_IDLE", 600);
	link_set("PKCS11_TPM_TIMEOUT", 3);
	link_log_in(&signer);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	snprintf(port, sizeof(port), "%s", getenv("TSS_TCSD_PORT"));
	setenv("TSS_TCSD_PORT", "1", 1);
	RV_EQUAL(link_sign(&signer), CKR_OK);
	link_control("freeze-tcsd");
	RV_EQUAL(p11->C_GenerateRandom(signer.session, random, sizeof(random)), CKR_DEVICE_ERROR);
	link_control("thaw-tcsd");
	RV_EQUAL(p11->C_GenerateRandom(signer.session, random, sizeof(random)), CKR_DEVICE_ERROR);
	setenv("TSS_TCSD_PORT", port, 1);
	RV_EQUAL(p11->C_GenerateRandom(signer.session, random, sizeof(random)), CKR_OK);
	p11_stop();
	return 0;
}

static void environment(void)
{
	link_new_token();
	ULONG_EQUAL(p11_in_child(change_environment, NULL), 0);
	link_mend();
}

static const struct tap_case cases[] = {
	{ "who closes an idle connection looks nothing up", idle },
	{ "who watches over tcsd looks nothing up", frozen },
	{ "an environment that changes while a connection stands", environment },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "looking up", cases);
}
