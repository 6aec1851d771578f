/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "tpmadm/keys.h"
#include "tpmadm/tpmadm.h"

static TSS_RESULT deletion_work(const struct link *link, void *arg)
{
	const struct key *key = arg;
	TSS_HKEY handle;
	TSS_RESULT r = Tspi_Context_UnregisterKey(link->context, key->store, key->uuid, &handle);

	if (r == TSS_SUCCESS)
		Tspi_Context_CloseObject(link->context, handle);
	return r;
}

static int key_delete(const struct keys *keys, const TSS_UUID *uuid)
{
	const struct key *found = keys_find(keys, uuid);
	struct key key;
	TSS_RESULT r;

	if (found == NULL)
		return tpmadm_error("deletekey: there is no key of that UUID; tpmadm keyinfo lists them");
	if (keys_children(keys, found) != 0)
		return tpmadm_error("deletekey: other keys stand under this one: delete those first");
	key = *found;
	r = link_run_bare(deletion_work, &key);
	if (r != TSS_SUCCESS)
		return tpmadm_fail("deletekey", r);
	printf("The key is no longer in the %s's store.\n", key_store(&key));
	return TPMADM_OK;
}

static int deletekey_run(const struct args *args)
{
	struct keys keys = { NULL, 0 };
	TSS_UUID uuid;
	TSS_RESULT r;
	int status;

	if (!uuid_parse(args->operand, &uuid)) {
		tpmadm_error("deletekey: %s is no UUID", args->operand);
		return TPMADM_USAGE;
	}
	if (uuid_is_srk(&uuid))
		return tpmadm_error("deletekey: the storage root key cannot be deleted: all keys need it");
	r = keys_read(&keys);
	status = r != TSS_SUCCESS ? tpmadm_fail("deletekey", r) : key_delete(&keys, &uuid);
	keys_free(&keys);
	return status;
}

const struct command cmd_deletekey = { "deletekey", "UUID", "", "", true, deletekey_run };
