/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>

#include "unit.h"
#include "util/setting.h"
#include "util/hex.h"
#include "util/log.h"
#include "util/wipe.h"

/* --- hex --- */

static void hex_round_trip(void)
{
	uint8_t bytes[256], back[256];
	char text[2 * 256 + 1];

	for (int i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	memset(text, '?', sizeof text);
	hex_encode(bytes, sizeof bytes, text);
	NUMBER_EQUAL(strlen(text), 512);
	CHECK(strncmp(text, "000102030405060708090a0b0c0d0e0f10", 34) == 0);
	CHECK(strcmp(text + 512 - 8, "fcfdfeff") == 0);
	CHECK(hex_decode(text, back, sizeof back));
	CHECK(memcmp(bytes, back, sizeof bytes) == 0);
	hex_encode(bytes, 0, text);
	CHECK(text[0] == '\0');
}

static void hex_refuses(void)
{
	static const char *const wrong[] = { "", "0", "00", "000", "00000", "000000", "00g0", "0x00",
		"00 0",
		"00A0", "ABCD", "-100", "00\n0", "00.0", "\xff\xff\xff\xff" };
	uint8_t out[2];

	for (size_t i = 0; i < COUNT(wrong); i++) {
		tap_about("\"%s\"", wrong[i]);
		CHECK(!hex_decode(wrong[i], out, sizeof out));
	}
	tap_about(NULL);
	CHECK(hex_decode("00ff", out, sizeof out) && out[0] == 0 && out[1] == 0xff);
	CHECK(hex_decode("", out, 0));
}

/* --- wipe --- */

static void wipes(void)
{
	char text[] = "secret";

	wipe(text, 3);
	CHECK(memcmp(text, "\0\0\0ret", 6) == 0);
	wipe(NULL, 0);
	CHECK(wipe_equal("abc", "abd", 2) && !wipe_equal("abc", "abd", 3) && wipe_equal(NULL, NULL, 0));
}

/* --- the environment, the log --- */

static void environment(void)
{
	unsetenv("UNIT_TEST");
	CHECK(setting_env("UNIT_TEST") == NULL);
	setenv("UNIT_TEST", "", 1);
	CHECK(setting_env("UNIT_TEST") == NULL);
	setenv("UNIT_TEST", "x", 1);
	CHECK(setting_env("UNIT_TEST") != NULL && strcmp(setting_env("UNIT_TEST"), "x") == 0);
}

/* What the log writes to stderr while it is the file "stderr". */
static void captured(const char *level, void (*say)(void), struct buf *text)
{
	const char *path = unit_path("stderr");
	int kept = dup(STDERR_FILENO), file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	MUST(kept >= 0 && file >= 0);
	if (level != NULL)
		setenv("PKCS11_TPM_LOG", level, 1);
	else
		unsetenv("PKCS11_TPM_LOG");
	log_start();
	fflush(stderr);
	dup2(file, STDERR_FILENO);
	say();
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(file);
	unsetenv("PKCS11_TPM_LOG");
	log_start();
	unit_read(path, text);
	buf_put_u8(text, '\0');
	MUST(!buf_failed(text));
}

static void say_all(void)
{
	log_error("an error");
	log_info("an info");
	log_debug("a debug");
}

static void log_levels(void)
{
	static const struct {
		const char *level;
		bool error, info, debug;
	} rows[] = {
		{ NULL, false, false, false }, { "", false, false, false }, { "none", false, false, false },
		{ "error", true, false, false }, { "info", true, true, false }, { "debug", true, true,
			true },
	};

	unit_fresh();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf text = BUF_INIT;
		const char *s;

		captured(rows[i].level, say_all, &text);
		s = (const char *)text.data;
		tap_about("level %s: %s", rows[i].level != NULL ? rows[i].level : "unset", s);
		CHECK((strstr(s, "say_all: an error\n") != NULL) == rows[i].error);
		CHECK((strstr(s, "say_all: an info\n") != NULL) == rows[i].info);
		CHECK((strstr(s, "say_all: a debug\n") != NULL) == rows[i].debug);
		CHECK(rows[i].error || s[0] == '\0');
		buf_free(&text);
	}
}

/* What is logged can come from outside: it is never a format, and a long one is cut to one line. */
static const char *said;

static void say_it(void)
{
	errno = 42;
	log_error("%s", said);
	CHECK(errno == 42);
}

static void log_formats(void)
{
	char *long_text = malloc(100001);
	struct buf text = BUF_INIT;

	unit_fresh();
	MUST(long_text != NULL);
	said = "100%s %n %x %";
	captured("error", say_it, &text);
	TAP_CHECK(strcmp((char *)text.data, "pkcs11_tpm: error: say_it: 100%s %n %x %\n") == 0,
		"logged: %s",
		(char *)text.data);
	buf_free(&text);
	memset(long_text, 'x', 100000);
	long_text[100000] = '\0';
	said = long_text;
	captured("error", say_it, &text);
	CHECK(text.len > 100 && text.len < 2000);
	CHECK(text.len >= 2 && text.data[text.len - 2] == '\n');
	CHECK(strchr((char *)text.data, '\n') == (char *)text.data + text.len - 2);
	buf_free(&text);
	free(long_text);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "hexadecimal digits of all bytes", hex_round_trip },
		{ "what are no hexadecimal digits", hex_refuses },
		{ "wiping and comparing", wipes },
		{ "empty variables are unset ones", environment },
		{ "what each log level shows", log_levels },
		{ "what is logged is no format", log_formats },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "hex_log", cases));
}
