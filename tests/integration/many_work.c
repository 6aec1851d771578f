/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "many_work.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct many *many;

static const CK_ATTRIBUTE_TYPE field_types[MANY_FIELDS] = { CKA_LABEL, CKA_APPLICATION, CKA_VALUE,
	CKA_OBJECT_ID };

void many_make(void)
{
	if (many != NULL)
		munmap(many, sizeof(*many));
	many = mmap(NULL, sizeof(*many), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(many != MAP_FAILED);
}

void many_complain(const char *format, ...)
{
	unsigned int number = atomic_fetch_add(&many->complained, 1);
	va_list ap;

	va_start(ap, format);
	if (number < MANY_COMPLAINTS)
		vsnprintf(many->complaints[number], sizeof(many->complaints[0]), format, ap);
	va_end(ap);
	many->stop = true;
}

long many_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* For the reader of the output alone: nothing depends on times. */
void many_took(atomic_uint *longest, long since_ms)
{
	unsigned int took = (unsigned int)(many_now_ms() - since_ms);

	if (took > *longest)
		*longest = took;
}

CK_SESSION_HANDLE many_login(unsigned int number)
{
	long since = many_now_ms();
	CK_SESSION_HANDLE session;

	p11_start();
	session = number < MANY_USERS ? p11_open_user() : p11_open();
	many_took(&many->login_ms, since);
	return session;
}

struct place many_place(unsigned int writer, unsigned int place)
{
	uint64_t word = many->places[writer][place];

	return (struct place){ (uint32_t)(word >> 32), (uint32_t)(word >> 8 & 0xffffff), word & 0xff };
}

static void place_set(unsigned int writer, unsigned int place, uint32_t serial, uint32_t version,
	enum place_state state)
{
	many->places[writer][place] = (uint64_t)serial << 32 | (uint64_t)version << 8 | state;
}

bool many_is_private(unsigned int place)
{
	return place % 2 != 0;
}

uint32_t many_random(uint32_t below)
{
	static uint32_t state;

	if (state == 0)
		state = (uint32_t)getpid() * 2654435761u ^ (uint32_t)time(NULL) ^ 1;
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

/* Every byte and the length depend on who wrote it when, so that a mixture of two is none. */
size_t many_value(char value[MANY_MAX_VALUE], unsigned int writer, unsigned int place, uint32_t serial,
	uint32_t version)
{
	uint32_t noise = writer * 40503 + place * 9973 + serial * 2654435761u + version * 40499 + 1;
	size_t length = 60 + noise % (MANY_MAX_VALUE - 60);
	size_t at = (size_t)snprintf(value, 60, "%u.%u.%u.%u ", writer, place, serial, version);

	for (; at < length; at++) {
		noise = noise * 1664525 + 1013904223;
		value[at] = (char)('a' + (noise >> 24) % 26);
	}
	return length;
}

/* Reading */

CK_ULONG many_search(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count,
	CK_OBJECT_HANDLE found[MANY_MAX_FOUND])
{
	CK_ULONG number = 0, got = 1;
	CK_RV rv = p11->C_FindObjectsInit(session, template, count);

	for (; rv == CKR_OK && got != 0 && number < MANY_MAX_FOUND; number += got)
		rv = p11->C_FindObjects(session, found + number, MANY_MAX_FOUND - number, &got);
	if (rv == CKR_OK)
		rv = p11->C_FindObjectsFinal(session);
	if (rv != CKR_OK || number == MANY_MAX_FOUND)
		many_complain("a search gives %s and %lu objects", p11_rv_name(rv), number);
	return number;
}

/* "3.17": attribute 3 of the board in its 17th version. */
static void board_see(const CK_ATTRIBUTE attributes[MANY_FIELDS], struct seen *seen)
{
	for (unsigned int i = 0; i < MANY_FIELDS; i++) {
		char expected[40];
		unsigned int field = 99, version = 0, board = 99;

		if (sscanf(attributes[i].pValue, "board %u.%u.%u", &board, &field, &version) != 3)
			many_complain("a board's attribute %u is \"%s\"", i, (char *)attributes[i].pValue);
		snprintf(expected, sizeof(expected), "board %u.%u.%u", board, field, version);
		if (field != i || board >= MANY_BOARDS || (i > 0 && board != seen->place)
			|| strcmp(expected, attributes[i].pValue) != 0)
			many_complain("a board's attribute %u is \"%s\"", i, (char *)attributes[i].pValue);
		seen->place = board;
		seen->fields[i] = version;
	}
}

static void object_see(const CK_ATTRIBUTE attributes[MANY_FIELDS], struct seen *seen)
{
	char value[MANY_MAX_VALUE], application[40], label[40];
	size_t length;

	if (sscanf(attributes[2].pValue, "%u.%u.%u.%u ", &seen->writer, &seen->place, &seen->serial,
			&seen->version) != 4 || seen->writer >= MANY_WRITERS || seen->place >= MANY_PLACES) {
		many_complain("an object has the value \"%.60s\"", (char *)attributes[2].pValue);
		seen->writer = seen->place = 0;
		return;
	}
	length = many_value(value, seen->writer, seen->place, seen->serial, seen->version);
	snprintf(application, sizeof(application), "writer %u", seen->writer);
	snprintf(label, sizeof(label), "version %u", seen->version);
	if (length != attributes[2].ulValueLen || memcmp(value, attributes[2].pValue, length) != 0
		|| strcmp(attributes[1].pValue, application) != 0 || strcmp(attributes[0].pValue, label) != 0)
		many_complain(
			"an object is mixed: label \"%s\", application \"%s\", value of %lu bytes \"%.40s\"",
			(char *)attributes[0].pValue, (char *)attributes[1].pValue, attributes[2].ulValueLen,
			(char *)attributes[2].pValue);
}

CK_RV many_see(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, struct seen *seen)
{
	char room[MANY_FIELDS][MANY_MAX_VALUE + 100];
	CK_ATTRIBUTE t[MANY_FIELDS];
	CK_RV rv;

	for (int i = 0; i < MANY_FIELDS; i++)
		t[i] = (CK_ATTRIBUTE)A_BYTES(field_types[i], room[i], sizeof(room[i]) - 1);
	rv = p11->C_GetAttributeValue(session, object, t, MANY_FIELDS);
	if (rv != CKR_OK)
		return rv;
	for (int i = 0; i < MANY_FIELDS; i++)
		room[i][t[i].ulValueLen] = '\0';
	memset(seen, 0, sizeof(*seen));
	seen->is_board = t[3].ulValueLen != 0;
	if (seen->is_board)
		board_see(t, seen);
	else
		object_see(t, seen);
	return CKR_OK;
}

/* Writing */

struct writer {
	unsigned int number;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE handles[MANY_PLACES], board;
};

static bool told_ok(CK_RV rv, const struct writer *w, const char *what)
{
	if (rv != CKR_OK)
		many_complain("writer %u: %s gives %s", w->number, what, p11_rv_name(rv));
	return rv == CKR_OK;
}

static void create(struct writer *w, unsigned int place)
{
	uint32_t serial = many_place(w->number, place).serial + 1;
	char value[MANY_MAX_VALUE], application[40];
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, many_is_private(place)),
		A_TEXT(CKA_LABEL, "version 0"),
		A_BYTES(CKA_APPLICATION, application, 0),
		A_BYTES(CKA_VALUE, value, many_value(value, w->number, place, serial, 0)),
	};

	t[4].ulValueLen = (CK_ULONG)snprintf(application, sizeof(application), "writer %u", w->number);
	place_set(w->number, place, serial, 0, PLACE_CREATING);
	if (told_ok(p11->C_CreateObject(w->session, TEMPLATE(t), &w->handles[place]), w, "C_CreateObject")) {
		place_set(w->number, place, serial, 0, PLACE_LIVE);
		many->created++;
	}
}

static void change(struct writer *w, unsigned int place)
{
	struct place p = many_place(w->number, place);
	char value[MANY_MAX_VALUE], label[40];
	CK_ATTRIBUTE t[] = {
		A_BYTES(CKA_VALUE, value, many_value(value, w->number, place, p.serial, p.version + 1)),
		A_BYTES(CKA_LABEL, label, 0),
	};
	struct seen seen = { .version = 0 };

	t[1].ulValueLen = (CK_ULONG)snprintf(label, sizeof(label), "version %u", p.version + 1);
	place_set(w->number, place, p.serial, p.version, PLACE_CHANGING);
	if (!told_ok(p11->C_SetAttributeValue(w->session, w->handles[place], TEMPLATE(t)), w,
			"C_SetAttributeValue"))
		return;
	place_set(w->number, place, p.serial, p.version + 1, PLACE_LIVE);
	many->changed++;
	if (told_ok(many_see(w->session, w->handles[place], &seen), w, "reading what it changed")
		&& seen.version != p.version + 1)
		many_complain("writer %u changed to version %u and reads %u", w->number, p.version + 1,
			seen.version);
}

static void destroy(struct writer *w, unsigned int place)
{
	struct place p = many_place(w->number, place);

	place_set(w->number, place, p.serial, p.version, PLACE_DESTROYING);
	if (told_ok(p11->C_DestroyObject(w->session, w->handles[place]), w, "C_DestroyObject")) {
		place_set(w->number, place, p.serial, p.version, PLACE_EMPTY);
		many->destroyed++;
	}
}

static void post(struct writer *w)
{
	unsigned int field = w->number % MANY_FIELDS;
	uint64_t version = many->fields[w->number] / 2 + 1;
	char text[40];
	CK_ATTRIBUTE t = A_BYTES(field_types[field], text, 0);

	t.ulValueLen = (CK_ULONG)snprintf(text, sizeof(text), "board %u.%u.%u", w->number / MANY_FIELDS,
		field, (unsigned int)version);
	many->fields[w->number] = 2 * version - 1;
	if (told_ok(p11->C_SetAttributeValue(w->session, w->board, &t, 1), w, "changing a board")) {
		many->fields[w->number] = 2 * version;
		many->changed++;
	}
}

/* What a writer that was killed had begun is settled by what is there. */
static void settle(struct writer *w, unsigned int place, CK_OBJECT_HANDLE handle, const struct seen *seen)
{
	struct place p = many_place(w->number, place);
	bool there = handle != CK_INVALID_HANDLE;

	if (there && (p.state == PLACE_EMPTY || seen->serial != p.serial))
		many_complain("object %u.%u.%u is there; the last of its place was %u and is gone", w->number,
			place, seen->serial, p.serial);
	if (!there && (p.state == PLACE_LIVE || p.state == PLACE_CHANGING))
		many_complain("object %u.%u.%u is lost", w->number, place, p.serial);
	if (there && seen->version != p.version
		&& (p.state != PLACE_CHANGING || seen->version != p.version + 1))
		many_complain("object %u.%u.%u has version %u, not %u", w->number, place, p.serial,
			seen->version, p.version);
	w->handles[place] = handle;
	place_set(w->number, place, p.serial, there ? seen->version : 0, there ? PLACE_LIVE : PLACE_EMPTY);
}

static void settle_board(struct writer *w, const struct seen *seen, CK_OBJECT_HANDLE handle)
{
	uint32_t version = seen->fields[w->number % MANY_FIELDS];
	uint64_t told = many->fields[w->number];

	w->board = handle;
	if (version != told / 2 && (told % 2 == 0 || version != told / 2 + 1))
		many_complain("writer %u: the board has version %u, not %u", w->number, version,
			(unsigned int)(told / 2));
	many->fields[w->number] = 2 * (uint64_t)version;
}

static void settle_all(struct writer *w)
{
	CK_OBJECT_HANDLE found[MANY_MAX_FOUND], handles[MANY_PLACES] = { 0 };
	struct seen seen[MANY_PLACES], one;
	CK_ULONG count = many_search(w->session, NO_TEMPLATE, found);

	memset(seen, 0, sizeof(seen));
	w->board = CK_INVALID_HANDLE;
	for (CK_ULONG i = 0; i < count; i++) {
		if (many_see(w->session, found[i], &one) != CKR_OK)
			continue;
		if (one.is_board && one.place == w->number / MANY_FIELDS)
			settle_board(w, &one, found[i]);
		if (one.is_board || one.writer != w->number)
			continue;
		if (handles[one.place] != CK_INVALID_HANDLE)
			many_complain("two objects are in place %u.%u", w->number, one.place);
		handles[one.place] = found[i];
		seen[one.place] = one;
	}
	for (unsigned int place = 0; place < MANY_PLACES; place++)
		settle(w, place, handles[place], &seen[place]);
	if (w->board == CK_INVALID_HANDLE)
		many_complain("writer %u does not find its board", w->number);
}

static void write_once(struct writer *w)
{
	unsigned int place = many_random(2) == 0 ? many_random(MANY_LASTING) : many_random(MANY_PLACES);

	if (many_place(w->number, place).state == PLACE_EMPTY)
		create(w, place);
	else if (many_random(10) == 0)
		post(w);
	else if (place < MANY_LASTING || many_random(2) == 0)
		change(w, place);
	else
		destroy(w, place);
}

/*
 * At times one writer works alone and slowly. With all of them at work there is always a change under
 * way, and no search ever relies on a generation that has stayed the same.
 */
#define ROUND_MS 400
#define QUIET_MS 120

static bool is_my_turn(const struct writer *w)
{
	static const struct timespec pause = { 0, 4000000 };
	long ms = many_now_ms();

	if (ms % ROUND_MS >= QUIET_MS)
		return true;
	nanosleep(&pause, NULL);
	return (unsigned int)(ms / ROUND_MS) % MANY_WRITERS == w->number;
}

int many_write(void *argument)
{
	struct writer w = { .number = *(unsigned int *)argument };

	w.session = many_login(w.number);
	settle_all(&w);
	while (!many->stop) {
		long since = many_now_ms();

		if (is_my_turn(&w))
			write_once(&w);
		many_took(&many->write_ms, since);
		many->beats[w.number]++;
	}
	p11_stop();
	return 0;
}

/* Before and after all */

static void board_make(CK_SESSION_HANDLE session, unsigned int board)
{
	char text[MANY_FIELDS][40];
	CK_OBJECT_HANDLE object;
	CK_ATTRIBUTE t[MANY_FIELDS + 3] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, many_is_private(board)),
	};

	for (unsigned int i = 0; i < MANY_FIELDS; i++) {
		int length = snprintf(text[i], sizeof(text[i]), "board %u.%u.0", board, i);

		t[3 + i] = (CK_ATTRIBUTE)A_BYTES(field_types[i], text[i], (CK_ULONG)length);
	}
	RV_MUST(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
}

int many_begin(void *argument)
{
	static struct writer w;

	(void)argument;
	w.session = many_login(0);
	for (unsigned int board = 0; board < MANY_BOARDS; board++)
		board_make(w.session, board);
	for (; w.number < MANY_WRITERS; w.number++)
		for (unsigned int place = 0; place < MANY_LASTING; place++)
			create(&w, place);
	p11_stop();
	return 0;
}

int many_judge(void *argument)
{
	CK_OBJECT_HANDLE found[MANY_MAX_FOUND];
	CK_SESSION_HANDLE session;
	unsigned int objects, temporaries;
	CK_ULONG count;

	(void)argument;
	session = many_login(0);
	for (unsigned int i = 0; i < MANY_WRITERS; i++) {
		struct writer w = { .number = i, .session = session };

		settle_all(&w);
	}
	count = many_search(session, NO_TEMPLATE, found);
	RV_EQUAL(p11->C_DestroyObject(session, p11_data(session, "afterwards", true, false)), CKR_OK);
	p11_count_store(&objects, &temporaries);
	TAP_CHECK(objects == count, "%u objects have files, %lu are found", objects, count);
	TAP_CHECK(temporaries == 0, "%u temporaries are left after one more write", temporaries);
	p11_stop();
	return 0;
}
