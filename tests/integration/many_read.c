/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "many_work.h"

/* What the journal says at a moment. */
struct view {
	struct place places[MANY_WRITERS][MANY_PLACES];
	uint64_t fields[MANY_WRITERS];
};

/* The object of a place as this reader last saw it. */
struct memory {
	uint32_t serial, version;
	CK_OBJECT_HANDLE handle;
};

struct reader {
	bool is_user;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE found[MANY_MAX_FOUND];
	CK_ULONG count, gone; /* gone: destroyed before they were read */
	struct view before, after;
	struct memory memory[MANY_WRITERS][MANY_PLACES];
	bool seen[MANY_WRITERS][MANY_PLACES], boards[MANY_BOARDS];
	uint32_t serials[MANY_WRITERS][MANY_PLACES];
	int wanted_private; /* -1: all */
	int wanted_writer;  /* -1: all */
};

static void view_take(struct view *view)
{
	for (unsigned int w = 0; w < MANY_WRITERS; w++) {
		for (unsigned int p = 0; p < MANY_PLACES; p++)
			view->places[w][p] = many_place(w, p);
		view->fields[w] = many->fields[w];
	}
}

static bool is_wanted(const struct reader *r, unsigned int writer, unsigned int place)
{
	return (r->is_user || !many_is_private(place))
		&& (r->wanted_private < 0 || many_is_private(place) == (r->wanted_private != 0))
		&& (r->wanted_writer < 0 || (int)writer == r->wanted_writer);
}

/* Acknowledged, and its destruction has not begun. */
static bool is_there(const struct place *place)
{
	return place->state == PLACE_LIVE || place->state == PLACE_CHANGING;
}

static void search(struct reader *r)
{
	CK_BBOOL private;
	char application[40];
	CK_ATTRIBUTE by_private = A_BYTES(CKA_PRIVATE, &private, sizeof(private));
	CK_ATTRIBUTE by_writer = A_BYTES(CKA_APPLICATION, application, 0);
	uint32_t kind = many_random(4);

	r->wanted_private = kind == 1 || kind == 2 ? (int)kind - 1 : -1;
	r->wanted_writer = kind == 3 ? (int)many_random(MANY_WRITERS) : -1;
	private = kind == 2 ? CK_TRUE : CK_FALSE;
	by_writer.ulValueLen = (CK_ULONG)snprintf(application, sizeof(application), "writer %d",
		r->wanted_writer);
	view_take(&r->before);
	r->count = many_search(r->session, kind == 3 ? &by_writer : &by_private, kind != 0, r->found);
	view_take(&r->after);
}

/* A version acknowledged before the search is the oldest, one begun by now the newest that may be seen. */
static void check_version(struct reader *r, const struct seen *seen)
{
	const struct place *before = &r->before.places[seen->writer][seen->place];
	struct place now = many_place(seen->writer, seen->place);
	unsigned int w = seen->writer, p = seen->place;

	if (seen->serial > now.serial)
		many_complain("object %u.%u.%u is found, and nobody has made it", w, p, seen->serial);
	if (seen->serial < before->serial || (seen->serial == before->serial && before->state == PLACE_EMPTY))
		many_complain("object %u.%u.%u is found; it was gone before the search", w, p, seen->serial);
	if (seen->serial == before->serial && seen->version < before->version)
		many_complain("object %u.%u.%u has version %u; %u was there before the search", w, p,
			seen->serial, seen->version, before->version);
	if (seen->serial == now.serial && seen->version > now.version + (now.state == PLACE_CHANGING))
		many_complain("object %u.%u.%u has version %u; the newest is %u", w, p, seen->serial,
			seen->version, now.version);
}

static void check_memory(struct reader *r, const struct seen *seen, CK_OBJECT_HANDLE handle)
{
	struct memory *memory = &r->memory[seen->writer][seen->place];

	if (memory->serial == seen->serial && memory->handle != handle)
		many_complain("object %u.%u.%u had handle %lu and has %lu", seen->writer, seen->place,
			seen->serial, memory->handle, handle);
	if (memory->serial == seen->serial && memory->version > seen->version)
		many_complain("object %u.%u.%u had version %u and has %u", seen->writer, seen->place,
			seen->serial, memory->version, seen->version);
	*memory = (struct memory){ seen->serial, seen->version, handle };
}

static void check_object(struct reader *r, const struct seen *seen, CK_OBJECT_HANDLE handle)
{
	bool *was_seen = &r->seen[seen->writer][seen->place];
	uint32_t *serial = &r->serials[seen->writer][seen->place];

	if (!is_wanted(r, seen->writer, seen->place))
		many_complain("object %u.%u is found and was not asked for", seen->writer, seen->place);
	if (*was_seen && *serial == seen->serial)
		many_complain("object %u.%u.%u is found twice", seen->writer, seen->place, seen->serial);
	/* If two that followed each other are found, the later one counts. */
	if (!*was_seen || seen->serial > *serial)
		*serial = seen->serial;
	*was_seen = true;
	check_version(r, seen);
	check_memory(r, seen, handle);
}

static void check_board(struct reader *r, const struct seen *seen)
{
	if (r->boards[seen->place])
		many_complain("board %u is found twice", seen->place);
	r->boards[seen->place] = true;
	for (unsigned int i = 0; i < MANY_FIELDS; i++) {
		uint64_t before = r->before.fields[seen->place * MANY_FIELDS + i];
		uint64_t now = many->fields[seen->place * MANY_FIELDS + i];

		if (seen->fields[i] < before / 2)
			many_complain(
				"attribute %u of board %u has version %u; %u was there before the search",
				i, seen->place, seen->fields[i], (unsigned int)(before / 2));
		if (seen->fields[i] > (now + 1) / 2)
			many_complain("attribute %u of board %u has version %u; the newest is %u", i,
				seen->place, seen->fields[i], (unsigned int)((now + 1) / 2));
	}
}

static void check_found(struct reader *r, CK_OBJECT_HANDLE handle)
{
	struct seen seen;
	CK_RV rv = many_see(r->session, handle, &seen);

	if (rv == CKR_OBJECT_HANDLE_INVALID)
		r->gone++;
	else if (rv != CKR_OK)
		many_complain("reading an object that was found gives %s", p11_rv_name(rv));
	else if (seen.is_board)
		check_board(r, &seen);
	else
		check_object(r, &seen, handle);
	many->values++;
}

/* What had to be found and was not, unless it went between the search and the reading. */
static void check_missing(struct reader *r)
{
	CK_ULONG excused = 0;

	for (unsigned int w = 0; w < MANY_WRITERS; w++)
		for (unsigned int p = 0; p < MANY_PLACES; p++) {
			const struct place *before = &r->before.places[w][p], *after = &r->after.places[w][p];
			struct place now = many_place(w, p);

			if (!is_wanted(r, w, p) || !is_there(before) || !is_there(after)
				|| before->serial != after->serial
				|| (r->seen[w][p] && r->serials[w][p] >= before->serial))
				continue;
			if (is_there(&now) && now.serial == before->serial)
				many_complain(
					"object %u.%u.%u (version %u, now %u) is missed by a search of %lu",
					w, p, before->serial, before->version, now.version, r->count);
			excused++;
		}
	if (excused > r->gone)
		many_complain("%lu objects are missed by a search, %lu were destroyed after it", excused,
			r->gone);
	for (unsigned int board = 0; board < MANY_BOARDS; board++)
		if (!r->boards[board] && r->wanted_writer < 0 && is_wanted(r, 0, board))
			many_complain("board %u is missed by a search of %lu", board, r->count);
}

/* Readers that never rest would leave the processors to no writer. */
static void rest(void)
{
	const struct timespec pause = { 0, (long)many_random(8) * 1000000 };

	nanosleep(&pause, NULL);
}

int many_read(void *argument)
{
	static struct reader r;
	unsigned int number = *(unsigned int *)argument;

	r.is_user = number < MANY_USERS;
	r.session = many_login(number);
	while (!many->stop) {
		long since = many_now_ms();

		r.gone = 0;
		memset(r.seen, 0, sizeof(r.seen));
		memset(r.boards, 0, sizeof(r.boards));
		search(&r);
		many_took(&many->search_ms, since);
		for (CK_ULONG i = 0; i < r.count; i++)
			check_found(&r, r.found[i]);
		check_missing(&r);
		many->searches++;
		many->beats[number]++;
		rest();
	}
	p11_stop();
	return 0;
}
