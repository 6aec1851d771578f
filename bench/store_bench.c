/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One measurement of one PKCS#11 module with many token objects; bench/store runs it and makes the
 * table. Prints lines of a name and a number: times in microseconds, memory in bytes.
 */
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALUE_LEN 1024
#define BATCH 512

static void print_since(const char *name, double start_time)
{
	printf("%s %.1f\n", name, now() - start_time);
}

/* --- objects --- */

#define ID_LEN 8

static void id_of(size_t number, CK_BYTE id[ID_LEN])
{
	for (size_t i = ID_LEN; i-- > 0; number >>= 8)
		id[i] = (CK_BYTE)number;
}

/* Every other one is private. */
static CK_OBJECT_HANDLE object_create(CK_SESSION_HANDLE session, size_t number)
{
	static CK_BYTE value[VALUE_LEN] = { 0x30, 0x82, (VALUE_LEN - 4) >> 8, (VALUE_LEN - 4) & 0xff };
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_BBOOL yes = CK_TRUE, private = number % 2 != 0;
	CK_BYTE id[ID_LEN];
	char label[32];
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof class },
		{ CKA_CERTIFICATE_TYPE, &type, sizeof type },
		{ CKA_TOKEN, &yes, sizeof yes },
		{ CKA_PRIVATE, &private, sizeof private },
		{ CKA_ID, id, sizeof id },
		{ CKA_LABEL, label, 0 },
		{ CKA_SUBJECT, label, 0 },
		{ CKA_VALUE, value, sizeof value },
	};
	CK_OBJECT_HANDLE object;

	id_of(number, id);
	template[5].ulValueLen = template[6].ulValueLen =
		(CK_ULONG)snprintf(label, sizeof label, "certificate %zu", number);
	srand((unsigned int)number);
	for (size_t i = 4; i < sizeof value; i++)
		value[i] = (CK_BYTE)(rand() >> 8);
	MUST(p11->C_CreateObject(session, template, COUNT_OF(template), &object));
	return object;
}

/* What C_FindObjects gives for a template, counted; the last one in *object. */
static size_t find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count,
	CK_OBJECT_HANDLE *object)
{
	CK_OBJECT_HANDLE found[BATCH];
	size_t all = 0;
	CK_ULONG n;

	MUST(p11->C_FindObjectsInit(session, template, count));
	do {
		MUST(p11->C_FindObjects(session, found, BATCH, &n));
		if (n != 0)
			*object = found[n - 1];
		all += n;
	} while (n != 0);
	MUST(p11->C_FindObjectsFinal(session));
	return all;
}

static size_t find_all(CK_SESSION_HANDLE session)
{
	CK_OBJECT_HANDLE object;

	return find(session, NULL, 0, &object);
}

static void find_one(CK_SESSION_HANDLE session, size_t number)
{
	CK_BYTE id[ID_LEN], read[ID_LEN];
	CK_ATTRIBUTE by_id = { CKA_ID, id, sizeof id }, value = { CKA_ID, read, sizeof read };
	CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;

	id_of(number, id);
	if (find(session, &by_id, 1, &object) != 1)
		die("the search for the CKA_ID of object %zu does not give one object", number);
	MUST(p11->C_GetAttributeValue(session, object, &value, 1));
	if (value.ulValueLen != sizeof read || memcmp(read, id, sizeof id) != 0)
		die("the search for the CKA_ID of object %zu gives another one", number);
}

/* --- measurements --- */

static CK_SESSION_HANDLE start(CK_FLAGS flags)
{
	CK_SESSION_HANDLE session;

	MUST(p11->C_Initialize(NULL));
	session = session_open(flags);
	login(session, CKU_USER, BENCH_USER_PIN);
	return session;
}

static void fill(size_t first, size_t count)
{
	CK_SESSION_HANDLE session = start(CKF_RW_SESSION);

	for (size_t i = 0; i < count; i++)
		object_create(session, first + i);
	MUST(p11->C_Finalize(NULL));
}

/* What a creation cannot do without (doc/FORMAT.md, 6): one new file, synced, under its name. */
static void bare_write(int dir, size_t number)
{
	static const char content[VALUE_LEN + 400];
	char name[32];
	int fd = openat(dir, ".tmp", O_WRONLY | O_CREAT | O_EXCL, 0600);

	snprintf(name, sizeof name, "file %zu", number);
	if (fd < 0 || write(fd, content, sizeof content) != (ssize_t)sizeof content || fsync(fd) != 0
		|| close(fd) != 0 || renameat(dir, ".tmp", dir, name) != 0 || fsync(dir) != 0)
		die("a file in the directory for bare writes: %s", strerror(errno));
}

/* Objects beside those that are there, with as many bare writes in between, and away with both. */
static void create(size_t first, size_t count, const char *directory)
{
	int dir = open(directory, O_RDONLY | O_DIRECTORY);
	CK_OBJECT_HANDLE *objects = calloc(count, sizeof *objects);
	CK_SESSION_HANDLE session;

	if (objects == NULL || dir < 0)
		die("%s: %s", directory, strerror(errno));
	session = start(CKF_RW_SESSION);
	find_all(session);
	for (size_t i = 0; i < count; i++) {
		double start_time = now();

		objects[i] = object_create(session, first + i);
		print_since("create", start_time);
		start_time = now();
		bare_write(dir, i);
		print_since("bare", start_time);
	}
	for (size_t i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof name, "file %zu", i);
		unlinkat(dir, name, 0);
		MUST(p11->C_DestroyObject(session, objects[i]));
	}
	close(dir);
	free(objects);
	MUST(p11->C_Finalize(NULL));
}

/* What no reader can do without: every file of a directory opened, looked at and read. */
static void read_files(const char *directory)
{
	double start_time = now();
	DIR *stream = opendir(directory);
	char content[2 * VALUE_LEN];

	if (stream == NULL)
		die("%s: %s", directory, strerror(errno));
	for (struct dirent *d; (d = readdir(stream)) != NULL;) {
		int fd = openat(dirfd(stream), d->d_name, O_RDONLY | O_NOFOLLOW);
		struct stat st;

		if (fd < 0 || fstat(fd, &st) != 0
			|| (S_ISREG(st.st_mode) && read(fd, content, sizeof content) < 0))
			die("%s: %s", d->d_name, strerror(errno));
		close(fd);
	}
	closedir(stream);
	print_since("files", start_time);
}

static void check_count(size_t found, size_t expected)
{
	if (found != expected)
		die("the search of all gives %zu objects, not %zu", found, expected);
}

/* A fresh process: opens, logs in unless only public objects are asked for, searches; then again. */
static void open_and_find(const char *what, size_t objects, size_t repeats)
{
	double start_time = now(), start_processor = processor_time(), step;
	long before = resident_bytes();
	CK_SESSION_HANDLE session;

	MUST(p11->C_Initialize(NULL));
	session = session_open(0);
	print_since("initialize", start_time);
	step = now();
	if (strcmp(what, "public") != 0)
		login(session, CKU_USER, BENCH_USER_PIN);
	print_since("login", step);
	step = now();
	if (strcmp(what, "one") == 0)
		find_one(session, objects / 2 + 1);
	else
		check_count(find_all(session), strcmp(what, "all") == 0 ? objects : (objects + 1) / 2);
	print_since("search", step);
	print_since("open", start_time);
	printf("processor %.1f\n", processor_time() - start_processor);
	for (size_t i = 0; i < repeats; i++) {
		step = now();
		find_one(session, 2 * (i * 7919 % (objects / 2)) + (strcmp(what, "public") != 0));
		print_since("again", step);
	}
	printf("memory %ld\n", (resident_bytes() - before) / (long)objects - VALUE_LEN);
	MUST(p11->C_Finalize(NULL));
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";

	if (argc == 4 && strcmp(what, "files") == 0) {
		read_files(argv[3]);
		return EXIT_SUCCESS;
	}
	if (argc > 2)
		module_load(argv[1]);
	if (argc == 3 && strcmp(what, "new") == 0)
		token_new();
	else if (argc == 5 && strcmp(what, "fill") == 0)
		fill(number(argv[3]), number(argv[4]));
	else if (argc == 6 && strcmp(what, "create") == 0)
		create(number(argv[3]), number(argv[4]), argv[5]);
	else if (argc == 5 && (strcmp(what, "all") == 0 || strcmp(what, "one") == 0
		|| strcmp(what, "public") == 0))
		open_and_find(what, number(argv[3]), number(argv[4]));
	else
		die("usage: store_bench MODULE new | fill FIRST COUNT | create FIRST COUNT DIRECTORY\n"
			"    | all OBJECTS REPEATS | one OBJECTS REPEATS | public OBJECTS REPEATS\n"
			"    | files DIRECTORY");
	return EXIT_SUCCESS;
}
