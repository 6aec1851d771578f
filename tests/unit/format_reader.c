/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader that was written from doc/FORMAT.md alone, on objects that no client can make, and damage. */
#include "full.h"

#include <sys/wait.h>

#include <openssl/evp.h>

#include "policy/attrs.h"
#include "util/hex.h"

/* Python's exit status, and what it printed; -1: there is no such reader to be run. */
static int reader_run(struct buf *output)
{
	const char *root = getenv("top_srcdir");
	char command[1400];
	FILE *stream;
	int byte, status;

	if (root == NULL || system("command -v python3 >/dev/null 2>&1") != 0)
		return -1;
	snprintf(command, sizeof command, "python3 -I -S '%s/tests/format_reader.py' '%s' 2>&1", root,
		full_beside("store"));
	stream = popen(command, "r");
	MUST(stream != NULL);
	while ((byte = fgetc(stream)) != EOF)
		buf_put_u8(output, (uint8_t)byte);
	buf_put_u8(output, '\0');
	status = pclose(stream);
	MUST(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool no_reader(int status)
{
	if (status == -1)
		tap_skip("python3 is not installed, or top_srcdir is not set");
	return status == -1;
}

/* The end of the line that the reader prints of an object whose value, or key, is this. */
static void line_end(const struct buf *attrs, char *line, size_t room)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	const uint8_t *value;
	size_t len;

	MUST(attrs_get(attrs, CKA_VALUE, &value, &len)
		|| attrs_get(attrs, CKA_PUBLIC_KEY_INFO, &value, &len));
	MUST(EVP_Digest(value, len, digest, NULL, EVP_sha256(), NULL) == 1);
	hex_encode(digest, 32, hex);
	snprintf(line, room, " value=%zu sha256=%s\n", len, hex);
}

static void reads_all(void)
{
	struct buf output = BUF_INIT;
	int status;

	full_restore();
	status = reader_run(&output);
	if (no_reader(status))
		return;
	TAP_CHECK(status == 0, "the reader complains: %s", (char *)output.data);
	CHECK(strstr((char *)output.data, " so-key=yes user-key=yes so-copy=yes import-parent=yes\n"));
	for (int kind = 0; kind < FULL_OBJECTS; kind++) {
		const struct full_object *object = &full_objects[kind];
		const char *line = strstr((char *)output.data, object->name + strlen("objects/"));
		char beginning[128], end[256];

		TAP_MUST(line != NULL, "%s is not shown", object->label);
		line += 32;
		if (object->is_private) {
			TAP_CHECK(strncmp(line, " private file=", 14) == 0, "%s is not private",
				object->label);
			continue;
		}
		snprintf(beginning, sizeof beginning, " label=\"%s\" id=", object->label);
		line_end(&object->attrs, end, sizeof end);
		TAP_CHECK(strncmp(line, " public ", 8) == 0 && strstr(line, beginning) != NULL
			&& strstr(line, end) != NULL && strstr(line, end) == strstr(line, " value="),
			"%s is shown as %.300s", object->label, line);
	}
	buf_free(&output);
}

/* Without the key, what is encrypted can be anything. */
static bool is_seen(enum full_kind kind, unsigned int damage, size_t at)
{
	return !full_objects[kind].is_private || damage != 0 || at < 56;
}

static void sees_damage(void)
{
	static const size_t positions[] = { 3, 11, 20, 60 };
	struct buf output = BUF_INIT, bad = BUF_INIT;

	full_restore();
	for (size_t i = 0; i < FULL_OBJECTS * COUNT(positions); i++) {
		enum full_kind kind = (enum full_kind)(i % FULL_OBJECTS);
		const char *name = full_objects[kind].name;
		size_t at = positions[i / FULL_OBJECTS];
		unsigned int damage = (unsigned int)(i % FULL_DAMAGES);
		int status;

		if (!is_seen(kind, damage, at))
			continue;
		tap_about("%s, damage %u at %zu", full_objects[kind].label, damage, at);
		full_damage(damage, full_content(name), at, &bad);
		full_write(name, bad.data, bad.len);
		buf_free(&output);
		status = reader_run(&output);
		if (no_reader(status))
			return;
		TAP_CHECK(status == 1 && strstr((char *)output.data, name) != NULL,
			"the status is %d, and it says %s", status, (char *)output.data);
		full_write(name, full_content(name)->data, full_content(name)->len);
	}
	buf_free(&output);
	buf_free(&bad);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "everything is read", reads_all },
		{ "damage is seen", sees_damage },
		{ NULL, NULL },
	};

	return full_end(tap_main(argc, argv, "format_reader", cases));
}
