/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/words.h"

#include <stdio.h>
#include <string.h>

#include "pktool/pktool.h"

#define USAGE_COLUMNS 80

static size_t table_find(const struct word *table, const char *key, size_t len)
{
	size_t i = 0;

	while (table[i].key != NULL && (strlen(table[i].key) != len || memcmp(table[i].key, key, len) != 0))
		i++;
	return i;
}

/* Is value one of "a|b|c"? */
static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);

	for (const char *p = choices; p != NULL; p = strchr(p, '|') != NULL ? strchr(p, '|') + 1 : NULL)
		if (strncmp(p, value, len) == 0 && (p[len] == '\0' || p[len] == '|'))
			return true;
	return false;
}

static bool word_read(struct words *words, const char *arg)
{
	const char *equals = strchr(arg, '=');
	size_t len = equals != NULL ? (size_t)(equals - arg) : strlen(arg), i;
	const struct word *word;

	i = table_find(words->table, arg, len);
	word = &words->table[i];
	if (word->key == NULL) {
		pktool_error("%s: not a word that this command knows", arg);
		return false;
	}
	if ((equals == NULL) != (word->kind == WORD_PLAIN)) {
		pktool_error(equals == NULL ? "%s: a value is missing: %s=%s" : "%s: takes no value",
			word->key, word->key, word->help != NULL ? word->help : "...");
		return false;
	}
	if (words->values[i] != NULL) {
		pktool_error("%s: said twice", word->key);
		return false;
	}
	words->values[i] = equals != NULL ? equals + 1 : "";
	if (equals != NULL && equals[1] == '\0') {
		pktool_error("%s: its value is empty", word->key);
		return false;
	}
	if (equals != NULL && word->choices != NULL && !is_choice(word->choices, equals + 1)) {
		pktool_error("%s: must be one of %s", arg, word->choices);
		return false;
	}
	return true;
}

bool words_read(struct words *words, const struct word *table, int argc, char **argv)
{
	memset(words, 0, sizeof *words);
	words->table = table;
	for (int i = 0; i < argc; i++)
		if (!word_read(words, argv[i]))
			return false;
	for (size_t i = 0; table[i].key != NULL; i++) {
		if (table[i].kind == WORD_REQUIRED && words->values[i] == NULL) {
			pktool_error("%s=%s is missing", table[i].key,
				table[i].help != NULL ? table[i].help : "...");
			return false;
		}
	}
	return true;
}

const char *words_value(const struct words *words, const char *key)
{
	size_t i = table_find(words->table, key, strlen(key));

	return words->table[i].key != NULL ? words->values[i] : NULL;
}

void words_usage(FILE *to, const char *command, const struct word *table)
{
	size_t column = strlen(command);
	char piece[128];

	fputs(command, to);
	for (size_t i = 0; table[i].key != NULL; i++) {
		const struct word *w = &table[i];
		const char *value = w->choices != NULL ? w->choices : w->help != NULL ? w->help : "...";

		if (w->kind == WORD_PLAIN)
			snprintf(piece, sizeof piece, "[%s]", w->key);
		else
			snprintf(piece, sizeof piece, w->kind == WORD_REQUIRED ? "%s=%s" : "[%s=%s]", w->key,
				value);
		if (column + 1 + strlen(piece) > USAGE_COLUMNS) {
			fputs("\n       ", to);
			column = 7;
		}
		fprintf(to, " %s", piece);
		column += 1 + strlen(piece);
	}
	fputc('\n', to);
}
