/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* MAP_ANONYMOUS, madvise(); the systems that need no such word do not mind */
#include "util/secmem.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/wipe.h"

#define SLAB_LEN ((size_t)65536)
#define STEP ((size_t)64)
#define ITEM_MAX ((size_t)4096)

/* Pages shared by items of one size. All that is known of them lies elsewhere, as the pages
   themselves are zeros in a child. */
struct slab {
	struct slab *next;
	uint8_t *pages;
	size_t free_count;
	uint16_t free_items[]; /* the first free_count are the numbers of those to be had */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct slab *slabs[ITEM_MAX / STEP]; /* by the size of their items */

static void *pages_map(size_t len)
{
	void *pages = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	/* Each is as much as can be had: without the right to lock, a secret is still better off here. */
	mlock(pages, len);
#ifdef MADV_DONTDUMP
	madvise(pages, len, MADV_DONTDUMP);
#endif
#ifdef MADV_WIPEONFORK
	madvise(pages, len, MADV_WIPEONFORK);
#endif
	return pages;
}

static size_t pages_len(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n + page - 1) / page * page;
}

static size_t slab_items(size_t class)
{
	return SLAB_LEN / ((class + 1) * STEP);
}

static struct slab *slab_new(size_t class)
{
	size_t count = slab_items(class);
	struct slab *slab = malloc(sizeof *slab + count * sizeof slab->free_items[0]);

	if (slab == NULL)
		return NULL;
	slab->pages = pages_map(SLAB_LEN);
	if (slab->pages == NULL) {
		free(slab);
		return NULL;
	}
	for (slab->free_count = 0; slab->free_count < count; slab->free_count++)
		slab->free_items[slab->free_count] = (uint16_t)slab->free_count;
	slab->next = slabs[class];
	slabs[class] = slab;
	return slab;
}

static void *item_take(size_t class)
{
	struct slab *slab = slabs[class];

	while (slab != NULL && slab->free_count == 0)
		slab = slab->next;
	if (slab == NULL && (slab = slab_new(class)) == NULL)
		return NULL;
	/* Each slab has room for an item.
	   NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
	return slab->pages + slab->free_items[--slab->free_count] * (class + 1) * STEP;
}

static void item_give_back(size_t class, const uint8_t *item)
{
	for (struct slab **at = &slabs[class]; *at != NULL; at = &(*at)->next) {
		struct slab *slab = *at;

		if (item < slab->pages || item >= slab->pages + SLAB_LEN)
			continue;
		slab->free_items[slab->free_count++] =
			(uint16_t)((size_t)(item - slab->pages) / ((class + 1) * STEP));
		if (slab->free_count == slab_items(class)) {
			*at = slab->next;
			munmap(slab->pages, SLAB_LEN);
			free(slab);
		}
		return;
	}
}

void *secmem_alloc(size_t n)
{
	void *p;

	if (n == 0 || n > SIZE_MAX / 2)
		return NULL;
	if (n > ITEM_MAX)
		return pages_map(pages_len(n));
	pthread_mutex_lock(&mutex);
	p = item_take((n - 1) / STEP);
	pthread_mutex_unlock(&mutex);
	return p;
}

void secmem_free(void *p, size_t n)
{
	if (p == NULL)
		return;
	wipe(p, n);
	if (n > ITEM_MAX) {
		munmap(p, pages_len(n));
		return;
	}
	pthread_mutex_lock(&mutex);
	item_give_back((n - 1) / STEP, p);
	pthread_mutex_unlock(&mutex);
}

void secmem_forget(void)
{
	static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	memcpy(&mutex, &fresh, sizeof mutex);
	memset(slabs, 0, sizeof slabs);
}
