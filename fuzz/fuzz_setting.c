/* SPDX-License-Identifier: BSD-2-Clause */
/* pkcs11_tpm.conf, and what is made of its values. The input is the file. */
#include "util/setting.c"

#include "fuzz.h"

static void forget(void)
{
	static const pthread_once_t never = PTHREAD_ONCE_INIT;

	memcpy(&loaded, &never, sizeof loaded);
	for (size_t i = 0; i < COUNT(settings); i++) {
		free(settings[i].value);
		settings[i].value = NULL;
	}
}

/* Does a line of the file give that value? */
static bool stands_there(const struct buf *content, const char *name, const char *value)
{
	const char *line = (const char *)content->data, *end = line + content->len;
	size_t name_len = strlen(name), value_len = strlen(value);

	for (const char *next; line < end; line = next) {
		const char *newline = memchr(line, '\n', (size_t)(end - line)),
			   *stop = newline != NULL ? newline : end;
		const char *equals = memchr(line, '=', (size_t)(stop - line));

		next = stop + 1;
		if (equals == NULL || (size_t)(equals - line) < name_len
			|| (size_t)(stop - equals) - 1 < value_len)
			continue;
		for (const char *p = equals + 1; p + value_len <= stop; p++)
			if (memcmp(p, value, value_len) == 0
				&& memmem(line, (size_t)(equals - line), name, name_len))
				return true;
	}
	return false;
}

static void value_check(const struct buf *content, const char *name, const char *value)
{
	size_t n = strlen(value);

	FUZZ_MUST(n != 0 && strchr(value, '\n') == NULL);
	FUZZ_MUST(strchr(" \t", value[0]) == NULL && strchr(" \t\r", value[n - 1]) == NULL);
	FUZZ_MUST(stands_there(content, name, value));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	for (size_t i = 0; i < COUNT(settings); i++)
		unsetenv(settings[i].name);
	setenv("PKCS11_TPM_CONF", fuzz_path("conf"), 1);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf content = BUF_INIT, file = BUF_INIT;
	const char *why;

	fuzz_write(fuzz_path("conf"), data, size);
	why = setting_read_file(fuzz_path("conf"), &file);
	FUZZ_MUST((why == NULL) == (size <= FILE_MAX));
	FUZZ_MUST(why != NULL || (file.len == size && (size == 0 || memcmp(file.data, data, size) == 0)));
	buf_put(&content, data, size);
	for (size_t i = 0; i < COUNT(settings); i++) {
		const char *value = setting_get(settings[i].name);

		FUZZ_MUST(value == NULL || (why == NULL && memchr(data, '\0', size) == NULL));
		if (value != NULL)
			value_check(&content, settings[i].name, value);
		FUZZ_MUST(setting_number(settings[i].name, 7, 3600) <= 3600);
	}
	FUZZ_MUST(setting_get("PKCS11_TPM_CONF") != NULL && setting_get("no such") == NULL);
	forget();
	buf_free(&file);
	buf_free(&content);
	return 0;
}
