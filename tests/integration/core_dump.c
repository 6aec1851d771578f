/* SPDX-License-Identifier: BSD-2-Clause */
/* Secrets in memory: what a core dump has of them while the user is logged in, afterwards, after a fork. */
#define _GNU_SOURCE
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "core_search.h"
#include "core_worker.h"

#define ATTR_KEY_AUTH 0xd4504d04 /* doc/FORMAT.md, 4 */

static struct desk *desk;
static struct secrets secrets;

/* --- the secrets --- */

static void random_pin(unsigned char pin[PIN_LENGTH])
{
	MUST(RAND_bytes(pin, PIN_LENGTH) == 1);
	for (size_t i = 0; i < PIN_LENGTH; i++)
		pin[i] = '!' + pin[i] % 94;
}

static void make_up(void)
{
	EVP_PKEY *key = EVP_RSA_gen(KEY_BITS);

	MUST(key != NULL && RAND_bytes((unsigned char *)&secrets, offsetof(struct secrets, rsa)) == 1);
	MUST(RAND_bytes(desk->control, sizeof(desk->control)) == 1);
	random_pin(secrets.so_pin);
	random_pin(secrets.user_pin);
	random_pin(secrets.new_pin);
	p11_rsa_numbers(key, &secrets.rsa, P11_RSA_PRIVATE);
	for (unsigned int i = 0; i < P11_RSA_PRIVATE; i++)
		secrets.rsa_lengths[i] = secrets.rsa.attributes[i].ulValueLen;
	EVP_PKEY_free(key);
}

static void search_for_all(void)
{
	static const char *const numbers[P11_RSA_PRIVATE] = { "", "", "d", "p", "q", "d mod p-1", "d mod q-1",
		"q^-1" };

	search_forget();
	search_for(SEARCH_CONTROL, "the control", desk->control, sizeof(desk->control));
	search_for(SEARCH_PIN, "the SO's PIN", secrets.so_pin, PIN_LENGTH);
	search_for(SEARCH_PIN, "the user's first PIN", secrets.user_pin, PIN_LENGTH);
	search_for(SEARCH_PIN, "the user's PIN", secrets.new_pin, PIN_LENGTH);
	search_for(SEARCH_VALUE, "CKA_VALUE", secrets.value, VALUE_LENGTH);
	search_for(SEARCH_VALUE, "CKA_LABEL", secrets.label, VALUE_LENGTH);
	search_for(SEARCH_VALUE, "CKA_APPLICATION", secrets.application, VALUE_LENGTH);
	search_for(SEARCH_VALUE, "the copy's CKA_LABEL", secrets.new_label, VALUE_LENGTH);
	search_for(SEARCH_GONE, "CKA_VALUE of a destroyed object", secrets.gone, VALUE_LENGTH);
	search_for(SEARCH_VALUE, "a secret key", secrets.key, VALUE_LENGTH);
	for (unsigned int i = P11_RSA_PUBLIC; i < P11_RSA_PRIVATE; i++)
		search_for_number(SEARCH_IMPORTED, numbers[i], secrets.rsa.bytes[i], secrets.rsa_lengths[i]);
}

/* The token file as doc/FORMAT.md has it, 2 and 3. */

struct token {
	unsigned char id[16], master_check[32];
	struct {
		bool has_key;
		unsigned char salt[16];
		unsigned int iterations;
	} roles[2]; /* the SO, the user */
};

static unsigned int number_at(const unsigned char *p)
{
	return (unsigned int)p[0] << 24 | (unsigned int)p[1] << 16 | (unsigned int)p[2] << 8 | p[3];
}

static bool token_read(struct token *token)
{
	char path[700];
	size_t length, at = 56 + 56;
	unsigned char *file;

	memset(token, 0, sizeof(*token));
	snprintf(path, sizeof(path), "%s/token", p11_store());
	if ((file = p11_read_file(path, &length)) == NULL)
		return false;
	memcpy(token->id, file + 16, sizeof(token->id));
	for (int role = 0; role < 2 && at < length; role++) {
		token->roles[role].has_key = file[at++] == 1;
		if (!token->roles[role].has_key)
			continue;
		memcpy(token->roles[role].salt, file + at, 16);
		token->roles[role].iterations = number_at(file + at + 16);
		at += 16 + 4 + 16;
		at += 4 + number_at(file + at); /* blob */
		at += 4 + number_at(file + at); /* bound */
		at += 32; /* mac */
	}
	at += 4 + number_at(file + at); /* so_copy */
	MUST(at + sizeof(token->master_check) <= length);
	memcpy(token->master_check, file + at, sizeof(token->master_check));
	free(file);
	return true;
}

static void search_for_pin_key(const struct token *token, int role, const char *name,
	const unsigned char *pin)
{
	unsigned char out[52];

	if (!token->roles[role].has_key)
		return;
	MUST(PKCS5_PBKDF2_HMAC((const char *)pin, PIN_LENGTH, token->roles[role].salt, 16,
		(int)token->roles[role].iterations, EVP_sha256(), sizeof(out), out) == 1);
	search_for(SEARCH_PIN_KEY, name, out, 20);
	search_for(SEARCH_PIN_KEY, name, out + 20, 32);
}

/* Of an object file the body, decrypted; false if it is no private one of this token's. */
static bool object_open(const unsigned char *file, size_t length, const unsigned char *key,
	unsigned char *body)
{
	size_t n = length - 84;
	unsigned char tag[16];
	EVP_CIPHER_CTX *ctx;
	int out;
	bool good;

	if (length < 84 || (file[11] & 1) == 0)
		return false;
	memcpy(tag, file + 68 + n, sizeof(tag));
	ctx = EVP_CIPHER_CTX_new();
	good = EVP_DecryptInit_ex2(ctx, EVP_aes_256_gcm(), key, file + 56, NULL) == 1 &&
		EVP_DecryptUpdate(ctx, NULL, &out, file, 56) == 1 &&
		EVP_DecryptUpdate(ctx, body, &out, file + 68, (int)n) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, tag) == 1 &&
		EVP_DecryptFinal_ex(ctx, body + n, &out) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return good;
}

/* The auths of the keys in the chip, which no call tells. */
static unsigned int search_for_auth(const unsigned char *file, size_t length, const unsigned char *object_key)
{
	unsigned char body[8192];
	unsigned int found = 0;

	if (length > sizeof(body) || !object_open(file, length, object_key, body))
		return 0;
	for (size_t at = 0; at + 8 <= length - 84; at += 8 + number_at(body + at + 4))
		if (number_at(body + at) == ATTR_KEY_AUTH) {
			search_for(SEARCH_AUTH, "a key's auth", body + at + 8, number_at(body + at + 4));
			found++;
		}
	return found;
}

static unsigned int search_for_auths(const unsigned char *object_key)
{
	unsigned int found = 0;
	struct p11_files files;

	p11_list_files(p11_store(), &files);
	for (size_t i = 0; i < files.count; i++) {
		char path[900];
		size_t length;
		unsigned char *file;

		if (strncmp(files.names[i], "objects/", 8) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", p11_store(), files.names[i]);
		file = p11_read_file(path, &length);
		found += file != NULL ? search_for_auth(file, length, object_key) : 0;
		free(file);
	}
	return found;
}

static void learn_token(struct token *token)
{
	static const unsigned char none[32];

	if (!token_read(token))
		return;
	search_for_pin_key(token, 0, "the key of the SO's PIN", secrets.so_pin);
	search_for_pin_key(token, 1, "the key of the user's first PIN", secrets.user_pin);
	search_for_pin_key(token, 1, "the key of the user's PIN", secrets.new_pin);
	if (memcmp(token->master_check, none, sizeof(none)) != 0)
		search_for_master(token->id, token->master_check);
}

static void learn_master(const struct token *token, const unsigned char *master, bool has_keys)
{
	unsigned char key[32];

	search_for(SEARCH_MASTER, "the master key", master, 32);
	search_derive(master, token->id, "pkcs11_tpm private objects", key);
	search_for(SEARCH_MASTER, "the object key", key, 32);
	if (has_keys)
		ULONG_EQUAL(search_for_auths(key), 2);
}

/* --- what must not be found --- */

#define KIND(kind) (1u << SEARCH_##kind)
#define ALL (~KIND(CONTROL))

#define OF_USER (KIND(PIN) | KIND(PIN_KEY) | KIND(GONE) | KIND(IMPORTED))
#define BUT_AUTH (ALL & ~KIND(AUTH)) /* libtspi keeps those of loaded keys */

static const struct {
	const char *name;
	unsigned int dumped, hidden; /* kinds that must not be where a core dump looks, and elsewhere */
} moments[MOMENTS] = {
	[SO_LOGIN] = { "after the SO's C_Login", ALL, KIND(PIN) | KIND(MASTER) },
	[SO_INIT_PIN] = { "after C_InitPIN", ALL, KIND(PIN) | KIND(MASTER) },
	[SO_LOGOUT] = { "after the SO's C_Logout", ALL, ALL },
	[USER_LOGIN] = { "after C_Login", BUT_AUTH, OF_USER },
	[USER_SET_PIN] = { "after C_SetPIN", BUT_AUTH, OF_USER },
	[USER_DATA] = { "after work with data", BUT_AUTH, OF_USER },
	[USER_SECRET_KEY] = { "after work with a secret key", BUT_AUTH, OF_USER },
	[USER_CHIP_KEY] = { "after work with a key in the chip", BUT_AUTH, OF_USER },
	[USER_IMPORT] = { "after an import", BUT_AUTH, OF_USER },
	[FORKED] = { "in a process forked meanwhile", BUT_AUTH, ALL },
	[FORKED_ANEW] = { "in that process after C_Initialize", BUT_AUTH, ALL },
	[USER_LOGOUT] = { "after C_Logout", ALL, ALL },
	[FINALIZED] = { "after C_Finalize", ALL, ALL },
};

static void check_result(enum moment moment, const struct search_result *result)
{
	static const char *const kinds[SEARCH_KINDS] = {
		[SEARCH_PIN] = "a PIN",
		[SEARCH_PIN_KEY] = "what a PIN gives",
		[SEARCH_MASTER] = "the master key",
		[SEARCH_VALUE] = "a private object's value",
		[SEARCH_GONE] = "what a destroyed object had",
		[SEARCH_IMPORTED] = "an imported key",
		[SEARCH_AUTH] = "the auth of a key",
	};

	tap_about("%s", moments[moment].name);
	TAP_CHECK(result->dumped[SEARCH_CONTROL] > 0, "the search does not find what is certainly there");
	for (unsigned int kind = SEARCH_PIN; kind < SEARCH_KINDS; kind++) {
		unsigned int dumped = moments[moment].dumped >> kind & 1 ? result->dumped[kind] : 0;
		unsigned int hidden = moments[moment].hidden >> kind & 1 ? result->hidden[kind] : 0;

		TAP_CHECK(dumped + hidden == 0, "%s is found %u times: %s", kinds[kind], dumped + hidden,
			result->where[kind]);
	}
	tap_about(NULL);
}

static pid_t worker_start(enum moment dump)
{
	pid_t worker;

	p11_fresh();
	desk = mmap(NULL, sizeof(*desk), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(desk != MAP_FAILED);
	worker = tap_child_start(work, &(struct work){ desk, dump });
	make_up(); /* now, so that the worker inherits none of it */
	search_for_all();
	return worker;
}

/* At the end of its way the worker stops no more: *status is what it ended with. */
static bool worker_stops(pid_t worker, int *status)
{
	while (waitpid(worker, status, WUNTRACED) < 0)
		MUST(errno == EINTR);
	return WIFSTOPPED(*status);
}

static void worker_goes_on(pid_t worker)
{
	desk->secrets = secrets;
	kill(worker, SIGCONT);
}

static const char *look(enum moment moment, pid_t worker, struct search_result *result)
{
	pid_t process = moment == FORKED || moment == FORKED_ANEW ? desk->forked : worker;
	struct token token;
	const char *why;

	learn_token(&token);
	why = search_process(process, result);
	if (why != NULL || (moment != USER_LOGIN && moment != USER_IMPORT))
		return why;
	TAP_MUST(result->has_master, "the search does not find the master key of who is logged in");
	learn_master(&token, result->master, moment == USER_IMPORT);
	return search_process(process, result);
}

/* Follows the worker to its end. core: nothing is checked on the way, for that is another case's. */
static bool follow(pid_t worker, bool core, int *status)
{
	const char *why = NULL;

	for (enum moment moment = STARTED; worker_stops(worker, status); moment++) {
		struct search_result result;

		if (moment != STARTED && why == NULL)
			why = look(moment, worker, &result);
		if (moment != STARTED && why == NULL && !core)
			check_result(moment, &result);
		worker_goes_on(worker);
	}
	if (why != NULL) {
		printf("# the memory of another process cannot be read: %s\n", why);
		tap_skip("the memory of another process cannot be read");
	}
	return why == NULL;
}

static void in_memory(void)
{
	int status = 0;
	pid_t worker = worker_start(MOMENTS);

	if (follow(worker, false, &status))
		TAP_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the worker ended with %d", status);
}

/* --- a core file --- */

static bool core_is_a_file(void)
{
	char pattern[256] = "|";
	FILE *file = fopen("/proc/sys/kernel/core_pattern", "r");
	struct rlimit limit;

	if (file != NULL && fgets(pattern, sizeof(pattern), file) == NULL)
		pattern[0] = '|';
	if (file != NULL)
		fclose(file);
	return strncmp(pattern, "core", 4) == 0 && strchr(pattern, '/') == NULL &&
		getrlimit(RLIMIT_CORE, &limit) == 0 && (limit.rlim_max == RLIM_INFINITY || geteuid() == 0);
}

static void in_core(enum moment moment)
{
	struct search_result result;
	const char *why = NULL;
	char pattern[700];
	glob_t found;
	int status = 0;

	if (!core_is_a_file()) {
		tap_skip("this system puts no core file into the directory of the process");
		return;
	}
	if (!follow(worker_start(moment), true, &status))
		return;
	TAP_MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && WCOREDUMP(status),
		"the worker left no core: status %d", status);
	snprintf(pattern, sizeof(pattern), "%s/core*", p11_directory());
	MUST(glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1);
	why = search_file(found.gl_pathv[0], &result);
	TAP_CHECK(why == NULL, "%s: %s", found.gl_pathv[0], why);
	unlink(found.gl_pathv[0]);
	globfree(&found);
	check_result(moment, &result);
}

static void in_core_logged_in(void)
{
	in_core(USER_IMPORT);
}

static void in_core_logged_out(void)
{
	in_core(USER_LOGOUT);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "in memory, from login to C_Finalize", in_memory },
		{ "in the core file of a process that is logged in", in_core_logged_in },
		{ "in the core file of one that has logged out", in_core_logged_out },
		{ NULL, NULL },
	};

	return p11_main(argc, argv, "secrets", cases);
}
