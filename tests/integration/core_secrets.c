/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "core_secrets.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#define ATTR_KEY_AUTH 0xd4504d04 /* doc/FORMAT.md, 4 */

struct desk *desk;
struct secrets secrets;

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
	random_pin(secrets.so_pin);
	random_pin(secrets.new_so_pin);
	random_pin(secrets.wrong_pin);
	random_pin(secrets.srk);
	random_pin(secrets.user_pin);
	random_pin(secrets.new_pin);
	p11_rsa_numbers(key, &secrets.rsa, P11_RSA_PRIVATE);
	for (unsigned int i = 0; i < P11_RSA_PRIVATE; i++)
		secrets.rsa_lengths[i] = secrets.rsa.attributes[i].ulValueLen;
	EVP_PKEY_free(key);
}

static const char *const numbers[P11_RSA_PRIVATE] = { "", "", "d", "p", "q", "d mod p-1", "d mod q-1",
	"q^-1" };

static size_t told_known; /* how many have been searched for */

static void search_for_all(void)
{
	search_forget();
	told_known = 0;
	search_for(SEARCH_CONTROL, "the control", desk->control, sizeof(desk->control));
	search_for_key(SEARCH_PIN, "the SO's first PIN", secrets.so_pin, PIN_LENGTH);
	search_for_key(SEARCH_PIN, "the SO's PIN", secrets.new_so_pin, PIN_LENGTH);
	search_for_key(SEARCH_PIN, "the user's first PIN", secrets.user_pin, PIN_LENGTH);
	search_for_key(SEARCH_PIN, "the user's PIN", secrets.new_pin, PIN_LENGTH);
	search_for_key(SEARCH_PIN, "a wrong PIN", secrets.wrong_pin, PIN_LENGTH);
	search_for(SEARCH_VALUE, "CKA_VALUE", secrets.value, VALUE_LENGTH);
	search_for(SEARCH_VALUE, "CKA_LABEL", secrets.label, VALUE_LENGTH);
	search_for(SEARCH_VALUE, "CKA_APPLICATION", secrets.application, VALUE_LENGTH);
	search_for(SEARCH_VALUE, "the copy's CKA_LABEL", secrets.new_label, VALUE_LENGTH);
	search_for(SEARCH_VALUE, "the copy's CKA_VALUE", secrets.new_value, VALUE_LENGTH);
	search_for(SEARCH_VALUE, "CKA_VALUE of a session object", secrets.of_session, VALUE_LENGTH);
	search_for(SEARCH_GONE, "CKA_VALUE of a destroyed object", secrets.gone, VALUE_LENGTH);
	search_for(SEARCH_VALUE, "CKA_VALUE of a large object", secrets.large, VALUE_LENGTH);
	search_for(SEARCH_VALUE, "CKA_ID of a secret key", secrets.id, VALUE_LENGTH);
	search_for_key(SEARCH_VALUE, "a secret key", secrets.key, VALUE_LENGTH);
	search_for(SEARCH_GONE, "CKA_VALUE of an object that was refused", secrets.refused, VALUE_LENGTH);
	search_for(SEARCH_VALUE, "what the generator was seeded with", secrets.seed, VALUE_LENGTH);
	search_for(SEARCH_PLAINTEXT, "what was decrypted", secrets.text, VALUE_LENGTH);
	for (unsigned int i = P11_RSA_PUBLIC; i < P11_RSA_PRIVATE; i++)
		search_for_number(SEARCH_IMPORTED, numbers[i], secrets.rsa.bytes[i], secrets.rsa_lengths[i]);
}

/* The private numbers of the key that p is a prime of. */
static void search_for_rsa(enum search_kind kind, const struct told *n, const struct told *p)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *number[P11_RSA_PRIVATE], *p1, *q1, *common;
	unsigned char bytes[P11_MAX_BYTES];

	MUST(ctx != NULL);
	BN_CTX_start(ctx);
	for (unsigned int i = 0; i < P11_RSA_PRIVATE; i++)
		number[i] = BN_CTX_get(ctx);
	p1 = BN_CTX_get(ctx);
	q1 = BN_CTX_get(ctx);
	common = BN_CTX_get(ctx);
	MUST(common != NULL && BN_bin2bn(n->veiled, (int)n->length, number[0]) != NULL
		&& BN_bin2bn(p->veiled, (int)p->length, number[3]) != NULL && BN_set_word(number[1], 65537)
		&& BN_div(number[4], common, number[0], number[3], ctx) && BN_is_zero(common)
		&& BN_sub(p1, number[3], BN_value_one()) && BN_sub(q1, number[4], BN_value_one())
		&& BN_gcd(common, p1, q1, ctx) && BN_div(common, NULL, p1, common, ctx)
		&& BN_mul(common, common, q1, ctx)
		&& BN_mod_inverse(number[2], number[1], common, ctx) != NULL
		&& BN_mod(number[5], number[2], p1, ctx) && BN_mod(number[6], number[2], q1, ctx)
		&& BN_mod_inverse(number[7], number[4], number[3], ctx) != NULL);
	for (unsigned int i = P11_RSA_PUBLIC; i < P11_RSA_PRIVATE; i++)
		search_for_number(kind, numbers[i], bytes, (size_t)BN_bn2bin(number[i], bytes));
	BN_CTX_end(ctx);
	BN_CTX_free(ctx);
}

static void learn_told(void)
{
	static struct told modulus;

	MUST(desk->told.count <= TOLD_MAX);
	for (; told_known < desk->told.count; told_known++) {
		struct told told = desk->told.told[told_known];

		told_unveil(&told);
		if (told.name == TOLD_MODULUS)
			modulus = told;
		else if (told.name == TOLD_PRIME)
			search_for_rsa(told.kind, &modulus, &told);
		else
			search_for_key(told.kind, told.name, told.veiled, told.length);
	}
}

/* The token file as doc/FORMAT.md has it, 2 and 3. */

#define SECRET_LENGTH 32

struct token {
	unsigned char id[16], master_check[SECRET_LENGTH];
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
	search_for_key(SEARCH_PIN_KEY, name, out, 20);
	search_for_key(SEARCH_PIN_KEY, name, out + 20, 32);
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
			search_for_key(SEARCH_AUTH, "a key's auth", body + at + 8, number_at(body + at + 4));
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

/* HKDF-SHA256 of FORMAT.md, 2. */
static void derive(struct token *token, unsigned char *master, char *info, unsigned char out[SECRET_LENGTH])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, master, SECRET_LENGTH),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, token->id, sizeof(token->id)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, strlen(info)),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

	MUST(EVP_KDF_derive(ctx, out, SECRET_LENGTH, params) == 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

/* Of the secrets that were drawn, the one that the token file has the check of. */
static bool master_find(struct token *token, unsigned char master[SECRET_LENGTH])
{
	unsigned char check[SECRET_LENGTH];

	for (size_t i = 0; i < desk->told.count; i++) {
		struct told told = desk->told.told[i];

		if (told.kind != SEARCH_MASTER)
			continue;
		told_unveil(&told);
		memcpy(master, told.veiled, SECRET_LENGTH);
		derive(token, master, (char[]){ "pkcs11_tpm master key check" }, check);
		if (memcmp(check, token->master_check, sizeof(check)) == 0)
			return true;
	}
	return false;
}

unsigned int learn(void)
{
	static const unsigned char none[SECRET_LENGTH];
	unsigned char master[SECRET_LENGTH], key[SECRET_LENGTH];
	struct token token;

	learn_told();
	if (!token_read(&token))
		return 0;
	search_for_pin_key(&token, 0, "the key of the SO's first PIN", secrets.so_pin);
	search_for_pin_key(&token, 0, "the key of the SO's PIN", secrets.new_so_pin);
	search_for_pin_key(&token, 1, "the key of the user's first PIN", secrets.user_pin);
	search_for_pin_key(&token, 1, "the key of the user's PIN", secrets.new_pin);
	search_for_pin_key(&token, 1, "the key of a wrong PIN", secrets.wrong_pin);
	if (memcmp(token.master_check, none, sizeof(none)) == 0)
		return 0;
	TAP_MUST(master_find(&token, master), "the master key is none that the module has drawn");
	search_for(SEARCH_MASTER, "the master key", master, sizeof(master));
	derive(&token, master, (char[]){ "pkcs11_tpm private objects" }, key);
	search_for(SEARCH_MASTER, "the object key", key, sizeof(key));
	return search_for_auths(key);
}

/* --- the worker --- */

static void desk_set_up(void)
{
	p11_fresh();
	desk = mmap(NULL, sizeof(*desk), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(desk != MAP_FAILED && RAND_bytes(desk->control, sizeof(desk->control)) == 1);
}

pid_t worker_start(const struct work *wanted)
{
	struct work given = *wanted;
	pid_t worker;

	desk_set_up();
	given.desk = desk;
	worker = tap_child_start(work, &given);
	make_up(); /* now, so that the worker inherits none of it */
	search_for_all();
	return worker;
}

pid_t desk_start(int (*run)(void *))
{
	pid_t child;
	int status;

	desk_set_up();
	child = tap_child_start(run, desk);
	MUST(worker_stops(child, &status) && RAND_bytes(desk->control, sizeof(desk->control)) == 1);
	search_forget();
	search_for(SEARCH_CONTROL, "the control", desk->control, sizeof(desk->control));
	kill(child, SIGCONT);
	return child;
}

/* At the end of its way the worker stops no more: *status is what it ended with. */
bool worker_stops(pid_t worker, int *status)
{
	while (waitpid(worker, status, WUNTRACED) < 0)
		MUST(errno == EINTR);
	return WIFSTOPPED(*status);
}

void worker_goes_on(pid_t worker)
{
	desk->secrets = secrets;
	kill(worker, SIGCONT);
}
