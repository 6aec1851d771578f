/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* MAP_ANONYMOUS, madvise(), setgroups() */
#include "unit.h"

#include <grp.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "util/secmem.h"

#define NOBODY 65534
#define LARGE 100000

/* Around each border between the orders, and beyond the last. */
static const size_t sizes[] = { 1, 16, 63, 64, 65, 127, 128, 129, 1000, 2047, 2048, 2049, 4032, 4033, 4095,
	4096, 4097, 8191, 8192, 8193, 65535, 65536, 65537, 1000000 };

static bool all_are(const uint8_t *p, size_t n, uint8_t byte)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte)
			return false;
	return true;
}

static uint8_t *taken(size_t n)
{
	uint8_t *p = secmem_alloc(n);

	TAP_MUST(p != NULL, "no memory for %zu bytes", n);
	TAP_CHECK((uintptr_t)p % alignof(max_align_t) == 0, "%zu bytes are not aligned", n);
	TAP_CHECK(all_are(p, n, 0), "%zu bytes are not zeros", n);
	return p;
}

/* --- what each allocation gives --- */

struct item {
	uint8_t *p;
	size_t n;
	uint8_t byte;
};

static void item_take(struct item *item, size_t n, size_t number)
{
	item->p = taken(n);
	item->n = n;
	item->byte = (uint8_t)(number % 255 + 1);
	memset(item->p, item->byte, n);
}

static void item_free(struct item *item)
{
	if (item->p == NULL)
		return;
	TAP_CHECK(all_are(item->p, item->n, item->byte), "%zu bytes have changed", item->n);
	secmem_free(item->p, item->n);
	item->p = NULL;
}

static void orders(void)
{
	static const size_t steps[] = { 1, 7, 101, 359, 719 }; /* prime to the count, so each comes to all */
	static struct item items[30 * COUNT(sizes)];

	for (size_t order = 0; order < COUNT(steps); order++) {
		tap_about("every %zuth", steps[order]);
		for (size_t i = 0; i < COUNT(items); i++)
			item_take(&items[i], sizes[i % COUNT(sizes)], i);
		for (size_t i = 0; i < COUNT(items); i++)
			item_free(&items[i * steps[order] % COUNT(items)]);
		for (size_t i = 0; i < COUNT(items); i++)
			CHECK(items[i].p == NULL);
	}
}

/* Items go and come in no order, each living over many others' deaths. */
static void mix(size_t rounds)
{
	static struct item items[200];
	unsigned int state = 1;

	for (size_t round = 0; round < rounds; round++) {
		state = state * 1103515245u + 12345u;
		struct item *item = &items[(state >> 16) % COUNT(items)];

		if (item->p != NULL)
			item_free(item);
		else
			item_take(item, sizes[(state >> 24) % 18], round);
	}
	for (size_t i = 0; i < COUNT(items); i++)
		item_free(&items[i]);
}

static void mixed(void)
{
	mix(20000);
}

static void nothing_and_too_much(void)
{
	CHECK(secmem_alloc(0) == NULL);
	CHECK(secmem_alloc(SIZE_MAX) == NULL);
	CHECK(secmem_alloc(SIZE_MAX / 2) == NULL);
	secmem_free(NULL, 0);
	secmem_free(NULL, 64);
	secmem_free(NULL, LARGE);
}

/* A neighbour keeps the page mapped, so what was freed can still be looked at. */
static void wiped(void)
{
	for (size_t i = 0; sizes[i] < 4096; i++) {
		uint8_t *neighbour = taken(sizes[i]), *p = taken(sizes[i]), *again;

		memset(neighbour, 0x5a, sizes[i]);
		memset(p, 0xa5, sizes[i]);
		secmem_free(p, sizes[i]);
		TAP_CHECK(all_are(p, sizes[i], 0), "%zu freed bytes are not wiped", sizes[i]);
		CHECK(all_are(neighbour, sizes[i], 0x5a));
		again = taken(sizes[i]);
		secmem_free(again, sizes[i]);
		secmem_free(neighbour, sizes[i]);
	}
}

static atomic_bool enough;

/* Small items of one size, so that all threads meet in the same pages. */
static void *thread_main(void *arg)
{
	uintptr_t bad = 0;

	for (size_t round = 0; round < 200000 && !enough; round++) {
		uint8_t byte = (uint8_t)(uintptr_t)arg, *p = secmem_alloc(64), *q = secmem_alloc(64);

		if (p == NULL || q == NULL || !all_are(p, 64, 0) || !all_are(q, 64, 0)) {
			bad++;
			break;
		}
		memset(p, byte, 64);
		memset(q, byte, 64);
		bad += !all_are(p, 64, byte);
		secmem_free(p, 64);
		bad += !all_are(q, 64, byte);
		secmem_free(q, 64);
	}
	return (void *)bad;
}

static void threads_start(pthread_t *thread, size_t n)
{
	enough = false;
	for (size_t i = 0; i < n; i++)
		MUST(pthread_create(&thread[i], NULL, thread_main, (void *)(uintptr_t)(i + 1)) == 0);
}

static void threads_join(const pthread_t *thread, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		void *bad = NULL;

		pthread_join(thread[i], &bad);
		TAP_CHECK(bad == NULL, "thread %zu met memory that was not its own", i);
	}
}

static void threads(void)
{
	pthread_t thread[4];

	threads_start(thread, COUNT(thread));
	threads_join(thread, COUNT(thread));
}

/* The fork comes in the midst of the others' work, whatever they have half done. */
static int child_of_threads(void *arg)
{
	(void)arg;
	alarm(30);
	secmem_forget();
	mix(1000);
	return 0;
}

static void threads_and_forks(void)
{
	pthread_t thread[2];

	threads_start(thread, COUNT(thread));
	for (int i = 0; i < 40; i++)
		NUMBER_EQUAL(tap_child_wait(tap_child_start(child_of_threads, NULL)), 0);
	enough = true;
	threads_join(thread, COUNT(thread));
}

/* --- what the system says of it --- */

/* Do the flags of the mapping that holds p have this word? smaps names them in two letters each. */
static bool has_flag(const void *p, const char *word)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	bool inside = false, found = false;
	char line[512];

	while (smaps != NULL && fgets(line, sizeof line, smaps) != NULL) {
		uintptr_t from, to;
		char space;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR "%c", &from, &to, &space) == 3)
			inside = (uintptr_t)p >= from && (uintptr_t)p < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, word) != NULL;
	}
	if (smaps != NULL)
		fclose(smaps);
	return found;
}

static void *pages_new(void)
{
	void *pages = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(pages != MAP_FAILED);
	return pages;
}

/* What the test can have for pages of its own, the module's memory must have. */
static bool system_can(const char *word)
{
	void *pages = pages_new();
	bool can;

	if (strcmp(word, " lo") == 0)
		mlock(pages, LARGE);
#ifdef MADV_DONTDUMP
	if (strcmp(word, " dd") == 0)
		madvise(pages, LARGE, MADV_DONTDUMP);
#endif
#ifdef MADV_WIPEONFORK
	if (strcmp(word, " wf") == 0)
		madvise(pages, LARGE, MADV_WIPEONFORK);
#endif
	can = has_flag(pages, word);
	munmap(pages, LARGE);
	return can;
}

static void flag(void)
{
	const char *word = strstr(tap_case_name(), "locked") != NULL ? " lo"
		: strstr(tap_case_name(), "dump") != NULL ? " dd" : " wf";
	uint8_t *small, *large;

	if (!system_can(word)) {
		tap_skip("the system has no such thing, or not for this user");
		return;
	}
	small = taken(32);
	large = taken(LARGE);
	CHECK(has_flag(small, word));
	CHECK(has_flag(large, word) && has_flag(large + LARGE - 1, word));
	secmem_free(small, 32);
	secmem_free(large, LARGE);
}

static size_t mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	size_t n = 0;

	for (int c; maps != NULL && (c = fgetc(maps)) != EOF;)
		n += c == '\n';
	if (maps != NULL)
		fclose(maps);
	return n;
}

static unsigned long pages_mapped(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	unsigned long n = 0;

	if (statm != NULL && fscanf(statm, "%lu", &n) != 1)
		n = 0;
	if (statm != NULL)
		fclose(statm);
	return n;
}

/* A leak of one slab in a hundred rounds would be 1,600 pages. */
static void no_growth(void)
{
	static struct item items[50];
	size_t lines = 0;
	unsigned long pages = 0;

#ifdef __SANITIZE_THREAD__
	tap_skip("ThreadSanitizer maps memory of its own");
	return;
#endif
	if (mappings() == 0 || pages_mapped() == 0) {
		tap_skip("the system has no /proc/self/maps");
		return;
	}
	for (size_t round = 0; round < 10200; round++) {
		struct item *item = &items[round % COUNT(items)];

		item_free(item);
		item_take(item, sizes[round * 7 % COUNT(sizes)], round);
		if (round % 200 != 199)
			continue;
		for (size_t i = 0; i < COUNT(items); i++)
			item_free(&items[i]);
		if (round == 199) {
			lines = mappings();
			pages = pages_mapped();
		}
	}
	NUMBER_EQUAL(mappings(), lines);
	TAP_CHECK(pages_mapped() < pages + 100, "%lu pages were mapped, now %lu", pages, pages_mapped());
}

/* --- other processes and other users --- */

static uint8_t *before_small, *before_large;

static int child_of_a_fork(void *arg)
{
	uint8_t *p;

	(void)arg;
	CHECK(all_are(before_small, 500, 0));
	CHECK(all_are(before_large, LARGE, 0));
	secmem_forget();
	p = taken(500);
	CHECK((uintptr_t)p / 4096 != (uintptr_t)before_small / 4096); /* those pages are given up */
	memset(p, 3, 500);
	secmem_free(before_small, 500);
	secmem_free(before_large, LARGE);
	CHECK(all_are(p, 500, 3));
	secmem_free(p, 500);
	return 0;
}

static void forked(void)
{
	if (!system_can(" wf")) {
		tap_skip("the system does not wipe pages on fork");
		return;
	}
	before_small = taken(500);
	before_large = taken(LARGE);
	memset(before_small, 1, 500);
	memset(before_large, 2, LARGE);
	NUMBER_EQUAL(tap_child_wait(tap_child_start(child_of_a_fork, NULL)), 0);
	CHECK(all_are(before_small, 500, 1));
	CHECK(all_are(before_large, LARGE, 2));
	secmem_free(before_small, 500);
	secmem_free(before_large, LARGE);
}

/* Root may lock whatever the limit says. The sanitizers have an mlock() of their own, which does nothing. */
static int without_locks(void *arg)
{
	const struct rlimit none = { 0, 0 };

	(void)arg;
	MUST(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
	MUST(geteuid() != 0 || (setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0));
#ifdef MAP_LOCKED
	CHECK(mmap(NULL, LARGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) == MAP_FAILED);
#endif
	mix(2000);
	orders();
	return 0;
}

static void no_locks(void)
{
	NUMBER_EQUAL(tap_child_wait(tap_child_start(without_locks, NULL)), 0);
}

/* --- secret buffers --- */

static void secret_buffer(void)
{
	struct buf b = { .secret = true };
	uint8_t *guard = taken(64);

	for (unsigned int i = 0; i < 100000; i++)
		buf_put_u8(&b, (uint8_t)(i % 251));
	MUST(!buf_failed(&b) && b.len == 100000);
	for (unsigned int i = 0; i < b.len; i++)
		TAP_MUST(b.data[i] == i % 251, "byte %u changed while the buffer grew", i);
	if (system_can(" dd"))
		CHECK(has_flag(b.data, " dd"));
	buf_cut(&b, 10, b.len - 20);
	CHECK(b.len == 20 && b.data[9] == 9 && b.data[10] == 99990 % 251 && all_are(b.data + 20, 99980, 0));
	buf_free(&b);
	CHECK(b.data == NULL && b.len == 0 && b.cap == 0 && b.secret);
	buf_put(&b, "again", 5);
	CHECK(buf_is(&b, "again"));
	if (system_can(" dd"))
		CHECK(has_flag(b.data, " dd"));
	buf_free(&b);
	buf_extend(&b, BUF_MAX + 1);
	CHECK(buf_failed(&b) && b.secret);
	buf_free(&b);
	secmem_free(guard, 64);
}

/* What a small buffer leaves behind when it grows or goes lies beside the guard, and can be looked at. */
static void secret_buffer_wipes(void)
{
	struct buf b = { .secret = true };
	uint8_t *guard_64 = taken(64), *guard_128 = taken(128), *first, *second;

	buf_put(&b, "the first words of a secret", 27);
	first = b.data;
	for (size_t i = 0; i < 10; i++)
		buf_put(&b, "ten bytes.", 10);
	second = b.data;
	MUST(!buf_failed(&b) && first != second && b.cap == 128);
	CHECK(all_are(first, 64, 0));
	CHECK(memcmp(second, "the first words of a secretten bytes.", 37) == 0);
	buf_free(&b);
	CHECK(all_are(second, 128, 0));
	secmem_free(guard_64, 64);
	secmem_free(guard_128, 128);
}

/* The memory moves as it is, so each kind is given back to where it came from. */
static void secret_buffer_moves(void)
{
	struct buf secret = { .secret = true }, other = { .secret = true }, plain = BUF_INIT;

	buf_put(&secret, "secret", 6);
	buf_put(&other, "to be overwritten", 17);
	buf_move(&other, &secret);
	CHECK(buf_is(&other, "secret") && other.secret);
	CHECK(secret.data == NULL && secret.secret);
	buf_put(&plain, "plain", 5);
	buf_move(&plain, &other);
	CHECK(buf_is(&plain, "secret") && plain.secret);
	if (system_can(" dd"))
		CHECK(has_flag(plain.data, " dd"));
	buf_put(&other, "more", 4);
	CHECK(buf_is(&other, "more") && other.secret);
	buf_free(&other);
	buf_free(&plain);
	buf_free(&secret);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "sizes of all orders are zeros, aligned, and each its own", orders },
		{ "memory survives the freeing of its neighbours", mixed },
		{ "no bytes, too many bytes, and freeing nothing", nothing_and_too_much },
		{ "what is freed is wiped", wiped },
		{ "four threads at once", threads },
		{ "a child forked while threads work", threads_and_forks },
		{ "it is locked in memory", flag },
		{ "it is in no core dump", flag },
		{ "it is marked to be wiped on fork", flag },
		{ "10,000 rounds leave no mapping behind", no_growth },
		{ "a forked child sees zeros, the parent its secrets", forked },
		{ "a user who may lock nothing", no_locks },
		{ "a secret buffer lies there", secret_buffer },
		{ "a secret buffer wipes what it leaves", secret_buffer_wipes },
		{ "a secret buffer is moved", secret_buffer_moves },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "secmem", cases);
}
