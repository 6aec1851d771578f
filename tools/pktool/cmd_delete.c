/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/objects.h"
#include "pktool/pktool.h"
#include "pktool/select.h"

#include <stdio.h>

#include "common/terminal.h"

static const struct word table[] = {
	SELECT_WORDS,
	{ "-y", WORD_PLAIN, NULL, NULL },
	{ NULL, WORD_PLAIN, NULL, NULL },
};

static bool confirmed(size_t count)
{
	char question[80];

	snprintf(question, sizeof question, "%zu objects found, do you want to delete them (y/N)? ", count);
	if (terminal_confirm(question))
		return true;
	pktool_error("nothing was deleted");
	return false;
}

/* Some tokens want a login for public objects, too. */
static CK_RV destroy(struct session *session, CK_OBJECT_HANDLE object, const char *pinfile)
{
	CK_RV rv = session->p11->C_DestroyObject(session->handle, object);

	if (rv == CKR_USER_NOT_LOGGED_IN && !session->logged_in && session_login(session, pinfile))
		rv = session->p11->C_DestroyObject(session->handle, object);
	return rv;
}

static int delete_all(
	struct session *session, const CK_OBJECT_HANDLE *handles, size_t count, const char *pinfile)
{
	size_t deleted = 0;

	for (size_t i = 0; i < count; i++) {
		CK_RV rv = destroy(session, handles[i], pinfile);

		if (rv == CKR_OK)
			deleted++;
		else
			(void)module_failed("deleting an object", rv);
	}
	printf("%zu object%s deleted.\n", deleted, deleted == 1 ? "" : "s");
	return deleted == count ? PKTOOL_OK : PKTOOL_FAILED;
}

static int delete_asked(
	struct session *session, const CK_OBJECT_HANDLE *handles, size_t count, const struct words *words)
{
	if (count == 0)
		pktool_error("no objects found");
	else if (count == 1 || words_value(words, "-y") != NULL || confirmed(count))
		return delete_all(session, handles, count, words_value(words, "pinfile"));
	return PKTOOL_FAILED;
}

static int run(const struct words *words)
{
	return select_run(words, SESSION_WRITE, delete_asked);
}

const struct command cmd_delete = { "delete", "removes objects from a token", table, run };
