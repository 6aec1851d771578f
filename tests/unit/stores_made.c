/* SPDX-License-Identifier: BSD-2-Clause */
/* The prepared stores. */
#include "stores.h"

#include "token.h"
#include "trees.h"

#define KEY_POOL 8 /* of the fake chip */

static void keep_as(const char *name)
{
	MUST(rename(stores_path(""), stores_prepared(name, "")) == 0);
}

static void make_pair(struct token *token)
{
	CK_ATTRIBUTE publics[] = { A_ULONG(CKA_MODULUS_BITS, 1024), A_BOOL(CKA_TOKEN, true),
		A_TEXT(CKA_LABEL, "pair") };
	CK_ATTRIBUTE privates[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "pair") };
	CK_OBJECT_HANDLE public, private;

	RV_MUST(keys_generate(token, &actor, TEMPLATE(publics), TEMPLATE(privates), &public, &private),
		CKR_OK);
}

static void make_store_used(const char *name)
{
	struct token *token = token_again();

	make_used(token);
	RV_MUST(login(token, ROLE_USER, USER_PIN), CKR_OK);
	make_pair(token);
	token_close(&token);
	keep_as(name);
}

/* The user has a PIN of his own, the SO gets one afterwards or not. */
static void make_store_user_first(const char *name, bool so)
{
	struct token *token = token_again();

	make_user(token, SO_DEFAULT);
	if (so) {
		RV_MUST(login(token, ROLE_SO, SO_DEFAULT), CKR_OK);
		RV_MUST(set_pin(token, SO_DEFAULT, SO_PIN), CKR_OK);
	}
	token_close(&token);
	keep_as(name);
}

static void make_store_fresh(const char *name)
{
	struct token *token = token_again();

	RV_MUST(init_token(token, SO_PIN), CKR_OK);
	token_close(&token);
	keep_as(name);
}

static void patch(const char *path, size_t at_end, uint8_t flip)
{
	struct buf file = BUF_INIT;

	file_load(path, &file);
	MUST(file.len > at_end);
	file.data[file.len - 1 - at_end] ^= flip;
	unit_write(path, file.data, file.len);
	buf_free(&file);
}

/* "damaged 1" and "damaged 2" are copies of those that are damaged, to be looked for. */
static void make_store_damaged(void)
{
	char names[8][33], path[60];
	size_t count = stores_object_names("used", names, 8);
	bool done[2] = { false, false };

	tree_copy(stores_prepared("used", ""), stores_prepared("damaged", ""));
	for (size_t i = 0; i < count; i++) {
		struct buf file = BUF_INIT;

		snprintf(path, sizeof path, "objects/%.32s", names[i]);
		file_load(stores_prepared("damaged", path), &file);
		if (file.len > 12 && !done[file.data[11] & 1]) {
			bool private = (file.data[11] & 1) != 0;

			done[private] = true;
			patch(stores_prepared("damaged", path), 3, 1);
			file_copy(stores_prepared("damaged", path), stores_damaged(private));
		}
		buf_free(&file);
	}
	MUST(done[0] && done[1]);
}

/* What writers leave that died in the midst of a C_InitToken of a used token and of a C_CreateObject. */
static void make_store_litter(void)
{
	struct token *token;
	char names[8][33];

	stores_take("used");
	tree_copy(stores_path("objects"), stores_prepared("former", ""));
	token = token_again();
	RV_MUST(init_token(token, SO_PIN), CKR_OK);
	RV_MUST(login(token, ROLE_USER, USER_DEFAULT), CKR_OK);
	RV_MUST(set_pin(token, USER_DEFAULT, USER_PIN), CKR_OK);
	token_close(&token);
	unit_remove_tree(stores_path("objects"));
	MUST(rename(stores_prepared("former", ""), stores_path("objects")) == 0);
	token = token_again();
	data_object(token, "public", true, false);
	token_close(&token);
	file_copy(stores_path("token"), stores_path(".tmp.0123456789abcdef"));
	unit_write(stores_path("objects/.tmp.fedcba9876543210"), "half", 4);
	patch(stores_path("generation"), 0, 1);
	keep_as("litter");
	MUST(stores_object_names("litter", names, COUNT(names)) > 1);
}

/* The children have the keys ready that their parent has made. */
static void keys_prepare(void)
{
	for (int i = 0; i < 2 * KEY_POOL; i++) {
		struct buf blob = BUF_INIT;

		RV_MUST(tspi_key_create(TSPI_SIGNING, i < KEY_POOL ? 2048 : 1024, NULL, &blob), CKR_OK);
		buf_free(&blob);
	}
}

void stores_make_all(void)
{
	fake_reset();
	keys_prepare();
	make_store_used("exchanged");
	fake_exchange();
	make_store_used("used");
	make_store_fresh("fresh");
	make_store_user_first("so default", false);
	make_store_user_first("no copy", true);
	make_store_damaged();
	make_store_litter();
	fake_registry_lose();
}
