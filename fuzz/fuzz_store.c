/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of the store: their decoders, the bodies of token file and objects, and the store that meets them.
 * The input: a byte of choices, a file.
 */
#include "bodies.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "objstore/format.h"
#include "objstore/objstore.h"
#include "util/crypto.h"

#define BODY_OFFSET 56
#define FILE_EXTRA (BODY_OFFSET + CRYPTO_SHA256_LEN)

enum { THROUGH_STORE = 1, COPY_GOOD = 2, COPY_SAME = 4, WITHOUT_KEY = 8 };

static const uint8_t key[OBJSTORE_KEY_LEN] = "a key of thirty-two bytes, as is";
static const struct objstore_id token_id = { "tttttttttttttttt" }, object_id = { "oooooooooooooooo" };
static const struct objstore_id replaced_id = { "replaced token.." };
#define OBJECT_FILE "store/objects/6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f"

/* --- checksums that are right --- */

static void header_change(struct format_header *header, unsigned int dice)
{
	header->is_private = header->kind == FORMAT_OBJECT && (dice & 3) == 1;
	header->token_id = (dice >> 2 & 7) != 0 ? token_id : replaced_id;
	header->object_id = header->kind == FORMAT_TOKEN ? replaced_id
		: (dice >> 5 & 7) != 0			 ? object_id
							 : replaced_id;
	if ((dice >> 8 & 15) == 0)
		header->kind = header->kind == FORMAT_TOKEN ? FORMAT_OBJECT : FORMAT_TOKEN;
	header->sequence = header->kind == FORMAT_TOKEN || (dice >> 12 & 15) == 0 ? dice >> 16 : 0;
}

/* Changes the body, or the header, of what can be opened, and seals it again. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	struct buf file = BUF_INIT, body = BUF_INIT, out = BUF_INIT;
	struct format_header header = { .kind = seed & 16 ? FORMAT_TOKEN : FORMAT_OBJECT };
	size_t room = max > FILE_EXTRA + 1 ? max - FILE_EXTRA - 1 : 0, len;
	uint8_t *scratch;

	if (size < 2 || room == 0 || seed % 8 == 0)
		return LLVMFuzzerMutate(data, size, max);
	buf_put(&file, data + 1, size - 1);
	if (format_header(&file, &header) != FORMAT_GOOD || !format_body(&file, key, &body)) {
		header_change(&header, seed >> 5);
		buf_free(&body);
		buf_put(&body, data + 1, size - 1 < room ? size - 1 : room);
	}
	scratch = malloc(room);
	FUZZ_MUST(scratch != NULL);
	len = body.len < room ? body.len : room;
	if (len != 0)
		memcpy(scratch, body.data, len);
	if (seed % 8 == 1)
		header_change(&header, seed >> 5);
	else if (seed % 8 == 2)
		LLVMFuzzerMutate(data, 1, 1);
	else
		len = LLVMFuzzerMutate(scratch, len, room);
	buf_free(&body);
	buf_put(&body, scratch, len);
	if (format_encode(&header, key, &body, &out) && out.len < max) {
		memcpy(data + 1, out.data, out.len);
		size = out.len + 1;
	}
	free(scratch);
	buf_free(&file);
	buf_free(&body);
	buf_free(&out);
	return size;
}

/* Not with one bit changed, nor with another byte. */
static void seal_check(struct buf *file, unsigned int choices)
{
	struct buf body = BUF_INIT;
	size_t at = choices * 31 % file->len;

	file->data[at] ^= 0x40;
	FUZZ_MUST(!format_body(file, key, &body) && body.len == 0);
	file->data[at] ^= 0x40;
	buf_put_u8(file, 0);
	FUZZ_MUST(!format_body(file, key, &body) && body.len == 0);
	buf_cut(file, file->len - 1, 1);
	buf_free(&body);
}

/* --- the store --- */

static int one_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void files_write(unsigned int choices, const struct buf *file, bool is_token)
{
	struct format_header header = { FORMAT_TOKEN, false, token_id, replaced_id, 7 };
	struct buf good = BUF_INIT, body = BUF_INIT;

	nftw(fuzz_path("store"), one_remove, 16, FTW_DEPTH | FTW_PHYS);
	mkdir(fuzz_path("store"), 0700);
	mkdir(fuzz_path("store/objects"), 0700);
	FUZZ_MUST(format_encode(&header, NULL, &body, &good));
	fuzz_write(
		fuzz_path("store/token"), is_token ? file->data : good.data, is_token ? file->len : good.len);
	if (choices & COPY_GOOD)
		fuzz_write(fuzz_path("store/token.2"), good.data, good.len);
	else if (choices & COPY_SAME)
		fuzz_write(fuzz_path("store/token.2"), file->data, file->len);
	if (!is_token)
		fuzz_write(fuzz_path(OBJECT_FILE), file->data, file->len);
	buf_free(&good);
}

/* What the store gives is what the decoder gives; what is damaged is out of the way afterwards. */
static void store_check(unsigned int choices, const struct buf *file, enum format_verdict verdict,
	const struct format_header *header, const struct buf *body)
{
	bool is_token = header->kind == FORMAT_TOKEN;
	struct objstore *store = NULL;
	struct objstore_token token;
	struct objstore_stamp stamp;
	struct buf found = BUF_INIT;
	bool private;
	CK_RV rv;

	files_write(choices, file, is_token);
	FUZZ_MUST(objstore_open(&store) == CKR_OK);
	rv = objstore_token_read(store, &token);
	FUZZ_MUST(rv == CKR_OK || (is_token && rv == CKR_DEVICE_ERROR));
	if (is_token && verdict == FORMAT_GOOD && body != NULL)
		FUZZ_MUST(token.body.len == body->len && memcmp(token.body.data, body->data, body->len) == 0);
	if (is_token && (choices & COPY_GOOD) != 0 && verdict != FORMAT_UNKNOWN_VERSION)
		FUZZ_MUST(rv == CKR_OK && token.exists);
	if (!is_token) {
		rv = objstore_read(store, &token.id, &object_id, choices & WITHOUT_KEY ? NULL : key, &private,
			&stamp, &found);
		FUZZ_MUST(rv == CKR_OK || rv == CKR_OBJECT_HANDLE_INVALID || rv == OBJSTORE_UNUSABLE);
		/* One of a token that is no more may have been swept away meanwhile. */
		if (rv != CKR_OBJECT_HANDLE_INVALID)
			FUZZ_MUST((access(fuzz_path(OBJECT_FILE), F_OK) == 0)
				== (rv == CKR_OK || verdict == FORMAT_UNKNOWN_VERSION));
		if (rv == CKR_OK && body != NULL && found.len != 0)
			FUZZ_MUST(found.len == body->len && memcmp(found.data, body->data, body->len) == 0);
	}
	buf_free(&found);
	buf_free(&token.body);
	objstore_close(&store);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	setenv("PKCS11_TPM_CONF", fuzz_path("conf"), 1);
	setenv("PKCS11_TPM_DIR", fuzz_path("store"), 1);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf file = BUF_INIT, body = BUF_INIT;
	struct format_header header = { .kind = FORMAT_OBJECT };
	enum format_verdict verdict;
	bool opened;

	if (size == 0)
		return 0;
	buf_put(&file, data + 1, size - 1);
	verdict = format_header(&file, &header);
	opened = verdict == FORMAT_GOOD && format_body(&file, key, &body);
	if (opened)
		seal_check(&file, data[0]);
	/* A body alone is read as well, whatever it is. */
	if (!opened)
		buf_put(&body, data + 1, size - 1);
	token_body_check(&body);
	object_body_check(&body);
	if (data[0] & THROUGH_STORE)
		store_check(data[0], &file, verdict, &header, opened ? &body : NULL);
	buf_free(&body);
	buf_free(&file);
	return 0;
}
