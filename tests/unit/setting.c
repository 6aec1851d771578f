/* SPDX-License-Identifier: BSD-2-Clause */
/* The file is read once a process, so each case asks in a process of its own. */
#define _GNU_SOURCE /* setgroups() */
#include "unit.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "util/log.h"
#include "util/setting.h"

#define NOBODY 65534
#define CONF_MAX 65536

static const char *const names[] = { "PKCS11_TPM_ACCEPT_WEAK_KEYS", "PKCS11_TPM_DIR", "PKCS11_TPM_IDLE",
	"PKCS11_TPM_LOG", "PKCS11_TPM_SRK_SECRET_FILE", "PKCS11_TPM_TIMEOUT" };

/* --- what is asked, and what is logged meanwhile --- */

static void environment_clear(void)
{
	for (size_t i = 0; i < COUNT(names); i++)
		unsetenv(names[i]);
	setenv("PKCS11_TPM_CONF", unit_path("conf"), 1);
}

/* From here on what is logged as an error goes to the file "log" too. */
static void log_to_file(void)
{
	setenv("PKCS11_TPM_LOG", "error", 1);
	MUST(freopen(unit_path("log"), "w", stderr) != NULL);
	log_start();
}

static void logged_is(const char *expected)
{
	struct buf text = BUF_INIT;

	fflush(stderr);
	unit_read(unit_path("log"), &text);
	buf_put_u8(&text, '\0');
	TAP_CHECK(expected != NULL ? strstr((char *)text.data, expected) != NULL : text.len == 1,
		"logged is: %s; not: %s", (char *)text.data, expected != NULL ? expected : "(nothing)");
	buf_free(&text);
}

static void value_is(const char *name, const char *expected)
{
	const char *value = setting_get(name);

	TAP_CHECK(expected == NULL ? value == NULL : value != NULL && strcmp(value, expected) == 0,
		"%s is %.80s, not %.80s", name, value != NULL ? value : "(none)",
		expected != NULL ? expected : "(none)");
}

struct row {
	const char *what, *text, *dir, *timeout, *logged;
};

static int row_ask(void *arg)
{
	const struct row *row = arg;

	tap_about("%s", row->what);
	environment_clear();
	log_to_file();
	value_is("PKCS11_TPM_DIR", row->dir);
	value_is("PKCS11_TPM_TIMEOUT", row->timeout);
	logged_is(row->logged);
	return 0;
}

static void row_run(struct row row)
{
	tap_about("%s", row.what);
	NUMBER_EQUAL(tap_child_wait(tap_child_start(row_ask, &row)), 0);
}

/* --- lines --- */

static void lines(void)
{
	static const struct row rows[] = {
		{ "one", "PKCS11_TPM_DIR = /a/b\n", "/a/b", NULL, NULL },
		{ "no blanks", "PKCS11_TPM_DIR=/a/b\n", "/a/b", NULL, NULL },
		{ "blanks and tabs", " \t PKCS11_TPM_DIR\t = \t/a b/c \t \n", "/a b/c", NULL, NULL },
		{ "CRLF", "# c\r\n\r\nPKCS11_TPM_DIR = /a\r\nPKCS11_TPM_TIMEOUT = 7\r\n", "/a", "7", NULL },
		{ "no last line end", "PKCS11_TPM_DIR = /a\nPKCS11_TPM_TIMEOUT = 7", "/a", "7", NULL },
		{ "no last line end after CR", "PKCS11_TPM_DIR = /a\r", "/a", NULL, NULL },
		{ "comments",
			"#PKCS11_TPM_DIR = /a\n \t# PKCS11_TPM_DIR = /b\n#\n# x\nPKCS11_TPM_TIMEOUT = 7\n",
			NULL, "7", NULL },
		{ "only comments", "# PKCS11_TPM_DIR", NULL, NULL, NULL },
		{ "blank lines", "\n\n \n\t\nPKCS11_TPM_DIR = /a\n\n", "/a", NULL, NULL },
		{ "empty file", "", NULL, NULL, NULL },
		{ "= and # in a value", "PKCS11_TPM_DIR = /a=b#c = d # e\n", "/a=b#c = d # e", NULL, NULL },
		{ "the later line", "PKCS11_TPM_DIR = /a\nPKCS11_TPM_DIR = /b\n", "/b", NULL, NULL },
		{ "a later empty one", "PKCS11_TPM_DIR = /a\nPKCS11_TPM_DIR =\n", NULL, NULL, NULL },
		{ "empty value", "PKCS11_TPM_DIR =  \nPKCS11_TPM_TIMEOUT =", NULL, NULL, NULL },
	};

	unit_fresh();
	for (size_t i = 0; i < COUNT(rows); i++) {
		unit_write(unit_path("conf"), rows[i].text, strlen(rows[i].text));
		row_run(rows[i]);
	}
}

/* The line is named, and the others hold. */
static void wrong_lines(void)
{
	static const struct row rows[] = {
		{ "unknown name", "PKCS11_TPM_DIRR = /a\nPKCS11_TPM_TIMEOUT = 7\n", NULL, "7",
			"conf, line 1: PKCS11_TPM_DIRR is no setting" },
		{ "lower case", "\n# \npkcs11_tpm_dir = /a\nPKCS11_TPM_TIMEOUT = 7\n", NULL, "7",
			"conf, line 3: pkcs11_tpm_dir is no setting" },
		{ "no setting of the file", "PKCS11_TPM_CONF = /a\nPKCS11_TPM_TIMEOUT = 7\n", NULL, "7",
			"conf, line 1: PKCS11_TPM_CONF is no setting" },
		{ "a shell's word", "export PKCS11_TPM_DIR=/a\nPKCS11_TPM_TIMEOUT = 7\n", NULL, "7",
			"conf, line 1: export PKCS11_TPM_DIR is no setting" },
		{ "no =", "PKCS11_TPM_TIMEOUT = 7\nPKCS11_TPM_DIR /a\n", NULL, "7",
			"conf, line 2: no NAME = value" },
		{ "no = in the last line", "PKCS11_TPM_TIMEOUT = 7\nPKCS11_TPM_DIR", NULL, "7",
			"conf, line 2: no NAME = value" },
		{ "no name", "= /a\nPKCS11_TPM_TIMEOUT = 7\n", NULL, "7", "conf, line 1:  is no setting" },
		{ "a format", "%s%n%x\nPKCS11_TPM_TIMEOUT = 7\n%s%n = 1", NULL, "7",
			"conf, line 3: %s%n is no setting" },
	};

	unit_fresh();
	for (size_t i = 0; i < COUNT(rows); i++) {
		unit_write(unit_path("conf"), rows[i].text, strlen(rows[i].text));
		row_run(rows[i]);
	}
}

/* --- files --- */

/* A setting, then comments to make n bytes. */
static void conf_write(size_t n)
{
	char *text = malloc(n);
	int used;

	MUST(text != NULL);
	memset(text, '#', n);
	used = snprintf(text, n, "PKCS11_TPM_DIR = /a\n");
	text[used] = '#';
	unit_write(unit_path("conf"), text, n);
	free(text);
}

static void conf_sizes(void)
{
	unit_fresh();
	conf_write(CONF_MAX);
	row_run((struct row){ "64 KiB", NULL, "/a", NULL, NULL });
	conf_write(CONF_MAX + 1);
	row_run((struct row){ "a byte more", NULL, NULL, NULL, "is not read: it is too large" });
}

/* What stands behind a NUL would be passed over in silence. */
static void conf_nul(void)
{
	static const char text[] = "PKCS11_TPM_DIR = /a\n\0\nPKCS11_TPM_TIMEOUT = 7\n";

	unit_fresh();
	unit_write(unit_path("conf"), text, sizeof text - 1);
	row_run((struct row){ "in the midst", NULL, NULL, NULL, "conf is not read: it is no text" });
	unit_write(unit_path("conf"), text, 21);
	row_run((struct row){ "at the end", NULL, NULL, NULL, "conf is not read: it is no text" });
}

static void conf_modes(void)
{
	static const mode_t refused[] = { 0620, 0602, 0666, 0777, 0664 };

	unit_fresh();
	conf_write(100);
	for (size_t i = 0; i < COUNT(refused); i++) {
		MUST(chmod(unit_path("conf"), refused[i]) == 0);
		row_run((struct row){ "others may write", NULL, NULL, NULL,
			"conf is not read: others may write to it: chmod go-w" });
	}
	MUST(chmod(unit_path("conf"), 0644) == 0);
	row_run((struct row){ "others may read", NULL, "/a", NULL, NULL });
}

static int as_nobody(void *arg)
{
	MUST(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	return row_ask(arg);
}

/* Root's file and the user's own are good, a third user's is not. */
static void conf_owners(void)
{
	struct row good = { "of the user", NULL, "/a", NULL, NULL };
	struct row of_root = { "of root", NULL, "/a", NULL, NULL };
	struct row foreign = { "of somebody else", NULL, NULL, NULL,
		"conf is not read: it belongs to somebody else" };

	if (geteuid() != 0) {
		tap_skip("only root can give files away");
		return;
	}
	unit_fresh();
	conf_write(100);
	unit_write(unit_path("log"), "", 0);
	MUST(chmod(unit_path("conf"), 0644) == 0 && chmod(unit_path("log"), 0666) == 0);
	NUMBER_EQUAL(tap_child_wait(tap_child_start(as_nobody, &of_root)), 0);
	MUST(chown(unit_path("conf"), NOBODY, NOBODY) == 0);
	NUMBER_EQUAL(tap_child_wait(tap_child_start(as_nobody, &good)), 0);
	row_run(foreign);
	MUST(chown(unit_path("conf"), NOBODY - 1, NOBODY) == 0);
	NUMBER_EQUAL(tap_child_wait(tap_child_start(as_nobody, &foreign)), 0);
	MUST(chown(unit_path("conf"), 0, 0) == 0 && chmod(unit_path("conf"), 0600) == 0);
	NUMBER_EQUAL(tap_child_wait(tap_child_start(as_nobody, &(struct row){ "not to be read", NULL, NULL,
		NULL, "conf is not read: Permission denied" })), 0);
}

/* Whoever waited for a FIFO's writer would wait for ever. */
static void conf_kinds(void)
{
	static const char refused[] = "conf is not read: it is no regular file";
	const char *path = unit_path("conf");

	unit_fresh();
	row_run((struct row){ "missing", NULL, NULL, NULL, "conf is not read: No such file or directory" });
	MUST(mkdir(path, 0755) == 0);
	row_run((struct row){ "a directory", NULL, NULL, NULL, refused });
	MUST(rmdir(path) == 0 && mkfifo(path, 0600) == 0);
	row_run((struct row){ "a FIFO", NULL, NULL, NULL, refused });
	MUST(unlink(path) == 0 && symlink("/dev/zero", path) == 0);
	row_run((struct row){ "a device", NULL, NULL, NULL, "conf is not read: " });
	MUST(unlink(path) == 0);
	conf_write(100);
	MUST(rename(path, unit_path("elsewhere")) == 0 && symlink("elsewhere", path) == 0);
	row_run((struct row){ "a link to a good one", NULL, "/a", NULL, NULL });
}

/* --- the environment --- */

static int environment_first(void *arg)
{
	(void)arg;
	environment_clear();
	log_to_file();
	setenv("PKCS11_TPM_DIR", "/environment", 1);
	setenv("PKCS11_TPM_TIMEOUT", "", 1);
	value_is("PKCS11_TPM_DIR", "/environment");
	value_is("PKCS11_TPM_TIMEOUT", "7");
	value_is("PKCS11_TPM_IDLE", "3");
	value_is("PKCS11_TPM_SRK_SECRET_FILE", NULL);
	unsetenv("PKCS11_TPM_DIR");
	value_is("PKCS11_TPM_DIR", "/file");
	CHECK(setting_env("PKCS11_TPM_DIR") == NULL && setting_env("PKCS11_TPM_TIMEOUT") == NULL);
	CHECK(!setting_env_denied("PKCS11_TPM_CONF") && !setting_env_denied("PKCS11_TPM_TIMEOUT"));
	value_is("HOME_OF_NOBODY", NULL);
	logged_is(NULL);
	return 0;
}

static const char conf_text[] = "PKCS11_TPM_DIR = /file\nPKCS11_TPM_TIMEOUT = 7\nPKCS11_TPM_IDLE = 3\n";

static void before_the_file(void)
{
	unit_fresh();
	unit_write(unit_path("conf"), conf_text, sizeof conf_text - 1);
	NUMBER_EQUAL(tap_child_wait(tap_child_start(environment_first, NULL)), 0);
}

static int ask_twice(void *arg)
{
	const char *value;

	(void)arg;
	environment_clear();
	value = setting_get("PKCS11_TPM_DIR");
	MUST(value != NULL);
	unit_write(unit_path("conf"), "PKCS11_TPM_DIR = /other\n", 24);
	CHECK(setting_get("PKCS11_TPM_DIR") == value && strcmp(value, "/file") == 0);
	return 0;
}

static void read_once(void)
{
	unit_fresh();
	unit_write(unit_path("conf"), conf_text, sizeof conf_text - 1);
	NUMBER_EQUAL(tap_child_wait(tap_child_start(ask_twice, NULL)), 0);
}

static int log_from_file(void *arg)
{
	(void)arg;
	environment_clear();
	MUST(freopen(unit_path("log"), "w", stderr) != NULL);
	log_start();
	log_debug("heard");
	logged_is("pkcs11_tpm: debug: log_from_file: heard\n");
	return 0;
}

static void log_setting(void)
{
	unit_fresh();
	unit_write(unit_path("conf"), "PKCS11_TPM_LOG = debug\n", 23);
	NUMBER_EQUAL(tap_child_wait(tap_child_start(log_from_file, NULL)), 0);
}

/* --- a set-uid program: this one, owned by root and started by somebody else --- */

#define IS_NOT_SECURE 77

static int set_uid_main(void)
{
	const char *value = setting_get("PKCS11_TPM_DIR");

	if (geteuid() == getuid())
		return IS_NOT_SECURE;
	if (setting_env("PKCS11_TPM_DIR") != NULL || setting_env("TSS_TCSD_PORT") != NULL)
		return 1;
	if (!setting_env_denied("TSS_TCSD_PORT") || setting_env_denied("TSS_TCSD_HOSTNAME"))
		return 2;
	if (value != NULL && (strcmp(value, "/environment") == 0 || strcmp(value, "/file") == 0))
		return 3;
	return 0;
}

static int set_uid_start(void *arg)
{
	(void)arg;
	environment_clear();
	setenv("PKCS11_TPM_DIR", "/environment", 1);
	setenv("TSS_TCSD_PORT", "1", 1);
	unsetenv("TSS_TCSD_HOSTNAME");
	MUST(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	execl(unit_path("program"), "program", "as-set-uid", (char *)NULL);
	return IS_NOT_SECURE;
}

static void set_uid(void)
{
	struct buf program = BUF_INIT;
	int result;

	if (geteuid() != 0 || access("/proc/self/exe", R_OK) != 0) {
		tap_skip("needs root and /proc");
		return;
	}
	unit_fresh();
	unit_write(unit_path("conf"), conf_text, sizeof conf_text - 1);
	unit_read("/proc/self/exe", &program);
	unit_write(unit_path("program"), program.data, program.len);
	buf_free(&program);
	MUST(chmod(unit_path("program"), 04755) == 0 && chmod(unit_path("conf"), 0644) == 0);
	result = tap_child_wait(tap_child_start(set_uid_start, NULL));
	if (result == IS_NOT_SECURE)
		tap_skip("no set-uid programs in /tmp");
	else
		NUMBER_EQUAL(result, 0);
}

/* --- numbers --- */

static int ask_numbers(void *arg)
{
	static const struct {
		const char *text;
		unsigned int expected;
	} rows[] = {
		{ "0", 0 }, { "5", 5 }, { "007", 7 }, { "100", 100 }, { "101", 9 }, { "-1", 9 }, { "+1", 9 },
		{ " 1", 9 }, { "1 ", 9 }, { "1s", 9 }, { "0x10", 9 }, { "1.5", 9 }, { "ten", 9 }, { "-", 9 },
		{ "4294967296", 9 }, { "4294967301", 9 }, { "18446744073709551616", 9 },
		{ "18446744073709551621", 9 }, { "99999999999999999999999999", 9 },
	};

	(void)arg;
	environment_clear();
	for (size_t i = 0; i < COUNT(rows); i++) {
		tap_about("%s", rows[i].text);
		setenv("PKCS11_TPM_IDLE", rows[i].text, 1);
		log_to_file();
		NUMBER_EQUAL(setting_number("PKCS11_TPM_IDLE", 9, 100), rows[i].expected);
		logged_is(rows[i].expected == 9 ? "PKCS11_TPM_IDLE is no number of 0 to 100: " : NULL);
	}
	unsetenv("PKCS11_TPM_IDLE");
	log_to_file();
	tap_about("the file");
	NUMBER_EQUAL(setting_number("PKCS11_TPM_IDLE", 9, 100), 3);
	NUMBER_EQUAL(setting_number("PKCS11_TPM_TIMEOUT", 8, UINT_MAX), 7);
	NUMBER_EQUAL(setting_number("PKCS11_TPM_ACCEPT_WEAK_KEYS", 6, 100), 6);
	logged_is(NULL);
	return 0;
}

static void numbers(void)
{
	unit_fresh();
	unit_write(unit_path("conf"), conf_text, sizeof conf_text - 1);
	NUMBER_EQUAL(tap_child_wait(tap_child_start(ask_numbers, NULL)), 0);
}

/* --- any file --- */

static void read_file(void)
{
	static const char bytes[] = "one\0two\r\n";
	struct buf content = { .secret = true };
	const char *why;

	unit_fresh();
	unit_write(unit_path("file"), bytes, sizeof bytes);
	CHECK(setting_read_file(unit_path("file"), &content) == NULL);
	BYTES_EQUAL(content.data, content.len, bytes, sizeof bytes);
	CHECK(content.secret);
	buf_free(&content);
	unit_write(unit_path("file"), "", 0);
	CHECK(setting_read_file(unit_path("file"), &content) == NULL && content.len == 0);
	buf_free(&content);
	why = setting_read_file(unit_path("none"), &content);
	CHECK(why != NULL && strcmp(why, strerror(ENOENT)) == 0 && content.len == 0);
	chmod(unit_path("file"), 0622);
	why = setting_read_file(unit_path("file"), &content);
	CHECK(why != NULL && strcmp(why, "others may write to it: chmod go-w") == 0 && content.len == 0);
	why = setting_read_file(unit_scratch(), &content);
	CHECK(why != NULL && strcmp(why, "it is no regular file") == 0 && content.len == 0);
	buf_free(&content);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "lines of the file", lines },
		{ "wrong lines are named, the others hold", wrong_lines },
		{ "no more than 64 KiB", conf_sizes },
		{ "a file with a NUL byte", conf_nul },
		{ "a file that others may write to", conf_modes },
		{ "whose file it is", conf_owners },
		{ "what is no regular file", conf_kinds },
		{ "the environment goes before the file", before_the_file },
		{ "the file is read once", read_once },
		{ "the file sets the level of the log", log_setting },
		{ "a set-uid program takes nothing from its caller", set_uid },
		{ "numbers", numbers },
		{ "files for others", read_file },
		{ NULL, NULL },
	};

	if (argc == 2 && strcmp(argv[1], "as-set-uid") == 0)
		return set_uid_main();
	return unit_end(tap_main(argc, argv, "setting", cases));
}
