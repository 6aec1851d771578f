/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "world.h"

#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#define FILES_MAX 32
#define MUST_OK(call) FUZZ_MUST((call) == CKR_OK)

#define U(type, v)                                                                                           \
	{                                                                                                    \
		(type), &(CK_ULONG){ (v) }, sizeof(CK_ULONG)                                                 \
	}
#define B(type, v)                                                                                           \
	{                                                                                                    \
		(type), &(CK_BBOOL){ (v) }, 1                                                                \
	}
#define T(type, literal)                                                                                     \
	{                                                                                                    \
		(type), (char[]){ literal }, sizeof(literal) - 1                                             \
	}

static struct {
	char name[64];
	struct buf content;
} files[FILES_MAX];
static size_t files_count;
static struct buf generation;
static bool changed; /* by ourselves */

/* --- the key --- */

static struct {
	CK_ATTRIBUTE_TYPE type;
	const char *name;
	struct buf value;
} numbers[] = {
	{ CKA_MODULUS, OSSL_PKEY_PARAM_RSA_N, BUF_INIT },
	{ CKA_PUBLIC_EXPONENT, OSSL_PKEY_PARAM_RSA_E, BUF_INIT },
	{ CKA_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D, BUF_INIT },
	{ CKA_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1, BUF_INIT },
	{ CKA_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2, BUF_INIT },
	{ CKA_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1, BUF_INIT },
	{ CKA_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2, BUF_INIT },
	{ CKA_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, BUF_INIT },
};

static void key_make(void)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);

	FUZZ_MUST(key != NULL);
	for (size_t i = 0; i < COUNT(numbers); i++) {
		BIGNUM *n = NULL;

		FUZZ_MUST(EVP_PKEY_get_bn_param(key, numbers[i].name, &n) == 1);
		BN_bn2bin(n, buf_extend(&numbers[i].value, (size_t)BN_num_bytes(n)));
		BN_free(n);
	}
	EVP_PKEY_free(key);
}

bool world_number(CK_ATTRIBUTE_TYPE type, const uint8_t **number, size_t *len)
{
	for (size_t i = 0; i < COUNT(numbers); i++)
		if (numbers[i].type == type) {
			*number = numbers[i].value.data;
			*len = numbers[i].value.len;
			return true;
		}
	return false;
}

/* --- the token --- */

static CK_ATTRIBUTE number_of(CK_ATTRIBUTE_TYPE type)
{
	CK_ATTRIBUTE a = { type, NULL, 0 };

	for (size_t i = 0; i < COUNT(numbers); i++)
		if (numbers[i].type == type) {
			a.pValue = numbers[i].value.data;
			a.ulValueLen = numbers[i].value.len;
		}
	return a;
}

static void objects_make(CK_SESSION_HANDLE s)
{
	CK_ATTRIBUTE data[] = { U(CKA_CLASS, CKO_DATA), B(CKA_TOKEN, 1), B(CKA_PRIVATE, 1), T(CKA_LABEL, "0"),
		T(CKA_VALUE, "a private value") };
	CK_ATTRIBUTE open[] = { U(CKA_CLASS, CKO_DATA), B(CKA_TOKEN, 1), B(CKA_PRIVATE, 0), T(CKA_LABEL, "1"),
		T(CKA_VALUE, "a value"), T(CKA_APPLICATION, "application") };
	CK_ATTRIBUTE certificate[] = { U(CKA_CLASS, CKO_CERTIFICATE), U(CKA_CERTIFICATE_TYPE, CKC_X_509),
		B(CKA_TOKEN, 1), T(CKA_LABEL, "2"), T(CKA_SUBJECT, "\60\0"), T(CKA_VALUE, "\60\0") };
	CK_ATTRIBUTE secret[] = { U(CKA_CLASS, CKO_SECRET_KEY), U(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
		B(CKA_TOKEN, 1), T(CKA_LABEL, "3"), T(CKA_VALUE, "a secret"), B(CKA_PRIVATE, 1) };
	CK_ATTRIBUTE open_secret[] = { U(CKA_CLASS, CKO_SECRET_KEY), U(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
		B(CKA_TOKEN, 1), T(CKA_LABEL, "4"), T(CKA_VALUE, "no secret"), B(CKA_PRIVATE, 0) };
	CK_ATTRIBUTE public[] = { U(CKA_CLASS, CKO_PUBLIC_KEY), U(CKA_KEY_TYPE, CKK_RSA), B(CKA_TOKEN, 1),
		T(CKA_LABEL, "5"), number_of(CKA_MODULUS), number_of(CKA_PUBLIC_EXPONENT) };
	CK_ATTRIBUTE imported[] = { U(CKA_CLASS, CKO_PRIVATE_KEY), U(CKA_KEY_TYPE, CKK_RSA), B(CKA_TOKEN, 1),
		T(CKA_LABEL, "6"), B(CKA_PRIVATE, 0), number_of(CKA_MODULUS), number_of(CKA_PUBLIC_EXPONENT),
		number_of(CKA_PRIVATE_EXPONENT), number_of(CKA_PRIME_1), number_of(CKA_PRIME_2) };
	CK_ATTRIBUTE careful[] = { U(CKA_CLASS, CKO_PRIVATE_KEY), U(CKA_KEY_TYPE, CKK_RSA), B(CKA_TOKEN, 1),
		T(CKA_LABEL, "9"), B(CKA_PRIVATE, 1), B(CKA_ALWAYS_AUTHENTICATE, 1), number_of(CKA_MODULUS),
		number_of(CKA_PUBLIC_EXPONENT), number_of(CKA_PRIME_1) };
	CK_ATTRIBUTE generated[] = { B(CKA_TOKEN, 1), T(CKA_LABEL, "7") };
	CK_ATTRIBUTE generated_public[] = { B(CKA_TOKEN, 1), T(CKA_LABEL, "8"), U(CKA_MODULUS_BITS, 512) };
	CK_MECHANISM generate = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_OBJECT_HANDLE one, two;

	MUST_OK(C_CreateObject(s, data, COUNT(data), &one));
	MUST_OK(C_CreateObject(s, open, COUNT(open), &one));
	MUST_OK(C_CreateObject(s, certificate, COUNT(certificate), &one));
	MUST_OK(C_CreateObject(s, secret, COUNT(secret), &one));
	MUST_OK(C_CreateObject(s, open_secret, COUNT(open_secret), &one));
	MUST_OK(C_CreateObject(s, public, COUNT(public), &one));
	MUST_OK(C_CreateObject(s, imported, COUNT(imported), &one));
	MUST_OK(C_CreateObject(s, careful, COUNT(careful), &one));
	MUST_OK(C_GenerateKeyPair(s, &generate, generated_public, COUNT(generated_public), generated,
		COUNT(generated), &one, &two));
}

static void token_make(void)
{
	static CK_UTF8CHAR label[] = "label                           ", so[] = SO_PIN, user[] = USER_PIN,
			   user_default[] = "12345678";
	CK_SESSION_HANDLE s;

	MUST_OK(C_Initialize(NULL));
	MUST_OK(C_InitToken(0, so, strlen(SO_PIN), label));
	MUST_OK(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s));
	MUST_OK(C_Login(s, CKU_USER, user_default, strlen((char *)user_default)));
	MUST_OK(C_SetPIN(s, user_default, strlen((char *)user_default), user, strlen(USER_PIN)));
	MUST_OK(C_Logout(s));
	MUST_OK(C_Login(s, CKU_USER, user, strlen(USER_PIN)));
	objects_make(s);
	MUST_OK(C_Finalize(NULL));
}

/* --- its files --- */

static void files_keep(const char *directory)
{
	DIR *stream = opendir(fuzz_path(directory));

	FUZZ_MUST(stream != NULL);
	for (struct dirent *d; (d = readdir(stream)) != NULL;) {
		if (d->d_type != DT_REG)
			continue;
		FUZZ_MUST(files_count < FILES_MAX);
		snprintf(files[files_count].name, sizeof files[0].name, "%.20s/%.40s", directory, d->d_name);
		fuzz_read(fuzz_path(files[files_count].name), &files[files_count].content);
		if (strcmp(d->d_name, "generation") == 0)
			buf_put(&generation, files[files_count].content.data, files[files_count].content.len);
		files_count++;
	}
	closedir(stream);
}

static int one_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void files_restore(void)
{
	nftw(fuzz_path("store"), one_remove, 16, FTW_DEPTH | FTW_PHYS);
	mkdir(fuzz_path("store"), 0700);
	mkdir(fuzz_path("store/objects"), 0700);
	for (size_t i = 0; i < files_count; i++)
		fuzz_write(fuzz_path(files[i].name), files[i].content.data, files[i].content.len);
}

/* Whoever changed files changed the generation. */
static bool is_as_made(void)
{
	struct stat st;
	struct buf now = BUF_INIT;
	bool same = stat(fuzz_path("store/generation"), &st) == 0;

	if (same) {
		fuzz_read(fuzz_path("store/generation"), &now);
		same = now.len == generation.len && memcmp(now.data, generation.data, now.len) == 0
			&& stat(fuzz_path("store/note"), &st) != 0;
	}
	buf_free(&now);
	return same;
}

const struct buf *world_file(size_t number, const char **name)
{
	if (number >= files_count)
		return NULL;
	*name = files[number].name;
	return &files[number].content;
}

void world_change(const char *name, const struct buf *content)
{
	if (!changed && !is_as_made())
		files_restore();
	changed = true;
	fuzz_write(fuzz_path(name), content->data, content->len);
}

void world_make(void)
{
	fuzz_write(fuzz_path("conf"), "", 0);
	setenv("PKCS11_TPM_CONF", fuzz_path("conf"), 1);
	setenv("PKCS11_TPM_DIR", fuzz_path("store"), 1);
	fake_reset();
	key_make();
	token_make();
	remove(fuzz_path("store/note"));
	files_keep("store");
	files_keep("store/objects");
}

void world_begin(void)
{
	if (!changed && !is_as_made())
		files_restore();
	fake_fail_clear();
	fake_lock(false);
	fake_absent(false);
	fake_registry_lose();
	MUST_OK(C_Initialize(NULL));
}

void world_end(void)
{
	CK_RV rv = C_Finalize(NULL);

	FUZZ_MUST(rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED);
	FUZZ_MUST(fake_open_keys() == 0);
	fuzz_log_lines();
	if (changed)
		files_restore();
	changed = false;
}

void world_look(CK_OBJECT_HANDLE handles[WORLD_OBJECTS])
{
	CK_OBJECT_HANDLE found[64];
	CK_SESSION_HANDLE s;
	CK_ULONG n = 0;

	memset(handles, 0, WORLD_OBJECTS * sizeof *handles);
	if (C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s) != CKR_OK)
		return;
	if (C_FindObjectsInit(s, NULL, 0) == CKR_OK)
		C_FindObjects(s, found, COUNT(found), &n);
	for (CK_ULONG i = 0; i < n; i++) {
		char label;
		CK_ATTRIBUTE a = { CKA_LABEL, &label, 1 };

		if (C_GetAttributeValue(s, found[i], &a, 1) == CKR_OK && a.ulValueLen == 1 && label >= '0'
			&& label < '0' + WORLD_OBJECTS && handles[label - '0'] == 0)
			handles[label - '0'] = found[i];
	}
	C_CloseSession(s);
}
