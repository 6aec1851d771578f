/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "keep.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHUNK ((size_t)16 << 20)
#define ALIGNMENT ((size_t)16)
#define VEIL ((uintptr_t)0x5bd1e995c2b2ae35u)
#define OWN_FRAMES 2 /* of this file, in a backtrace */
#define UNKNOWN ((void *)1) /* a caller */

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#ifndef SANITIZED

/* Memory that blocks are cut off from. Without a lock, as a process may be forked at any time. */
struct chunk {
	_Atomic size_t used;
	size_t size;
};

/*
 * Blocks of zeros that were freed, by their size: there is nothing to be found in them, and libcrypto
 * takes millions and wipes them, so that they are given out again. Each thread has its own.
 */
#define SPARE_MAX ((size_t)1024)
static _Thread_local struct keep_block *spare[SPARE_MAX / ALIGNMENT + 1]
	__attribute__((tls_model("initial-exec")));

/* How often one of a size is traced when it is given out again: of millions it takes minutes. */
#define TRACED_MAX 10000
static _Thread_local unsigned int spare_taken[SPARE_MAX / ALIGNMENT + 1]
	__attribute__((tls_model("initial-exec")));

static struct chunk *_Atomic current;
static atomic_bool tracing;
static _Thread_local bool in_trace __attribute__((tls_model("initial-exec")));

bool keep_works(void)
{
	return true;
}

static struct chunk *chunk_new(size_t size)
{
	struct chunk *chunk = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (chunk == MAP_FAILED)
		return NULL;
	chunk->size = size;
	atomic_store(&chunk->used, (sizeof(*chunk) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
	return chunk;
}

static unsigned char *chunk_cut(struct chunk *chunk, size_t n)
{
	size_t at = atomic_fetch_add(&chunk->used, n);

	return at <= chunk->size && n <= chunk->size - at ? (unsigned char *)chunk + at : NULL;
}

static unsigned char *room(size_t n)
{
	struct chunk *chunk = atomic_load(&current), *more;
	unsigned char *p = NULL;

	if (n > CHUNK / 2)
		return (more = chunk_new(n + CHUNK)) != NULL ? chunk_cut(more, n) : NULL;
	while (chunk == NULL || (p = chunk_cut(chunk, n)) == NULL) {
		if ((more = chunk_new(CHUNK)) == NULL)
			return NULL;
		if (atomic_compare_exchange_strong(&current, &chunk, more))
			chunk = more;
		else
			syscall(SYS_munmap, more, CHUNK);
	}
	return p;
}

static void trace(void *callers[KEEP_CALLERS])
{
	void *found[KEEP_CALLERS + OWN_FRAMES];
	int count;

	if (!atomic_load(&tracing) || in_trace) {
		callers[0] = UNKNOWN;
		return;
	}
	in_trace = true;
	count = backtrace(found, KEEP_CALLERS + OWN_FRAMES);
	for (int i = OWN_FRAMES; i < count; i++)
		callers[i - OWN_FRAMES] = found[i];
	if (count <= OWN_FRAMES)
		callers[0] = UNKNOWN;
	in_trace = false;
}

static struct keep_block *block_of(void *p)
{
	return (struct keep_block *)p - 1;
}

static size_t size_class(size_t size)
{
	return (size + ALIGNMENT - 1) / ALIGNMENT;
}

static void *spare_take(size_t size)
{
	struct keep_block *block = size <= SPARE_MAX ? spare[size_class(size)] : NULL;

	if (block == NULL)
		return NULL;
	spare[size_class(size)] = block->freed[1];
	memset(block->freed, 0, sizeof(block->freed));
	memset(block->allocated, 0, sizeof(block->allocated));
	block->size = size;
	if (spare_taken[size_class(size)]++ < TRACED_MAX)
		trace(block->allocated);
	return block + 1;
}

/* Each byte is the one before it, and the first is zero. */
static bool is_zero(const unsigned char *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

static bool spare_put(struct keep_block *block)
{
	if (block->size > SPARE_MAX || block->size % ALIGNMENT != 0
		|| !is_zero((const unsigned char *)(block + 1), block->size))
		return false;
	block->freed[0] = UNKNOWN;
	block->freed[1] = spare[size_class(block->size)];
	spare[size_class(block->size)] = block;
	return true;
}

/* Fresh memory is zero already. */
static __attribute__((noinline)) void *block_new(size_t size, size_t alignment)
{
	size_t head = sizeof(struct keep_block), need;
	unsigned char *p;

	if (size > SIZE_MAX / 4 || alignment > SIZE_MAX / 4) {
		errno = ENOMEM;
		return NULL;
	}
	need = (head + size + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
	if (alignment <= ALIGNMENT && size % ALIGNMENT == 0 && (p = spare_take(size)) != NULL)
		return p;
	p = room(need + (alignment > ALIGNMENT ? alignment : 0));
	if (p == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	p += head;
	if (alignment > ALIGNMENT)
		p += (alignment - (uintptr_t)p % alignment) % alignment;
	block_of(p)->check = (uintptr_t)block_of(p) ^ VEIL;
	block_of(p)->size = size;
	trace(block_of(p)->allocated);
	return p;
}

static __attribute__((noinline)) void block_free(void *p)
{
	if (p != NULL && !spare_put(block_of(p)))
		trace(block_of(p)->freed);
}

void *malloc(size_t size)
{
	return block_new(size, ALIGNMENT);
}

void *calloc(size_t n, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all))
		all = SIZE_MAX;
	return block_new(all, ALIGNMENT);
}

void free(void *p)
{
	block_free(p);
}

void *realloc(void *p, size_t size)
{
	void *moved;

	if (p != NULL && size == 0) {
		block_free(p);
		return NULL;
	}
	moved = block_new(size, ALIGNMENT);
	if (moved == NULL || p == NULL)
		return moved;
	memcpy(moved, p, size < block_of(p)->size ? size : block_of(p)->size);
	block_free(p);
	return moved;
}

void *memalign(size_t alignment, size_t size)
{
	return block_new(size, alignment);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return block_new(size, alignment);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *p = block_new(size, alignment);

	if (p == NULL)
		return ENOMEM;
	*out = p;
	return 0;
}

void *valloc(size_t size)
{
	return block_new(size, 4096);
}

size_t malloc_usable_size(void *p)
{
	return p != NULL ? block_of(p)->size : 0;
}

int munmap(void *p, size_t size)
{
	return munlock(p, size), 0;
}

/* Its first call loads a library. */
void keep_trace(void)
{
	void *callers[2];

	backtrace(callers, 2);
	atomic_store(&tracing, true);
}

#else

bool keep_works(void)
{
	return false;
}

void keep_trace(void)
{
}

#endif

uintptr_t keep_find(const unsigned char *before, size_t n, uintptr_t address, struct keep_block *block)
{
	for (size_t back = address % ALIGNMENT + sizeof(*block); back <= n; back += ALIGNMENT) {
		memcpy(block, before + n - back, sizeof(*block));
		if (block->check == ((address - back) ^ VEIL))
			return back - sizeof(*block) < block->size ? address - back : 0;
	}
	return 0;
}

bool keep_is_freed(const struct keep_block *block)
{
	return block->freed[0] != NULL;
}

/* The name of a symbol only if the address lies in it: most functions have none that is known here. */
static void describe(void *caller, char *text, size_t size)
{
	void *extra = NULL;
	Dl_info info;
	const ElfW(Sym) *symbol;
	const char *file;
	size_t offset;

	if (dladdr1(caller, &info, &extra, RTLD_DL_SYMENT) == 0) {
		snprintf(text, size, "%p", caller);
		return;
	}
	file = strrchr(info.dli_fname, '/');
	file = file != NULL ? file + 1 : info.dli_fname;
	symbol = extra;
	offset = (size_t)((char *)caller - (char *)info.dli_fbase);
	if (info.dli_sname != NULL && symbol != NULL
		&& (char *)caller <= (char *)info.dli_saddr + symbol->st_size)
		snprintf(text, size, "%s:%s", file, info.dli_sname);
	else
		snprintf(text, size, "%s+0x%zx", file, offset);
}

void keep_describe(void *const callers[KEEP_CALLERS], char *text, size_t size)
{
	size_t length = 0;

	text[0] = '\0';
	for (int i = 0; i < KEEP_CALLERS && callers[i] > UNKNOWN && length + 1 < size; i++) {
		char one[200];

		describe(callers[i], one, sizeof(one));
		length += (size_t)snprintf(text + length, size - length, "%s%s", i == 0 ? "" : " < ", one);
	}
}
