/* SPDX-License-Identifier: BSD-2-Clause */
/* Private objects: who sees them, what their files tell, what becomes of a forged file. */
#define _GNU_SOURCE
#include "p11.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Visibility */

struct counts {
	CK_ULONG all;
	CK_ULONG labelled;
};

static int look_without_login(void *argument)
{
	const struct counts *counts = argument;
	CK_SESSION_HANDLE session;

	p11_start();
	session = p11_open();
	ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), counts->all);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "mine"), counts->labelled);
	ULONG_EQUAL(p11_count(session, CKO_PRIVATE_KEY, NULL), 0);
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	ULONG_EQUAL(p11_count(session, CKO_DATA, "mine"), 1);
	ULONG_EQUAL(p11_count(session, CKO_PRIVATE_KEY, "mine"), 1);
	CHECK(p11_label_signs(session, "mine"));
	return 0;
}

static void unseen_before_login(void)
{
	struct counts counts = { 2, 1 }; /* the public half of the pair, and the public object */
	CK_SESSION_HANDLE session = p11_new_token();
	struct p11_pair pair;

	p11_data(session, "everybody's", true, false);
	p11_data(session, "mine", true, true);
	RV_MUST(p11_generate(session, 1024, "mine", true, true, &pair), CKR_OK);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), 4);
	ULONG_EQUAL(p11_in_child(look_without_login, &counts), 0);
	p11_stop();
	ULONG_EQUAL(p11_in_child(look_without_login, &counts), 0);
}

static void check_gone(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE data, CK_OBJECT_HANDLE key)
{
	CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };
	CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "changed");

	RV_EQUAL(p11->C_GetAttributeValue(session, data, &label, 1), CKR_OBJECT_HANDLE_INVALID);
	RV_EQUAL(p11->C_SetAttributeValue(session, data, &label, 1), CKR_OBJECT_HANDLE_INVALID);
	RV_EQUAL(p11->C_DestroyObject(session, data), CKR_OBJECT_HANDLE_INVALID);
	RV_ONE_OF(p11->C_SignInit(session, &rsa, key), CKR_KEY_HANDLE_INVALID,
		  CKR_OBJECT_HANDLE_INVALID);
}

static void handles_after_logout(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE data = p11_data(session, "after logout", true, true);
	CK_OBJECT_HANDLE open = p11_data(session, "still there", true, false), again;
	struct p11_pair pair;

	RV_MUST(p11_generate(session, 512, "after logout", true, true, &pair), CKR_OK);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	check_gone(session, data, pair.private);
	ULONG_EQUAL(p11_count(session, CKO_DATA, "after logout"), 0);
	ULONG_EQUAL(p11_count(session, CKO_PRIVATE_KEY, "after logout"), 0);
	ULONG_EQUAL(p11_find(session, CKO_DATA, "still there"), open);
	ULONG_EQUAL(p11_find(session, CKO_PUBLIC_KEY, "after logout"), pair.public);

	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	again = p11_find(session, CKO_DATA, "after logout");
	CHECK(again != data);
	check_gone(session, data, pair.private);
	CHECK(p11_label_signs(session, "after logout"));
	RV_EQUAL(p11->C_DestroyObject(session, again), CKR_OK);
}

static void session_objects_at_logout(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE open = p11_data(session, "session, public", false, false);
	struct p11_pair pair;

	p11_data(session, "session, private", false, true);
	RV_MUST(p11_generate(session, 512, "session, private", false, true, &pair), CKR_OK);
	CHECK(p11_signs(session, pair));
	RV_MUST(p11->C_Logout(session), CKR_OK);
	ULONG_EQUAL(p11_find(session, CKO_DATA, "session, public"), open);
	ULONG_EQUAL(p11_count(session, CKO_DATA, "session, private"), 0);
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	ULONG_EQUAL(p11_count(session, CKO_DATA, "session, private"), 0);
	ULONG_EQUAL(p11_count(session, CKO_PRIVATE_KEY, "session, private"), 0);
}

/* A search begun by the user hands out nothing private after he has left. */
static void search_across_logout(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE t[] = { A_TEXT(CKA_LABEL, "searched") }, label = A_BYTES(CKA_LABEL, NULL, 0);
	CK_OBJECT_HANDLE object = p11_data(session, "searched", true, true), found = 0;
	CK_ULONG count = 0;
	CK_RV rv;

	RV_MUST(p11->C_FindObjectsInit(session, TEMPLATE(t)), CKR_OK);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	rv = RV_ONE_OF(p11->C_FindObjects(session, &found, 1, &count), CKR_OK,
		       CKR_OPERATION_NOT_INITIALIZED);
	if (rv == CKR_OK && count > 0)
		RV_EQUAL(p11->C_GetAttributeValue(session, found, &label, 1),
			 CKR_OBJECT_HANDLE_INVALID);
	RV_EQUAL(p11->C_GetAttributeValue(session, object, &label, 1), CKR_OBJECT_HANDLE_INVALID);
}

static void nothing_private_without_login(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_ATTRIBUTE on_token[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, true),
		A_TEXT(CKA_LABEL, "refused"),
	};
	CK_ATTRIBUTE in_session[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_PRIVATE, true),
		A_TEXT(CKA_LABEL, "refused"),
	};
	CK_ATTRIBUTE label[] = { A_TEXT(CKA_LABEL, "refused") };
	CK_OBJECT_HANDLE object;
	struct p11_pair pair;

	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_EQUAL(p11->C_CreateObject(session, TEMPLATE(on_token), &object), CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(p11->C_CreateObject(session, TEMPLATE(in_session), &object),
		 CKR_USER_NOT_LOGGED_IN);
	/* A private key is private unless the template says otherwise. */
	RV_EQUAL(p11_import(session, p11_soft_key(512), CKO_PRIVATE_KEY, TEMPLATE(label), &object),
		 CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(p11_generate(session, 512, "refused", true, true, &pair), CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(p11_generate(session, 512, "refused", false, true, &pair), CKR_USER_NOT_LOGGED_IN);
	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "refused"), 0);
}

/* Secrecy */

#define VALUE_MARK "marker of the value, 7f3a91"
#define LABEL_MARK "marker of the label, 52c0de"
#define APPLICATION_MARK "marker of the application, 9b"
#define CHANGED_MARK "marker of the changed label"
#define OPEN_MARK "marker of a public value, 11"

static void check_hidden(const char *what, const void *bytes, size_t length)
{
	TAP_CHECK(!p11_files_contain(p11_directory(), bytes, length), "%s is in a file in clear",
		  what);
}

/* Nor a plain digest of it, in bytes or in hexadecimal digits. */
static void check_pin_hidden(const char *pin)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned int length, i;
	size_t j;

	check_hidden(pin, pin, strlen(pin));
	for (j = 0; j < P11_DIGESTS; j++) {
		MUST(EVP_Digest(pin, strlen(pin), digest, &length, p11_digests[j].md(), NULL) == 1);
		for (i = 0; i < length; i++)
			snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
		tap_about("%s of the PIN %s", p11_digests[j].name, pin);
		check_hidden("a digest", digest, length);
		check_hidden("a digest in hexadecimal", hex, 2 * (size_t)length);
	}
	tap_about(NULL);
}

static void check_key_hidden(EVP_PKEY *key)
{
	unsigned char backwards[P11_MAX_BYTES];
	struct p11_rsa rsa;
	unsigned int i;

	p11_rsa_numbers(key, &rsa, P11_RSA_PRIVATE);
	for (i = P11_RSA_PUBLIC; i < P11_RSA_PRIVATE; i++) {
		CK_ULONG length = rsa.attributes[i].ulValueLen, j;

		for (j = 0; j < length; j++)
			backwards[j] = rsa.bytes[i][length - 1 - j];
		tap_about("attribute 0x%lx of the imported key", rsa.attributes[i].type);
		check_hidden("a private number", rsa.bytes[i], length);
		check_hidden("a private number, backwards", backwards, length);
	}
	tap_about(NULL);
}

static void make_marked(CK_SESSION_HANDLE session)
{
	CK_OBJECT_HANDLE object;
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, true),
		A_TEXT(CKA_LABEL, LABEL_MARK),
		A_TEXT(CKA_APPLICATION, APPLICATION_MARK),
		A_TEXT(CKA_VALUE, VALUE_MARK),
	};
	CK_ATTRIBUTE open[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true),
		A_TEXT(CKA_VALUE, OPEN_MARK),
	};
	CK_ATTRIBUTE changed = A_TEXT(CKA_LABEL, CHANGED_MARK);

	RV_MUST(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	RV_MUST(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	RV_MUST(p11->C_SetAttributeValue(session, object, &changed, 1), CKR_OK);
	RV_MUST(p11->C_CreateObject(session, TEMPLATE(open), &object), CKR_OK);
}

static void secrecy(void)
{
	CK_SESSION_HANDLE session = p11_new_token();
	CK_ATTRIBUTE more[] = { A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, LABEL_MARK) };
	CK_OBJECT_HANDLE key;

	make_marked(session);
	RV_MUST(p11_import(session, p11_soft_key(1024), CKO_PRIVATE_KEY, TEMPLATE(more), &key),
		CKR_OK);
	TAP_CHECK(p11_files_contain(p11_store(), OPEN_MARK, strlen(OPEN_MARK)),
		  "not even the public value is found in the store");
	check_hidden("the value", VALUE_MARK, strlen(VALUE_MARK));
	check_hidden("the label", LABEL_MARK, strlen(LABEL_MARK));
	check_hidden("the application", APPLICATION_MARK, strlen(APPLICATION_MARK));
	check_hidden("the changed label", CHANGED_MARK, strlen(CHANGED_MARK));
	check_key_hidden(p11_soft_key(1024));
	check_pin_hidden(SO_PIN);
	check_pin_hidden(USER_PIN);
	p11_stop();
	check_hidden("the value", VALUE_MARK, strlen(VALUE_MARK));
	check_pin_hidden(USER_PIN);
}

/* Forged and damaged files */

struct victims {
	char first[600];
	char second[600];
};

static void create_in_file(CK_SESSION_HANDLE session, const char *label, bool is_private,
			   char path[600])
{
	static struct p11_files before, after;

	p11_list_files(p11_store(), &before);
	p11_data(session, label, true, is_private);
	snprintf(path, 600, "%s/%s", p11_store(), p11_new_file(&before, &after));
}

static void overwrite_by_first(const struct victims *victims)
{
	p11_copy_file(victims->first, victims->second);
}

static void swap_digit(char *path)
{
	char *digit = strrchr(path, '/') + 1;

	*digit = *digit == '0' ? '1' : '0';
}

static void rename_second(const struct victims *victims)
{
	struct victims new = *victims;

	swap_digit(new.second);
	MUST(rename(victims->second, new.second) == 0);
}

static void copy_first(const struct victims *victims)
{
	struct victims new = *victims;

	swap_digit(new.first);
	p11_copy_file(victims->first, new.first);
	MUST(unlink(victims->second) == 0);
}

static void change_second(const struct victims *victims, size_t position, size_t cut)
{
	size_t length;
	unsigned char *data = p11_read_file(victims->second, &length);

	MUST(data != NULL && length > 40);
	data[length * position / 100] ^= 0x40;
	p11_write_file(victims->second, data, length * cut / 100);
	free(data);
}

static void flip_in_middle(const struct victims *victims)
{
	change_second(victims, 50, 100);
}

static void flip_at_start(const struct victims *victims)
{
	change_second(victims, 0, 100);
}

static void flip_at_end(const struct victims *victims)
{
	change_second(victims, 99, 100);
}

static void cut_in_half(const struct victims *victims)
{
	change_second(victims, 90, 50);
}

static void cut_to_nothing(const struct victims *victims)
{
	change_second(victims, 0, 0);
}

/* The first and the third object go on; nothing of the second is accepted; the token is usable. */
static void check_harm(void (*harm)(const struct victims *), bool is_private)
{
	CK_SESSION_HANDLE session = p11_new_token();
	struct victims victims;
	struct p11_pair pair;
	unsigned char value[64];
	size_t length;

	create_in_file(session, "first", is_private, victims.first);
	create_in_file(session, "second", is_private, victims.second);
	p11_data(session, "third", true, is_private);
	RV_MUST(p11_generate(session, 512, "key", true, true, &pair), CKR_OK);
	p11_stop();
	harm(&victims);

	p11_start();
	session = p11_open_user();
	ULONG_EQUAL(p11_count(session, CKO_DATA, NULL), 2);
	length = p11_get_bytes(session, p11_find(session, CKO_DATA, "first"), CKA_VALUE, value,
			       sizeof(value));
	CHECK(length == 14 && memcmp(value, "value of first", length) == 0);
	p11_find(session, CKO_DATA, "third");
	CHECK(p11_label_signs(session, "key"));
	p11_data(session, "fourth", true, is_private);
	p11_stop();
	p11_start();
	session = p11_open_user();
	ULONG_EQUAL(p11_count(session, CKO_DATA, NULL), 3);
	p11_find(session, CKO_DATA, "fourth");
}

#define HARM(name, how, is_private) \
	static void name(void) \
	{ \
		check_harm(how, is_private); \
	}

HARM(private_overwritten, overwrite_by_first, true)
HARM(private_renamed, rename_second, true)
HARM(private_copied, copy_first, true)
HARM(private_flipped_middle, flip_in_middle, true)
HARM(private_flipped_start, flip_at_start, true)
HARM(private_flipped_end, flip_at_end, true)
HARM(private_cut, cut_in_half, true)
HARM(private_emptied, cut_to_nothing, true)
HARM(public_flipped_middle, flip_in_middle, false)
HARM(public_flipped_start, flip_at_start, false)
HARM(public_flipped_end, flip_at_end, false)
HARM(public_cut, cut_in_half, false)
HARM(public_emptied, cut_to_nothing, false)

/* A file of another token, of the same chip and user. */
static void from_another_token(void)
{
	CK_SESSION_HANDLE session = p11_new_token();
	char from[2][600], to[700];
	size_t length = strlen(p11_store());
	int i;

	create_in_file(session, "stranger, public", false, from[0]);
	create_in_file(session, "stranger, private", true, from[1]);
	session = p11_new_token();
	p11_data(session, "native", true, true);
	p11_stop();
	for (i = 0; i < 2; i++) {
		snprintf(to, sizeof(to), "%s%s", p11_store(), from[i] + length);
		p11_copy_file(from[i], to);
	}
	p11_start();
	session = p11_open_user();
	ULONG_EQUAL(p11_count(session, ANY_CLASS, NULL), 1);
	p11_find(session, CKO_DATA, "native");
}

static const struct tap_case cases[] = {
	{ "private objects are not seen before login, not even by count", unseen_before_login },
	{ "private handles are invalid after logout for good", handles_after_logout },
	{ "session objects at logout", session_objects_at_logout },
	{ "a search across a logout", search_across_logout },
	{ "nothing private is made without login", nothing_private_without_login },
	{ "nothing private and no PIN is in a file in clear", secrecy },
	{ "a private object overwritten by another", private_overwritten },
	{ "a private object renamed", private_renamed },
	{ "a private object copied to another name", private_copied },
	{ "a private object with a bit changed in the middle", private_flipped_middle },
	{ "a private object with a bit changed at the start", private_flipped_start },
	{ "a private object with a bit changed at the end", private_flipped_end },
	{ "a private object cut in half", private_cut },
	{ "a private object emptied", private_emptied },
	{ "a public object with a bit changed in the middle", public_flipped_middle },
	{ "a public object with a bit changed at the start", public_flipped_start },
	{ "a public object with a bit changed at the end", public_flipped_end },
	{ "a public object cut in half", public_cut },
	{ "a public object emptied", public_emptied },
	{ "objects of another token do not count", from_another_token },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "private objects", cases);
}
