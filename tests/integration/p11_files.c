/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "p11.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* nftw() hands nothing of the caller's to its function. */
static struct {
	struct p11_files *files;
	const unsigned char *sought;
	size_t sought_length;
	bool found;
	size_t root_length;
	unsigned char sum[32];
} walk;

static void walk_tree(const char *directory,
		      int (*visit)(const char *, const struct stat *, int, struct FTW *))
{
	walk.root_length = strlen(directory);
	TAP_CHECK(nftw(directory, visit, 16, FTW_PHYS) == 0, "%s: %s", directory, strerror(errno));
}

static int list_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	struct p11_files *files = walk.files;

	(void)status;
	(void)ftw;
	if (type == FTW_F && files->count < P11_MAX_FILES)
		snprintf(files->names[files->count++], sizeof(files->names[0]), "%s",
			 path + walk.root_length + 1);
	return 0;
}

void p11_list_files(const char *directory, struct p11_files *files)
{
	files->count = 0;
	walk.files = files;
	walk_tree(directory, list_entry);
	TAP_CHECK(files->count < P11_MAX_FILES, "%s has too many files", directory);
}

const char *p11_new_file(const struct p11_files *before, struct p11_files *after)
{
	const char *name = NULL;
	size_t i, j, new_files = 0;

	p11_list_files(p11_store(), after);
	for (i = 0; i < after->count; i++) {
		for (j = 0; j < before->count; j++)
			if (strcmp(after->names[i], before->names[j]) == 0)
				break;
		if (j == before->count) {
			name = after->names[i];
			new_files++;
		}
	}
	TAP_MUST(new_files == 1, "the store has %zu new files, not 1", new_files);
	return name;
}

unsigned char *p11_read_file(const char *path, size_t *length)
{
	FILE *file = fopen(path, "rb");
	unsigned char *data = NULL;
	long size;

	*length = 0;
	if (file == NULL)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 &&
	    fseek(file, 0, SEEK_SET) == 0 && (data = malloc((size_t)size + 1)) != NULL)
		*length = fread(data, 1, (size_t)size, file);
	fclose(file);
	return data;
}

void p11_write_file(const char *path, const void *data, size_t length)
{
	FILE *file = fopen(path, "wb");

	TAP_MUST(file != NULL, "%s: %s", path, strerror(errno));
	ULONG_EQUAL(fwrite(data, 1, length, file), length);
	TAP_CHECK(fclose(file) == 0, "%s: %s", path, strerror(errno));
}

void p11_copy_file(const char *from, const char *to)
{
	size_t length;
	unsigned char *data = p11_read_file(from, &length);
	struct stat status;

	TAP_MUST(data != NULL && stat(from, &status) == 0, "%s: %s", from, strerror(errno));
	p11_write_file(to, data, length);
	TAP_CHECK(chmod(to, status.st_mode & 07777) == 0, "%s: %s", to, strerror(errno));
	free(data);
}

/* The order in which a directory lists its entries may differ, so their hashes are added. */
static int hash_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	unsigned char digest[EVP_MAX_MD_SIZE], *data = NULL;
	unsigned long mode = status->st_mode;
	size_t length = 0, i;
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	(void)ftw;
	if (type == FTW_F)
		data = p11_read_file(path, &length);
	EVP_DigestInit_ex(context, EVP_sha256(), NULL);
	EVP_DigestUpdate(context, path + walk.root_length, strlen(path + walk.root_length) + 1);
	EVP_DigestUpdate(context, &mode, sizeof(mode));
	EVP_DigestUpdate(context, data == NULL ? path : (char *)data, length);
	EVP_DigestFinal_ex(context, digest, NULL);
	EVP_MD_CTX_free(context);
	free(data);
	for (i = 0; i < sizeof(walk.sum); i++)
		walk.sum[i] = (unsigned char)(walk.sum[i] + digest[i]);
	return 0;
}

const char *p11_fingerprint(const char *directory, char out[65])
{
	size_t i;

	memset(walk.sum, 0, sizeof(walk.sum));
	walk_tree(directory, hash_entry);
	for (i = 0; i < sizeof(walk.sum); i++)
		snprintf(out + 2 * i, 3, "%02x", walk.sum[i]);
	return out;
}

static int search_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	size_t length;
	unsigned char *data;

	(void)status;
	(void)ftw;
	if (type != FTW_F || walk.found)
		return 0;
	data = p11_read_file(path, &length);
	walk.found = data != NULL && memmem(data, length, walk.sought, walk.sought_length) != NULL;
	free(data);
	return 0;
}

bool p11_files_contain(const char *directory, const void *bytes, size_t length)
{
	walk.found = false;
	walk.sought = bytes;
	walk.sought_length = length;
	walk_tree(directory, search_entry);
	return walk.found;
}

static bool is_object_name(const char *name)
{
	return strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32;
}

void p11_count_store(unsigned int *objects, unsigned int *temporaries)
{
	static const char *const directories[] = { "", "/objects" };

	*objects = *temporaries = 0;
	for (int i = 0; i < 2; i++) {
		char path[700];
		DIR *stream;

		snprintf(path, sizeof(path), "%s%s", p11_store(), directories[i]);
		stream = opendir(path);
		for (struct dirent *d; stream != NULL && (d = readdir(stream)) != NULL;) {
			*objects += i == 1 && is_object_name(d->d_name);
			*temporaries += strncmp(d->d_name, ".tmp.", 5) == 0;
			TAP_CHECK(strcmp(d->d_name, "damaged") != 0, "something counts as damaged");
		}
		if (stream != NULL)
			closedir(stream);
	}
}
