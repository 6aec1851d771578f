/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "tpmadm/keys.h"
#include "tpmadm/tpmadm.h"

#define WHAT "keyinfo"

/* --- all keys, each under its parent --- */

static void line_print(const struct key *key, int depth)
{
	char text[UUID_TEXT_LEN + 1];

	uuid_format(&key->uuid, text);
	printf("%*s%s  %s%s%s\n", 4 * depth, "", text, key_store(key), key->loaded ? ", loaded" : "",
		uuid_is_srk(&key->uuid) ? ", storage root key" : "");
}

/* A damaged record may name itself, or one of its children, as its parent. */
static void tree_print(const struct keys *keys, const struct key *key, bool *seen, int depth)
{
	seen[key - keys->list] = true;
	line_print(key, depth);
	for (size_t i = 0; i < keys->count; i++)
		if (!seen[i] && uuid_equal(&keys->list[i].parent, &key->uuid))
			tree_print(keys, &keys->list[i], seen, depth + 1);
}

static int all_print(const struct keys *keys)
{
	bool *seen = calloc(keys->count + 1, sizeof *seen);

	if (seen == NULL)
		return tpmadm_error("out of memory");
	for (size_t i = 0; i < keys->count; i++)
		if (!seen[i] && keys_find(keys, &keys->list[i].parent) == NULL)
			tree_print(keys, &keys->list[i], seen, 0);
	for (size_t i = 0; i < keys->count; i++)
		if (!seen[i])
			tree_print(keys, &keys->list[i], seen, 0);
	free(seen);
	return TPMADM_OK;
}

/* --- one key --- */

struct details {
	const struct key *key;
	UINT32 usage, bits, can_migrate, authorised;
};

static TSS_RESULT details_work(const struct link *link, void *arg)
{
	struct details *d = arg;
	struct {
		UINT32 attribute, *value;
	} wanted[] = {
		{ TSS_TSPATTRIB_KEYINFO_USAGE, &d->usage },
		{ TSS_TSPATTRIB_KEYINFO_SIZE, &d->bits },
		{ TSS_TSPATTRIB_KEYINFO_MIGRATABLE, &d->can_migrate },
		{ TSS_TSPATTRIB_KEYINFO_AUTHUSAGE, &d->authorised },
	};
	TSS_HKEY handle;
	TSS_RESULT r = Tspi_Context_GetKeyByUUID(link->context, d->key->store, d->key->uuid, &handle);

	if (r != TSS_SUCCESS)
		return r;
	for (size_t i = 0; r == TSS_SUCCESS && i < sizeof wanted / sizeof wanted[0]; i++)
		r = Tspi_GetAttribUint32(handle, TSS_TSPATTRIB_KEY_INFO, wanted[i].attribute,
			wanted[i].value);
	Tspi_Context_CloseObject(link->context, handle);
	return r;
}

static const char *usage_name(UINT32 usage)
{
	static const char *const names[] = {
		[TSS_KEYUSAGE_BIND] = "bind",
		[TSS_KEYUSAGE_IDENTITY] = "identity",
		[TSS_KEYUSAGE_LEGACY] = "legacy (signs and decrypts)",
		[TSS_KEYUSAGE_SIGN] = "signing",
		[TSS_KEYUSAGE_STORAGE] = "storage",
		[TSS_KEYUSAGE_AUTHCHANGE] = "authorisation change",
		[TSS_KEYUSAGE_MIGRATE] = "migration",
	};

	return usage < sizeof names / sizeof names[0] ? names[usage] : "not known";
}

static int details_print(const struct keys *keys, const struct key *key)
{
	struct details d = { .key = key };
	TSS_RESULT r = link_run_bare(details_work, &d);
	char uuid[UUID_TEXT_LEN + 1], parent[UUID_TEXT_LEN + 1];

	if (r != TSS_SUCCESS)
		return tpmadm_fail(WHAT, r);
	uuid_format(&key->uuid, uuid);
	uuid_format(&key->parent, parent);
	printf("UUID:           %s%s\n", uuid, uuid_is_srk(&key->uuid) ? " (storage root key)" : "");
	printf("Store:          %s\n", key_store(key));
	if (!uuid_is_srk(&key->uuid))
		printf("Parent:         %s%s\n", parent,
			uuid_is_srk(&key->parent) ? " (storage root key)" : "");
	printf("Children:       %zu\n", keys_children(keys, key));
	printf("Type:           %s\n", usage_name(d.usage));
	printf("Size:           %u bits\n", (unsigned int)d.bits);
	printf("Authorisation:  %s\n", d.authorised != 0 ? "needed" : "none");
	printf("Migratable:     %s\n", d.can_migrate != 0 ? "yes" : "no");
	printf("In the TPM:     %s\n", key->loaded ? "yes"
		: key->store == TSS_PS_TYPE_USER ? "when it is used" : "no");
	return TPMADM_OK;
}

static int keyinfo_run(const struct args *args)
{
	struct keys keys = { NULL, 0 };
	const struct key *key = NULL;
	TSS_UUID uuid;
	TSS_RESULT r;
	int status;

	if (args->operand != NULL && !uuid_parse(args->operand, &uuid)) {
		tpmadm_error("keyinfo: %s is no UUID", args->operand);
		return TPMADM_USAGE;
	}
	r = keys_read(&keys);
	if (r == TSS_SUCCESS && args->operand != NULL)
		key = keys_find(&keys, &uuid);
	if (r != TSS_SUCCESS)
		status = tpmadm_fail(WHAT, r);
	else if (args->operand == NULL)
		status = all_print(&keys);
	else if (key == NULL)
		status = tpmadm_error("keyinfo: there is no key of that UUID; tpmadm keyinfo lists them");
	else
		status = details_print(&keys, key);
	keys_free(&keys);
	return status;
}

const struct command cmd_keyinfo = { "keyinfo", "[UUID]", "", "", false, keyinfo_run };
