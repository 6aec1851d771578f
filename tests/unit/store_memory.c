/* SPDX-License-Identifier: BSD-2-Clause */
/* Where memory is short nothing is known of a file: it is not taken for damaged, nor its copy for better. */
#include <sys/mman.h>

#include "store.h"

#define LARGE ((size_t)2000000)

/* Of the orders from now that are so large, this one and those after it fail; 0: none. */
static unsigned int failing;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);

static bool fails(size_t n)
{
	if (failing == 0 || n < LARGE)
		return false;
	if (failing > 1)
		failing--;
	return failing == 1;
}

void *__wrap_malloc(size_t n)
{
	return fails(n) ? NULL : __real_malloc(n);
}

void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
	return fails(n) ? MAP_FAILED : __real_mmap(at, n, protection, flags, fd, offset);
}

static void large_text(char *text, char letter)
{
	memset(text, letter, LARGE);
	text[LARGE] = '\0';
}

static void objects(void)
{
	struct objstore *store = store_fresh();
	char *text = malloc(LARGE + 1);

	large_text(text, 'a');
	for (char fill = 'a'; fill <= 'b'; fill++) {
		RV_MUST(store_write(store, 't', fill, fill == 'b', text), CKR_OK);
		for (unsigned int nth = 2; nth <= 3; nth++) {
			struct buf body = BUF_INIT;

			tap_about("object %c, order %u", fill, nth - 1);
			failing = nth;
			RV_EQUAL(store_read(store, 't', fill, &body), CKR_HOST_MEMORY);
			failing = 0;
			buf_free(&body);
			store_check(store, fill, text);
		}
	}
	CHECK(!unit_exists(unit_path("store/damaged")));
	free(text);
	objstore_close(&store);
}

static void token_file(void)
{
	struct objstore *store = store_fresh();
	struct objstore_token token;
	char *text = malloc(LARGE + 1);
	struct buf first = BUF_INIT, now = BUF_INIT;

	large_text(text, 't');
	store_switch(store, 't', text);
	unit_read(unit_path("store/token"), &first);
	for (unsigned int nth = 2; nth <= 5; nth++) {
		tap_about("order %u", nth - 1);
		failing = nth;
		CHECK(objstore_token_read(store, &token) != CKR_DEVICE_ERROR && !token.damaged);
		buf_free(&token.body);
		store_write(store, 't', 'a', false, "a change mends the copies");
		failing = 0;
		store_check_token(store, 't', text);
		unit_read(unit_path("store/token"), &now);
		BYTES_EQUAL(now.data, now.len, first.data, first.len);
		buf_free(&now);
	}
	buf_free(&first);
	free(text);
	objstore_close(&store);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "no memory for an object", objects },
		{ "no memory for the token file", token_file },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "store_memory", cases));
}
