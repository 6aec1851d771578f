/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Secrets after the end of a login, in a program whose malloc() never gives memory out again (keep.h) and
 * whose calls each have a stretch of the stack of their own: whatever was not wiped is still there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "core_secrets.h"
#include "keep.h"
#include "p11_link.h"

#define SRK_VARIABLE "PKCS11_TPM_SRK_SECRET_FILE"
#define WINDOW ((size_t)1 << 20) /* in which the beginning of a block is looked for */
#define PAGE 4096
#define PRINTED 40

/* One secret in one block, or in memory that is no block. */
struct find {
	enum search_kind kind;
	const char *name, *where;
	unsigned long address, block; /* 0: none */
	struct keep_block head;
};

struct finds {
	struct search_result result;
	struct find all[SEARCH_HITS];
	size_t count;
};

static struct finds finds;

/* --- where it was found --- */

static void find_block(int memory, const struct search_hit *hit, struct find *find)
{
	static unsigned char window[WINDOW];
	size_t n = hit->address - hit->region;

	if (n > WINDOW)
		n = WINDOW;
	if (pread(memory, window, n, (off_t)(hit->address - n)) == (ssize_t)n)
		find->block = keep_find(window, n, hit->address, &find->head);
}

static bool is_known(const struct find *find)
{
	for (size_t i = 0; i < finds.count; i++) {
		const struct find *other = &finds.all[i];

		if (other->name == find->name && other->block == find->block
			&& (find->block != 0 || find->address - other->address < VALUE_LENGTH))
			return true;
	}
	return false;
}

/* NULL, or why the memory of the process cannot be read. */
static const char *find_all(pid_t process)
{
	const char *why = search_process(process, &finds.result);
	char path[64];
	int memory;

	finds.count = 0;
	if (why != NULL)
		return why;
	snprintf(path, sizeof(path), "/proc/%ld/mem", (long)process);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	MUST(memory >= 0);
	for (size_t i = 0; i < finds.result.hit_count && i < SEARCH_HITS; i++) {
		const struct search_hit *hit = &finds.result.hits[i];
		struct find find = { hit->kind, hit->name, hit->where, hit->address, 0, { 0 } };

		find_block(memory, hit, &find);
		if (!is_known(&find))
			finds.all[finds.count++] = find;
	}
	close(memory);
	return NULL;
}

static void find_print(const struct find *find)
{
	char text[1600];

	printf("# %s at 0x%lx in %s", find->name, find->address, find->where);
	if (find->block == 0) {
		printf(", no block\n");
		return;
	}
	printf(", %s of %zu bytes\n", keep_is_freed(&find->head) ? "freed block" : "block", find->head.size);
	keep_describe(find->head.allocated, text, sizeof(text));
	printf("#   allocated by %s\n", text);
	keep_describe(find->head.freed, text, sizeof(text));
	printf("#   freed by %s\n", text);
}

/* --- what may be found, and what not --- */

static const char SRK_SECRET[] = "the SRK's secret";
static bool srk_has_secret; /* one that not everybody knows */

static const char *const when[MOMENTS] = {
	[SO_LOGOUT] = "after the SO's C_Logout",
	[USER_LOGOUT] = "after the end of the login",
	[FINALIZED] = "after C_Finalize",
};

/*
 * libtspi frees what it has of an OSAP session without wiping it, and has the secret of the session's
 * key in it, which is always the SRK: one copy for each key that is made and each PIN that is changed.
 * Policies can be flushed, closing the context wipes nothing, and no call comes near this.
 */
static const unsigned int excepted[MOMENTS] = { [SO_LOGOUT] = 4, [USER_LOGOUT] = 7, [FINALIZED] = 7 };

static bool is_excepted(const struct find *find)
{
	char text[1600];

	keep_describe(find->head.allocated, text, sizeof(text));
	return find->name == SRK_SECRET && find->block != 0 && keep_is_freed(&find->head)
		&& strncmp(text, "libtspi.so", 10) == 0 && strstr(text, ":authsess_xsap_init < ") != NULL;
}

static void check_finds(enum moment moment)
{
	unsigned int allowed = srk_has_secret ? excepted[moment] : 0, exceptions = 0;
	bool sees = false;
	size_t found = 0;

	for (size_t i = 0; i < finds.count; i++)
		if (finds.all[i].kind == SEARCH_CONTROL)
			sees = sees || (finds.all[i].block != 0 && keep_is_freed(&finds.all[i].head));
		else if (is_excepted(&finds.all[i]))
			exceptions++;
		else if (found++ < PRINTED)
			find_print(&finds.all[i]);
	TAP_CHECK(sees, "the search does not find what was freed %s", when[moment]);
	TAP_CHECK(found == 0, "%zu copies of secrets are found %s", found, when[moment]);
	TAP_CHECK(exceptions == allowed, "libtspi leaves %u copies of %s %s, %u are known of", exceptions,
		SRK_SECRET, when[moment], allowed);
}

static bool can_keep(void)
{
	if (!keep_works())
		tap_skip("this build has a sanitizer, which has an allocator of its own");
	return keep_works();
}

/* --- the search itself --- */

/* Leaves a block, a block that was moved and a page, and says where. */
static int leave_copies(void *arg)
{
	struct desk *shared = arg;
	void *left[3], *moved, *fresh;
	size_t size = sizeof(shared->control);

	left[2] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	raise(SIGSTOP);
	free(left[0] = control_put(malloc(size), shared));
	moved = realloc(left[1] = control_put(calloc(2, size), shared), 8 * size);
	MUST(moved != NULL && munmap(control_put(left[2], shared), PAGE) == 0);
	OPENSSL_cleanse(moved, 8 * size);
	free(moved);
	fresh = malloc(size);
	MUST(fresh != NULL && fresh != left[0]);
	free(fresh);
	OPENSSL_cleanse(shared->control, size);
	memcpy(shared->room, left, sizeof(left));
	raise(SIGSTOP);
	return 0;
}

static const struct find *find_at(unsigned long address)
{
	for (size_t i = 0; i < finds.count; i++)
		if (finds.all[i].address == address)
			return &finds.all[i];
	return NULL;
}

static void finds_what_was_freed(void)
{
	unsigned long left[3];
	const char *why;
	int status;
	pid_t child;

	if (!can_keep())
		return;
	child = desk_start(leave_copies);
	if (!worker_stops(child, &status)) {
		TAP_CHECK(false, "the process ended with %d", status);
		return;
	}
	why = find_all(child);
	kill(child, SIGCONT);
	ULONG_EQUAL(tap_child_wait(child), 0);
	TAP_MUST(why == NULL, "the memory of another process cannot be read: %s", why);
	memcpy(left, desk->room, sizeof(left));
	for (int i = 0; i < 3; i++) {
		const struct find *find = find_at(left[i]);

		TAP_MUST(find != NULL, "copy %d of the control is not found", i);
		CHECK((i == 2 && find->block == 0) || (find->block != 0 && keep_is_freed(&find->head)));
	}
}

/* --- what the module leaves --- */

/* at_start, before_end: what else is to be done when the worker has stopped there; NULL: nothing. */
static void follow(bool brief, enum ending ending, void (*at_start)(void), void (*before_end)(void))
{
	unsigned int keys = 0;
	const char *why = NULL;
	int status;
	pid_t worker;

	if (!can_keep())
		return;
	worker = worker_start(&(struct work){ .dump = MOMENTS, .brief = brief, .ending = ending });
	while (worker_stops(worker, &status)) {
		enum moment moment = desk->moment;

		if (moment == STARTED && at_start != NULL)
			at_start();
		if (moment != STARTED)
			keys = learn();
		if (moment == USER_READY)
			ULONG_EQUAL(keys, brief ? 1 : KEYS_PRIVATE);
		if (moment == USER_READY && before_end != NULL)
			before_end();
		if (when[moment] != NULL && (why = find_all(worker)) == NULL)
			check_finds(moment);
		worker_goes_on(worker);
	}
	TAP_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the worker ended with %d", status);
	TAP_CHECK(why == NULL, "the memory of another process cannot be read: %s", why);
}

static void logged_out(void)
{
	follow(false, END_LOGOUT, NULL, NULL);
}

static void session_closed(void)
{
	follow(true, END_CLOSE, NULL, NULL);
}

static void finalized(void)
{
	follow(true, END_FINALIZE, NULL, NULL);
}

static void kill_tcsd(void)
{
	link_control("kill-tcsd");
}

static void without_tcsd(void)
{
	follow(true, END_LOGOUT, NULL, kill_tcsd);
	if (keep_works())
		link_control("start-tcsd");
}

/* --- the secret of the SRK --- */

static void own_new_chip(void)
{
	unsigned char digest[SHA_DIGEST_LENGTH];
	char path[700], words[PIN_LENGTH + 1] = "";

	memcpy(words, secrets.srk, PIN_LENGTH);
	link_control("new-tpm");
	link_control("create-ek");
	MUST(link_try_control("own-tpm", words) == 0);
	snprintf(path, sizeof(path), "%s/srk.secret", getenv("WITH_SWTPM_DIR"));
	p11_write_file(path, words, PIN_LENGTH);
	MUST(chmod(path, 0600) == 0 && EVP_Digest(words, PIN_LENGTH, digest, NULL, EVP_sha1(), NULL) == 1);
	search_for_key(SEARCH_PIN, "the SRK's secret, in words", secrets.srk, PIN_LENGTH);
	search_for_key(SEARCH_PIN, SRK_SECRET, digest, sizeof(digest));
}

/* The last case, as it changes the chip. */
static void srk_secret(void)
{
	char path[700];

	snprintf(path, sizeof(path), "%s/srk.secret", getenv("WITH_SWTPM_DIR"));
	setenv(SRK_VARIABLE, path, 1);
	srk_has_secret = true;
	follow(false, END_LOGOUT, own_new_chip, NULL);
	srk_has_secret = false;
	unsetenv(SRK_VARIABLE);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "what was freed is found", finds_what_was_freed },
		{ "after C_Logout, after C_Finalize", logged_out },
		{ "after C_CloseSession", session_closed },
		{ "after C_Finalize alone", finalized },
		{ "after C_Logout without tcsd", without_tcsd },
		{ "the secret of the SRK", srk_secret },
		{ NULL, NULL },
	};

	keep_trace();
	return p11_main(argc, argv, "secrets", cases);
}
