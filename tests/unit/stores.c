/* SPDX-License-Identifier: BSD-2-Clause */
#include "stores.h"

#include <dirent.h>

#include "token.h"
#include "trees.h"

/* --- files --- */

static char current[32] = "store";

const char *stores_path(const char *name)
{
	char path[300];

	snprintf(path, sizeof path, "%s/%s", current, name);
	return unit_path(path);
}

const char *stores_prepared(const char *store, const char *name)
{
	char path[300];

	snprintf(path, sizeof path, "made/%s/%s", store, name);
	return unit_path(path);
}

void stores_take(const char *name)
{
	unit_remove_tree(unit_path("store"));
	tree_copy(stores_prepared(name, ""), unit_path("store"));
	setenv("PKCS11_TPM_DIR", unit_path("store"), 1);
}

void stores_remember(void)
{
	unit_remove_tree(unit_path("remembered"));
	tree_copy(stores_path(""), unit_path("remembered"));
}

bool stores_unchanged(void)
{
	static const char *const names[] = { "token", "token.2" };
	char path[40];

	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof path, "remembered/%s", names[i]);
		if (!file_same(unit_path(path), stores_path(names[i])))
			return false;
	}
	return tree_same(unit_path("remembered/objects"), stores_path("objects"));
}

/* The store stays where it is, as a process may have it open. */
void stores_on_copy(void (*run)(void *), void *argument)
{
	char original[sizeof current];

	memcpy(original, current, sizeof current);
	snprintf(current, sizeof current, "%.20s.copy", original);
	unit_remove_tree(unit_path(current));
	tree_copy(unit_path(original), unit_path(current));
	setenv("PKCS11_TPM_DIR", unit_path(current), 1);
	run(argument);
	unit_remove_tree(unit_path(current));
	memcpy(current, original, sizeof current);
	setenv("PKCS11_TPM_DIR", unit_path(current), 1);
}

/* --- others --- */

CK_RV stores_write_object(struct token *token, CK_OBJECT_HANDLE *handle)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, false), A_TEXT(CKA_LABEL, "of another") };

	return keys_create_object(token, &actor, TEMPLATE(template), handle);
}

CK_RV stores_undo_object(struct token *token, CK_OBJECT_HANDLE handle)
{
	return objects_destroy(token, &actor, handle);
}

CK_RV stores_write_token(void)
{
	struct objstore_token on_disk;
	struct objstore *store;
	CK_RV rv;

	RV_MUST(objstore_open(&store), CKR_OK);
	rv = objstore_token_read(store, &on_disk);
	if (rv == CKR_OK)
		rv = objstore_token_switch(store, &on_disk, &on_disk.id, &on_disk.body);
	buf_free(&on_disk.body);
	objstore_close(&store);
	return rv;
}

/* --- what is in the files --- */

static struct buf wanted;
static unsigned int matches;

static int compare_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct buf content = BUF_INIT;

	(void)ftw;
	if (type != FTW_F || (size_t)st->st_size != wanted.len)
		return 0;
	file_load(path, &content);
	if (memcmp(content.data, wanted.data, wanted.len) == 0)
		matches++;
	buf_free(&content);
	return 0;
}

unsigned int stores_count_content(const char *path)
{
	matches = 0;
	file_load(path, &wanted);
	nftw(stores_path(""), compare_file, 16, FTW_PHYS);
	buf_free(&wanted);
	return matches;
}

size_t stores_object_names(const char *store, char names[][33], size_t room)
{
	DIR *stream = opendir(stores_prepared(store, "objects"));
	size_t count = 0;

	MUST(stream != NULL);
	for (struct dirent *d; (d = readdir(stream)) != NULL;)
		if (strlen(d->d_name) == 32 && count < room)
			memcpy(names[count++], d->d_name, 33);
	closedir(stream);
	return count;
}

const char *stores_damaged(bool private)
{
	return unit_path(private ? "damaged.private" : "damaged.public");
}

void stores_check_kept(const char *prepared, bool token_too)
{
	char names[8][33], path[60];
	size_t count = stores_object_names(prepared, names, COUNT(names));

	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof path, "objects/%.32s", names[i]);
		TAP_CHECK(stores_count_content(stores_prepared(prepared, path)) == 1, "%s is lost", path);
	}
	if (token_too)
		TAP_CHECK(stores_count_content(stores_prepared(prepared, "token")) != 0, "token is lost");
}

bool stores_copy_is_old(void)
{
	const char *old = unit_path("remembered/token");

	return unit_exists(stores_path("token.2")) && file_same(old, stores_path("token.2"))
		&& !file_same(old, stores_path("token"));
}

/* Of temporaries, and of objects that are not the token's. */
static void check_directory(const char *path, const uint8_t *token_id)
{
	DIR *stream = opendir(path);

	if (stream == NULL && errno == ENOENT)
		return;
	TAP_MUST(stream != NULL, "%s: %s", path, strerror(errno));
	for (struct dirent *d; (d = readdir(stream)) != NULL;) {
		struct buf file = BUF_INIT;
		char name[600];

		snprintf(name, sizeof name, "%s/%s", path, d->d_name);
		TAP_CHECK(strncmp(d->d_name, ".tmp.", 5) != 0, "%s is left over", name);
		if (token_id != NULL && strlen(d->d_name) == 32) {
			file_load(name, &file);
			TAP_CHECK(file.len >= 32 && memcmp(file.data + 16, token_id, 16) == 0,
				"%s is left over of a token that was replaced", name);
		}
		buf_free(&file);
	}
	closedir(stream);
}

void stores_check_clean(void)
{
	struct buf token = BUF_INIT, copy = BUF_INIT, generation = BUF_INIT;

	file_load(stores_path("generation"), &generation);
	CHECK(generation.len == 8 && generation.data[7] % 2 == 0);
	if (unit_exists(stores_path("token")))
		file_load(stores_path("token"), &token);
	if (unit_exists(stores_path("token.2")))
		file_load(stores_path("token.2"), &copy);
	TAP_CHECK(token.len >= 32, "there is no token");
	TAP_CHECK(token.len == copy.len && memcmp(token.data, copy.data, token.len) == 0,
		"token.2 is no copy of token");
	check_directory(stores_path(""), NULL);
	if (token.len >= 32)
		check_directory(stores_path("objects"), token.data + 16);
	buf_free(&generation);
	buf_free(&token);
	buf_free(&copy);
}

/* --- the prepared ones --- */

void stores_make(void)
{
	static bool made;

	if (made)
		return;
	/* So many small files are better kept in memory. */
	if (access("/dev/shm", W_OK | X_OK) == 0)
		unit_scratch_parent = "/dev/shm";
	unit_fresh();
	MUST(mkdir(unit_path("made"), 0700) == 0);
	stores_make_all();
	made = true;
}

void stores_remove(void)
{
	unit_end(0);
}
