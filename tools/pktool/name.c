/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/name.h"

#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/objects.h>

#include "common/terminal.h"
#include "pktool/words.h"
#include "pktool/pktool.h"
#include "util/buf.h"

static const struct {
	const char *key;
	int nid;
} attributes[] = {
	{ "C", NID_countryName },
	{ "ST", NID_stateOrProvinceName },
	{ "S", NID_stateOrProvinceName },
	{ "L", NID_localityName },
	{ "O", NID_organizationName },
	{ "OU", NID_organizationalUnitName },
	{ "CN", NID_commonName },
	{ "emailAddress", NID_pkcs9_emailAddress },
	{ "E", NID_pkcs9_emailAddress },
	{ "MAIL", NID_rfc822Mailbox },
	{ "DC", NID_domainComponent },
	{ "UID", NID_userId },
	{ "STREET", NID_streetAddress },
	{ "postalCode", NID_postalCode },
	{ "T", NID_title },
	{ "title", NID_title },
	{ "SN", NID_surname },
	{ "surname", NID_surname },
	{ "GN", NID_givenName },
	{ "givenName", NID_givenName },
	{ "initials", NID_initials },
	{ "generationQualifier", NID_generationQualifier },
	{ "pseudonym", NID_pseudonym },
	{ "dnQualifier", NID_dnQualifier },
	{ "DNQ", NID_dnQualifier },
	{ "serialNumber", NID_serialNumber },
	{ "description", NID_description },
	{ "name", NID_name },
};

struct parser {
	const char *word;
	const char *at;
	X509_NAME *name;
};

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_blanks(struct parser *p)
{
	while (is_blank(*p->at))
		p->at++;
}

/* --- values --- */

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF",
		   *found = c == '\0' ? NULL : strchr(digits, c);

	return found == NULL ? -1 : (int)(found - digits) & 15;
}

/* What stands behind a backslash: a character of the syntax, or a byte in two hex digits. */
static bool escape_read(struct parser *p, struct buf *value)
{
	int high = hex_digit(p->at[0]), low = high < 0 ? -1 : hex_digit(p->at[1]);

	if (low >= 0 && (high | low) != 0) {
		buf_put_u8(value, (uint8_t)(high << 4 | low));
		p->at += 2;
		return true;
	}
	if (*p->at != '\0' && strchr(" \"#+,;<=>\\", *p->at) != NULL) {
		buf_put_u8(value, (uint8_t)*p->at++);
		return true;
	}
	pktool_error("%s: a backslash stands before one of , + \" \\ < > ; = # or two hex digits", p->word);
	return false;
}

static bool quoted_read(struct parser *p, struct buf *value)
{
	for (p->at++; *p->at != '"';) {
		if (*p->at == '\0') {
			pktool_error("%s: a quote is not closed", p->word);
			return false;
		}
		if (*p->at != '\\')
			buf_put_u8(value, (uint8_t)*p->at++);
		else if (p->at++, !escape_read(p, value))
			return false;
	}
	p->at++;
	return true;
}

/* Blanks at its end do not count, unless they were escaped. */
static bool bare_read(struct parser *p, struct buf *value)
{
	size_t counts = 0;

	while (*p->at != '\0' && strchr(",;+", *p->at) == NULL) {
		if (*p->at == '"') {
			pktool_error("%s: a quote within a value needs a backslash before it", p->word);
			return false;
		}
		if (*p->at == '\\') {
			p->at++;
			if (!escape_read(p, value))
				return false;
			counts = value->len;
		} else {
			buf_put_u8(value, (uint8_t)*p->at);
			if (!is_blank(*p->at++))
				counts = value->len;
		}
	}
	if (value->len > counts)
		buf_cut(value, counts, value->len - counts);
	return true;
}

static bool value_read(struct parser *p, const char *key, struct buf *value)
{
	skip_blanks(p);
	if (*p->at == '#') {
		pktool_error("%s: %s: a value in the form #HEX is not understood", p->word, key);
		return false;
	}
	if (!(*p->at == '"' ? quoted_read(p, value) : bare_read(p, value)))
		return false;
	skip_blanks(p);
	if (*p->at != '\0' && strchr(",;+", *p->at) == NULL) {
		pktool_error("%s: %s: after a quoted value comes a comma or the end", p->word, key);
		return false;
	}
	return true;
}

/* --- attributes --- */

/* Numbers between points; libcrypto would take a point too many. */
static bool is_oid(const char *key)
{
	size_t n = strlen(key);

	return *key >= '0' && *key <= '2' && strspn(key, "0123456789.") == n && key[n - 1] != '.'
		&& strstr(key, "..") == NULL;
}

static ASN1_OBJECT *attribute_object(const char *word, const char *key)
{
	ASN1_OBJECT *object = NULL;

	for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
		if (strcasecmp(key, attributes[i].key) == 0)
			return OBJ_nid2obj(attributes[i].nid);
	if (strncasecmp(key, "OID.", 4) == 0)
		key += 4;
	if (is_oid(key))
		object = OBJ_txt2obj(key, 1);
	else if (OBJ_sn2nid(key) != NID_undef) /* as name_text() shows them */
		object = OBJ_nid2obj(OBJ_sn2nid(key));
	ERR_clear_error();
	if (object == NULL)
		pktool_error(
			"%s: there is no attribute \"%s\"; C, ST, L, O, OU, CN, emailAddress, DC, UID and "
			"others are known, or an OID in numbers",
			word, key);
	return object;
}

static bool attribute_add(struct parser *p, const char *key, const struct buf *value, bool joined)
{
	ASN1_OBJECT *object = attribute_object(p->word, key);
	bool ok = false;

	if (object == NULL)
		return false;
	if (value->len == 0 || buf_failed(value)) {
		pktool_error("%s: %s has no value", p->word, key);
	} else if (value->len > 32768
		|| X509_NAME_add_entry_by_OBJ(
			   p->name, object, MBSTRING_UTF8, value->data, (int)value->len, -1, joined ? -1 : 0)
			!= 1) {
		unsigned long error = ERR_peek_last_error();
		const char *reason = error == 0 ? NULL : ERR_reason_error_string(error);

		pktool_error("%s: this is no value for %s: %s", p->word, key,
			reason == NULL ? "too long" : reason);
	} else {
		ok = true;
	}
	ERR_clear_error();
	ASN1_OBJECT_free(object);
	return ok;
}

static bool attribute_read(struct parser *p, bool joined)
{
	struct buf value = BUF_INIT;
	char key[64] = "";
	size_t n;
	bool ok;

	skip_blanks(p);
	n = strcspn(p->at, "=,;+\"\\");
	if (p->at[n] != '=') {
		pktool_error(
			"%s: a name reads ATTRIBUTE=VALUE, ATTRIBUTE=VALUE; \"%.30s\" does not (a comma in a "
			"value needs a backslash before it, or the value quotes)",
			p->word, p->at);
		return false;
	}
	for (size_t i = 0; i < n && i < sizeof key - 1; i++)
		key[i] = p->at[i];
	while (n > 0 && n < sizeof key && is_blank(key[n - 1]))
		key[--n] = '\0';
	p->at = strchr(p->at, '=') + 1;
	ok = value_read(p, key, &value) && attribute_add(p, key, &value, joined);
	buf_free(&value);
	return ok;
}

X509_NAME *name_read(const char *word, const char *text)
{
	struct parser p = { word, text, X509_NAME_new() };
	bool joined = false, ok = p.name != NULL;

	while (ok && (ok = attribute_read(&p, joined)) && *p.at != '\0')
		joined = *p.at++ == '+';
	if (ok)
		return p.name;
	X509_NAME_free(p.name);
	return NULL;
}

/* --- asking --- */

/* In the order in which Solaris encodes them, which is not that of its questions. */
static const struct question {
	const char *prompt, *preset, *key;
	int place;
} questions[] = {
	{ "Country Name (2 letter code) [US]:", "US", "C", 0 },
	{ "State or Province Name (full name) [Some-State]:", "Some-State", "ST", 1 },
	{ "Locality Name (eg, city) []:", "", "L", 2 },
	{ "Organization Name (eg, company) []:", "", "O", 3 },
	{ "Organizational Unit Name (eg, section) []:", "", "OU", 4 },
	{ "Common Name (eg, YOUR name) []:", "", "CN", 6 },
	{ "Email Address []:", "", "emailAddress", 5 },
};
#define QUESTIONS (sizeof questions / sizeof questions[0])

static bool answers_ask(struct buf answers[QUESTIONS])
{
	for (size_t i = 0; i < QUESTIONS; i++)
		if (!terminal_line(questions[i].prompt, questions[i].preset, &answers[questions[i].place]))
			return false;
	return true;
}

/* Such as "." are left out. */
static bool answer_is_none(const struct buf *answer)
{
	size_t n = answer->len > 0 && answer->data[answer->len - 1] == '\0' ? answer->len - 1 : answer->len;

	return n == 0 || (n == 1 && answer->data[0] == '.');
}

static bool answers_add(struct parser *p, struct buf answers[QUESTIONS])
{
	for (size_t place = 0; place < QUESTIONS; place++) {
		struct buf *answer = &answers[place];
		const char *key = NULL;

		for (size_t i = 0; i < QUESTIONS; i++)
			if (questions[i].place == (int)place)
				key = questions[i].key;
		if (answer_is_none(answer))
			continue;
		if (answer->data[answer->len - 1] == '\0')
			buf_cut(answer, answer->len - 1, 1);
		if (!attribute_add(p, key, answer, false))
			return false;
	}
	if (X509_NAME_entry_count(p->name) > 0)
		return true;
	pktool_error("subject: a name with nothing in it");
	return false;
}

X509_NAME *name_ask(void)
{
	struct parser p = { "subject", NULL, X509_NAME_new() };
	struct buf answers[QUESTIONS] = { BUF_INIT };
	bool ok = p.name != NULL && answers_ask(answers) && answers_add(&p, answers);

	for (size_t i = 0; i < QUESTIONS; i++)
		buf_free(&answers[i]);
	if (ok)
		return p.name;
	X509_NAME_free(p.name);
	return NULL;
}

X509_NAME *name_from(const struct words *words)
{
	const char *subject = words_value(words, "subject");
	bool asked = words_value(words, "-i") != NULL;

	if (asked != (subject != NULL))
		return asked ? name_ask() : name_read("subject", subject);
	pktool_error(asked ? "subject= and -i are two ways to say one thing"
			   : "subject=DN is missing (or -i, to be asked for it)");
	return NULL;
}

char *name_text(const X509_NAME *name)
{
	BIO *memory = BIO_new(BIO_s_mem());
	char *text = NULL, *data = NULL;
	long n;

	if (memory != NULL
		&& X509_NAME_print_ex(memory, name, 0,
			   ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_UTF8_CONVERT
				   | XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN)
			>= 0
		&& (n = BIO_get_mem_data(memory, &data)) >= 0)
		text = OPENSSL_strndup(data, (size_t)n);
	BIO_free(memory);
	return text;
}
