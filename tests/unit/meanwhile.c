/* SPDX-License-Identifier: BSD-2-Clause */
/* What another process does in the midst of a call: at the making of a key, and behind a list of the store. */
#include "token.h"

#define MANY 70 /* enough for an index of them */

CK_RV __real_tspi_key_create(enum tspi_usage usage, unsigned int bits, const uint8_t *auth, struct buf *blob);
CK_RV __wrap_tspi_key_create(enum tspi_usage usage, unsigned int bits, const uint8_t *auth, struct buf *blob);
CK_RV __real_objstore_list(struct objstore *store, struct objstore_id **ids, size_t *count,
	uint64_t *generation);
CK_RV __wrap_objstore_list(struct objstore *store, struct objstore_id **ids, size_t *count,
	uint64_t *generation);

static void (*at_create)(void), (*at_list)(void);

/* Once, so that what is done there may come by again. */
static void pass(void (**at)(void))
{
	void (*act)(void) = *at;

	*at = NULL;
	if (act != NULL)
		act();
}

CK_RV __wrap_tspi_key_create(enum tspi_usage usage, unsigned int bits, const uint8_t *auth, struct buf *blob)
{
	pass(&at_create);
	return __real_tspi_key_create(usage, bits, auth, blob);
}

CK_RV __wrap_objstore_list(struct objstore *store, struct objstore_id **ids, size_t *count,
	uint64_t *generation)
{
	CK_RV rv = __real_objstore_list(store, ids, count, generation);

	pass(&at_list);
	return rv;
}

/* --- another process --- */

static void token_initialised(void)
{
	struct token *other = token_again();

	RV_EQUAL(init_token(other, SO_PIN), CKR_OK);
	token_close(&other);
}

static void object_destroyed(void)
{
	struct token *other = token_again();
	CK_OBJECT_HANDLE handle;

	NUMBER_EQUAL(find(other, "destroyed", &handle), 1);
	RV_EQUAL(objects_destroy(other, &actor, handle), CKR_OK);
	token_close(&other);
}

static void object_made(void)
{
	struct token *other = token_again();

	data_object(other, "new", true, false);
	token_close(&other);
}

/* --- the cases --- */

static struct token *with_many(void)
{
	struct token *token = token_new();
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
		A_BOOL(CKA_TOKEN, true), A_BOOL(CKA_PRIVATE, false), A_TEXT(CKA_VALUE, "value"),
		A_TEXT(CKA_ID, "id"), A_TEXT(CKA_LABEL, "destroyed") };
	CK_OBJECT_HANDLE handle;

	make_used(token);
	for (int i = 0; i < MANY; i++)
		RV_MUST(keys_create_object(token, &actor, template, i == 0 ? 7 : 6, &handle), CKR_OK);
	return token;
}

static size_t find_id(struct token *token, char *id, CK_ULONG len)
{
	CK_ATTRIBUTE template[] = { { CKA_ID, id, len } };
	CK_OBJECT_HANDLE *handles;
	size_t count;

	RV_EQUAL(objects_find(token, TEMPLATE(template), &handles, &count), CKR_OK);
	free(handles);
	return count;
}

static CK_RV generate(struct token *token, bool private, CK_OBJECT_HANDLE handles[2])
{
	CK_ATTRIBUTE publics[] = { A_ULONG(CKA_MODULUS_BITS, 512), A_BOOL(CKA_TOKEN, true) };
	CK_ATTRIBUTE privates[] = { A_BOOL(CKA_TOKEN, true), A_BOOL(CKA_PRIVATE, private) };

	return keys_generate(token, &actor, TEMPLATE(publics), TEMPLATE(privates), &handles[0], &handles[1]);
}

/* The pair is the new token's, and the old one's objects are gone. */
static void pair_of_new_token(void)
{
	struct token *token = with_many(), *other;
	CK_OBJECT_HANDLE handles[2];
	struct object *object;

	at_create = token_initialised;
	RV_EQUAL(generate(token, false, handles), CKR_OK);
	NUMBER_EQUAL(find(token, NULL, NULL), 2);
	for (int i = 0; i < 2; i++) {
		RV_EQUAL(objects_get(token, handles[i], &object), CKR_OK);
		MUST(object != NULL);
		NUMBER_EQUAL(object->policy->class, i == 0 ? CKO_PUBLIC_KEY : CKO_PRIVATE_KEY);
		object_free(&object);
	}
	other = token_again();
	NUMBER_EQUAL(find(other, NULL, NULL), 2);
	token_close(&other);
	token_close(&token);
}

/* With the old token the login has ended, so no half of the pair is kept. */
static void private_pair_of_new_token(void)
{
	struct token *token = with_many();
	CK_OBJECT_HANDLE handles[2];

	RV_MUST(login(token, ROLE_USER, USER_PIN), CKR_OK);
	at_create = token_initialised;
	RV_EQUAL(generate(token, true, handles), CKR_USER_NOT_LOGGED_IN);
	NUMBER_EQUAL(find(token, NULL, NULL), 0);
	token_close(&token);
}

static void index_without_object(void)
{
	char id[] = "id";
	struct token *token = with_many();

	NUMBER_EQUAL(find_id(token, id, 2), MANY);
	object_made();
	at_list = object_destroyed;
	NUMBER_EQUAL(find_id(token, id, 2), MANY - 1);
	CHECK(at_list == NULL);
	NUMBER_EQUAL(find_id(token, id, 2), MANY - 1);
	NUMBER_EQUAL(find(token, "destroyed", NULL), 0);
	token_close(&token);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "C_InitToken while a pair is made", pair_of_new_token },
		{ "C_InitToken while a private pair is made", private_pair_of_new_token },
		{ "an object is destroyed between list and read", index_without_object },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "meanwhile", cases));
}
