/* SPDX-License-Identifier: BSD-2-Clause */
/* Labels of C_InitToken: pktool ends them with NUL, the standard pads them with blanks. */
#define _GNU_SOURCE
#include "p11.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLANKS "                                "

struct label {
	const char *given;
	size_t length; /* of what may be read */
	const char *shown;
};

static const struct label labels[] = {
	{ "tpm/root", 9, "tpm/root" BLANKS },
	{ "blank-padded to 32 bytes        ", 32, "blank-padded to 32 bytes        " },
	{ "exactly thirty-two bytes, no NUL", 32, "exactly thirty-two bytes, no NUL" },
	{ "longer than the thirty-two bytes of a label", 44, "longer than the thirty-two bytes" },
	{ "Schl\xc3\xbcssel", 11, "Schl\xc3\xbcssel" BLANKS },
	{ "x", 2, "x" BLANKS },
	{ "", 1, BLANKS },
};

static void check_label(const struct label *label)
{
	CK_TOKEN_INFO info;

	memset(&info, 0, sizeof(info));
	RV_EQUAL(p11->C_GetTokenInfo(p11_slot, &info), CKR_OK);
	TAP_CHECK(memcmp(info.label, label->shown, 32) == 0,
		  "the label is \"%.32s\", not \"%.32s\"", (char *)info.label, label->shown);
}

/* The label ends at the end of a page, and the next one cannot be read. */
static int set_labels(void *argument)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), i;
	unsigned char *room =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CK_UTF8CHAR pin[] = SO_DEFAULT;

	(void)argument;
	MUST(room != MAP_FAILED);
	MUST(mprotect(room + page, page, PROT_NONE) == 0);
	p11_start();
	for (i = 0; i < sizeof(labels) / sizeof(*labels); i++) {
		unsigned char *start = room + page - labels[i].length;

		tap_about("label \"%s\"", labels[i].given);
		memcpy(start, labels[i].given, labels[i].length);
		RV_EQUAL(p11->C_InitToken(p11_slot, pin, sizeof(pin) - 1, start), CKR_OK);
		check_label(&labels[i]);
		p11_stop();
		p11_start();
		check_label(&labels[i]);
	}
	return 0;
}

static void label_forms(void)
{
	p11_fresh();
	ULONG_EQUAL(p11_in_child(set_labels, NULL), 0);
}

static const struct tap_case cases[] = {
	{ "labels end at NUL or 32 bytes and are blank-padded", label_forms },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "token labels", cases);
}
