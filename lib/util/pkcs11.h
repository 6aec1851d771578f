/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UTIL_PKCS11_H
#define UTIL_PKCS11_H

/*
 * The PKCS#11 types and constants, from whoever has them on this system: Solaris and illumos in
 * <security/cryptoki.h>, everybody else from p11-kit.
 */
#include "config.h"

#ifdef HAVE_SECURITY_CRYPTOKI_H
#include <security/cryptoki.h>
#else
#include <p11-kit/pkcs11.h>
#endif

#endif
