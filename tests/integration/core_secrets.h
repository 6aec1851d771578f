/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_CORE_SECRETS_H
#define TESTS_INTEGRATION_CORE_SECRETS_H

/* The secrets that a worker works with, and those that come of them: made up, and handed to the search. */
#include "core_search.h"
#include "core_worker.h"

extern struct desk *desk;
extern struct secrets secrets;

/* A fresh token and a worker that is about to work with new secrets, which are searched for from now on. */
pid_t worker_start(const struct work *work);

/* Another process instead, that does this with the desk: it stops, and then finds the control there. */
pid_t desk_start(int (*run)(void *));

/* At the end of its way the worker stops no more: *status is what it ended with. */
bool worker_stops(pid_t worker, int *status);
void worker_goes_on(pid_t worker);

/* From here on also searched for: what the worker has told, what follows from the token file as it is now,
   the auths of keys in the store. The number of these keys. */
unsigned int learn(void);

#endif
