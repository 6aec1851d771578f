/* SPDX-License-Identifier: BSD-2-Clause */
/* Another process is in its turn, and stays there: who waits for it, for how long, and with what held. */
#define _GNU_SOURCE /* F_OFD_SETLK */
#include "store.h"
#include "token.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "util/log.h"

#define PATIENCE 20 /* seconds, after which whoever waits has to be taken for stuck */

#ifdef F_OFD_SETLK
#define TRY_LOCK F_OFD_SETLK
#else
#define TRY_LOCK F_SETLK
#endif

/* --- time: each pause of lib/ is counted, and with hurry takes none of it but seconds by the clock --- */

static atomic_uint pauses;
static atomic_bool hurry;
static atomic_long hurried;

int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __real_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	atomic_fetch_add(&pauses, 1);
	if (!atomic_load(&hurry))
		return __real_nanosleep(time, left);
	atomic_fetch_add(&hurried, 1);
	return 0;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = __real_clock_gettime(clock, now);

	now->tv_sec += (time_t)atomic_load(&hurried);
	return result;
}

/* Until a thread that was started has come to wait. */
static void await_pauses(unsigned int more)
{
	static const struct timespec moment = { 0, 1000000 };
	unsigned int until = atomic_load(&pauses) + more;

	while (atomic_load(&pauses) < until)
		__real_nanosleep(&moment, NULL);
}

/* --- the other --- */

static int other_fd = -1;

static bool other_tries(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(other_fd, TRY_LOCK, &lock) == 0;
}

static void other_begins(void)
{
	other_fd = open(unit_path("store/lock"), O_RDWR | O_CLOEXEC);
	MUST(other_fd >= 0 && other_tries());
	alarm(PATIENCE);
}

static void other_ends(void)
{
	close(other_fd);
	alarm(0);
}

/* Nobody keeps the lock who has no turn. */
static void check_lock_is_free(void)
{
	other_fd = open(unit_path("store/lock"), O_RDWR | O_CLOEXEC);
	CHECK(other_fd >= 0 && other_tries());
	close(other_fd);
}

static char said[2000];

static void take_line(enum log_level level, const char *text)
{
	(void)level;
	snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", text);
}

static void check_said_who(void)
{
	TAP_CHECK(strstr(said, unit_path("store/lock")) != NULL && strstr(said, "fuser") != NULL,
		"the log does not say what is waited for: %s", said);
	said[0] = '\0';
}

/* --- the store --- */

static void spoil(const char *path)
{
	int fd = open(path, O_RDWR);

	MUST(fd >= 0 && pwrite(fd, "spoilt", 6, 60) == 6);
	close(fd);
}

/* Left out, but where it was; at the next look set aside. */
static void damaged_object(void)
{
	struct objstore *store = store_fresh();
	struct buf body = BUF_INIT;

	RV_MUST(store_write(store, 't', 'a', false, "object"), CKR_OK);
	RV_MUST(store_write(store, 't', 'b', false, "another"), CKR_OK);
	spoil(store_file('a'));
	other_begins();
	RV_EQUAL(store_read(store, 't', 'a', &body), CKR_DEVICE_ERROR);
	store_check(store, 'b', "another");
	CHECK(unit_exists(store_file('a')) && !unit_exists(unit_path("store/damaged")));
	other_ends();
	RV_EQUAL(store_read(store, 't', 'a', &body), OBJSTORE_UNUSABLE);
	CHECK(!unit_exists(store_file('a')));
	NUMBER_EQUAL(store_names("store/damaged", ""), 3); /* and . and .. */
	check_lock_is_free();
	buf_free(&body);
	objstore_close(&store);
}

static void damaged_token_file(void)
{
	struct objstore *store = store_fresh();
	struct buf good = BUF_INIT, now = BUF_INIT;

	unit_read(unit_path("store/token"), &good);
	spoil(unit_path("store/token"));
	other_begins();
	store_check_token(store, 't', "token");
	unit_read(unit_path("store/token"), &now);
	CHECK(now.len != good.len || memcmp(now.data, good.data, now.len) != 0);
	other_ends();
	store_check_token(store, 't', "token");
	buf_free(&now);
	unit_read(unit_path("store/token"), &now);
	BYTES_EQUAL(now.data, now.len, good.data, good.len);
	check_lock_is_free();
	buf_free(&now);
	buf_free(&good);
	objstore_close(&store);
}

/* Nothing is changed, and the log says who is to be looked for. */
static void no_end(void)
{
	struct objstore *store = store_fresh();
	struct objstore_token current = store_token(store);
	struct objstore_id id = store_id('n');
	struct buf body = BUF_INIT;
	uint64_t generation;

	buf_put(&body, "new", 3);
	RV_MUST(store_write(store, 't', 'a', false, "object"), CKR_OK);
	generation = store_generation(store);
	log_divert(take_line);
	other_begins();
	atomic_store(&hurry, true);
	RV_EQUAL(store_write(store, 't', 'a', false, "changed"), CKR_DEVICE_ERROR);
	check_said_who();
	RV_EQUAL(store_write(store, 't', 'a', false, NULL), CKR_DEVICE_ERROR);
	check_said_who();
	RV_EQUAL(objstore_token_switch(store, &current, &id, &body), CKR_DEVICE_ERROR);
	check_said_who();
	RV_EQUAL(objstore_set_aside(store, &current), CKR_DEVICE_ERROR);
	check_said_who();
	atomic_store(&hurry, false);
	log_divert(NULL);
	store_check_token(store, 't', "token");
	store_check(store, 'a', "object");
	NUMBER_EQUAL(store_count(store), 1);
	NUMBER_EQUAL(store_generation(store), generation);
	other_ends();
	RV_EQUAL(store_write(store, 't', 'a', false, "changed"), CKR_OK);
	RV_EQUAL(objstore_token_switch(store, &current, &id, &body), CKR_OK);
	check_lock_is_free();
	buf_free(&body);
	objstore_close(&store);
}

static void *write_new_lock(void *store)
{
	RV_EQUAL(store_write(store, 't', 'a', false, "object"), CKR_OK);
	return NULL;
}

/* Removed, the lock file keeps nobody out any more, whoever waits for it already. */
static void lock_file_removed(void)
{
	struct objstore *store = store_fresh();
	pthread_t thread;

	other_begins();
	MUST(pthread_create(&thread, NULL, write_new_lock, store) == 0);
	await_pauses(3);
	MUST(unlink(unit_path("store/lock")) == 0);
	pthread_join(thread, NULL);
	other_ends();
	store_check(store, 'a', "object");
	check_lock_is_free();
	objstore_close(&store);
}

/* --- the token --- */

struct waiting {
	struct token *token;
	CK_OBJECT_HANDLE handle;
	CK_RV rv;
};

static void *create(void *arg)
{
	struct waiting *w = arg;

	w->handle = data_object(w->token, "waited for", true, false);
	return NULL;
}

static void *rename_object(void *arg)
{
	struct waiting *w = arg;
	CK_ATTRIBUTE label[] = { A_TEXT(CKA_LABEL, "renamed") };

	w->rv = objects_set(w->token, &actor, w->handle, TEMPLATE(label));
	return NULL;
}

static void *destroy(void *arg)
{
	struct waiting *w = arg;

	w->rv = objects_destroy(w->token, &actor, w->handle);
	return NULL;
}

/* What digests, signatures and searches ask the token for, and what touches no file. */
static void check_others_go_on(struct token *token)
{
	struct object *object;
	CK_OBJECT_HANDLE handle;

	RV_EQUAL(token_check_expired(token), CKR_OK);
	NUMBER_EQUAL(find(token, "public", &handle), 1);
	RV_EQUAL(objects_get(token, handle, &object), CKR_OK);
	object_free(&object);
	handle = data_object(token, "of the session", false, false);
	RV_EQUAL(objects_destroy(token, &actor, handle), CKR_OK);
}

/* Starts a thread for each, has them wait, and lets them go on. */
static void wait_and_go(struct token *token, void *(*const acts[])(void *), struct waiting *waiting,
	size_t count)
{
	pthread_t threads[8];

	MUST(count <= COUNT(threads));
	other_begins();
	for (size_t i = 0; i < count; i++)
		MUST(pthread_create(&threads[i], NULL, acts[i], &waiting[i]) == 0);
	await_pauses((unsigned int)(3 * count));
	check_others_go_on(token);
	await_pauses(3);
	other_ends();
	alarm(PATIENCE);
	for (size_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	alarm(0);
	check_lock_is_free();
}

static void other_threads(void)
{
	void *(*const creating[])(void *) = { create, create, create, create };
	void *(*const changing[])(void *) = { rename_object, destroy, create, destroy };
	struct token *token = token_new(), *other;
	struct waiting waiting[] = { { token, 0, CKR_OK }, { token, 0, CKR_OK }, { token, 0, CKR_OK },
		{ token, 0, CKR_OK } };

	make_used(token);
	wait_and_go(token, creating, waiting, COUNT(creating));
	NUMBER_EQUAL(find(token, "waited for", NULL), 4);
	waiting[2].handle = 0;
	wait_and_go(token, changing, waiting, COUNT(changing));
	for (size_t i = 0; i < COUNT(waiting); i++)
		RV_EQUAL(waiting[i].rv, CKR_OK);
	other = token_again();
	for (int i = 0; i < 2; i++) {
		struct token *whose = i == 0 ? token : other;

		tap_about(i == 0 ? "in the process itself" : "in another");
		NUMBER_EQUAL(find(whose, "waited for", NULL), 2);
		NUMBER_EQUAL(find(whose, "renamed", NULL), 1);
		NUMBER_EQUAL(find(whose, "public", NULL), 1);
	}
	token_close(&other);
	token_close(&token);
}

/* What was not made is not there, and what was to be changed is as it was. */
static void token_gives_up(void)
{
	struct token *token = token_new();
	CK_ATTRIBUTE new_object[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, false), A_TEXT(CKA_LABEL, "new") };
	struct waiting w = { token, 0, CKR_OK };

	make_used(token);
	NUMBER_EQUAL(find(token, "public", &w.handle), 1);
	other_begins();
	atomic_store(&hurry, true);
	log_divert(take_line);
	rename_object(&w);
	RV_EQUAL(w.rv, CKR_DEVICE_ERROR);
	check_said_who();
	destroy(&w);
	RV_EQUAL(w.rv, CKR_DEVICE_ERROR);
	check_said_who();
	RV_EQUAL(keys_create_object(token, &actor, TEMPLATE(new_object), &w.handle), CKR_DEVICE_ERROR);
	check_said_who();
	log_divert(NULL);
	atomic_store(&hurry, false);
	NUMBER_EQUAL(find(token, "public", NULL), 1);
	NUMBER_EQUAL(find(token, NULL, NULL), 1);
	other_ends();
	NUMBER_EQUAL(find(token, "public", &w.handle), 1);
	rename_object(&w);
	RV_EQUAL(w.rv, CKR_OK);
	check_lock_is_free();
	token_close(&token);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "a damaged object", damaged_object },
		{ "a damaged token file", damaged_token_file },
		{ "a turn without an end", no_end },
		{ "a lock file that is removed", lock_file_removed },
		{ "the other threads of who waits", other_threads },
		{ "a token that gives up", token_gives_up },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "store_turns", cases));
}
