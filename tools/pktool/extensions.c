/* SPDX-License-Identifier: BSD-2-Clause */
#include "pktool/extensions.h"

#include <string.h>
#include <strings.h>

#include <openssl/err.h>

#include "pktool/pktool.h"
#include "util/crypto.h"

/* The place is the bit (RFC 5280, 4.2.1.3). */
static const char *const usages[] = { "digitalSignature", "nonRepudiation", "keyEncipherment",
	"dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly" };
#define N_USAGES ((int)(sizeof usages / sizeof usages[0]))
#define BIT_KEY_CERT_SIGN 5
#define BIT_CRL_SIGN 6

static const struct {
	const char *name;
	const char *oid;
} purposes[] = {
	{ "serverAuth", "1.3.6.1.5.5.7.3.1" },
	{ "clientAuth", "1.3.6.1.5.5.7.3.2" },
	{ "codeSigning", "1.3.6.1.5.5.7.3.3" },
	{ "emailProtection", "1.3.6.1.5.5.7.3.4" },
	{ "ipsecEndSystem", "1.3.6.1.5.5.7.3.5" },
	{ "ipsecTunnel", "1.3.6.1.5.5.7.3.6" },
	{ "ipsecUser", "1.3.6.1.5.5.7.3.7" },
	{ "timeStamping", "1.3.6.1.5.5.7.3.8" },
	{ "OCSPSigning", "1.3.6.1.5.5.7.3.9" },
	{ "KPClientAuth", "1.3.6.1.5.2.3.4" },
	{ "KPKdc", "1.3.6.1.5.2.3.5" },
	{ "scLogon", "1.3.6.1.4.1.311.20.2.2" },
};
#define N_PURPOSES (sizeof purposes / sizeof purposes[0])

static bool critical_take(const char **text)
{
	static const char critical[] = "critical:";

	if (strncasecmp(*text, critical, sizeof critical - 1) != 0)
		return false;
	*text += sizeof critical - 1;
	return true;
}

/* The next of a list with commas, blanks around it left out; its length, and text behind the comma. At the
   end text becomes NULL. */
static size_t item_take(const char **text, const char **item)
{
	size_t n = strcspn(*text, ",");
	const char *start = *text, *next = start[n] == ',' ? start + n + 1 : NULL;

	for (; n > 0 && *start == ' '; n--)
		start++;
	while (n > 0 && start[n - 1] == ' ')
		n--;
	*item = start;
	*text = next;
	return n;
}

static bool extension_add(STACK_OF(X509_EXTENSION) **list, int nid, void *value, bool critical)
{
	if (value != NULL && X509V3_add1_i2d(list, nid, value, critical, X509V3_ADD_REPLACE) == 1)
		return true;
	ERR_clear_error();
	pktool_error("no memory for an extension");
	return false;
}

/* --- key usage --- */

static int usage_find(const char *name, size_t n)
{
	for (int i = 0; i < N_USAGES; i++)
		if (strlen(usages[i]) == n && strncasecmp(usages[i], name, n) == 0)
			return i;
	pktool_error("keyusage: \"%.*s\" is no usage; these are: digitalSignature nonRepudiation "
		     "keyEncipherment dataEncipherment keyAgreement keyCertSign cRLSign encipherOnly "
		     "decipherOnly",
		(int)n, name);
	return -1;
}

static bool usage_read(const char *text, STACK_OF(X509_EXTENSION) **list, bool *authority)
{
	bool critical = critical_take(&text), ok = false;
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();

	while (text != NULL) {
		const char *name;
		size_t n = item_take(&text, &name);
		int bit = usage_find(name, n);

		if (bit < 0 || bits == NULL || ASN1_BIT_STRING_set_bit(bits, bit, 1) != 1)
			goto out;
		*authority = *authority || bit == BIT_KEY_CERT_SIGN;
	}
	ok = extension_add(list, NID_key_usage, bits, critical);
out:
	ASN1_BIT_STRING_free(bits);
	return ok;
}

/* --- extended key usage --- */

static ASN1_OBJECT *purpose_find(const char *name, size_t n)
{
	for (size_t i = 0; i < N_PURPOSES; i++)
		if (strlen(purposes[i].name) == n && strncasecmp(purposes[i].name, name, n) == 0)
			return OBJ_txt2obj(purposes[i].oid, 1);
	pktool_error(
		"eku: \"%.*s\" is no purpose; these are: serverAuth clientAuth codeSigning emailProtection "
		"ipsecEndSystem ipsecTunnel ipsecUser timeStamping OCSPSigning KPClientAuth KPKdc scLogon",
		(int)n, name);
	return NULL;
}

/* "critical:" may stand before each of them, and holds for all. */
static bool purposes_read(const char *text, STACK_OF(X509_EXTENSION) **list)
{
	EXTENDED_KEY_USAGE *all = EXTENDED_KEY_USAGE_new();
	bool critical = false, ok = false;

	while (text != NULL) {
		const char *name;
		ASN1_OBJECT *purpose;
		size_t n, prefix;

		n = item_take(&text, &name);
		prefix = (size_t)(strcspn(name, ":,") + 1);
		if (prefix <= n && critical_take(&name)) {
			critical = true;
			n -= prefix;
		}
		purpose = purpose_find(name, n);
		if (purpose == NULL)
			goto out;
		if (all == NULL || sk_ASN1_OBJECT_push(all, purpose) <= 0) {
			ASN1_OBJECT_free(purpose);
			pktool_error("no memory for an extension");
			goto out;
		}
	}
	ok = extension_add(list, NID_ext_key_usage, all, critical);
out:
	EXTENDED_KEY_USAGE_free(all);
	return ok;
}

static bool names_read(const char *text, STACK_OF(X509_EXTENSION) **list)
{
	bool critical = critical_take(&text), ok;
	GENERAL_NAMES *names = altname_read(text);

	ok = names != NULL && extension_add(list, NID_subject_alt_name, names, critical);
	GENERAL_NAMES_free(names);
	return ok;
}

bool extensions_read(const struct words *words, STACK_OF(X509_EXTENSION) **list, bool *authority)
{
	const char *names = words_value(words, "altname"), *usage = words_value(words, "keyusage"),
		   *eku = words_value(words, "eku");

	*authority = false;
	return (usage == NULL || usage_read(usage, list, authority))
		&& (eku == NULL || purposes_read(eku, list)) && (names == NULL || names_read(names, list));
}

/* --- of a request --- */

static bool asks_for_authority(const STACK_OF(X509_EXTENSION) *asked)
{
	ASN1_BIT_STRING *bits = X509V3_get_d2i(asked, NID_key_usage, NULL, NULL);
	bool asks = bits != NULL
		&& (ASN1_BIT_STRING_get_bit(bits, BIT_KEY_CERT_SIGN)
			|| ASN1_BIT_STRING_get_bit(bits, BIT_CRL_SIGN));

	ASN1_BIT_STRING_free(bits);
	return asks;
}

static bool extension_take(STACK_OF(X509_EXTENSION) **list, const STACK_OF(X509_EXTENSION) * asked, int nid)
{
	int at = X509v3_get_ext_by_NID(asked, nid, -1);

	if (at < 0 || X509v3_get_ext_by_NID(*list, nid, -1) >= 0)
		return true;
	if (X509v3_get_ext_by_NID(asked, nid, at) >= 0) {
		pktool_error("the request has an extension twice");
		return false;
	}
	return X509v3_add_ext(list, X509v3_get_ext(asked, at), -1) != NULL;
}

bool extensions_take(STACK_OF(X509_EXTENSION) **list, X509_REQ *request)
{
	static const int taken[] = { NID_key_usage, NID_ext_key_usage, NID_subject_alt_name };
	STACK_OF(X509_EXTENSION) *asked = X509_REQ_get_extensions(request);
	bool ok = true;

	if (asked == NULL)
		return true;
	if (X509v3_get_ext_by_NID(*list, NID_key_usage, -1) < 0 && asks_for_authority(asked)) {
		pktool_error(
			"the request asks for a certificate that signs others: say keyusage= with what it is "
			"to be good for");
		ok = false;
	}
	for (size_t i = 0; ok && i < sizeof taken / sizeof taken[0]; i++)
		ok = extension_take(list, asked, taken[i]);
	sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
	return ok;
}

/* --- what every certificate has --- */

bool extensions_add_basic(STACK_OF(X509_EXTENSION) **list, bool authority)
{
	BASIC_CONSTRAINTS *basic = BASIC_CONSTRAINTS_new();
	bool ok;

	if (basic != NULL)
		basic->ca = authority ? 0xff : 0;
	ok = extension_add(list, NID_basic_constraints, basic, authority);
	BASIC_CONSTRAINTS_free(basic);
	return ok;
}

/* RFC 5280, 4.2.1.2, method 1. */
static ASN1_OCTET_STRING *key_id(EVP_PKEY *key)
{
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	X509_PUBKEY *info = NULL;
	const unsigned char *bits;
	unsigned char hash[CRYPTO_SHA1_LEN];
	int n;

	if (id == NULL || X509_PUBKEY_set(&info, key) != 1
		|| X509_PUBKEY_get0_param(NULL, &bits, &n, NULL, info) != 1
		|| !crypto_digest("SHA1", bits, (size_t)n, hash, sizeof hash)
		|| ASN1_OCTET_STRING_set(id, hash, sizeof hash) != 1) {
		ASN1_OCTET_STRING_free(id);
		id = NULL;
	}
	X509_PUBKEY_free(info);
	return id;
}

bool extensions_add_key_ids(
	STACK_OF(X509_EXTENSION) **list, EVP_PKEY *subject, const X509 *issuer, EVP_PKEY *issuer_key)
{
	ASN1_OCTET_STRING *own = key_id(subject);
	AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
	bool ok;

	if (authority != NULL) {
		if (issuer != NULL)
			authority->keyid = X509_get_ext_d2i(issuer, NID_subject_key_identifier, NULL, NULL);
		if (authority->keyid == NULL)
			authority->keyid = key_id(issuer_key);
	}
	ok = extension_add(list, NID_subject_key_identifier, own, false)
		&& extension_add(list, NID_authority_key_identifier,
			authority != NULL && authority->keyid != NULL ? authority : NULL, false);
	ASN1_OCTET_STRING_free(own);
	AUTHORITY_KEYID_free(authority);
	return ok;
}
