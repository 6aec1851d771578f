/* SPDX-License-Identifier: BSD-2-Clause */
/* pktool doctor: the version of a tcsd that runs, in a made-up /proc, and which versions are bad. */
#include "unit.h"

#include "pktool/doctor/process.h"
#include "pktool/doctor/version.h"

static void root_write(const char *path, const void *content, size_t n)
{
	char whole[512];

	snprintf(whole, sizeof whole, "%s", unit_path(path));
	for (char *slash = whole + strlen(unit_scratch()) + 1; (slash = strchr(slash, '/')) != NULL;
		*slash++ = '/') {
		*slash = '\0';
		mkdir(whole, 0755);
	}
	unit_write(whole, content, n);
}

/* A program is mostly other bytes. */
static void program_write(const char *path, const char *mark)
{
	struct buf bytes = BUF_INIT;

	for (int i = 0; i < 50000; i++)
		buf_put_u8(&bytes, (uint8_t)(i % 251));
	buf_put(&bytes, "trousers ", 9);
	buf_put_u8(&bytes, 0);
	buf_put(&bytes, mark, strlen(mark) + 1);
	buf_put(&bytes, "the end", 7);
	MUST(!buf_failed(&bytes));
	root_write(path, bytes.data, bytes.len);
	buf_free(&bytes);
}

static void process_make(const char *comm, const char *words, size_t n)
{
	root_write("proc/77/comm", comm, strlen(comm));
	root_write("proc/77/cmdline", words, n);
}

#define PROCESS(comm, words) process_make(comm "\n", words, sizeof words)

static bool version_is(
	const struct process *process, unsigned int major, unsigned int minor, unsigned int patch)
{
	struct version version = { 0, 0, 0 };

	return process_version(process, &version) && version.major == major && version.minor == minor
		&& version.patch == patch;
}

static void running(void)
{
	struct process process;

	unit_fresh();
	CHECK(!process_find_tcsd(unit_scratch(), geteuid(), &process));
	PROCESS("sshd", "sshd\0");
	CHECK(!process_find_tcsd(unit_scratch(), geteuid(), &process));
	PROCESS("tcsd", "tcsd\0-f\0");
	program_write("proc/77/exe", "trousers 0.3.14");
	program_write("usr/sbin/tcsd", "trousers 0.3.15");
	if (geteuid() != 0) /* root's processes are taken for tcsd whatever the owner */
		CHECK(!process_find_tcsd(unit_scratch(), geteuid() + 1, &process));
	MUST(process_find_tcsd(unit_scratch(), geteuid(), &process));
	NUMBER_EQUAL(process.number, 77);
	CHECK(version_is(&process, 0, 3, 14));
	MUST(unlink(unit_path("proc/77/exe")) == 0);
	MUST(process_find_tcsd(unit_scratch(), geteuid(), &process));
	CHECK(version_is(&process, 0, 3, 15));
	program_write("opt/bin/tcsd", "trousers 1.20.3rc1");
	PROCESS("tcsd", "/opt/bin/tcsd\0");
	MUST(process_find_tcsd(unit_scratch(), geteuid(), &process));
	CHECK(version_is(&process, 1, 20, 3));
	program_write("opt/bin/tcsd", "nothing");
	CHECK(!version_is(&process, 0, 0, 0));
	MUST(unlink(unit_path("opt/bin/tcsd")) == 0 && unlink(unit_path("usr/sbin/tcsd")) == 0);
	MUST(process_find_tcsd(unit_scratch(), geteuid(), &process));
	CHECK(!version_is(&process, 0, 0, 0));
}

static unsigned int places(const char *conf)
{
	struct process process;
	unsigned int n = 0;

	if (conf != NULL)
		root_write("etc/other.conf", conf, strlen(conf));
	MUST(process_find_tcsd(unit_scratch(), geteuid(), &process));
	return process_places(&process, &n) ? n : 0;
}

static void configured(void)
{
	unit_fresh();
	PROCESS("tcsd", "tcsd\0-f\0-c\0/etc/other.conf\0");
	NUMBER_EQUAL(places(NULL), 0);
	NUMBER_EQUAL(places("port = 30003\n"), 10);
	NUMBER_EQUAL(places("# num_threads = 7\n num_threads = 3\nport = 1\n"), 3);
	NUMBER_EQUAL(places("num_threads=4"), 4);
	PROCESS("tcsd", "tcsd\0-c\0here.conf\0");
	root_write("proc/77/cwd/here.conf", "num_threads = 5\n", 16);
	NUMBER_EQUAL(places(NULL), 5);
	PROCESS("tcsd", "tcsd\0-c\0");
	NUMBER_EQUAL(places(NULL), 0);
	root_write("etc/tcsd.conf", "num_threads = 6\n", 16);
	NUMBER_EQUAL(places(NULL), 6);
}

static void readable(void)
{
	static const struct {
		const char *text;
		bool ok;
		struct version version;
	} rows[] = {
		{ "0.3.15", true, { 0, 3, 15 } },
		{ "0.3.14+fixed1-1.2", true, { 0, 3, 14 } },
		{ "1:0.3.15-0.3", true, { 0, 3, 15 } },
		{ "0.3.15\n", true, { 0, 3, 15 } },
		{ "0.3", false, { 0, 0, 0 } },
		{ "", false, { 0, 0, 0 } },
		{ "none: 0.3.15", false, { 0, 0, 0 } },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct version version;

		tap_about("%s", rows[i].text);
		CHECK(version_read(rows[i].text, &version) == rows[i].ok);
		CHECK(!rows[i].ok || memcmp(&version, &rows[i].version, sizeof version) == 0);
	}
}

static void unsafe(void)
{
	static const struct {
		struct version version;
		bool unsafe;
	} rows[] = {
		{ { 0, 3, 14 }, true },
		{ { 0, 3, 15 }, false },
		{ { 0, 3, 16 }, false },
		{ { 0, 2, 99 }, true },
		{ { 0, 4, 0 }, false },
		{ { 1, 0, 0 }, false },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK(version_tcsd_is_unsafe(&rows[i].version) == rows[i].unsafe);
}

static void weak_firmware(void)
{
	static const struct {
		const char *vendor;
		unsigned int major, minor;
		bool weak;
	} rows[] = {
		{ "IFX\0", 3, 19, false },
		{ "IFX\0", 4, 0, true },
		{ "IFX\0", 4, 33, true },
		{ "IFX\0", 4, 34, false },
		{ "IFX\0", 4, 40, true },
		{ "IFX\0", 4, 42, true },
		{ "IFX\0", 4, 43, false },
		{ "IFX\0", 6, 42, true },
		{ "IFX\0", 6, 43, false },
		{ "IFX\0", 133, 32, true },
		{ "IFX\0", 133, 33, false },
		{ "IBM\0", 4, 33, false },
		{ "IFXX", 4, 33, false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		tap_about("%s %u.%u", rows[i].vendor, rows[i].major, rows[i].minor);
		CHECK(version_firmware_is_weak(rows[i].vendor, rows[i].major, rows[i].minor) == rows[i].weak);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "the version of the tcsd that runs, or else of the one that is there", running },
		{ "its places, as its own tcsd.conf says", configured },
		{ "versions are read", readable },
		{ "older than 0.3.15 is unsafe", unsafe },
		{ "Infineon's firmware that makes weak keys", weak_firmware },
		{ NULL, NULL },
	};

	return tap_main(argc, argv, "doctor_versions", cases);
}
