/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "core_search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUN 12 /* bytes of a secret that are enough, beginning at any multiple of four */
#define MAX_RUNS 8192
#define SLOTS 32768
#define PIECE ((size_t)4 << 20)
#define LARGEST ((size_t)1 << 30)

struct run {
	unsigned char bytes[RUN];
	enum search_kind kind;
	const char *name;
};

static struct run runs[MAX_RUNS];
static size_t run_count;
static uint16_t slots[SLOTS]; /* of the hash of a run's first bytes: its number and one */

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
	return (size_t)((v * 0x9e3779b97f4a7c15u) >> 49);
}

static const struct run *run_at(const unsigned char *bytes)
{
	for (size_t slot = slot_of(bytes); slots[slot] != 0; slot = (slot + 1) % SLOTS)
		if (memcmp(bytes, runs[slots[slot] - 1].bytes, RUN) == 0)
			return &runs[slots[slot] - 1];
	return NULL;
}

void search_forget(void)
{
	memset(slots, 0, sizeof(slots));
	run_count = 0;
}

void search_for(enum search_kind kind, const char *name, const unsigned char *bytes, size_t length)
{
	for (size_t at = 0; at + RUN <= length && run_count < MAX_RUNS; at += 4) {
		struct run *run = &runs[run_count];
		size_t slot = slot_of(bytes + at);

		if (run_at(bytes + at) != NULL)
			continue;
		run_count++;
		memcpy(run->bytes, bytes + at, RUN);
		run->kind = kind;
		run->name = name;
		while (slots[slot] != 0)
			slot = (slot + 1) % SLOTS;
		slots[slot] = (uint16_t)run_count;
	}
}

void search_for_key(enum search_kind kind, const char *name, const unsigned char *bytes, size_t length)
{
	unsigned char padded[64];

	search_for(kind, name, bytes, length);
	for (unsigned int pad = 0x36; pad <= 0x5c && length <= sizeof(padded); pad += 0x5c - 0x36) {
		for (size_t i = 0; i < length; i++)
			padded[i] = (unsigned char)(bytes[i] ^ pad);
		search_for(kind, name, padded, length);
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

/* The search */

static void note(struct search_result *result, const struct region *region, enum search_kind kind,
	const char *name, size_t at)
{
	char *where = result->where[kind];
	size_t length = strlen(where);

	if (result->hit_count++ < SEARCH_HITS) {
		struct search_hit *hit = &result->hits[result->hit_count - 1];

		*hit = (struct search_hit){ kind, name, region->from + at, region->from, "" };
		snprintf(hit->where, sizeof(hit->where), "%s", region->name);
	}
	if (region->dumped)
		result->dumped[kind]++;
	else
		result->hidden[kind]++;
	snprintf(where + length, sizeof(result->where[kind]) - length, "%s%s in %s%s at 0x%lx",
		length == 0 ? "" : ", ", name, region->name, region->dumped ? "" : " (not dumped)",
		region->from + at);
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

/* Pieces overlap, so that nothing hides on the border of two. */
static const char *search_region(int fd, const struct region *region, struct search_result *result)
{
	static unsigned char piece[PIECE];
	size_t size = region->to - region->from;

	if (size > LARGEST)
		return "it is too large to be searched";
	for (size_t offset = 0; offset < size; offset += PIECE - RUN) {
		size_t wanted = size - offset < PIECE ? size - offset : PIECE;
		ssize_t n = pread(fd, piece, wanted, (off_t)(region->from + offset));

		if (n != (ssize_t)wanted)
			return n < 0 ? strerror(errno) : "it ends too early";
		result->bytes += (size_t)n;
		search_runs(region, piece, (size_t)n, offset, result);
	}
	return NULL;
}

/* What the process has of the kernel's, and of files as they are on disk, is nobody's secret. */
static void region_read(const char *line, struct region *region)
{
	char mode[5] = "", path[100] = "";
	unsigned long inode = 0;

	sscanf(line, "%lx-%lx %4s %*s %*s %lu %99[^\n]", &region->from, &region->to, mode, &inode, path);
	region->readable = mode[0] == 'r' && (inode == 0 || mode[1] == 'w') && strncmp(path, "[v", 2) != 0;
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
