/* SPDX-License-Identifier: BSD-2-Clause */
/* C_WrapKey and C_UnwrapKey of generic secret keys with RSA_PKCS. */
#include "p11_conf.h"

#include <string.h>

#define VALUE "a value to be wrapped"
#define VALUE_LEN (sizeof(VALUE) - 1)

static CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 };

#define SECRET A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET)

static CK_RV wrap_rv(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key)
{
	unsigned char wrapped[P11_MAX_BYTES];
	CK_ULONG length = sizeof(wrapped);

	return p11->C_WrapKey(session, &rsa, wrapping, key, wrapped, &length);
}

static CK_RV unwrap_rv(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE unwrapping, unsigned char *wrapped,
	CK_ULONG length)
{
	CK_ATTRIBUTE t[] = { SECRET, A_TEXT(CKA_LABEL, "refused") };
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	return p11->C_UnwrapKey(session, &rsa, unwrapping, wrapped, length, TEMPLATE(t), &key);
}

static size_t wrap_softly(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE public, const char *value,
	unsigned char wrapped[P11_MAX_BYTES])
{
	EVP_PKEY *key = p11_read_public(session, public);
	size_t length = p11_soft_encrypt(key, (const unsigned char *)value, strlen(value), wrapped);

	EVP_PKEY_free(key);
	return length;
}

static void there_and_back(void)
{
	static const CK_ULONG sizes[] = { 512, 1024, 2048 };
	CK_ATTRIBUTE t[] = { SECRET, A_TEXT(CKA_LABEL, "unwrapped") };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = p11_secret(session, VALUE, VALUE_LEN), back;
	unsigned char wrapped[P11_MAX_BYTES];
	size_t i;

	for (i = 0; i < COUNT_OF(sizes); i++) {
		struct p11_pair pair = p11_shared_pair(session, sizes[i]);
		CK_ULONG length = sizeof(wrapped);

		tap_about("%lu bits", sizes[i]);
		RV_EQUAL(p11->C_WrapKey(session, &rsa, pair.public, key, wrapped, &length), CKR_OK);
		ULONG_EQUAL(length, sizes[i] / 8);
		RV_MUST(p11->C_UnwrapKey(session, &rsa, pair.private, wrapped, length, TEMPLATE(t), &back),
			CKR_OK);
		p11_check_text(session, back, CKA_VALUE, VALUE);
		ULONG_EQUAL(p11_get_ulong(session, back, CKA_VALUE_LEN), VALUE_LEN);
		p11_check_text(session, back, CKA_LABEL, "unwrapped");
	}
}

/* What openssl encrypts is a wrapped key, and a wrapped key is what openssl decrypts. */
static void openssl_too(void)
{
	CK_ATTRIBUTE t[] = { SECRET, A_ULONG(CKA_VALUE_LEN, 16) };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 2048);
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	unsigned char wrapped[P11_MAX_BYTES], block[P11_MAX_BYTES];
	CK_ULONG length = wrap_softly(session, pair.public, "0123456789abcdef", wrapped);

	RV_EQUAL(p11->C_UnwrapKey(session, &rsa, pair.private, wrapped, length, TEMPLATE(t), &key), CKR_OK);
	p11_check_text(session, key, CKA_VALUE, "0123456789abcdef");

	length = sizeof(wrapped);
	RV_EQUAL(p11->C_WrapKey(session, &rsa, p11_soft_public(session, 1024, NO_TEMPLATE), key, wrapped,
			 &length),
		CKR_OK);
	p11_soft_raw_private(p11_soft_key(1024), wrapped, block);
	CHECK(memcmp(block, "\0\2", 2) == 0 && block[128 - 17] == 0);
	CHECK(memchr(block + 2, 0, 128 - 17 - 2) == NULL);
	CHECK(memcmp(block + 128 - 16, "0123456789abcdef", 16) == 0);
}

static void unwrapped_flags(void)
{
	static const struct p11_bool flags[] = {
		{ CKA_TOKEN, CK_FALSE },	  { CKA_PRIVATE, CK_TRUE },
		{ CKA_SENSITIVE, CK_FALSE },	  { CKA_EXTRACTABLE, CK_TRUE },
		{ CKA_LOCAL, CK_FALSE },	  { CKA_ALWAYS_SENSITIVE, CK_FALSE },
		{ CKA_NEVER_EXTRACTABLE, CK_FALSE },
	};
	static const struct p11_bool closed_flags[] = {
		{ CKA_SENSITIVE, CK_TRUE },	    { CKA_EXTRACTABLE, CK_FALSE },
		{ CKA_ALWAYS_SENSITIVE, CK_FALSE }, { CKA_NEVER_EXTRACTABLE, CK_FALSE },
	};
	CK_ATTRIBUTE open[] = { SECRET };
	CK_ATTRIBUTE closed[] = { SECRET, A_BOOL(CKA_SENSITIVE, true), A_BOOL(CKA_EXTRACTABLE, false) };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char wrapped[P11_MAX_BYTES];
	CK_ULONG length = wrap_softly(session, pair.public, VALUE, wrapped);
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	RV_MUST(p11->C_UnwrapKey(session, &rsa, pair.private, wrapped, length, TEMPLATE(open), &key), CKR_OK);
	CHECK_BOOLS(session, key, flags);
	ULONG_EQUAL(p11_get_ulong(session, key, CKA_KEY_GEN_MECHANISM), CK_UNAVAILABLE_INFORMATION);
	RV_MUST(p11->C_UnwrapKey(session, &rsa, pair.private, wrapped, length, TEMPLATE(closed), &key),
		CKR_OK);
	CHECK_BOOLS(session, key, closed_flags);
	RV_EQUAL(p11_get_rv(session, key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
	ULONG_EQUAL(p11_get_ulong(session, key, CKA_VALUE_LEN), VALUE_LEN);
}

static int use_elsewhere(void *argument)
{
	CK_SESSION_HANDLE session;

	p11_start();
	session = p11_open_user();
	p11_check_text(session, p11_find(session, CKO_SECRET_KEY, argument), CKA_VALUE, VALUE);
	return 0;
}

static void to_the_token(void)
{
	char label[] = "unwrapped to the token";
	CK_ATTRIBUTE t[] = { SECRET, A_BOOL(CKA_TOKEN, true), A_TEXT(CKA_LABEL, "unwrapped to the token") };
	CK_SESSION_HANDLE session = p11_shared_token(), read_only = p11_open_ro();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char wrapped[P11_MAX_BYTES];
	CK_ULONG length = wrap_softly(session, pair.public, VALUE, wrapped);
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	RV_EQUAL(p11->C_UnwrapKey(read_only, &rsa, pair.private, wrapped, length, TEMPLATE(t), &key),
		CKR_SESSION_READ_ONLY);
	RV_MUST(p11->C_UnwrapKey(session, &rsa, pair.private, wrapped, length, TEMPLATE(t), &key), CKR_OK);
	ULONG_EQUAL(p11_in_child(use_elsewhere, label), 0);
	RV_EQUAL(p11->C_DestroyObject(session, key), CKR_OK);
}

static void wrap_lengths(void)
{
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE wrapping = p11_soft_public(session, 1024, NO_TEMPLATE);
	CK_OBJECT_HANDLE key = p11_secret(session, VALUE, VALUE_LEN);
	unsigned char wrapped[P11_MAX_BYTES];
	CK_ULONG length = (CK_ULONG)-1;

	RV_EQUAL(p11->C_WrapKey(session, &rsa, wrapping, key, NULL, &length), CKR_OK);
	ULONG_EQUAL(length, 128);
	length = 127;
	RV_EQUAL(p11->C_WrapKey(session, &rsa, wrapping, key, wrapped, &length), CKR_BUFFER_TOO_SMALL);
	ULONG_EQUAL(length, 128);
	RV_EQUAL(p11->C_WrapKey(session, &rsa, wrapping, key, wrapped, &length), CKR_OK);
	ULONG_EQUAL(length, 128);
	RV_EQUAL(p11->C_WrapKey(session, &rsa, wrapping, key, wrapped, NULL), CKR_ARGUMENTS_BAD);
	length = 128;
	RV_EQUAL(p11->C_WrapKey(session, NULL, wrapping, key, wrapped, &length), CKR_ARGUMENTS_BAD);
}

static void keys_not_wrapped(void)
{
	static unsigned char long_value[118];
	CK_ATTRIBUTE unextractable[] = { A_BOOL(CKA_EXTRACTABLE, false) };
	CK_ATTRIBUTE extractable[] = { A_BOOL(CKA_EXTRACTABLE, true) };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	CK_OBJECT_HANDLE wrapping = p11_soft_public(session, 1024, NO_TEMPLATE);
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	RV_MUST(p11_secret_rv(session, "s", 1, TEMPLATE(unextractable), &key), CKR_OK);
	RV_EQUAL(wrap_rv(session, wrapping, key), CKR_KEY_UNEXTRACTABLE);
	RV_EQUAL(wrap_rv(session, wrapping, p11_soft_private(session, 512, TEMPLATE(extractable))),
		CKR_KEY_NOT_WRAPPABLE);
	/* A generated one is not extractable either. */
	RV_ONE_OF(wrap_rv(session, wrapping, pair.private), CKR_KEY_NOT_WRAPPABLE, CKR_KEY_UNEXTRACTABLE);
	RV_ONE_OF(wrap_rv(session, wrapping, pair.public), CKR_KEY_NOT_WRAPPABLE, CKR_KEY_HANDLE_INVALID);
	RV_EQUAL(wrap_rv(session, wrapping, p11_data(session, "no key", false, false)),
		CKR_KEY_HANDLE_INVALID);
	RV_EQUAL(wrap_rv(session, wrapping, NO_KEY), CKR_KEY_HANDLE_INVALID);
	RV_EQUAL(wrap_rv(session, wrapping, p11_secret(session, long_value, 117)), CKR_OK);
	RV_ONE_OF(wrap_rv(session, wrapping, p11_secret(session, long_value, 118)), CKR_KEY_SIZE_RANGE,
		CKR_WRAPPING_KEY_SIZE_RANGE);
}

static void keys_that_do_not_wrap(void)
{
	CK_ATTRIBUTE no_wrap[] = { A_BOOL(CKA_WRAP, false) }, wraps[] = { A_BOOL(CKA_WRAP, true) };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	CK_OBJECT_HANDLE key = p11_secret(session, VALUE, VALUE_LEN), secret = CK_INVALID_HANDLE;
	CK_MECHANISM sign = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_MECHANISM parameter = { CKM_RSA_PKCS, &(CK_ULONG){ 1 }, sizeof(CK_ULONG) };
	unsigned char wrapped[P11_MAX_BYTES];
	CK_ULONG length = sizeof(wrapped);

	RV_EQUAL(wrap_rv(session, p11_soft_public(session, 1024, TEMPLATE(no_wrap)), key),
		CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_EQUAL(wrap_rv(session, NO_KEY, key), CKR_WRAPPING_KEY_HANDLE_INVALID);
	RV_ONE_OF(wrap_rv(session, pair.private, key), CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
		CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_MUST(p11_secret_rv(session, "wraps", 5, TEMPLATE(wraps), &secret), CKR_OK);
	RV_EQUAL(wrap_rv(session, secret, key), CKR_WRAPPING_KEY_TYPE_INCONSISTENT);
	RV_EQUAL(p11->C_WrapKey(session, &sign, pair.public, key, wrapped, &length), CKR_MECHANISM_INVALID);
	RV_EQUAL(p11->C_WrapKey(session, &parameter, pair.public, key, wrapped, &length),
		CKR_MECHANISM_PARAM_INVALID);
}

static void not_unwrapped(void)
{
	CK_ATTRIBUTE no_unwrap[] = { A_BOOL(CKA_UNWRAP, false) };
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char wrapped[P11_MAX_BYTES], garbage[P11_MAX_BYTES];
	CK_ULONG length = wrap_softly(session, pair.public, VALUE, wrapped);

	memset(garbage, 0x11, sizeof(garbage));
	RV_EQUAL(unwrap_rv(session, pair.private, garbage, 128), CKR_WRAPPED_KEY_INVALID);
	wrapped[127] ^= 1;
	RV_EQUAL(unwrap_rv(session, pair.private, wrapped, 128), CKR_WRAPPED_KEY_INVALID);
	wrapped[127] ^= 1;
	RV_EQUAL(unwrap_rv(session, pair.private, wrapped, 127), CKR_WRAPPED_KEY_LEN_RANGE);
	RV_EQUAL(unwrap_rv(session, pair.private, garbage, 129), CKR_WRAPPED_KEY_LEN_RANGE);
	RV_EQUAL(unwrap_rv(session, pair.private, wrapped, 0), CKR_WRAPPED_KEY_LEN_RANGE);
	RV_EQUAL(unwrap_rv(session, NO_KEY, wrapped, length), CKR_UNWRAPPING_KEY_HANDLE_INVALID);
	RV_ONE_OF(unwrap_rv(session, pair.public, wrapped, length), CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
		CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_EQUAL(unwrap_rv(session, p11_soft_private(session, 1024, TEMPLATE(no_unwrap)), wrapped, length),
		CKR_KEY_FUNCTION_NOT_PERMITTED);
	RV_EQUAL(unwrap_rv(session, pair.private, NULL, length), CKR_ARGUMENTS_BAD);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "refused"), 0);
	RV_EQUAL(unwrap_rv(session, pair.private, wrapped, length), CKR_OK);
}

#define REFUSED A_TEXT(CKA_LABEL, "refused template")

static CK_ATTRIBUTE good[] = { SECRET, REFUSED };
static CK_ATTRIBUTE no_type[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), REFUSED };
static CK_ATTRIBUTE aes[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, CKK_AES), REFUSED };
static CK_ATTRIBUTE private[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, CKK_RSA),
	REFUSED };
static CK_ATTRIBUTE data[] = { A_ULONG(CKA_CLASS, CKO_DATA), REFUSED };
static CK_ATTRIBUTE value[] = { SECRET, REFUSED, A_TEXT(CKA_VALUE, VALUE) };
static CK_ATTRIBUTE other_length[] = { SECRET, REFUSED, A_ULONG(CKA_VALUE_LEN, VALUE_LEN + 1) };
static CK_ATTRIBUTE unknown[] = { SECRET, REFUSED, A_ULONG(0x0badf00d, 1) };
static CK_ATTRIBUTE local[] = { SECRET, REFUSED, A_BOOL(CKA_LOCAL, true) };

static void templates_refused(void)
{
	const struct p11_refusal rows[] = {
		P11_REFUSAL(no_type, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCOMPLETE),
		P11_REFUSAL(aes, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID),
		P11_REFUSAL(private, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID),
		P11_REFUSAL(data, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID),
		P11_REFUSAL(value, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT),
		P11_REFUSAL(other_length, CKR_TEMPLATE_INCONSISTENT, CKR_WRAPPED_KEY_LEN_RANGE),
		P11_REFUSAL(unknown, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_TYPE_INVALID),
		P11_REFUSAL(local, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT),
		{ "NULL", NULL, 1, CKR_ARGUMENTS_BAD, CKR_ARGUMENTS_BAD },
	};
	CK_SESSION_HANDLE session = p11_shared_token();
	struct p11_pair pair = p11_shared_pair(session, 1024);
	unsigned char wrapped[P11_MAX_BYTES];
	CK_ULONG length = wrap_softly(session, pair.public, VALUE, wrapped);
	CK_OBJECT_HANDLE key;
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		tap_about("template %s", rows[i].name);
		RV_ONE_OF(p11->C_UnwrapKey(session, &rsa, pair.private, wrapped, length, rows[i].template,
				  rows[i].count, &key),
			rows[i].one, rows[i].other);
	}
	RV_EQUAL(p11->C_UnwrapKey(session, &rsa, pair.private, wrapped, length, TEMPLATE(good), NULL),
		CKR_ARGUMENTS_BAD);
	RV_EQUAL(p11->C_UnwrapKey(session, NULL, pair.private, wrapped, length, TEMPLATE(good), &key),
		CKR_ARGUMENTS_BAD);
	ULONG_EQUAL(p11_count(session, ANY_CLASS, "refused template"), 0);
}

/* Sensitive keys may be wrapped as long as they are extractable. */
static void sensitive_keys(void)
{
	CK_ATTRIBUTE sensitive[] = { A_BOOL(CKA_SENSITIVE, true) };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	RV_MUST(p11_secret_rv(session, VALUE, VALUE_LEN, TEMPLATE(sensitive), &key), CKR_OK);
	RV_EQUAL(wrap_rv(session, p11_soft_public(session, 512, NO_TEMPLATE), key), CKR_OK);
}

/* Keys of the session that are nobody's secret, in a read-only session. */
static void without_login(void)
{
	CK_ATTRIBUTE open[] = { A_BOOL(CKA_PRIVATE, false) };
	CK_ATTRIBUTE open_secret[] = { SECRET, A_BOOL(CKA_PRIVATE, false) }, hidden[] = { SECRET };
	CK_SESSION_HANDLE session = p11_shared_token();
	CK_OBJECT_HANDLE private_key, key = CK_INVALID_HANDLE, back = CK_INVALID_HANDLE;
	unsigned char wrapped[P11_MAX_BYTES];
	CK_ULONG length = sizeof(wrapped);

	RV_MUST(p11->C_CloseSession(session), CKR_OK);
	session = p11_open_ro();
	private_key = p11_soft_private(session, 1024, TEMPLATE(open));
	RV_MUST(p11_secret_rv(session, VALUE, VALUE_LEN, TEMPLATE(open), &key), CKR_OK);
	RV_EQUAL(p11->C_WrapKey(session, &rsa, p11_soft_public(session, 1024, NO_TEMPLATE), key, wrapped,
			 &length),
		CKR_OK);
	RV_EQUAL(p11->C_UnwrapKey(session, &rsa, private_key, wrapped, length, TEMPLATE(hidden), &back),
		CKR_USER_NOT_LOGGED_IN);
	RV_EQUAL(p11->C_UnwrapKey(session, &rsa, private_key, wrapped, length, TEMPLATE(open_secret), &back),
		CKR_OK);
	p11_check_text(session, back, CKA_VALUE, VALUE);
}

static const struct tap_case cases[] = {
	{ "wrapped and unwrapped at every key size", there_and_back },
	{ "openssl wraps and unwraps the same", openssl_too },
	{ "the flags of an unwrapped key", unwrapped_flags },
	{ "unwrapped to the token", to_the_token },
	{ "queries, small buffers and NULL of C_WrapKey", wrap_lengths },
	{ "keys that are not wrapped", keys_not_wrapped },
	{ "keys and mechanisms that do not wrap", keys_that_do_not_wrap },
	{ "what does not unwrap", not_unwrapped },
	{ "templates that C_UnwrapKey refuses", templates_refused },
	{ "wrapped and unwrapped without login", without_login },
	{ "a sensitive key that is extractable is wrapped", sensitive_keys },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "wrapping", cases);
}
