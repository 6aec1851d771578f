/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_CORE_WORKER_H
#define TESTS_INTEGRATION_CORE_WORKER_H

/*
 * A process that works with secrets and stops at each step, so that its memory can be searched. They
 * come to it by the desk, which it wipes before it stops: what is found is what the module kept.
 */
#include <sys/types.h>

#include "core_search.h"
#include "core_told.h"
#include "p11.h"

#define PIN_LENGTH 24
#define VALUE_LENGTH 64
#define RANDOM_LENGTH 1024
#define KEY_BITS 2048
#define KEYS_PRIVATE 3 /* that are in the store in the end */

struct secrets {
	unsigned char so_pin[PIN_LENGTH], new_so_pin[PIN_LENGTH];
	unsigned char user_pin[PIN_LENGTH], new_pin[PIN_LENGTH], wrong_pin[PIN_LENGTH];
	unsigned char value[VALUE_LENGTH], label[VALUE_LENGTH], application[VALUE_LENGTH];
	unsigned char new_value[VALUE_LENGTH], new_label[VALUE_LENGTH], of_session[VALUE_LENGTH];
	unsigned char key[VALUE_LENGTH], gone[VALUE_LENGTH], text[VALUE_LENGTH];
	unsigned char large[VALUE_LENGTH], id[VALUE_LENGTH], refused[VALUE_LENGTH], seed[VALUE_LENGTH];
	unsigned char srk[PIN_LENGTH];
	struct p11_rsa rsa; /* its pointers are of no use to the worker */
	CK_ULONG rsa_lengths[P11_RSA_PRIVATE];
};

/* Where it stops: right after what could leave something on its stack. */
enum moment {
	STARTED,
	SO_INIT_TOKEN,
	SO_LOGIN,
	SO_INIT_PIN,
	SO_SET_PIN,
	SO_INIT_PIN_AGAIN,
	SO_LOGOUT,
	USER_LOGIN,
	USER_SET_PIN,
	USER_DATA,
	USER_SECRET_KEY,
	USER_RANDOM,
	USER_SEED,
	USER_CHIP_KEY,
	USER_SOFTWARE_KEY,
	USER_IMPORT,
	FORKED,
	FORKED_ANEW,
	USER_READY, /* to end it */
	USER_LOGOUT,
	FINALIZED,
	MOMENTS,
};

/* Shared by the two processes. */
struct desk {
	struct secrets secrets; /* put here anew whenever the worker is to go on */
	unsigned char room[4096]; /* for what the module gives out */
	unsigned char control[32]; /* no secret: the worker has a copy all the time */
	pid_t forked; /* the worker's child */
	struct told_list told;
	enum moment moment;
};

/* A copy of the control at p, which must be had. Returns p. */
void *control_put(void *p, const struct desk *from);

/* How the work ends. */
enum ending {
	END_LOGOUT,
	END_CLOSE, /* the last session */
	END_FINALIZE, /* without logout */
};

/* What tap_child_start() runs; its argument. dump: where the worker aborts; MOMENTS: nowhere. */
struct work {
	struct desk *desk;
	enum moment dump;
	enum ending ending;
	bool brief; /* less is done before */
};
int work(void *arg);

#endif
