/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
/* Millions of windows are tried: the calls that need no context for each are ten times as quick. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "core_search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/sha.h>

#define RUN 12 /* bytes of a secret that are enough, beginning at any multiple of four */
#define MAX_RUNS 4096
#define SLOTS 16384
#define KEY_LEN 32
#define PIECE ((size_t)4 << 20)
#define LARGEST ((size_t)1 << 30)
/* Of the 32 bytes of a random key 30 differ on the average; 18 or fewer never come. */
#define FEWEST_DISTINCT 19

struct run {
	unsigned char bytes[RUN];
	enum search_kind kind;
	const char *name;
};

static struct run runs[MAX_RUNS];
static size_t run_count;
static uint16_t slots[SLOTS]; /* of the hash of a run's first bytes: its number and one */

static struct {
	bool wanted;
	unsigned char token_id[16];
	unsigned char check[SHA256_DIGEST_LENGTH];
} master;

struct region {
	unsigned long from, to;
	bool readable, dumped;
	char name[128];
};

/* What is searched for */

static size_t slot_of(const unsigned char *bytes)
{
	uint64_t v;

	memcpy(&v, bytes, sizeof(v));
	return (size_t)((v * 0x9e3779b97f4a7c15u) >> 50);
}

void search_forget(void)
{
	memset(slots, 0, sizeof(slots));
	run_count = 0;
	master.wanted = false;
}

void search_for(enum search_kind kind, const char *name, const unsigned char *bytes, size_t length)
{
	for (size_t at = 0; at + RUN <= length && run_count < MAX_RUNS; at += 4) {
		struct run *run = &runs[run_count++];
		size_t slot = slot_of(bytes + at);

		memcpy(run->bytes, bytes + at, RUN);
		run->kind = kind;
		run->name = name;
		while (slots[slot] != 0)
			slot = (slot + 1) % SLOTS;
		slots[slot] = (uint16_t)run_count;
	}
}

void search_for_number(enum search_kind kind, const char *name, const unsigned char *bytes, size_t length)
{
	unsigned char reversed[512];

	search_for(kind, name, bytes, length);
	for (size_t i = 0; i < length && length <= sizeof(reversed); i++)
		reversed[i] = bytes[length - 1 - i];
	if (length <= sizeof(reversed))
		search_for(kind, name, reversed, length);
}

void search_for_master(const unsigned char token_id[16], const unsigned char check[32])
{
	memcpy(master.token_id, token_id, sizeof(master.token_id));
	memcpy(master.check, check, sizeof(master.check));
	master.wanted = true;
}

/* HKDF */

struct hmac {
	SHA256_CTX inner, outer;
};

static void hmac_start(struct hmac *hmac, const unsigned char *key, size_t length)
{
	unsigned char inner[SHA256_CBLOCK], outer[SHA256_CBLOCK];

	for (size_t i = 0; i < SHA256_CBLOCK; i++) {
		inner[i] = (i < length ? key[i] : 0) ^ 0x36;
		outer[i] = (i < length ? key[i] : 0) ^ 0x5c;
	}
	SHA256_Init(&hmac->inner);
	SHA256_Update(&hmac->inner, inner, sizeof(inner));
	SHA256_Init(&hmac->outer);
	SHA256_Update(&hmac->outer, outer, sizeof(outer));
}

static void hmac_end(const struct hmac *started, const void *data, size_t length,
	unsigned char out[SHA256_DIGEST_LENGTH])
{
	struct hmac hmac = *started;

	SHA256_Update(&hmac.inner, data, length);
	SHA256_Final(out, &hmac.inner);
	SHA256_Update(&hmac.outer, out, SHA256_DIGEST_LENGTH);
	SHA256_Final(out, &hmac.outer);
}

static void derive(const struct hmac *extract, const unsigned char *key, const char *info, unsigned char *out)
{
	unsigned char block[64];
	size_t length = strlen(info);
	struct hmac expand;

	hmac_end(extract, key, KEY_LEN, out);
	hmac_start(&expand, out, SHA256_DIGEST_LENGTH);
	memcpy(block, info, length);
	block[length] = 1;
	hmac_end(&expand, block, length + 1, out);
}

void search_derive(const unsigned char key[32], const unsigned char token_id[16], const char *info,
	unsigned char out[32])
{
	struct hmac extract;

	hmac_start(&extract, token_id, 16);
	derive(&extract, key, info, out);
}

/* The search */

static void note(struct search_result *result, const struct region *region, enum search_kind kind,
	const char *name, size_t at)
{
	char *where = result->where[kind];
	size_t length = strlen(where);

	if (region->dumped)
		result->dumped[kind]++;
	else
		result->hidden[kind]++;
	snprintf(where + length, sizeof(result->where[kind]) - length, "%s%s in %s%s at 0x%lx",
		length == 0 ? "" : ", ", name, region->name, region->dumped ? "" : " (not dumped)",
		region->from + at);
}

static const struct run *run_at(const unsigned char *bytes)
{
	for (size_t slot = slot_of(bytes); slots[slot] != 0; slot = (slot + 1) % SLOTS)
		if (memcmp(bytes, runs[slots[slot] - 1].bytes, RUN) == 0)
			return &runs[slots[slot] - 1];
	return NULL;
}

static void search_runs(const struct region *region, const unsigned char *bytes, size_t length, size_t offset,
	struct search_result *result)
{
	const struct run *run;

	for (size_t at = 0; at + RUN <= length; at++)
		if ((run = run_at(bytes + at)) != NULL) {
			note(result, region, run->kind, run->name, offset + at);
			at += RUN - 1;
		}
}

/* Every window of 32 bytes that is random enough is tried as the master key. */
static void search_keys(const struct region *region, const unsigned char *bytes, size_t length, size_t offset,
	struct search_result *result)
{
	unsigned char out[SHA256_DIGEST_LENGTH];
	unsigned int count[256] = { 0 }, distinct = 0;
	struct hmac extract;

	hmac_start(&extract, master.token_id, sizeof(master.token_id));
	for (size_t end = 0; end < length; end++) {
		if (count[bytes[end]]++ == 0)
			distinct++;
		if (end >= KEY_LEN && --count[bytes[end - KEY_LEN]] == 0)
			distinct--;
		if (end + 1 < KEY_LEN || distinct < FEWEST_DISTINCT)
			continue;
		derive(&extract, bytes + end + 1 - KEY_LEN, "pkcs11_tpm master key check", out);
		if (memcmp(out, master.check, sizeof(out)) != 0)
			continue;
		note(result, region, SEARCH_MASTER, "the master key", offset + end + 1 - KEY_LEN);
		memcpy(result->master, bytes + end + 1 - KEY_LEN, KEY_LEN);
		result->has_master = true;
	}
}

/* Pieces overlap, so that nothing hides on the border of two. */
static const char *search_region(int fd, const struct region *region, struct search_result *result)
{
	unsigned char *piece = malloc(PIECE);
	size_t size = region->to - region->from;

	if (piece == NULL)
		return "no memory";
	for (size_t offset = 0; offset < size; offset += PIECE - KEY_LEN) {
		size_t wanted = size - offset < PIECE ? size - offset : PIECE;
		ssize_t n = pread(fd, piece, wanted, (off_t)(region->from + offset));

		if (n <= 0)
			break;
		result->bytes += (size_t)n;
		search_runs(region, piece, (size_t)n, offset, result);
		if (master.wanted)
			search_keys(region, piece, (size_t)n, offset, result);
	}
	free(piece);
	return NULL;
}

/* What the process has of the kernel's, and of files as they are on disk, is nobody's secret. */
static void region_read(const char *line, struct region *region)
{
	char mode[5] = "", path[100] = "";
	unsigned long inode = 0;

	sscanf(line, "%lx-%lx %4s %*s %*s %lu %99[^\n]", &region->from, &region->to, mode, &inode, path);
	region->readable = mode[0] == 'r' && (inode == 0 || mode[1] == 'w') && strncmp(path, "[v", 2) != 0
		&& region->to - region->from <= LARGEST;
	region->dumped = true;
	snprintf(region->name, sizeof(region->name), "%s %s", path[0] != '\0' ? path : "anonymous memory",
		mode);
}

static const char *search_regions(FILE *smaps, int memory, struct search_result *result)
{
	struct region region = { .readable = false };
	const char *why = NULL;
	char line[512];

	while (why == NULL && fgets(line, sizeof(line), smaps) != NULL) {
		if (strchr("0123456789abcdef", line[0]) != NULL) {
			region_read(line, &region);
		} else if (strncmp(line, "VmFlags:", 8) == 0 && region.readable) {
			region.dumped = strstr(line, " dd") == NULL; /* MADV_DONTDUMP */
			why = search_region(memory, &region, result);
		}
	}
	return why != NULL ? why : result->bytes == 0 ? "/proc/PID/mem gives nothing" : NULL;
}

const char *search_process(pid_t process, struct search_result *result)
{
	char path[64];
	const char *why;
	FILE *smaps;
	int memory;

	memset(result, 0, sizeof(*result));
	snprintf(path, sizeof(path), "/proc/%ld/mem", (long)process);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	if (memory < 0)
		return strerror(errno);
	snprintf(path, sizeof(path), "/proc/%ld/smaps", (long)process);
	smaps = fopen(path, "re");
	why = smaps != NULL ? search_regions(smaps, memory, result) : strerror(errno);
	if (smaps != NULL)
		fclose(smaps);
	close(memory);
	return why;
}

const char *search_file(const char *path, struct search_result *result)
{
	struct region region = { .from = 0, .dumped = true, .name = "the core file" };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *why;
	off_t size;

	memset(result, 0, sizeof(*result));
	if (fd < 0)
		return strerror(errno);
	size = lseek(fd, 0, SEEK_END);
	region.to = size > 0 ? (unsigned long)size : 0;
	why = search_region(fd, &region, result);
	close(fd);
	return why;
}
