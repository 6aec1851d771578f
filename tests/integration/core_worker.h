/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_CORE_WORKER_H
#define TESTS_INTEGRATION_CORE_WORKER_H

/*
 * A process that works with secrets and stops at each step, so that its memory can be searched. They
 * come to it by the desk, which it wipes before it stops: what is found is what the module kept.
 */
#include <sys/types.h>

#include "p11.h"

#define PIN_LENGTH 24
#define VALUE_LENGTH 64
#define KEY_BITS 2048

struct secrets {
	unsigned char so_pin[PIN_LENGTH], user_pin[PIN_LENGTH], new_pin[PIN_LENGTH];
	unsigned char value[VALUE_LENGTH], label[VALUE_LENGTH], application[VALUE_LENGTH];
	unsigned char new_label[VALUE_LENGTH], key[VALUE_LENGTH], gone[VALUE_LENGTH];
	struct p11_rsa rsa; /* its pointers are of no use to the worker */
	CK_ULONG rsa_lengths[P11_RSA_PRIVATE];
};

/* Shared by the two processes. */
struct desk {
	struct secrets secrets; /* put here anew whenever the worker is to go on */
	unsigned char room[4096]; /* for what the module gives out */
	unsigned char control[32]; /* no secret: the worker has a copy all the time */
	pid_t forked; /* the worker's child */
};

/* Where it stops: right after what could leave something on its stack. */
enum moment {
	STARTED,
	SO_LOGIN,
	SO_INIT_PIN,
	SO_LOGOUT,
	USER_LOGIN,
	USER_SET_PIN,
	USER_DATA,
	USER_SECRET_KEY,
	USER_CHIP_KEY,
	USER_IMPORT,
	FORKED,
	FORKED_ANEW,
	USER_LOGOUT,
	FINALIZED,
	MOMENTS,
};

/* What tap_child_start() runs; its argument. dump: where the worker aborts; MOMENTS: nowhere. */
struct work {
	struct desk *desk;
	enum moment dump;
};
int work(void *arg);

#endif
