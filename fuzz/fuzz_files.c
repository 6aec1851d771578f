/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A token whose files somebody changed, with checksums that are right again: the token file, and objects that
 * are not private. The input: how many changes, the changes, then calls as of fuzz_calls.
 */
#include "changes.h"
#include "play.h"

#include "policy/attrs.h"

#define CHANGES_MAX 8
#define STEPS_MAX 64

static struct play_step_row steps[STEPS_MAX];

/* The token file and the open objects, by their labels. */
static struct changed_file token, objects[WORLD_OBJECTS];

/* --- files --- */

static void file_write(struct changed_file *file)
{
	struct buf sealed = BUF_INIT;

	if (file->name != NULL && format_encode(&file->header, NULL, &file->now, &sealed)) {
		world_change(file->name, &sealed);
		if (file == &token)
			world_change("store/token.2", &sealed);
	}
	buf_free(&sealed);
	buf_free(&file->now);
}

static void file_find(const char *name, const struct buf *content)
{
	struct changed_file found = { .name = name };
	const uint8_t *label;
	size_t len;

	if (format_header(content, &found.header) != FORMAT_GOOD || found.header.is_private
		|| !format_body(content, NULL, &found.body))
		return;
	if (found.header.kind == FORMAT_TOKEN && strcmp(name, "store/token") == 0)
		token = found;
	else if (found.header.kind == FORMAT_OBJECT && attrs_get(&found.body, CKA_LABEL, &label, &len)
		&& len == 1)
		objects[label[0] - '0'] = found;
	else
		buf_free(&found.body);
}

static void steps_add(const struct play_step_row *rows)
{
	size_t at = 0;

	while (steps[at].step != NULL)
		at++;
	/* Of keys that were changed it is not said that they work. */
	for (; rows->step != NULL && at < STEPS_MAX - 1; rows++)
		if (rows->step != step_sign_and_verify && rows->step != step_there_and_back)
			steps[at++] = *rows;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct buf *content;
	const char *name;

	(void)argc, (void)argv;
	world_make();
	for (size_t i = 0; (content = world_file(i, &name)) != NULL; i++)
		file_find(name, content);
	FUZZ_MUST(token.name != NULL && objects[WORLD_IMPORTED].name != NULL);
	steps_add(steps_data);
	steps_add(steps_objects);
	steps_add(steps_sessions);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r;
	unsigned int changes;

	reader_init(&r, data, size);
	changes = 1 + fuzz_pick(&r, CHANGES_MAX);
	for (size_t i = 0; i < WORLD_OBJECTS; i++)
		buf_put(&objects[i].now, objects[i].body.data, objects[i].body.len);
	buf_put(&token.now, token.body.data, token.body.len);
	while (changes-- > 0 && r.left != 0)
		if (fuzz_pick(&r, 2) != 0)
			token_change(&r, &token);
		else
			object_change(&r, objects, WORLD_OBJECTS);
	for (size_t i = 0; i < WORLD_OBJECTS; i++)
		file_write(&objects[i]);
	file_write(&token);
	play_rest(&r, steps);
	return 0;
}
