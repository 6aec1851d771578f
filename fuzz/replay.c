/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a target once with each file of its corpus, without libFuzzer, which has a main() of its own:
 *	fuzz_NAME [FILE|DIRECTORY...]
 * Without an argument: fuzz/corpus/NAME of the sources. Says so in TAP.
 */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

static unsigned int number;

/* libFuzzer has one of its own; not every target does. */
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return 0;
}

/* Nothing is mutated here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max)
{
	(void)data, (void)max;
	return size;
}

static void file_run(const char *path)
{
	struct buf content = BUF_INIT;
	uint8_t *copy;

	printf("# %s\n", path); /* before, as a fault ends the program */
	fflush(stdout);
	fuzz_read(path, &content);
	copy = fuzz_copy(content.data, content.len);
	LLVMFuzzerTestOneInput(copy, content.len);
	printf("ok %u - %s\n", ++number, strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path);
	free(copy);
	buf_free(&content);
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void path_run(const char *path)
{
	struct dirent **entries;
	struct stat st;
	char name[4096];
	int n;

	if (stat(path, &st) != 0) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	if (!S_ISDIR(st.st_mode)) {
		file_run(path);
		return;
	}
	n = scandir(path, &entries, is_shown, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
		file_run(name);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
	const char *top = getenv("top_srcdir");
	char corpus[4096];

	LLVMFuzzerInitialize(&argc, &argv);
	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			path_run(argv[i]);
	} else {
		name = strstr(name, "fuzz_") != NULL ? strstr(name, "fuzz_") + strlen("fuzz_") : name;
		snprintf(corpus, sizeof corpus, "%s/fuzz/corpus/%s", top != NULL ? top : ".", name);
		path_run(corpus);
	}
	printf("1..%u\n", number);
	return number == 0;
}
