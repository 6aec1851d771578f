/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_THREADS_WORK_H
#define TESTS_INTEGRATION_THREADS_WORK_H

/*
 * Threads of one process at one token. Each has a session of its own, all share the login. Whoever ends
 * what is shared says so before and after: by that the others judge the codes that they get.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "p11.h"

#define THREADS 16
#define THREADS_COMPLAINTS 12
#define THREADS_KEY "key for all"
#define THREADS_PAIR "pair of a thread"
#define THREADS_TEXT "for the chip alone"
#define THREADS_MAX_DER 512

/* How often something that all share was about to end, and had ended. */
struct ends {
	atomic_uint begun, done;
};

struct threads {
	atomic_bool stop, rest, finalising;
	atomic_uint complained; /* number and texts: below the mutex of threads_complain() */
	char complaints[THREADS_COMPLAINTS][256];
	struct ends logouts, closings; /* a closing of all sessions is a logout too */
	struct {
		atomic_uint beats; /* grows as long as the thread gets on */
		atomic_uint task;
		atomic_bool rests;
	} at[THREADS];
	/* What must be on the token at the end. */
	atomic_int data, private_keys, public_keys;
	/* Of the key for all: libcrypto's half, and THREADS_TEXT encrypted with it. */
	unsigned char der[THREADS_MAX_DER], sealed[P11_MAX_BYTES];
	size_t der_length, sealed_length;
};
extern struct threads threads;

/* Everybody stops then; the case fails with what was said. */
void threads_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The tasks that the threads choose from. */
const char *threads_task(unsigned int task); /* NULL: there is no such */
unsigned int threads_done(unsigned int task); /* how often it came to its end */

/* The body of a thread. *number is an unsigned int. */
void *threads_work(void *number);

/* Shared by the files of the tasks. */

#define THREADS_PLACES 4

struct worker {
	unsigned int number;
	uint32_t random;
	CK_SESSION_HANDLE session;
	bool logged_in; /* as far as this thread knows */
	/* How many of these had been done when the session was opened, when the login was seen. */
	unsigned int closings, logouts;
	CK_OBJECT_HANDLE key; /* good as long as the login */
	EVP_PKEY *public;
	/* A data object of its own: of the token or the session, private or not, as the number says. */
	struct place {
		bool full;
		unsigned int serial, version;
	} places[THREADS_PLACES];
};

bool threads_is_token(unsigned int place);
bool threads_is_private(unsigned int place);
void threads_clear(struct place *place); /* the next object there has another label */

uint32_t threads_random(struct worker *w, uint32_t below);
/* True: CKR_OK. Any other code must be the doing of another thread. */
bool threads_went(struct worker *w, CK_RV rv, bool needs_login, const char *what);
/* May another thread have ended the login that this one has seen? */
bool threads_login_ended(const struct worker *w);
/* It has, so the private objects of sessions have gone too. */
void threads_login_lost(struct worker *w);
EVP_PKEY *threads_public(const unsigned char *der, size_t length);
/* Up to three are looked for. */
bool threads_search(struct worker *w, CK_OBJECT_CLASS class, char *label, CK_OBJECT_HANDLE *found,
	CK_ULONG *count);

/* Tasks: true if they came to their end. */
bool threads_sign(struct worker *w);
bool threads_decrypt(struct worker *w);
bool threads_session_pair(struct worker *w);
bool threads_token_pair(struct worker *w);
bool threads_object(struct worker *w);

#endif
