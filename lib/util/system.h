/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_SYSTEM_H
#define UTIL_SYSTEM_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

/* What only some systems can tell. */

/* The owner of the socket that listens on a TCP address of this machine. False: not known; errno is 0, or
   why the system's list, which is there, cannot be read. */
bool system_listener(const struct sockaddr *address, uid_t *owner);

/* Calls visit with each open descriptor of the process, until it returns false. */
void system_descriptors(bool (*visit)(int fd, void *arg), void *arg);

/* The major version of the TPM at /dev/tpm0; 0: not known. root: "" but in tests. */
int system_tpm_version(const char *root);

/* Why there can be no TPM 1.2 on this machine, with what to do about it; NULL: nothing is known. root:
   as above. */
const char *system_tpm_fault(const char *root);

#endif
