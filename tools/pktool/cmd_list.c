/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/objects.h"
#include "pktool/pktool.h"
#include "pktool/select.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "pktool/name.h"

static const struct word table[] = {
	SELECT_WORDS,
	{ NULL, WORD_PLAIN, NULL, NULL },
};

static const struct {
	CK_KEY_TYPE type;
	const char *name;
} key_types[] = {
	{ CKK_RSA, "RSA" },
	{ CKK_DSA, "DSA" },
	{ CKK_DH, "DH" },
	{ CKK_EC, "EC" },
	{ CKK_GENERIC_SECRET, "generic" },
	{ CKK_RC4, "ARCFOUR" },
	{ CKK_DES, "DES" },
	{ CKK_DES3, "3DES" },
	{ CKK_AES, "AES" },
};

/* --- fields --- */

static void field_print(const char *name, const char *value)
{
	printf("    %-13s%s\n", name, value);
}

static void label_print(
	struct session *session, CK_OBJECT_HANDLE object, const char *name, CK_ATTRIBUTE_TYPE type)
{
	struct buf value = BUF_INIT;

	if (objects_value(session, object, type, &value) && value.len > 0) {
		char *text = malloc(value.len + 1);

		if (text != NULL) {
			module_text(value.data, value.len, text);
			field_print(name, text);
		}
		free(text);
	}
	buf_free(&value);
}

static void hex_print(
	struct session *session, CK_OBJECT_HANDLE object, const char *name, CK_ATTRIBUTE_TYPE type)
{
	struct buf value = BUF_INIT;

	if (objects_value(session, object, type, &value) && value.len > 0) {
		printf("    %-13s", name);
		for (size_t i = 0; i < value.len; i++)
			printf("%02x", value.data[i]);
		putchar('\n');
	}
	buf_free(&value);
}

static void name_print(const char *field, const X509_NAME *name)
{
	char *text = name_text(name);

	if (text != NULL)
		field_print(field, text);
	OPENSSL_free(text);
}

static void time_print(const char *field, const ASN1_TIME *given)
{
	char text[64] = "?";
	struct tm tm;

	memset(&tm, 0, sizeof tm);
	if (ASN1_TIME_to_tm(given, &tm) == 1)
		(void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm);
	field_print(field, text);
}

static void serial_print(const ASN1_INTEGER *serial)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
	char *text = number != NULL ? BN_bn2hex(number) : NULL;

	for (char *digit = text; digit != NULL && *digit != '\0'; digit++)
		*digit = (char)tolower((unsigned char)*digit);
	if (text != NULL)
		printf("    %-13s%s0x%s\n", "Serial:", text[0] == '-' ? "-" : "",
			text + (text[0] == '-' ? 1 : 0));
	OPENSSL_free(text);
	BN_free(number);
}

/* --- objects --- */

static void certificate_print(struct session *session, CK_OBJECT_HANDLE object)
{
	X509 *certificate = select_certificate(session, object);
	EVP_PKEY *key;
	const char *type;

	if (certificate == NULL) {
		field_print("Value:", "no X.509 certificate that can be read");
		return;
	}
	name_print("Subject:", X509_get_subject_name(certificate));
	name_print("Issuer:", X509_get_issuer_name(certificate));
	serial_print(X509_get0_serialNumber(certificate));
	time_print("Not before:", X509_get0_notBefore(certificate));
	time_print("Not after:", X509_get0_notAfter(certificate));
	key = X509_get0_pubkey(certificate);
	type = key != NULL ? EVP_PKEY_get0_type_name(key) : NULL;
	if (type != NULL)
		printf("    %-13s%s, %d bits\n", "Key:", type, EVP_PKEY_get_bits(key));
	ERR_clear_error();
	X509_free(certificate);
}

/* The name of a named curve, else "". */
static const char *curve_name(const struct buf *params)
{
	const unsigned char *p = params->data;
	ASN1_OBJECT *object = p != NULL ? d2i_ASN1_OBJECT(NULL, &p, (long)params->len) : NULL;
	int nid = object != NULL ? OBJ_obj2nid(object) : NID_undef;
	const char *name = EC_curve_nid2nist(nid);

	ASN1_OBJECT_free(object);
	ERR_clear_error();
	if (name == NULL && nid != NID_undef)
		name = OBJ_nid2sn(nid);
	return name != NULL ? name : "";
}

static size_t bits_of(const struct buf *number)
{
	size_t zeros = 0, bits;

	while (zeros < number->len && number->data[zeros] == 0)
		zeros++;
	if (zeros == number->len)
		return 0;
	bits = (number->len - zeros) * 8;
	for (uint8_t top = number->data[zeros]; (top & 0x80) == 0; top = (uint8_t)(top << 1))
		bits--;
	return bits;
}

/* ", 2048 bits", ", P-256", or nothing where the token does not tell. */
static void size_print(struct session *session, CK_OBJECT_HANDLE object, CK_KEY_TYPE type)
{
	struct buf value = BUF_INIT;
	CK_ULONG len;

	if (type == CKK_EC) {
		if (objects_value(session, object, CKA_EC_PARAMS, &value) && curve_name(&value)[0] != '\0')
			printf(", %s", curve_name(&value));
	} else if (objects_value(session, object, type == CKK_RSA ? CKA_MODULUS : CKA_PRIME, &value)
		&& bits_of(&value) != 0) {
		printf(", %zu bits", bits_of(&value));
	} else if (objects_ulong(session, object, CKA_VALUE_LEN, &len)) {
		printf(", %lu bits", len * 8);
	}
	buf_free(&value);
}

static void key_head_print(struct session *session, CK_OBJECT_HANDLE object, const char *what)
{
	CK_KEY_TYPE type = CK_UNAVAILABLE_INFORMATION;
	const char *name = NULL;

	if (objects_ulong(session, object, CKA_KEY_TYPE, &type))
		for (size_t i = 0; i < sizeof key_types / sizeof key_types[0]; i++)
			if (key_types[i].type == type)
				name = key_types[i].name;
	printf("%s key: ", what);
	if (name != NULL)
		fputs(name, stdout);
	else
		printf("type 0x%lx", type);
	size_print(session, object, type);
}

static void head_print(struct session *session, CK_OBJECT_HANDLE object, CK_OBJECT_CLASS class)
{
	switch (class) {
	case CKO_CERTIFICATE:
		fputs("Certificate", stdout);
		break;
	case CKO_PUBLIC_KEY:
		key_head_print(session, object, "Public");
		break;
	case CKO_PRIVATE_KEY:
		key_head_print(session, object, "Private");
		break;
	case CKO_SECRET_KEY:
		key_head_print(session, object, "Secret");
		break;
	case CKO_DATA:
		fputs("Data", stdout);
		break;
	default:
		printf("Object of class 0x%lx", class);
	}
	putchar('\n');
}

static void object_print(struct session *session, CK_OBJECT_HANDLE object, size_t number)
{
	CK_OBJECT_CLASS class = CK_UNAVAILABLE_INFORMATION;

	(void)objects_ulong(session, object, CKA_CLASS, &class);
	printf("%s%zu. ", number > 1 ? "\n" : "", number);
	head_print(session, object, class);
	label_print(session, object, "Label:", CKA_LABEL);
	hex_print(session, object, "ID:", CKA_ID);
	if (class == CKO_DATA)
		label_print(session, object, "Application:", CKA_APPLICATION);
	if (class == CKO_CERTIFICATE)
		certificate_print(session, object);
}

static int list(
	struct session *session, const CK_OBJECT_HANDLE *handles, size_t count, const struct words *words)
{
	(void)words;
	for (size_t i = 0; i < count; i++)
		object_print(session, handles[i], i + 1);
	if (count == 0)
		puts("No objects found.");
	return PKTOOL_OK;
}

static int run(const struct words *words)
{
	return select_run(words, SESSION_READ, list);
}

const struct command cmd_list = { "list", "shows the objects in a token", table, run };
