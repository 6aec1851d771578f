/* SPDX-License-Identifier: BSD-2-Clause */
#include "objstore/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "objstore/file.h"
#include "objstore/format.h"
#include "util/buf.h"
#include "util/crypto.h"

#define GENERATION_FILE "generation"
#define GENERATION_LEN 8

/* --- the generation --- */

static bool is_odd(uint64_t generation)
{
	return (generation & 1) != 0;
}

static CK_RV generation_read(int fd, uint64_t *generation)
{
	uint8_t bytes[GENERATION_LEN];
	struct reader r;
	ssize_t n = pread(fd, bytes, sizeof bytes, 0);

	if (n < 0)
		return file_read_error(GENERATION_FILE, errno);
	reader_init(&r, bytes, (size_t)n);
	*generation = reader_u64(&r);
	return CKR_OK;
}

static CK_RV generation_write(int fd, uint64_t generation)
{
	struct buf b = BUF_INIT;
	ssize_t n;

	buf_put_u64(&b, generation);
	n = buf_failed(&b) ? -1 : pwrite(fd, b.data, b.len, 0);
	buf_free(&b);
	return n == GENERATION_LEN ? CKR_OK : file_error("write", GENERATION_FILE, n < 0 ? errno : ENOSPC);
}

CK_RV store_generation_read(int dir, uint64_t *generation)
{
	struct stat st;
	int fd;
	CK_RV rv = file_open(dir, GENERATION_FILE, false, &fd, &st);

	*generation = 0;
	if (rv != CKR_OK || fd < 0)
		return rv;
	rv = generation_read(fd, generation);
	close(fd);
	if (is_odd(*generation))
		*generation = 0;
	return rv;
}

/* *before: what it was, 0 if that was not known; *now: what it is. A new file begins at random: a
   number that was used before it was lost must not come again. */
static CK_RV generation_make(int dir, bool odd, uint64_t *before, uint64_t *now)
{
	struct stat st;
	int fd;
	CK_RV rv = file_open(dir, GENERATION_FILE, true, &fd, &st);

	*before = *now = 0;
	if (rv != CKR_OK)
		return rv;
	rv = generation_read(fd, before);
	*now = *before;
	if (rv == CKR_OK && *now == 0 && crypto_random(now, sizeof *now))
		*now |= 1;
	if (is_odd(*now) != odd)
		++*now;
	if (rv == CKR_OK && *now != *before)
		rv = generation_write(fd, *now);
	if (is_odd(*before))
		*before = 0;
	close(fd);
	return rv;
}

/* --- what a writer that died, or failed, left behind --- */

static CK_RV litter_judge(int dir, const char *name, const struct objstore_id *replaced, bool *litter)
{
	struct buf file = BUF_INIT;
	struct format_header header;
	struct objstore_id id;
	struct stat st;
	bool exists = false;
	CK_RV rv = CKR_OK;

	*litter = file_is_temporary(name);
	if (!*litter && replaced != NULL && store_object_id(name, &id)
		&& (rv = file_read(dir, name, &file, &exists, &st)) == CKR_OK && exists)
		*litter = format_header(&file, &header) == FORMAT_GOOD && header.kind == FORMAT_OBJECT
			&& store_is_replaced(&header.token_id, replaced);
	buf_free(&file);
	return rv == CKR_OK || file_refused(dir, name) ? CKR_OK : rv;
}

CK_RV store_sweep(int dir, const struct objstore_id *replaced)
{
	DIR *stream = file_list(dir);
	CK_RV rv = CKR_OK, one;
	bool litter, removed = false;

	if (stream == NULL)
		return file_read_error("the store's directory", errno);
	for (struct dirent *d; errno = 0, (d = readdir(stream)) != NULL;) {
		if ((one = litter_judge(dir, d->d_name, replaced, &litter)) == CKR_OK && litter) {
			one = file_remove(dir, d->d_name);
			if (one != CKR_OK && file_refused(dir, d->d_name))
				one = CKR_OK; /* a directory: nobody's temporary file */
			removed = true;
		}
		if (one != CKR_OK)
			rv = one;
	}
	if (errno != 0)
		rv = file_read_error("the store's directory", errno);
	closedir(stream);
	return rv == CKR_OK && removed ? file_sync_dir(dir) : rv;
}

static CK_RV clean_locked(struct objstore *store)
{
	struct objstore_token token = { .body = BUF_INIT };
	const struct objstore_id *replaced = NULL;
	int objects;
	CK_RV rv, read;

	read = store_token_read_locked(store, &token);
	if (read == CKR_OK && token.exists) {
		replaced = store_is_replaced(&token.replaced, &token.replaced) ? &token.replaced : NULL;
		store_mend_copies_locked(store);
	}
	buf_free(&token.body);
	rv = store_sweep(store->dir, NULL);
	if (rv == CKR_OK && (rv = store_objects_open_locked(store, false, &objects)) == CKR_OK
		&& objects >= 0) {
		rv = store_sweep(objects, replaced);
		close(objects);
	}
	return rv == CKR_OK && !token.damaged ? read : rv;
}

/* --- turns --- */

CK_RV store_turn_begin(struct objstore *store, bool writes, struct objstore_turn *turn)
{
	uint64_t now;
	CK_RV rv = store_lock_take_locked(store);

	memset(turn, 0, sizeof *turn);
	if (rv != CKR_OK)
		return rv;
	file_close(&store->objects); /* somebody may have set it aside */
	rv = store_generation_read(store->dir, &turn->step.before);
	if (rv == CKR_OK && (writes || turn->step.before == 0))
		rv = generation_make(store->dir, true, &turn->step.before, &now);
	if (rv != CKR_OK)
		store_lock_give_locked(store);
	else if (turn->step.before == 0)
		turn->unclean = clean_locked(store) != CKR_OK;
	return rv;
}

void store_turn_end(struct objstore *store, struct objstore_turn *turn)
{
	uint64_t before;

	if (turn->unclean || generation_make(store->dir, false, &before, &turn->step.after) != CKR_OK)
		turn->step.after = 0;
	store_lock_give_locked(store);
}

CK_RV objstore_generation(struct objstore *store, uint64_t *generation)
{
	CK_RV rv;

	*generation = 0;
	pthread_mutex_lock(&store->mutex);
	rv = store_find_locked(store, false);
	if (rv == CKR_OK && store->dir >= 0)
		rv = store_generation_read(store->dir, generation);
	pthread_mutex_unlock(&store->mutex);
	return rv;
}
