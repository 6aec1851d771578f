/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OBJSTORE_FILE_H
#define OBJSTORE_FILE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "util/buf.h"
#include "util/pkcs11.h"

/*
 * Files and directories that nobody else can have put in the way: no link is followed, and what is
 * opened must be of the right kind, the user's own, and writable by no other.
 */

/* To open a directory that is only passed through: needs no right to list it. */
#if defined(O_SEARCH)
#define FILE_PASS O_SEARCH
#elif defined(O_PATH)
#define FILE_PASS O_PATH
#else
#define FILE_PASS O_RDONLY
#endif

/* The code for an errno of an operation on name that was to change something; logs it. */
CK_RV file_error(const char *operation, const char *name, int error);

/* The same of reading it: never CKR_TOKEN_WRITE_PROTECTED or CKR_DEVICE_MEMORY. */
CK_RV file_read_error(const char *name, int error);

/*
 * Opens directory name below dir. may_be_root: root may own it as well. make: it is made, 0700, if
 * it is missing. *fd = -1 with CKR_OK: it does not exist. The caller closes *fd.
 */
CK_RV file_open_dir(int dir, const char *name, bool may_be_root, bool make, int *fd);

/* Opens a regular file for reading (or, with make, for reading and writing, making it). *fd = -1
   with CKR_OK: it does not exist. The caller closes *fd. */
CK_RV file_open(int dir, const char *name, bool make, int *fd, struct stat *st);

/* Appends the whole file; of one larger than any file of the store nothing. *exists FALSE with CKR_OK:
   there is none. */
CK_RV file_read(int dir, const char *name, struct buf *content, bool *exists, struct stat *st);

/* Is it nothing that file_read() would take, whoever tries? Logs nothing. */
bool file_refused(int dir, const char *name);

/* Writes content to a new file of a random temporary name (file_is_temporary()), synced to disk. */
#define FILE_TEMPORARY_LEN 32
CK_RV file_write_temporary(int dir, const struct buf *content, char name[FILE_TEMPORARY_LEN],
	struct stat *st);
bool file_is_temporary(const char *name);

/* Names a temporary file anew; the old content of that name is gone. */
CK_RV file_rename(int dir, const char *temporary, const char *name);

/* Removes a file; one that is not there is fine. */
CK_RV file_remove(int dir, const char *name);

/* Writes NAME.TIME to aside, the time being now or the first later second of which dir has none. */
CK_RV file_name_aside(int dir, const char *name, char *aside, size_t room);

/* Moves a file or directory to a name that is free. Both directories are synced. */
CK_RV file_move(int from, const char *name, int to, const char *moved);

/* Takes from a directory of ours what rights it gives to others. Whoever took away their own wants no
   change. */
CK_RV file_make_own(int dir, const char *name);

/* Closes *fd unless it is -1, which it is afterwards. */
void file_close(int *fd);

/* For readdir(), from the beginning; the caller closes it, and dir stays open. NULL: see errno. */
DIR *file_list(int dir);

CK_RV file_sync_dir(int dir);

#endif
