/* SPDX-License-Identifier: BSD-2-Clause */
/* Searches by CKA_ID among many objects, while objects come, go and change their ids, here and elsewhere. */
#define _GNU_SOURCE
#include "p11.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS 150
#define IDS 40 /* so that some have the same */
#define ROUNDS 600

static struct {
	CK_OBJECT_HANDLE handle; /* 0: none */
	unsigned int id;
} objects[OBJECTS];

static CK_OBJECT_HANDLE make(CK_SESSION_HANDLE session, unsigned int id, bool token, const char *label)
{
	unsigned char bytes[4] = { 7, 7, (unsigned char)(id >> 8), (unsigned char)id };
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET), A_TEXT(CKA_VALUE, "value"),
		A_BOOL(CKA_TOKEN, token), A_BOOL(CKA_PRIVATE, false), A_BYTES(CKA_ID, bytes, sizeof bytes),
		A_BYTES(CKA_LABEL, p11_text(label), strlen(label)) };
	CK_OBJECT_HANDLE object = 0;

	RV_MUST(p11->C_CreateObject(session, TEMPLATE(template), &object), CKR_OK);
	return object;
}

static void change_id(CK_SESSION_HANDLE session, size_t at, unsigned int id)
{
	unsigned char bytes[4] = { 7, 7, (unsigned char)(id >> 8), (unsigned char)id };
	CK_ATTRIBUTE template[] = { A_BYTES(CKA_ID, bytes, sizeof bytes) };

	RV_MUST(p11->C_SetAttributeValue(session, objects[at].handle, TEMPLATE(template)), CKR_OK);
	objects[at].id = id;
}

/* All that have the id, in the order of their handles, and nothing else. */
static void check_id(CK_SESSION_HANDLE session, unsigned int id)
{
	unsigned char bytes[4] = { 7, 7, (unsigned char)(id >> 8), (unsigned char)id };
	CK_ATTRIBUTE template[] = { A_BYTES(CKA_ID, bytes, sizeof bytes) };
	CK_OBJECT_HANDLE found[OBJECTS];
	CK_ULONG n = p11_search(session, TEMPLATE(template), found, OBJECTS), expected = 0;

	for (size_t i = 0; i < OBJECTS; i++) {
		bool there = false;

		if (objects[i].handle == 0 || objects[i].id != id)
			continue;
		expected++;
		for (CK_ULONG j = 0; j < n; j++)
			there = there || found[j] == objects[i].handle;
		CHECK(there);
	}
	ULONG_EQUAL(n, expected);
}

static void here(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	unsigned int seed = 4711;

	for (size_t i = 0; i < OBJECTS; i++) {
		objects[i].id = (unsigned int)rand_r(&seed) % IDS;
		objects[i].handle = make(session, objects[i].id, i % 2 == 0, "here");
	}
	for (int round = 0; round < ROUNDS; round++) {
		size_t at = (size_t)rand_r(&seed) % OBJECTS;
		unsigned int id = (unsigned int)rand_r(&seed) % IDS;

		tap_about("round %d", round);
		switch (objects[at].handle == 0 ? 3 : rand_r(&seed) % 4) {
		case 0:
			RV_MUST(p11->C_DestroyObject(session, objects[at].handle), CKR_OK);
			objects[at].handle = 0;
			break;
		case 1:
			change_id(session, at, id);
			break;
		case 3:
			if (objects[at].handle == 0) {
				objects[at].id = id;
				objects[at].handle = make(session, id, round % 2 == 0, "here");
			}
		}
		check_id(session, id);
		check_id(session, (unsigned int)rand_r(&seed) % (IDS + 2));
	}
}

static int elsewhere_run(void *arg)
{
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE object;
	bool begins = *(bool *)arg;

	p11_start();
	session = p11_open();
	if (begins)
		make(session, 999, true, "elsewhere");
	else if ((object = p11_find(session, CKO_SECRET_KEY, "elsewhere")) != 0)
		RV_MUST(p11->C_DestroyObject(session, object), CKR_OK);
	p11_stop();
	return 0;
}

static void elsewhere(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	unsigned char bytes[4] = { 7, 7, 999 >> 8, 999 & 0xff };
	CK_ATTRIBUTE template[] = { A_BYTES(CKA_ID, bytes, sizeof bytes) };
	CK_OBJECT_HANDLE found[2];
	bool begins = true, ends = false;

	for (int round = 0; round < 3; round++) {
		ULONG_EQUAL(p11_search(session, TEMPLATE(template), found, 2), 0);
		ULONG_EQUAL(p11_in_child(elsewhere_run, &begins), 0);
		ULONG_EQUAL(p11_search(session, TEMPLATE(template), found, 2), 1);
		ULONG_EQUAL(p11_in_child(elsewhere_run, &ends), 0);
	}
	ULONG_EQUAL(p11_search(session, TEMPLATE(template), found, 2), 0);
}

static const struct tap_case cases[] = {
	{ "what changes here", here },
	{ "what changes elsewhere", elsewhere },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "searches by id", cases);
}
