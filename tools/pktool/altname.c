/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/extensions.h"

#include <string.h>
#include <strings.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>

#include "pktool/name.h"
#include "pktool/pktool.h"

/* How a Kerberos principal stands in a certificate (RFC 4556, 3.2.2). */
struct principal_name {
	ASN1_INTEGER *type;
	STACK_OF(ASN1_GENERALSTRING) *parts;
};

struct principal {
	ASN1_GENERALSTRING *realm;
	struct principal_name *name;
};

typedef struct principal_name PRINCIPAL_NAME;
typedef struct principal PRINCIPAL;

ASN1_SEQUENCE(PRINCIPAL_NAME) = {
	ASN1_EXP(PRINCIPAL_NAME, type, ASN1_INTEGER, 0),
	ASN1_EXP_SEQUENCE_OF(PRINCIPAL_NAME, parts, ASN1_GENERALSTRING, 1),
} static_ASN1_SEQUENCE_END(PRINCIPAL_NAME)

ASN1_SEQUENCE(PRINCIPAL) = {
	ASN1_EXP(PRINCIPAL, realm, ASN1_GENERALSTRING, 0),
	ASN1_EXP(PRINCIPAL, name, PRINCIPAL_NAME, 1),
} static_ASN1_SEQUENCE_END(PRINCIPAL)

enum principal_type { PRINCIPAL_USER = 1, PRINCIPAL_SERVICE = 2 };

/* --- other names --- */

static bool other_set(GENERAL_NAME *name, const char *oid, ASN1_TYPE *value)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);

	if (object != NULL && value != NULL && GENERAL_NAME_set0_othername(name, object, value) == 1)
		return true;
	ASN1_OBJECT_free(object);
	ASN1_TYPE_free(value);
	return false;
}

static bool upn_set(GENERAL_NAME *name, const char *text, size_t n)
{
	ASN1_TYPE *value = ASN1_TYPE_new();
	ASN1_STRING *string = NULL;

	if (value == NULL
		|| ASN1_mbstring_copy(
			   &string, (const unsigned char *)text, (int)n, MBSTRING_UTF8, B_ASN1_UTF8STRING)
			< 0) {
		ASN1_TYPE_free(value);
		return false;
	}
	ASN1_TYPE_set(value, V_ASN1_UTF8STRING, string);
	return other_set(name, "1.3.6.1.4.1.311.20.2.3", value);
}

/* "a/b" before the at sign. */
static bool parts_add(STACK_OF(ASN1_GENERALSTRING) *parts, const char *text, size_t n)
{
	while (n > 0) {
		const char *slash = memchr(text, '/', n);
		size_t len = slash == NULL ? n : (size_t)(slash - text);
		ASN1_GENERALSTRING *part = ASN1_GENERALSTRING_new();

		if (part == NULL || ASN1_STRING_set(part, text, (int)len) != 1
			|| sk_ASN1_GENERALSTRING_push(parts, part) <= 0) {
			ASN1_GENERALSTRING_free(part);
			return false;
		}
		len += slash == NULL ? 0 : 1;
		text += len;
		n -= len;
	}
	return true;
}

static bool krb_set(GENERAL_NAME *name, const char *text, size_t n)
{
	PRINCIPAL *principal = (PRINCIPAL *)ASN1_item_new(ASN1_ITEM_rptr(PRINCIPAL));
	const char *at = memchr(text, '@', n);
	ASN1_TYPE *value = NULL;

	if (principal != NULL && at != NULL
		&& ASN1_STRING_set(principal->realm, at + 1, (int)(text + n - at - 1)) == 1
		&& ASN1_INTEGER_set(principal->name->type,
			   memchr(text, '/', n) == NULL ? PRINCIPAL_USER : PRINCIPAL_SERVICE)
			== 1
		&& parts_add(principal->name->parts, text, (size_t)(at - text)))
		(void)ASN1_TYPE_pack_sequence(ASN1_ITEM_rptr(PRINCIPAL), principal, &value);
	ASN1_item_free((ASN1_VALUE *)principal, ASN1_ITEM_rptr(PRINCIPAL));
	return other_set(name, "1.3.6.1.5.2.2", value);
}

/* --- the types --- */

static const struct type {
	const char *tag;
	int type;
	const char *needs; /* in each of them */
	const char *example;
	bool (*set)(GENERAL_NAME *name, const char *text, size_t n);
} types[] = {
	{ "IP", GEN_IPADD, "", "IP=192.0.2.1", NULL },
	{ "DNS", GEN_DNS, "", "DNS=www.example.com", NULL },
	{ "EMAIL", GEN_EMAIL, "@", "EMAIL=joe@example.com", NULL },
	{ "URI", GEN_URI, ":", "URI=https://www.example.com/", NULL },
	{ "DN", GEN_DIRNAME, "=", "DN=O=Example, CN=Joe", NULL },
	{ "KRB", GEN_OTHERNAME, "@", "KRB=joe@EXAMPLE.COM", krb_set },
	{ "UPN", GEN_OTHERNAME, "@", "UPN=joe@example.com", upn_set },
	{ "RID", GEN_RID, ".", "RID=1.3.6.1.4.1.32473", NULL },
};
#define N_TYPES (sizeof types / sizeof types[0])

/* The type that text begins with, its tag and the "=" skipped. */
static const struct type *type_take(const char **text)
{
	const char *start = *text + strspn(*text, " \t\n");

	for (size_t i = 0; i < N_TYPES; i++) {
		size_t n = strlen(types[i].tag);

		if (strncasecmp(start, types[i].tag, n) == 0 && start[n] == '=') {
			*text = start + n + 1;
			return &types[i];
		}
	}
	return NULL;
}

/* Up to a comma behind which another type comes: a name has commas of its own. */
static size_t value_length(const char *text)
{
	for (const char *p = text; (p = strchr(p, ',')) != NULL; p++) {
		const char *next = p + 1;

		if (type_take(&next) != NULL)
			return (size_t)(p - text);
	}
	return strlen(text);
}

/* All but DN and UPN are ASCII in a certificate, and have no blanks. */
static bool value_is_plain(const char *value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (value[i] <= ' ' || value[i] > '~')
			return false;
	return n > 0;
}

/* At least one byte on either side of what must be there, but for what follows "URI=x:". */
static bool value_fits(const struct type *type, const char *value)
{
	const char *found = strstr(value, type->needs);

	if (type->type != GEN_DIRNAME && type->set != upn_set && !value_is_plain(value, strlen(value)))
		return false;
	return type->needs[0] == '\0' || (found != NULL && found != value && found[1] != '\0');
}

static GENERAL_NAME *name_make(const struct type *type, const char *value)
{
	GENERAL_NAME *name = NULL;
	X509_NAME *directory;

	if (type->type == GEN_DIRNAME) {
		directory = name_read("altname: DN", value);
		name = directory == NULL ? NULL : GENERAL_NAME_new();
		if (name != NULL)
			GENERAL_NAME_set0_value(name, GEN_DIRNAME, directory);
		else
			X509_NAME_free(directory);
		return name;
	}
	if (value_fits(type, value)) {
		if (type->set == NULL)
			name = a2i_GENERAL_NAME(NULL, NULL, NULL, type->type, value, 0);
		else if ((name = GENERAL_NAME_new()) != NULL && !type->set(name, value, strlen(value))) {
			GENERAL_NAME_free(name);
			name = NULL;
		}
	}
	ERR_clear_error();
	if (name == NULL)
		pktool_error("altname: \"%.60s\" is no value for %s; for example: %s", value, type->tag,
			type->example);
	return name;
}

static bool name_add(GENERAL_NAMES *names, const char **text)
{
	const struct type *type = type_take(text);
	size_t n = type == NULL ? 0 : value_length(*text);
	char *value = type == NULL ? NULL : OPENSSL_strndup(*text, n);
	GENERAL_NAME *name = value == NULL ? NULL : name_make(type, value);
	bool ok = name != NULL && sk_GENERAL_NAME_push(names, name) > 0;

	if (type == NULL)
		pktool_error("altname: it begins with IP=, DNS=, EMAIL=, URI=, DN=, KRB=, UPN= or RID=");
	if (!ok)
		GENERAL_NAME_free(name);
	OPENSSL_free(value);
	*text += (*text)[n] == ',' ? n + 1 : n;
	return ok;
}

GENERAL_NAMES *altname_read(const char *text)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	bool ok = names != NULL;

	do
		ok = ok && name_add(names, &text);
	while (ok && *text != '\0');
	if (ok)
		return names;
	GENERAL_NAMES_free(names);
	return NULL;
}
