/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DOCTOR_VERSION_H
#define DOCTOR_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Versions of tcsd, and of chips. Pure. */

struct version {
	unsigned int major, minor, patch;
};

/* "0.3.15", whatever stands behind it; also "1:0.3.15-2", as Debian writes it. */
bool version_read(const char *text, struct version *version);

/* Older than 0.3.15 tcsd lets user tss become root, and read and overwrite files as root
   (CVE-2020-24330, 24331, 24332). */
bool version_tcsd_is_unsafe(const struct version *version);

/* Finds the "trousers 0.3.15" that stands in the program tcsd. */
bool version_find(const char *bytes, size_t len, struct version *version);

/* Firmware of an Infineon chip that makes keys whose private half can be computed (ROCA). */
bool version_firmware_is_weak(const char vendor[4], unsigned int major, unsigned int minor);

#endif
