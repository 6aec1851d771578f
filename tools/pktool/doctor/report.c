/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *word, *colour;
} verdicts[] = {
	[VERDICT_OK] = { "ok", "\033[32m" },
	[VERDICT_NOTE] = { "note", "\033[33m" },
	[VERDICT_FIX] = { "FIX", "\033[1;31m" },
	[VERDICT_UNKNOWN] = { "?", "\033[36m" },
	[VERDICT_SKIP] = { "skip", "\033[2m" },
};

/* Names of files and labels are other people's. */
static void print_plain(const char *text)
{
	for (; *text != '\0'; text++)
		putchar((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
}

void doctor_say(struct doctor *d, enum verdict verdict, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	d->to_do |= verdict == VERDICT_FIX;
	if (d->coloured)
		printf("%s%-8s\033[0m%s: ", verdicts[verdict].colour, verdicts[verdict].word, d->name);
	else
		printf("%-8s%s: ", verdicts[verdict].word, d->name);
	print_plain(text);
	putchar('\n');
	fflush(stdout);
}

const char *doctor_complaint(const struct doctor *d, const char *otherwise)
{
	return d->n_complaints != 0 ? d->complaints[d->n_complaints - 1] : otherwise;
}

void doctor_complaints_clear(struct doctor *d)
{
	d->n_complaints = 0;
}

bool doctor_skips(struct doctor *d, const char *why)
{
	if (why != NULL)
		doctor_say(d, VERDICT_SKIP, "%s", why);
	return why != NULL;
}
