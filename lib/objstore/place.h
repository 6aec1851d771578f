/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OBJSTORE_PLACE_H
#define OBJSTORE_PLACE_H

#include <stdbool.h>

#include "util/pkcs11.h"

/*
 * Where a user's store is: $PKCS11_TPM_DIR, else /var/user/NAME/tpm, else $XDG_DATA_HOME/pkcs11_tpm
 * (~/.local/share/pkcs11_tpm). The first that holds a token wins; a new one is made at the first of
 * them that can be. A place that is there but refused is an error, never a reason to look further.
 */

#define PLACE_PATH_MAX 1024

#define TOKEN_FILE "token"
#define TOKEN_COPY "token.2"

/*
 * Opens the store's directory; with make, makes it where there is none. *dir = -1 with CKR_OK: there
 * is no token anywhere. path (PLACE_PATH_MAX bytes): where it is, would be made, or is refused;
 * "": not known. The caller closes *dir.
 */
CK_RV place_open(bool make, int *dir, char *path);

#endif
