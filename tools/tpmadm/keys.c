/* SPDX-License-Identifier: BSD-2-Clause */
#include "tpmadm/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "util/hex.h"

/* --- UUIDs --- */

#define UUID_LEN 16

/* Where the groups of digits begin that follow a hyphen. */
static const size_t groups[] = { 9, 14, 19, 24 };

static bool is_group(size_t at)
{
	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
		if (groups[i] == at)
			return true;
	return false;
}

bool uuid_parse(const char *text, TSS_UUID *uuid)
{
	char digits[2 * UUID_LEN + 1];
	BYTE bytes[UUID_LEN];
	size_t len = 0;

	if (strlen(text) != UUID_TEXT_LEN)
		return false;
	for (size_t i = 0; i < UUID_TEXT_LEN; i++) {
		char c = text[i];

		if (is_group(i + 1) != (c == '-'))
			return false;
		if (c != '-')
			digits[len++] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
	}
	digits[len] = '\0';
	if (!hex_decode(digits, bytes, sizeof bytes))
		return false;
	uuid->ulTimeLow = (UINT32)bytes[0] << 24 | (UINT32)bytes[1] << 16 | (UINT32)bytes[2] << 8 | bytes[3];
	uuid->usTimeMid = (UINT16)(bytes[4] << 8 | bytes[5]);
	uuid->usTimeHigh = (UINT16)(bytes[6] << 8 | bytes[7]);
	uuid->bClockSeqHigh = bytes[8];
	uuid->bClockSeqLow = bytes[9];
	memcpy(uuid->rgbNode, bytes + 10, sizeof uuid->rgbNode);
	return true;
}

void uuid_format(const TSS_UUID *uuid, char text[UUID_TEXT_LEN + 1])
{
	const BYTE *node = uuid->rgbNode;

	snprintf(text, UUID_TEXT_LEN + 1, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		(unsigned int)uuid->ulTimeLow, (unsigned int)uuid->usTimeMid, (unsigned int)uuid->usTimeHigh,
		uuid->bClockSeqHigh, uuid->bClockSeqLow, node[0], node[1], node[2], node[3], node[4],
		node[5]);
}

bool uuid_equal(const TSS_UUID *a, const TSS_UUID *b)
{
	return a->ulTimeLow == b->ulTimeLow && a->usTimeMid == b->usTimeMid && a->usTimeHigh == b->usTimeHigh
		&& a->bClockSeqHigh == b->bClockSeqHigh && a->bClockSeqLow == b->bClockSeqLow
		&& memcmp(a->rgbNode, b->rgbNode, sizeof a->rgbNode) == 0;
}

bool uuid_is_srk(const TSS_UUID *uuid)
{
	static const TSS_UUID srk = TSS_UUID_SRK;

	return uuid_equal(uuid, &srk);
}

/* --- the records --- */

static bool is_listed(const struct keys *keys, const TSS_KM_KEYINFO2 *info)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->list[i].store == info->persistentStorageType
			&& uuid_equal(&keys->list[i].uuid, &info->keyUUID))
			return true;
	return false;
}

/* Asked for one store, TrouSerS may give the keys of the other as well. */
static TSS_RESULT store_read(const struct link *link, TSS_FLAG store, struct keys *keys)
{
	TSS_KM_KEYINFO2 *info = NULL;
	UINT32 count = 0;
	TSS_RESULT r = Tspi_Context_GetRegisteredKeysByUUID2(link->context, store, NULL, &count, &info);
	struct key *more;

	if (ERROR_LAYER(r) != TSS_LAYER_TPM && ERROR_CODE(r) == TSS_E_PS_KEY_NOTFOUND)
		return TSS_SUCCESS;
	if (r != TSS_SUCCESS || count == 0)
		return r;
	more = realloc(keys->list, (keys->count + count) * sizeof *more);
	if (more == NULL)
		r = TSP_ERROR(TSS_E_OUTOFMEMORY);
	else
		keys->list = more;
	for (UINT32 i = 0; more != NULL && i < count; i++)
		if (!is_listed(keys, &info[i]))
			more[keys->count++] = (struct key){ info[i].keyUUID, info[i].parentKeyUUID,
				info[i].persistentStorageType, info[i].fIsLoaded != FALSE };
	Tspi_Context_FreeMemory(link->context, (BYTE *)info);
	return r;
}

static TSS_RESULT keys_work(const struct link *link, void *arg)
{
	struct keys *keys = arg;
	TSS_RESULT r;

	keys->count = 0;
	r = store_read(link, TSS_PS_TYPE_SYSTEM, keys);
	return r != TSS_SUCCESS ? r : store_read(link, TSS_PS_TYPE_USER, keys);
}

TSS_RESULT keys_read(struct keys *keys)
{
	*keys = (struct keys){ NULL, 0 };
	return link_run_bare(keys_work, keys);
}

void keys_free(struct keys *keys)
{
	free(keys->list);
	*keys = (struct keys){ NULL, 0 };
}

const struct key *keys_find(const struct keys *keys, const TSS_UUID *uuid)
{
	const struct key *found = NULL;

	for (size_t i = 0; i < keys->count; i++)
		if (uuid_equal(&keys->list[i].uuid, uuid)
			&& (found == NULL || keys->list[i].store == TSS_PS_TYPE_USER))
			found = &keys->list[i];
	return found;
}

size_t keys_children(const struct keys *keys, const struct key *key)
{
	size_t count = 0;

	for (size_t i = 0; i < keys->count; i++)
		count += &keys->list[i] != key && uuid_equal(&keys->list[i].parent, &key->uuid);
	return count;
}

const char *key_store(const struct key *key)
{
	return key->store == TSS_PS_TYPE_USER ? "user" : "system";
}
