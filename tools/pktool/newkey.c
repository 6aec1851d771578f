/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/newkey.h"

#include <string.h>

#include "pktool/extensions.h"
#include "pktool/keypair.h"
#include "pktool/keys.h"
#include "pktool/name.h"
#include "pktool/objects.h"
#include "pktool/pktool.h"
#include "pktool/values.h"

bool newkey_read(struct newkey *newkey, const struct words *words)
{
	const char *format = words_value(words, "format");

	newkey->words = words;
	newkey->label = words_value(words, "label");
	newkey->bits = KEYPAIR_BITS;
	newkey->der = format != NULL && strcmp(format, "der") == 0;
	newkey->signer.hash = hash_find(words_value(words, "hash"));
	if (!value_number(words, "keylen", KEYPAIR_BITS_MIN, KEYPAIR_BITS_MAX, &newkey->bits)
		|| !hash_fits(newkey->signer.hash, newkey->bits)
		|| !extensions_read(words, &newkey->extensions, &newkey->authority))
		return false;
	newkey->subject = name_from(words);
	return newkey->subject != NULL;
}

bool newkey_make(struct newkey *newkey)
{
	const struct keypair_request request = { .bits = newkey->bits, .label = newkey->label };
	const char *pinfile = words_value(newkey->words, "pinfile");
	struct session *session = &newkey->session;
	CK_OBJECT_HANDLE public_key, private_key;

	if (!session_open(session, words_value(newkey->words, "token"), SESSION_WRITE)
		|| !session_login(session, pinfile) || !keys_label_is_free(session, newkey->label)
		|| !keypair_make(session, &request, &public_key, &private_key))
		return false;
	newkey->created.session = session;
	created_take(&newkey->created, public_key);
	created_take(&newkey->created, private_key);
	newkey->signer.session = session;
	newkey->signer.key = private_key;
	newkey->signer.pinfile = pinfile;
	newkey->signer.public_key = keys_public(session, public_key);
	if (newkey->signer.public_key == NULL)
		return false;
	if (objects_value(session, private_key, CKA_ID, &newkey->id))
		return true;
	pktool_error("the id of the new key cannot be read");
	return false;
}

void newkey_free(struct newkey *newkey, bool done)
{
	if (!done && newkey->created.session != NULL)
		created_undo(&newkey->created);
	session_close(&newkey->session);
	EVP_PKEY_free(newkey->signer.public_key);
	X509_NAME_free(newkey->subject);
	sk_X509_EXTENSION_pop_free(newkey->extensions, X509_EXTENSION_free);
	buf_free(&newkey->id);
}
