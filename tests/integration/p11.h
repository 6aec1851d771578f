/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_INTEGRATION_P11_H
#define TESTS_INTEGRATION_P11_H

/*
 * What the integration programs share: the module, fresh tokens, templates, and libcrypto as the
 * judge of what the module did. Everything goes through the module's C_* functions.
 */
#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>

#include "tap.h"

extern CK_FUNCTION_LIST *p11;
extern void *p11_module;
extern CK_SLOT_ID p11_slot;

/* Assertions that show values. The _MUST ones end the case. */
#define RV_EQUAL(call, expected) \
	p11_check_rv((call), (expected), (expected), false, #call, __FILE__, __LINE__)
#define RV_MUST(call, expected) \
	p11_check_rv((call), (expected), (expected), true, #call, __FILE__, __LINE__)
#define RV_ONE_OF(call, one, other) \
	p11_check_rv((call), (one), (other), false, #call, __FILE__, __LINE__)
#define ULONG_EQUAL(actual, expected) \
	p11_check_ulong((unsigned long)(actual), (unsigned long)(expected), #actual, __FILE__, \
			__LINE__)
#define CHECK(condition) TAP_CHECK((condition), "%s", #condition)
#define MUST(condition) TAP_MUST((condition), "%s", #condition)

CK_RV p11_check_rv(CK_RV rv, CK_RV one, CK_RV other, bool fatal, const char *call,
		   const char *file, int line);
void p11_check_ulong(unsigned long actual, unsigned long expected, const char *what,
		     const char *file, int line);
const char *p11_rv_name(CK_RV rv);

/* CK_ATTRIBUTE t[] = { A_BOOL(CKA_TOKEN, true), ... }; C_CreateObject(session, TEMPLATE(t), &o); */
#define A_ULONG(type, v) { (type), &(CK_ULONG){ (v) }, sizeof(CK_ULONG) }
#define A_BOOL(type, v) { (type), &(CK_BBOOL){ (v) ? CK_TRUE : CK_FALSE }, sizeof(CK_BBOOL) }
#define A_TEXT(type, literal) { (type), (char[]){ literal }, sizeof(literal) - 1 }
#define A_BYTES(type, p, n) { (type), (p), (n) }
#define A_ROOM(type, array) { (type), (array), sizeof(array) }
#define TEMPLATE(t) (t), sizeof(t) / sizeof(*(t))
#define NO_TEMPLATE NULL, 0
#define ANY_CLASS ((CK_OBJECT_CLASS)-1)

/* A template that is refused with one code or the other: { P11_REFUSAL(template, CKR_..., CKR_...), ... } */
struct p11_refusal {
	const char *name;
	CK_ATTRIBUTE *template;
	CK_ULONG count;
	CK_RV one, other;
};
#define P11_REFUSAL(template, one, other) { #template, TEMPLATE(template), one, other }

/* main() of each program: loads $PKCS11_TPM_MODULE and runs the cases. */
int p11_main(int argc, char **argv, const char *suite, const struct tap_case *cases);

/*
 * Places. Each store of a program lies in a directory of its own below $WITH_SWTPM_DIR, beside the
 * TSS user store that goes with it: p11_directory() holds p11_store() and p11_user_data().
 * p11_fresh() begins a case: an empty store on the same chip, not initialised, no lockout.
 */
void p11_fresh(void);
void p11_new_place(void); /* the same, where there was no wrong PIN: the lockout is not looked at */
void p11_use_store(const char *directory);
const char *p11_directory(void);
const char *p11_store(void);	 /* $PKCS11_TPM_DIR */
const char *p11_user_data(void); /* $TSS_USER_PS_FILE */
const char *p11_tool(void);	 /* with-swtpm */
void p11_reset_lockout(void);
int p11_run_program(char *const argv[]); /* its exit status */
unsigned int p11_seconds(void);		 /* $TESTS_SECONDS, else a few */

/* PINs. The token of p11_new_token() has SO_PIN and USER_PIN. */
#define SO_DEFAULT "87654321"
#define USER_DEFAULT "12345678"
#define SO_PIN "so pin 4711"
#define USER_PIN "user pin 0815"

/* A copy, for Cryptoki takes its arguments without const. Good for four calls. */
CK_UTF8CHAR_PTR p11_text(const char *s);

void p11_start(void); /* C_Initialize, the slot */
void p11_stop(void);  /* C_Finalize */
CK_RV p11_init_token(const char *pin, const char *label);
CK_RV p11_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin);
CK_RV p11_set_pin(CK_SESSION_HANDLE session, const char *old, const char *new);
CK_RV p11_init_pin(CK_SESSION_HANDLE session, const char *pin);
CK_SESSION_HANDLE p11_open(void); /* read-write */
CK_SESSION_HANDLE p11_open_ro(void);
CK_SESSION_HANDLE p11_open_user(void); /* read-write, logged in with USER_PIN */
CK_STATE p11_state(CK_SESSION_HANDLE session);
CK_FLAGS p11_flags(void);

/* A token on which both roles have their own PINs; the session has the user logged in. */
CK_SESSION_HANDLE p11_new_token(void);
/* The same, made once for all cases of the program: they tell their objects apart by labels. */
CK_SESSION_HANDLE p11_shared_token(void);

/* Another process. It initialises the module for itself. */
int p11_in_child(int (*run)(void *), void *argument);
/* Two of them. Each comes to p11_line_up(), and from there they go on at the same time. */
void p11_two_at_once(int (*run)(void *), void *first, void *second, int status[2]);
void p11_line_up(void);

/* Objects: p11_objects.c */
CK_OBJECT_HANDLE p11_data(CK_SESSION_HANDLE session, const char *label, bool token, bool is_private);
CK_ULONG p11_search(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count,
		    CK_OBJECT_HANDLE *found, CK_ULONG room);
CK_ULONG p11_count(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label);
CK_OBJECT_HANDLE p11_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label);
CK_ULONG p11_get_ulong(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
CK_BBOOL p11_get_bool(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
size_t p11_get_bytes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
		     unsigned char *room, size_t size);

/* Keys in the chip. Both halves get the label; the private one is CKA_PRIVATE as asked. */
struct p11_pair {
	CK_OBJECT_HANDLE public;
	CK_OBJECT_HANDLE private;
};
CK_RV p11_generate(CK_SESSION_HANDLE session, CK_ULONG bits, const char *label, bool token,
		   bool is_private, struct p11_pair *pair);
/* Signs through the module; libcrypto verifies with the public half read through the module. */
bool p11_signs(CK_SESSION_HANDLE session, struct p11_pair pair);
/* A pair of that size on the shared token, made when first asked for. */
struct p11_pair p11_shared_pair(CK_SESSION_HANDLE session, CK_ULONG bits);
/* The token pair of that label signs. */
bool p11_label_signs(CK_SESSION_HANDLE session, const char *label);
CK_RV p11_sign(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key,
	       unsigned char *data, CK_ULONG length, unsigned char *signature,
	       CK_ULONG *signature_length);

/* libcrypto's side: p11_soft.c */
struct p11_digest {
	const char *name;
	CK_MECHANISM_TYPE digest;
	CK_MECHANISM_TYPE sign;
	const EVP_MD *(*md)(void);
	CK_ULONG size;
	CK_ULONG info_size; /* of the DigestInfo */
};
#define P11_DIGESTS 6
extern const struct p11_digest p11_digests[P11_DIGESTS];
#define P11_MAX_BYTES 256 /* of a modulus */

EVP_PKEY *p11_soft_key(unsigned int bits); /* kept for the program's life */
EVP_PKEY *p11_read_public(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key);
/* md NULL: the data are what PKCS#1 v1.5 pads. */
bool p11_soft_verify(EVP_PKEY *key, const EVP_MD *md, const unsigned char *data, size_t length,
		     const unsigned char *signature, size_t signature_length);
size_t p11_soft_sign(EVP_PKEY *key, const EVP_MD *md, const unsigned char *data, size_t length,
		     unsigned char signature[P11_MAX_BYTES]);
size_t p11_soft_encrypt(EVP_PKEY *key, const unsigned char *data, size_t length,
			unsigned char encrypted[P11_MAX_BYTES]);

/* The numbers of an RSA key as attributes: modulus, exponent; of a private one the other six too. */
struct p11_rsa {
	CK_ATTRIBUTE attributes[8];
	unsigned char bytes[8][P11_MAX_BYTES];
};
#define P11_RSA_PUBLIC 2
#define P11_RSA_PRIVATE 8
void p11_rsa_numbers(EVP_PKEY *key, struct p11_rsa *numbers, unsigned int count);
/* C_CreateObject of the soft key; the given attributes come on top. */
CK_RV p11_import(CK_SESSION_HANDLE session, EVP_PKEY *key, CK_OBJECT_CLASS class,
		 const CK_ATTRIBUTE *more, CK_ULONG count, CK_OBJECT_HANDLE *object);

/* Files: p11_files.c */
#define P11_MAX_FILES 64
struct p11_files {
	char names[P11_MAX_FILES][256]; /* relative to the directory, regular files only */
	size_t count;
};
void p11_list_files(const char *directory, struct p11_files *files);
/* The one file of the store that was not there before. */
const char *p11_new_file(const struct p11_files *before, struct p11_files *after);
unsigned char *p11_read_file(const char *path, size_t *length); /* NULL: it cannot be read */
void p11_write_file(const char *path, const void *data, size_t length);
void p11_copy_file(const char *from, const char *to);
/* Names, types, modes and contents of everything in the store, in 64 hexadecimal digits. */
const char *p11_fingerprint(const char *directory, char out[65]);
/* The object files of the store, and what a write leaves there that does not end. Nothing is damaged. */
void p11_count_store(unsigned int *objects, unsigned int *temporaries);
bool p11_files_contain(const char *directory, const void *bytes, size_t length);

#endif
