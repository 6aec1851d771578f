/* SPDX-License-Identifier: BSD-2-Clause */
#define _DEFAULT_SOURCE /* strsep */
#include "operations.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "policy/attrs.h"
#include "policy/template.h"
#include "syscalls.h"
#include "token.h"

/* --- what comes before --- */

static CK_OBJECT_HANDLE target;

static void nobody(struct token *token)
{
	(void)token;
}

static void user(struct token *token)
{
	RV_MUST(login(token, ROLE_USER, USER_PIN), CKR_OK);
}

static void user_by_default(struct token *token)
{
	RV_MUST(login(token, ROLE_USER, USER_DEFAULT), CKR_OK);
}

static void so(struct token *token)
{
	RV_MUST(login(token, ROLE_SO, SO_PIN), CKR_OK);
}

static void so_by_default(struct token *token)
{
	RV_MUST(login(token, ROLE_SO, SO_DEFAULT), CKR_OK);
}

static void public_found(struct token *token)
{
	MUST(find(token, "public", &target) == 1);
}

static void private_found(struct token *token)
{
	user(token);
	MUST(find(token, "private", &target) == 1);
}

/* --- the token's life and its PINs --- */

static CK_RV initialise(struct token *token)
{
	return init_token(token, SO_PIN);
}

static CK_RV set_first_pin(struct token *token)
{
	return set_pin(token, USER_DEFAULT, NEW_PIN);
}

static CK_RV set_next_pin(struct token *token)
{
	return set_pin(token, USER_PIN, NEW_PIN);
}

static CK_RV set_first_so_pin(struct token *token)
{
	return set_pin(token, SO_DEFAULT, NEW_PIN);
}

static CK_RV set_next_so_pin(struct token *token)
{
	return set_pin(token, SO_PIN, NEW_PIN);
}

static CK_RV give_pin(struct token *token)
{
	return init_pin(token, NEW_PIN);
}

static CK_RV log_in(struct token *token)
{
	return login(token, ROLE_USER, USER_PIN);
}

/* --- objects --- */

static CK_RV create(struct token *token, bool private)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, private), A_TEXT(CKA_LABEL, "made 1"),
		A_TEXT(CKA_VALUE, "made's value") };
	CK_OBJECT_HANDLE handle;

	return keys_create_object(token, &actor, TEMPLATE(template), &handle);
}

static CK_RV create_public(struct token *token)
{
	return create(token, false);
}

static CK_RV create_private(struct token *token)
{
	return create(token, true);
}

static void data_attrs(const char *label, bool private, struct buf *attrs)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, private), A_TEXT(CKA_VALUE, "made's value") };

	RV_MUST(template_apply(class_find(CKO_DATA), TEMPLATE_CREATE, false, TEMPLATE(template), attrs),
		CKR_OK);
	attrs_put(attrs, CKA_LABEL, label, strlen(label));
}

static CK_RV create_two(struct token *token)
{
	struct buf attrs[2] = { BUF_INIT, BUF_INIT };
	CK_OBJECT_HANDLE handles[2];

	data_attrs("made 1", true, &attrs[0]);
	data_attrs("made 2", false, &attrs[1]);
	return objects_create(token, &actor, attrs, 2, handles);
}

static CK_RV generate(struct token *token)
{
	CK_ATTRIBUTE publics[] = { A_ULONG(CKA_MODULUS_BITS, 1024), A_BOOL(CKA_TOKEN, true),
		A_TEXT(CKA_LABEL, "made half") };
	CK_ATTRIBUTE privates[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "made half") };
	CK_OBJECT_HANDLE public, private;

	return keys_generate(token, &actor, TEMPLATE(publics), TEMPLATE(privates), &public, &private);
}

static CK_ULONG number_of(const EVP_PKEY *key, const char *name, uint8_t out[128])
{
	BIGNUM *n = NULL;
	int len;

	MUST(EVP_PKEY_get_bn_param(key, name, &n) == 1);
	len = BN_bn2bin(n, out);
	BN_clear_free(n);
	return (CK_ULONG)len;
}

static CK_RV import(struct token *token)
{
	static EVP_PKEY *key;
	uint8_t modulus[128], prime[128], exponent[] = { 1, 0, 1 };
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, CKK_RSA),
		{ CKA_MODULUS, modulus, sizeof modulus }, { CKA_PUBLIC_EXPONENT, exponent, sizeof exponent },
		A_BOOL(CKA_TOKEN, true), { CKA_PRIME_1, prime, sizeof prime },
		A_TEXT(CKA_LABEL, "made elsewhere") };
	CK_OBJECT_HANDLE handle;

	if (key == NULL)
		key = EVP_RSA_gen(1024);
	template[2].ulValueLen = number_of(key, OSSL_PKEY_PARAM_RSA_N, modulus);
	template[5].ulValueLen = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR1, prime);
	return keys_create_object(token, &actor, TEMPLATE(template), &handle);
}

static CK_RV change(struct token *token)
{
	CK_ATTRIBUTE template[] = { A_TEXT(CKA_VALUE, "another value") };

	return objects_set(token, &actor, target, TEMPLATE(template));
}

static CK_RV destroy(struct token *token)
{
	return objects_destroy(token, &actor, target);
}

static CK_RV copy(struct token *token)
{
	CK_ATTRIBUTE template[] = { A_TEXT(CKA_LABEL, "made a copy") };
	CK_OBJECT_HANDLE handle;

	return objects_copy(token, &actor, target, TEMPLATE(template), &handle);
}

/* --- the files --- */

static void flip(const char *name)
{
	struct buf file = BUF_INIT;

	unit_read(stores_path(name), &file);
	MUST(file.len > 100);
	file.data[100] ^= 1;
	unit_write(stores_path(name), file.data, file.len);
	buf_free(&file);
}

static void damage_token(void)
{
	flip("token");
}

static void damage_copy(void)
{
	flip("token.2");
}

static void damage_both(void)
{
	flip("token");
	flip("token.2");
}

static void remove_token(void)
{
	MUST(unlink(stores_path("token")) == 0);
}

static void remove_copy(void)
{
	MUST(unlink(stores_path("token.2")) == 0);
}

/* A damaged object is in its place or set aside, but never gone or in both. */
static void check_damaged(void)
{
	NUMBER_EQUAL(stores_count_content(stores_damaged(false)), 1);
	NUMBER_EQUAL(stores_count_content(stores_damaged(true)), 1);
}

static void check_exchanged(void)
{
	stores_check_kept("exchanged", true);
}

static void check_used(void)
{
	stores_check_kept("used", false);
}

/* --- the table --- */

const struct operation operations[] = {
	{ .name = "the first C_InitToken", .store = "none", .enter = nobody, .act = initialise,
		.pins = true },
	{ .name = "C_InitToken of a used token", .store = "used", .enter = nobody, .act = initialise,
		.pins = true },
	{ .name = "C_InitToken on another chip", .store = "exchanged", .enter = nobody, .act = initialise,
		.pins = true, .sets_aside = true, .check = check_exchanged },
	{ .name = "C_InitToken of a damaged token", .store = "used", .prepare = damage_both, .enter = nobody,
		.act = initialise, .pins = true, .sets_aside = true, .check = check_used },
	{ .name = "the user's first C_SetPIN", .store = "fresh", .enter = user_by_default,
		.act = set_first_pin, .pins = true },
	{ .name = "the user's next C_SetPIN", .store = "used", .enter = user, .act = set_next_pin,
		.pins = true },
	{ .name = "the SO's first C_SetPIN", .store = "so default", .enter = so_by_default,
		.act = set_first_so_pin, .pins = true },
	{ .name = "the SO's next C_SetPIN", .store = "used", .enter = so, .act = set_next_so_pin,
		.pins = true },
	{ .name = "the first C_InitPIN", .store = "fresh", .enter = so, .act = give_pin, .pins = true },
	{ .name = "another C_InitPIN", .store = "used", .enter = so, .act = give_pin, .pins = true },
	{ .name = "a login that adds the SO's copy", .store = "no copy", .enter = nobody, .act = log_in,
		.pins = true, .effect_optional = true },
	{ .name = "a login", .store = "used", .enter = nobody, .act = log_in, .pins = true },
	{ .name = "a search", .store = "used", .enter = user, .act = search },
	{ .name = "the first object", .store = "fresh", .enter = nobody, .act = create_public },
	{ .name = "a public object", .store = "used", .enter = nobody, .act = create_public },
	{ .name = "a private object", .store = "used", .enter = user, .act = create_private },
	{ .name = "two objects at once", .store = "used", .enter = user, .act = create_two,
		.first = "made 1" },
	{ .name = "a key pair", .store = "used", .enter = user, .act = generate, .first = "private: signs" },
	{ .name = "an import and its parent", .store = "used", .enter = user, .act = import },
	{ .name = "a change of a public object", .store = "used", .enter = public_found, .act = change,
		.effect_stays = true },
	{ .name = "a change of a private object", .store = "used", .enter = private_found, .act = change,
		.effect_stays = true },
	{ .name = "the end of a public object", .store = "used", .enter = public_found, .act = destroy,
		.effect_stays = true },
	{ .name = "the end of a private object", .store = "used", .enter = private_found, .act = destroy,
		.effect_stays = true },
	{ .name = "a copy of a public object", .store = "used", .enter = public_found, .act = copy },
	{ .name = "a copy of a private object", .store = "used", .enter = private_found, .act = copy },
	{ .name = "damaged objects are met", .store = "damaged", .enter = user, .act = search,
		.check = check_damaged },
	{ .name = "a damaged token file is met", .store = "used", .prepare = damage_token, .enter = nobody,
		.act = search },
	{ .name = "a missing token file is met", .store = "used", .prepare = remove_token, .enter = nobody,
		.act = search },
	{ .name = "a change beside a damaged copy", .store = "used", .prepare = damage_copy, .enter = nobody,
		.act = create_public },
	{ .name = "a change without a copy", .store = "used", .prepare = remove_copy, .enter = nobody,
		.act = create_public },
	{ .name = "a change beside a damaged token file", .store = "used", .prepare = damage_token,
		.enter = nobody, .act = create_public },
	{ .name = "a change among what the dead have left", .store = "litter", .enter = user,
		.act = create_private },
	{ .name = "a new PIN among what the dead have left", .store = "litter", .enter = user,
		.act = set_next_pin, .pins = true },
	{ .name = NULL },
};

/* --- states --- */

void operation_prepare(const struct operation *operation)
{
	stores_take(operation->store);
	if (operation->prepare != NULL)
		operation->prepare();
}

/* The lines of "after" that were there before, or are those of the first change. */
static void first_change(const struct operation *operation, const struct states *states, struct buf *text)
{
	char *after = strndup((const char *)states->after.data, states->after.len);
	char *before = strndup((const char *)states->before.data, states->before.len);
	char *rest = after;

	for (char *line; (line = strsep(&rest, "\n")) != NULL && rest != NULL;)
		if (strstr(before, line) != NULL || strstr(line, operation->first) != NULL) {
			buf_put(text, line, strlen(line));
			buf_put(text, "\n", 1);
		}
	free(before);
	free(after);
}

/* In this order they are moved. */
static void moved_away(const struct operation *operation, struct states *states)
{
	static const char *const names[STATES_BETWEEN] = { "objects", "token.2", "token" };

	operation_prepare(operation);
	for (int i = 0; i < STATES_BETWEEN; i++) {
		unit_remove_tree(stores_path(names[i]));
		stores_describe(operation->pins, &states->between[i]);
	}
}

void states_find(const struct operation *operation, struct states *states)
{
	struct token *token;

	memset(states, 0, sizeof *states);
	operation_prepare(operation);
	token = token_again();
	operation->enter(token);
	stores_remember();
	stores_objects(token, &states->seen_before);
	stores_describe(operation->pins, &states->before);
	token_close(&token);
	operation_prepare(operation);
	token = token_again();
	operation->enter(token);
	syscalls_arm(SYSCALLS_COUNTED, 0, 0);
	syscalls_count_removals(operation->effect_stays);
	RV_MUST(operation->act(token), CKR_OK);
	syscalls_disarm();
	states->unsynced = syscalls_unsynced();
	stores_objects(token, &states->seen_after);
	stores_describe(operation->pins, &states->after);
	token_close(&token);
	if (operation->first != NULL)
		first_change(operation, states, &states->between[0]);
	if (operation->sets_aside)
		moved_away(operation, states);
}

void states_free(struct states *states)
{
	buf_free(&states->before);
	buf_free(&states->after);
	buf_free(&states->seen_before);
	buf_free(&states->seen_after);
	for (int i = 0; i < STATES_BETWEEN; i++)
		buf_free(&states->between[i]);
}

/* --- texts --- */

bool text_is(const struct buf *text, const struct buf *expected)
{
	return text->len == expected->len && expected->len != 0
		&& memcmp(text->data, expected->data, text->len) == 0;
}

static void lines_of(const struct buf *text, const struct buf *other, char sign)
{
	char *copy = strndup((const char *)text->data, text->len), *rest = copy;
	char *others = strndup((const char *)other->data, other->len);

	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (strstr(others, line) == NULL)
			printf("# %c %s\n", sign, line);
	free(others);
	free(copy);
}

void text_complain(const struct buf *text, const struct buf *expected)
{
	lines_of(expected, text, '-');
	lines_of(text, expected, '+');
}

/* --- cases --- */

struct tap_case *operation_cases(void (*run)(void))
{
	struct tap_case *cases = calloc(COUNT(operations), sizeof *cases);

	for (size_t i = 0; cases != NULL && operations[i].name != NULL; i++) {
		cases[i].name = operations[i].name;
		cases[i].run = run;
	}
	return cases;
}

const struct operation *operation_of_case(void)
{
	const struct operation *operation = operations;

	while (strcmp(operation->name, tap_case_name()) != 0)
		operation++;
	return operation;
}
