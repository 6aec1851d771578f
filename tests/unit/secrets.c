/* SPDX-License-Identifier: BSD-2-Clause */
/* What is private lies in secret memory from the template to the operation that uses it. */
#include "token.h"

#include "policy/attrs.h"
#include "session/operations.h"

CK_RV __real_objects_create(struct token *token, const struct actor *who, struct buf *attrs, size_t count,
	CK_OBJECT_HANDLE *handles);
CK_RV __wrap_objects_create(struct token *token, const struct actor *who, struct buf *attrs, size_t count,
	CK_OBJECT_HANDLE *handles);
CK_RV __real_tspi_key_unbind(struct tspi_key *key, const uint8_t *p, size_t n, struct buf *out);
CK_RV __wrap_tspi_key_unbind(struct tspi_key *key, const uint8_t *p, size_t n, struct buf *out);

static size_t private_made, public_made, unbound;

/* The public may lie anywhere, and need not fill memory that is scarce. */
CK_RV __wrap_objects_create(struct token *token, const struct actor *who, struct buf *attrs, size_t count,
	CK_OBJECT_HANDLE *handles)
{
	for (size_t i = 0; i < count; i++) {
		bool private = attrs_bool(&attrs[i], CKA_PRIVATE);

		CHECK(attrs[i].secret == private);
		private_made += private ? 1 : 0;
		public_made += private ? 0 : 1;
	}
	return __real_objects_create(token, who, attrs, count, handles);
}

CK_RV __wrap_tspi_key_unbind(struct tspi_key *key, const uint8_t *p, size_t n, struct buf *out)
{
	CHECK(out->secret);
	unbound++;
	return __real_tspi_key_unbind(key, p, n, out);
}

static struct sessions *sessions; /* stays */
static struct token *token;
static struct session *session;

static void session_begin(void)
{
	CK_SESSION_HANDLE handle;

	token = token_new();
	make_used(token);
	RV_MUST(sessions_open(token, &sessions), CKR_OK);
	RV_MUST(session_open(sessions, CKF_SERIAL_SESSION | CKF_RW_SESSION, &handle), CKR_OK);
	RV_MUST(session_enter(sessions, handle, &session), CKR_OK);
	RV_MUST(login(token, ROLE_USER, USER_PIN), CKR_OK);
	private_made = public_made = unbound = 0;
}

static void session_finish(void)
{
	session_leave(session);
	sessions_close(sessions);
	token_close(&token);
}

static void pair_make(CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
	CK_ATTRIBUTE bits[] = { A_ULONG(CKA_MODULUS_BITS, 1024) };

	RV_MUST(keys_generate(token, &actor, TEMPLATE(bits), NULL, 0, public, private), CKR_OK);
}

static CK_OBJECT_HANDLE secret_make(bool private)
{
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_VALUE_LEN, 32), A_BOOL(CKA_PRIVATE, private) };
	CK_OBJECT_HANDLE handle = 0;

	RV_MUST(secret_generate(token, &actor, TEMPLATE(template), &handle), CKR_OK);
	return handle;
}

static void made(void)
{
	CK_ATTRIBUTE given[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
		A_TEXT(CKA_VALUE, "value") };
	CK_OBJECT_HANDLE public, private, handle;

	session_begin();
	pair_make(&public, &private);
	secret_make(true);
	secret_make(false);
	RV_EQUAL(keys_create_object(token, &actor, TEMPLATE(given), &handle), CKR_OK);
	data_object(token, "private", true, true);
	data_object(token, "public", true, false);
	NUMBER_EQUAL(private_made, 4);
	NUMBER_EQUAL(public_made, 3);
	session_finish();
}

static void hmac(void)
{
	CK_MECHANISM mechanism = { CKM_SHA256_HMAC, NULL, 0 };

	session_begin();
	for (int private = 0; private < 2; private++) {
		RV_MUST(signature_init(session, SIGN, &mechanism, secret_make(private)), CKR_OK);
		NUMBER_EQUAL(session->signatures[SIGN].key.secret.len, 32);
		CHECK(session->signatures[SIGN].key.secret.secret == private);
		signature_end(session, SIGN);
	}
	session_finish();
}

/* The text stays until the caller's buffer is large enough. */
static void decrypted(void)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	CK_OBJECT_HANDLE public, private;
	CK_BYTE block[128], text[16];
	CK_ULONG block_len = sizeof block, none = 1, text_len = sizeof text;

	session_begin();
	pair_make(&public, &private);
	RV_MUST(cipher_init(session, PUBLIC_HALF, &mechanism, public), CKR_OK);
	RV_MUST(cipher(session, PUBLIC_HALF, (const CK_BYTE *)"text", 4,
		(struct output){ block, &block_len }), CKR_OK);
	RV_MUST(cipher_init(session, PRIVATE_HALF, &mechanism, private), CKR_OK);
	RV_EQUAL(cipher(session, PRIVATE_HALF, block, block_len, (struct output){ text, &none }),
		CKR_BUFFER_TOO_SMALL);
	CHECK(session->ciphers[PRIVATE_HALF].has_plain && session->ciphers[PRIVATE_HALF].plain.secret);
	RV_EQUAL(cipher(session, PRIVATE_HALF, block, block_len, (struct output){ text, &text_len }), CKR_OK);
	BYTES_EQUAL(text, text_len, "text", 4);
	NUMBER_EQUAL(unbound, 1);
	session_finish();
}

static void unwrapped(void)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	CK_ATTRIBUTE template[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET) };
	CK_OBJECT_HANDLE public, private, handle;
	CK_BYTE block[128];
	CK_ULONG block_len = sizeof block;

	session_begin();
	pair_make(&public, &private);
	RV_MUST(key_wrap(session, &mechanism, public, secret_make(true),
			(struct output){ block, &block_len }),
		CKR_OK);
	RV_EQUAL(key_unwrap(session, &mechanism, private, block, block_len, TEMPLATE(template), &handle),
		CKR_OK);
	NUMBER_EQUAL(unbound, 1);
	NUMBER_EQUAL(private_made, 3);
	session_finish();
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "objects that are made", made },
		{ "the key of an HMAC", hmac },
		{ "a text that did not fit", decrypted },
		{ "a key that is unwrapped", unwrapped },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "secrets", cases));
}
