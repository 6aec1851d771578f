/* SPDX-License-Identifier: BSD-2-Clause */
#include "full.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <syslog.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "policy/attrs.h"

#define LARGE 100000

struct full_object full_objects[FULL_OBJECTS];
struct full_file full_files[FULL_FILES];

static char log_text[1 << 16];
static size_t log_len;
static unsigned int failures_before;

/* --- what the C library is replaced by --- */

int fsync(int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

static void log_add(const char *format, va_list args)
{
	int n = vsnprintf(log_text + log_len, sizeof log_text - log_len, format, args);

	if (n > 0 && (size_t)n + 2 < sizeof log_text - log_len) {
		log_len += (size_t)n;
		log_text[log_len++] = '\n';
		log_text[log_len] = '\0';
	}
}

/* In brackets, as with _FORTIFY_SOURCE and clang it is a macro. */
void (syslog)(int priority, const char *format, ...)
{
	va_list args;

	(void)priority;
	va_start(args, format);
	log_add(format, args);
	va_end(args);
}

/* What it is called where _FORTIFY_SOURCE is defined. */
void __syslog_chk(int priority, int flag, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list args;

	(void)priority, (void)flag;
	va_start(args, format);
	log_add(format, args);
	va_end(args);
}

void full_log_clear(void)
{
	log_len = 0;
	log_text[0] = '\0';
}

unsigned int full_log_count(const char *word)
{
	unsigned int count = 0;

	for (const char *line = log_text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		const char *found = strstr(line, word);

		count += found != NULL && found < end;
	}
	return count;
}

/* --- making it --- */

static void object_made(struct token *token, enum full_kind kind, const char *label, bool is_private,
	CK_OBJECT_HANDLE handle)
{
	CK_ATTRIBUTE template[] = { { CKA_LABEL, strdup(label), strlen(label) } };
	struct full_object *made = &full_objects[kind];
	struct object *object;

	made->label = label;
	made->is_private = is_private;
	RV_MUST(objects_set(token, &actor, handle, TEMPLATE(template)), CKR_OK);
	free(template[0].pValue);
	RV_MUST(objects_get(token, handle, &object), CKR_OK);
	buf_put(&made->attrs, object->attrs.data, object->attrs.len);
	object_free(&object);
}

static CK_OBJECT_HANDLE create(struct token *token, const CK_ATTRIBUTE *template, CK_ULONG count)
{
	CK_OBJECT_HANDLE handle;

	RV_MUST(keys_create_object(token, &actor, template, count, &handle), CKR_OK);
	return handle;
}

static CK_OBJECT_HANDLE make_large(struct token *token)
{
	struct buf value = BUF_INIT;
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, true), { CKA_VALUE, NULL, LARGE } };
	CK_OBJECT_HANDLE handle;

	for (size_t i = 0; i < LARGE; i++)
		buf_put_u8(&value, (uint8_t)(i * i >> 3));
	template[3].pValue = value.data;
	handle = create(token, TEMPLATE(template));
	buf_free(&value);
	return handle;
}

static CK_OBJECT_HANDLE make_certificate(struct token *token)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_CERTIFICATE), A_BOOL(CKA_TOKEN, true),
		A_ULONG(CKA_CERTIFICATE_TYPE, CKC_X_509), A_TEXT(CKA_SUBJECT, "the subject"),
		A_TEXT(CKA_ID, "id"), A_TEXT(CKA_VALUE, "a certificate in DER, as far as anybody cares") };

	return create(token, TEMPLATE(template));
}

static CK_OBJECT_HANDLE make_secret(struct token *token, bool is_private)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_BOOL(CKA_TOKEN, true),
		A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET), A_BOOL(CKA_PRIVATE, is_private),
		A_TEXT(CKA_VALUE, "a secret") };

	return create(token, TEMPLATE(template));
}

static CK_OBJECT_HANDLE make_imported(struct token *token)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);
	uint8_t modulus[128], prime[128], exponent[] = { 1, 0, 1 };
	BIGNUM *n = NULL, *p = NULL;
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, CKK_RSA),
		A_BOOL(CKA_TOKEN, true), A_BOOL(CKA_PRIVATE, false), { CKA_MODULUS, modulus, sizeof modulus },
		{ CKA_PUBLIC_EXPONENT, exponent, sizeof exponent }, { CKA_PRIME_1, prime, 64 } };
	CK_OBJECT_HANDLE handle;

	MUST(key != NULL && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1
		&& EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_FACTOR1, &p) == 1);
	MUST(BN_bn2binpad(n, modulus, sizeof modulus) == sizeof modulus && BN_bn2binpad(p, prime, 64) == 64);
	handle = create(token, TEMPLATE(template));
	BN_free(n);
	BN_clear_free(p);
	EVP_PKEY_free(key);
	return handle;
}

static void make_objects(struct token *token)
{
	CK_ATTRIBUTE publics[] = { A_ULONG(CKA_MODULUS_BITS, 1024), A_BOOL(CKA_TOKEN, true) };
	CK_ATTRIBUTE privates[] = { A_BOOL(CKA_TOKEN, true) };
	CK_OBJECT_HANDLE public, private;

	RV_MUST(keys_generate(token, &actor, TEMPLATE(publics), TEMPLATE(privates), &public, &private),
		CKR_OK);
	object_made(token, FULL_DATA, "data", false, data_object(token, "x", true, false));
	object_made(token, FULL_CERTIFICATE, "certificate", false, make_certificate(token));
	object_made(token, FULL_PRIVATE_DATA, "private data", true, data_object(token, "x", true, true));
	object_made(token, FULL_PRIVATE_KEY, "private key", true, private);
	object_made(token, FULL_SECRET_KEY, "secret key", true, make_secret(token, true));
	object_made(token, FULL_PUBLIC_KEY, "public key", false, public);
	object_made(token, FULL_IMPORTED_KEY, "imported key", false, make_imported(token));
	object_made(token, FULL_PUBLIC_SECRET_KEY, "public secret key", false, make_secret(token, false));
	object_made(token, FULL_LARGE, "large", true, make_large(token));
}

/* Which file is the object's is seen by what is missing without it. */
static void names_find(struct token *token)
{
	for (size_t i = 0; i < FULL_FILES; i++) {
		const char *name = full_files[i].name;

		if (strncmp(name, "objects/", 8) != 0)
			continue;
		MUST(rename(full_path(name), full_path("away")) == 0);
		full_touch();
		for (int kind = 0; kind < FULL_OBJECTS; kind++)
			if (find(token, full_objects[kind].label, NULL) == 0)
				memcpy(full_objects[kind].name, name, sizeof full_objects[kind].name);
		MUST(rename(full_path("away"), full_path(name)) == 0);
	}
	for (int kind = 0; kind < FULL_OBJECTS; kind++)
		TAP_MUST(full_objects[kind].name[0] != '\0', "no file is that of %s",
			full_objects[kind].label);
}

static size_t file_count;

static int file_keep(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *below = path + strlen(full_path(""));
	struct full_file *file = &full_files[file_count];

	(void)st, (void)ftw;
	if (type != FTW_F)
		return 0;
	TAP_MUST(file_count < FULL_FILES && strlen(below) < sizeof file->name, "one file too many: %s", path);
	memcpy(file->name, below, strlen(below) + 1);
	unit_read(path, &file->content);
	file_count++;
	return 0;
}

static void make(void)
{
	struct token *token = token_new();

	RV_MUST(init_token(token, SO_PIN), CKR_OK);
	RV_MUST(login(token, ROLE_USER, USER_DEFAULT), CKR_OK);
	RV_MUST(set_pin(token, USER_DEFAULT, USER_PIN), CKR_OK);
	make_objects(token);
	MUST(nftw(unit_path("store"), file_keep, 16, FTW_PHYS) == 0);
	TAP_MUST(file_count == FULL_FILES, "%zu files", file_count);
	names_find(token);
	token_close(&token);
}

void full_restore(void)
{
	if (file_count == 0)
		make();
	unit_fresh();
	MUST(mkdir(unit_path("store"), 0700) == 0 && mkdir(full_path("objects"), 0700) == 0);
	for (size_t i = 0; i < FULL_FILES; i++)
		full_write(full_files[i].name, full_files[i].content.data, full_files[i].content.len);
	full_touch();
	full_log_clear();
	full_begin();
}

struct token *full_user(void)
{
	struct token *user;

	full_restore();
	user = token_again();
	RV_MUST(login(user, ROLE_USER, USER_PIN), CKR_OK);
	full_check(user, true, FULL_OBJECTS);
	full_begin();
	return user;
}

int full_end(int status)
{
	for (size_t i = 0; i < FULL_FILES; i++)
		buf_free(&full_files[i].content);
	for (int kind = 0; kind < FULL_OBJECTS; kind++)
		buf_free(&full_objects[kind].attrs);
	return unit_end(status);
}

/* --- files --- */

const char *full_path(const char *name)
{
	char below[128];

	snprintf(below, sizeof below, "store/%s", name);
	return unit_path(below);
}

const char *full_beside(const char *name)
{
	return unit_path(name);
}

const struct buf *full_content(const char *name)
{
	for (size_t i = 0; i < FULL_FILES; i++)
		if (strcmp(full_files[i].name, name) == 0)
			return &full_files[i].content;
	TAP_MUST(false, "there is no file %s", name);
	return NULL;
}

void full_write(const char *name, const uint8_t *p, size_t n)
{
	int fd = open(full_path(name), O_WRONLY | O_CREAT, 0600);

	TAP_MUST(fd >= 0 && write(fd, p, n) == (ssize_t)n && ftruncate(fd, (off_t)n) == 0, "%s: %s", name,
		strerror(errno));
	close(fd);
}

bool full_is(const char *name, const uint8_t *p, size_t n)
{
	int fd = open(full_path(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	uint8_t *content = malloc(n + 1);
	bool same = fd >= 0 && content != NULL && read(fd, content, n + 1) == (ssize_t)n
		&& (n == 0 || memcmp(content, p, n) == 0);

	free(content);
	if (fd >= 0)
		close(fd);
	return same;
}

void full_touch(void)
{
	static uint64_t last;
	uint8_t generation[8];

	last += 1 << 20;
	for (int i = 0; i < 8; i++)
		generation[7 - i] = (uint8_t)(last >> 8 * i);
	full_write("generation", generation, sizeof generation);
}

void full_check_files(const char *but)
{
	for (size_t i = 0; i < FULL_FILES; i++) {
		const char *name = full_files[i].name;

		if (strcmp(name, but) != 0 && (strncmp(name, "token", 5) == 0
			|| strncmp(name, "objects/", 8) == 0))
			TAP_CHECK(full_is(name, full_files[i].content.data, full_files[i].content.len),
				"%s is another one", name);
	}
}

/* --- what the token shows --- */

static enum full_kind kind_of(const struct object *object)
{
	for (int kind = 0; kind < FULL_OBJECTS; kind++)
		if (object->attrs.len == full_objects[kind].attrs.len
			&& memcmp(object->attrs.data, full_objects[kind].attrs.data, object->attrs.len) == 0)
			return (enum full_kind)kind;
	return FULL_OBJECTS;
}

void full_check(struct token *token, bool logged_in, enum full_kind missing)
{
	bool seen[FULL_OBJECTS + 1] = { false };
	CK_OBJECT_HANDLE *handles;
	size_t count;

	CK_RV rv = objects_find(token, NULL, 0, &handles, &count);

	RV_EQUAL(rv, CKR_OK);
	if (rv != CKR_OK)
		return;
	for (size_t i = 0; i < count; i++) {
		struct object *object;
		enum full_kind kind;

		RV_MUST(objects_get(token, handles[i], &object), CKR_OK);
		kind = kind_of(object);
		TAP_CHECK(kind != FULL_OBJECTS && !seen[kind], "an object is shown that is not as it was");
		seen[kind] = true;
		object_free(&object);
	}
	free(handles);
	for (int kind = 0; kind < FULL_OBJECTS; kind++) {
		bool wanted = (logged_in || !full_objects[kind].is_private) && kind != (int)missing;

		TAP_CHECK(seen[kind] == wanted, "%s is %s", full_objects[kind].label,
			wanted ? "missing" : "shown");
	}
}

void full_check_login(enum full_kind missing)
{
	struct token *token = token_again();

	full_check(token, false, missing);
	RV_EQUAL(login(token, ROLE_USER, USER_PIN), CKR_OK);
	full_check(token, true, missing);
	token_close(&token);
}

void full_check_write(struct token *token)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, true),
		A_TEXT(CKA_LABEL, "new"), A_TEXT(CKA_VALUE, "the value") };
	CK_OBJECT_HANDLE handle;
	CK_RV rv = keys_create_object(token, &actor, TEMPLATE(template), &handle);

	RV_EQUAL(rv, CKR_OK);
	if (rv == CKR_OK)
		RV_EQUAL(objects_destroy(token, &actor, handle), CKR_OK);
}

/* --- damage --- */

void full_begin(void)
{
	failures_before = CU_get_number_of_failures();
}

bool full_failed(void)
{
	return CU_get_number_of_failures() != failures_before;
}

bool full_other_version(const uint8_t *p, size_t n)
{
	return n >= 10 && memcmp(p, "pk11tpm\n", 8) == 0 && (p[8] != 0 || p[9] != 1);
}

bool full_nothing_set_aside(void)
{
	DIR *stream = opendir(full_path("damaged"));
	bool nothing = true;

	for (struct dirent *d; stream != NULL && (d = readdir(stream)) != NULL;)
		nothing = nothing && d->d_name[0] == '.';
	if (stream != NULL)
		closedir(stream);
	return nothing;
}

void full_check_set_aside(const char *name, const uint8_t *p, size_t n)
{
	const char *id = name + strlen("objects/");
	DIR *stream = opendir(full_path("damaged"));
	unsigned int count = 0;
	struct stat st;

	TAP_CHECK(stream != NULL, "%s: nothing is set aside", name);
	if (stream == NULL)
		return;
	CHECK(fstat(dirfd(stream), &st) == 0 && (st.st_mode & 07777) == 0700);
	for (struct dirent *d; (d = readdir(stream)) != NULL;) {
		char below[300];

		if (d->d_name[0] == '.')
			continue;
		count++;
		snprintf(below, sizeof below, "damaged/%s", d->d_name);
		TAP_CHECK(strncmp(d->d_name, id, 32) == 0 && d->d_name[32] == '.' && d->d_name[33] != '\0'
			&& strspn(d->d_name + 33, "0123456789") == strlen(d->d_name + 33),
			"%s is set aside as %s", name, d->d_name);
		TAP_CHECK(full_is(below, p, n), "%s is set aside, but not as it was", name);
		unlink(full_path(below));
	}
	closedir(stream);
	TAP_CHECK(count == 1, "%s: %u files are set aside", name, count);
	TAP_CHECK(!unit_exists(full_path(name)), "%s is still there", name);
}

void full_damage(unsigned int damage, const struct buf *good, size_t at, struct buf *bad)
{
	buf_free(bad);
	buf_put(bad, good->data, at);
	if (damage == 1)
		return;
	buf_put_u8(bad, damage == 0 ? good->data[at] ^ (uint8_t)(1U << (at + good->len) % 8)
		: (uint8_t)(at * 37 + 1));
	if (damage == 0)
		at++;
	buf_put(bad, good->data + at, good->len - at);
}

void full_damage_data(struct buf *bad)
{
	const struct full_object *object = &full_objects[FULL_DATA];

	full_damage(0, full_content(object->name), 60, bad);
	full_write(object->name, bad->data, bad->len);
	full_touch();
}
