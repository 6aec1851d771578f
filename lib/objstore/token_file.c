/* SPDX-License-Identifier: BSD-2-Clause */
#include "objstore/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "objstore/file.h"
#include "objstore/format.h"
#include "util/log.h"

/* *good FALSE with CKR_OK: the file is missing, or damaged (logged; *damaged becomes TRUE). One of an
   unknown version is an error: an older copy must not take its place. */
static CK_RV copy_read(struct objstore *store, const char *name, struct objstore_token *token,
	bool *good, bool *damaged)
{
	struct buf file = BUF_INIT;
	struct format_header header;
	enum format_verdict verdict = FORMAT_DAMAGED;
	struct stat st;
	bool exists = false;
	CK_RV rv = file_read(store->dir, name, &file, &exists, &st);

	if (rv == CKR_OK && exists)
		verdict = format_header(&file, &header);
	*good = verdict == FORMAT_GOOD && header.kind == FORMAT_TOKEN
		&& format_body(&file, NULL, &token->body);
	if (verdict == FORMAT_UNKNOWN_VERSION) {
		log_error("%s/%s was written by a newer version of this program", store->path, name);
		rv = CKR_DEVICE_ERROR;
	} else if (!*good && buf_failed(&token->body)) {
		rv = CKR_HOST_MEMORY;
	} else if (*good) {
		token->exists = true;
		token->id = header.token_id;
		token->replaced = store->replaced = header.object_id;
		token->sequence = header.sequence;
	} else if (rv == CKR_OK && exists) {
		log_error("%s/%s is damaged", store->path, name);
		*damaged = true;
	}
	buf_free(&file);
	return rv;
}

/*
 * A crash between the two renames of a switch leaves the first newer than the second; nothing leaves
 * the second newer than the first.
 */
static CK_RV copies_read(struct objstore *store, struct objstore_token *token, bool *second)
{
	bool good, damaged = false;
	CK_RV rv = copy_read(store, TOKEN_FILE, token, &good, &damaged);

	*second = false;
	if (rv != CKR_OK || good)
		return rv;
	rv = copy_read(store, TOKEN_COPY, token, &good, &damaged);
	*second = rv == CKR_OK && good;
	token->damaged = rv == CKR_OK && !good && damaged;
	return token->damaged ? CKR_DEVICE_ERROR : rv;
}

CK_RV store_token_read_locked(struct objstore *store, struct objstore_token *token)
{
	bool second;

	return copies_read(store, token, &second);
}

CK_RV objstore_token_read(struct objstore *store, struct objstore_token *token)
{
	struct objstore_turn turn;
	bool second = false;
	CK_RV rv;

	memset(token, 0, sizeof *token);
	pthread_mutex_lock(&store->mutex);
	rv = store_find_locked(store, false);
	if (rv == CKR_OK && store->dir >= 0)
		rv = copies_read(store, token, &second);
	if (second && store_turn_begin(store, true, &turn) == CKR_OK) {
		store_mend_copies_locked(store);
		store_turn_end(store, &turn);
	}
	pthread_mutex_unlock(&store->mutex);
	return rv;
}

static CK_RV is_current_locked(struct objstore *store, const struct objstore_token *current)
{
	struct objstore_token now = { .body = BUF_INIT };
	CK_RV rv = store_token_read_locked(store, &now);

	buf_free(&now.body);
	if (rv != CKR_OK)
		return now.damaged && current->damaged ? CKR_OK : rv;
	return now.exists == current->exists && (!now.exists || (now.sequence == current->sequence
		&& memcmp(&now.id, &current->id, sizeof now.id) == 0)) ? CKR_OK : OBJSTORE_CHANGED;
}

static CK_RV copies_write(struct objstore *store, const struct buf *file)
{
	static const char *const names[] = { TOKEN_FILE, TOKEN_COPY };
	char temporaries[2][FILE_TEMPORARY_LEN];
	struct stat st;
	CK_RV rv = CKR_OK;

	for (int i = 0; i < 2; i++)
		if ((rv = file_write_temporary(store->dir, file, temporaries[i], &st)) != CKR_OK) {
			if (i == 1)
				unlinkat(store->dir, temporaries[0], 0);
			return rv;
		}
	if ((rv = file_rename(store->dir, temporaries[0], names[0])) != CKR_OK) {
		unlinkat(store->dir, temporaries[1], 0);
		return rv;
	}
	/* The switch is made: what fails from here on must not be taken for its failure. But no copy of
	   the old content, with an old PIN, may stay. */
	if (file_rename(store->dir, temporaries[1], names[1]) != CKR_OK)
		file_remove(store->dir, names[1]);
	file_sync_dir(store->dir);
	return CKR_OK;
}

/* Appends a copy's bytes; false if it is none that may be copied. A damaged one is empty. */
static bool copy_load(struct objstore *store, const char *name, struct buf *file)
{
	struct buf body = BUF_INIT;
	struct format_header header;
	enum format_verdict verdict = FORMAT_DAMAGED;
	struct stat st;
	bool exists, ok = file_read(store->dir, name, file, &exists, &st) == CKR_OK;

	if (ok && exists)
		verdict = format_header(file, &header);
	if (verdict == FORMAT_GOOD && (header.kind != FORMAT_TOKEN || !format_body(file, NULL, &body)))
		verdict = FORMAT_DAMAGED;
	ok = ok && !buf_failed(&body);
	if (verdict == FORMAT_DAMAGED)
		buf_free(file);
	buf_free(&body);
	return ok && verdict != FORMAT_UNKNOWN_VERSION;
}

void store_mend_copies_locked(struct objstore *store)
{
	struct buf first = BUF_INIT, second = BUF_INIT;
	char temporary[FILE_TEMPORARY_LEN];
	struct stat st;

	if (!copy_load(store, TOKEN_FILE, &first) || !copy_load(store, TOKEN_COPY, &second))
		goto out;
	if (first.len != 0 && (second.len != first.len || memcmp(second.data, first.data, first.len) != 0)) {
		if (file_write_temporary(store->dir, &first, temporary, &st) == CKR_OK
			&& file_rename(store->dir, temporary, TOKEN_COPY) == CKR_OK)
			file_sync_dir(store->dir);
	} else if (first.len == 0 && second.len != 0) {
		if (file_write_temporary(store->dir, &second, temporary, &st) == CKR_OK
			&& file_rename(store->dir, temporary, TOKEN_FILE) == CKR_OK
			&& file_sync_dir(store->dir) == CKR_OK)
			log_info("%s/" TOKEN_FILE " was mended from its second copy", store->path);
	}
out:
	buf_free(&second);
	buf_free(&first);
}

/* A token with a new id has no objects, so those of the old one go at once; what a crash leaves of
   them, the next turn. */
static CK_RV empty_locked(struct objstore *store, const struct objstore_id *old_id)
{
	int dir;
	CK_RV rv = store_objects_open_locked(store, false, &dir);

	if (rv != CKR_OK || dir < 0)
		return rv;
	rv = store_sweep(dir, old_id);
	close(dir);
	return rv;
}

/* Only one id is remembered as replaced, so what is left of the one before goes first. */
static CK_RV switch_locked(struct objstore *store, const struct objstore_token *current, bool is_new,
	const struct buf *file, bool *unclean)
{
	CK_RV rv = is_current_locked(store, current);

	if (rv != CKR_OK)
		return rv;
	if (store_sweep(store->dir, NULL) != CKR_OK)
		*unclean = true;
	if (is_new && empty_locked(store, &current->replaced) != CKR_OK)
		*unclean = true;
	if ((rv = copies_write(store, file)) != CKR_OK
		|| (is_new && empty_locked(store, &current->id) != CKR_OK))
		*unclean = true;
	return rv;
}

static CK_RV switch_try(struct objstore *store, const struct objstore_token *current, bool is_new,
	const struct buf *file)
{
	struct objstore_turn turn;
	CK_RV rv;

	pthread_mutex_lock(&store->mutex);
	rv = store_find_locked(store, true);
	if (rv == CKR_OK)
		rv = file_make_own(store->dir, store->path);
	if (rv == CKR_OK && (rv = store_turn_begin(store, true, &turn)) == CKR_OK) {
		rv = switch_locked(store, current, is_new, file, &turn.unclean);
		store_turn_end(store, &turn);
	}
	pthread_mutex_unlock(&store->mutex);
	return rv;
}

CK_RV objstore_token_switch(struct objstore *store, const struct objstore_token *current,
	const struct objstore_id *id, const struct buf *body)
{
	bool is_new = memcmp(id, &current->id, sizeof *id) != 0;
	struct format_header header = { FORMAT_TOKEN, false, *id, is_new ? current->id : current->replaced,
		current->sequence + 1 };
	struct objstore_patience patience = { .tries = 0 };
	struct buf file = BUF_INIT;
	CK_RV rv = CKR_HOST_MEMORY;

	if (format_encode(&header, NULL, body, &file))
		while (objstore_try(store, &patience, &rv))
			rv = switch_try(store, current, is_new, &file);
	buf_free(&file);
	return rv;
}

static CK_RV move_all(struct objstore *store, const char *name)
{
	static const char *const moved[] = { OBJECTS_DIR, TOKEN_COPY, TOKEN_FILE };
	size_t count = sizeof moved / sizeof moved[0], done = 0;
	int dir;
	CK_RV rv = file_open_dir(store->dir, name, false, true, &dir);

	for (; rv == CKR_OK && done < count; done++)
		if (renameat(store->dir, moved[done], dir, moved[done]) != 0 && errno != ENOENT) {
			rv = file_error("set aside", moved[done], errno);
			break;
		}
	if (rv == CKR_OK && (rv = file_sync_dir(dir)) == CKR_OK)
		rv = file_sync_dir(store->dir);
	/* All of it or nothing. */
	while (rv != CKR_OK && done > 0) {
		done--;
		if (renameat(dir, moved[done], store->dir, moved[done]) != 0 && errno != ENOENT)
			(void)file_error("put back", moved[done], errno);
	}
	if (rv != CKR_OK)
		unlinkat(store->dir, name, AT_REMOVEDIR);
	file_close(&dir);
	return rv;
}

static CK_RV set_aside_try(struct objstore *store, const struct objstore_token *current)
{
	struct objstore_turn turn;
	char name[40] = "";
	CK_RV rv;

	pthread_mutex_lock(&store->mutex);
	rv = store_find_locked(store, false);
	if (rv == CKR_OK && store->dir >= 0 && (rv = store_turn_begin(store, true, &turn)) == CKR_OK) {
		if ((rv = is_current_locked(store, current)) == CKR_OK
			&& (rv = file_name_aside(store->dir, "aside", name, sizeof name)) == CKR_OK)
			rv = move_all(store, name);
		turn.unclean = turn.unclean || rv != CKR_OK;
		store_turn_end(store, &turn);
	}
	if (rv == CKR_OK && name[0] != '\0')
		log_info("the store of %s is now %s/%s", current->damaged ? "a token whose file is damaged"
			: "another chip, or of this one before it was cleared", store->path, name);
	pthread_mutex_unlock(&store->mutex);
	return rv;
}

CK_RV objstore_set_aside(struct objstore *store, const struct objstore_token *current)
{
	struct objstore_patience patience = { .tries = 0 };
	CK_RV rv = CKR_OK;

	while (objstore_try(store, &patience, &rv))
		rv = set_aside_try(store, current);
	return rv;
}
