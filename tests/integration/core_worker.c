/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "core_worker.h"

#include <alloca.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>

static struct desk *desk;
static enum moment dump;
static unsigned char control[32];

void *control_put(void *p, const struct desk *from)
{
	MUST(p != NULL && p != MAP_FAILED);
	memcpy(p, from->control, sizeof(from->control));
	/* The compiler knows what free() does, and need not fill what is freed at once. */
	__asm__ volatile("" : : "r"(p) : "memory");
	return p;
}

static void clear_desk(void)
{
	OPENSSL_cleanse(&desk->secrets, sizeof(desk->secrets));
	OPENSSL_cleanse(desk->room, sizeof(desk->room));
}

static void stop(enum moment moment)
{
	clear_desk();
	desk->moment = moment;
	raise(SIGSTOP);
	if (moment != dump)
		return;
	clear_desk();
	abort();
}

/*
 * What a call leaves on the stack lies where the next one would write. So each call gets a stretch of
 * the stack that no other has used, below all of them.
 */
#define STRETCH ((size_t)64 << 10)
#define STEP(call, expected) \
	do { \
		CK_RV step_rv; \
		stack_move(alloca(stack_distance())); \
		step_rv = (call); \
		p11_check_rv(step_rv, (expected), (expected), true, #call, __FILE__, __LINE__); \
	} while (0)

static __attribute__((noinline)) void stack_move(void *to)
{
	__asm__ volatile("" : : "r"(to) : "memory");
}

static __attribute__((noinline)) size_t stack_distance(void)
{
	static uintptr_t lowest;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), from = here;

	if (lowest == 0)
		lowest = here;
	lowest -= STRETCH;
	return from > lowest ? from - lowest : STRETCH;
}

static void log_in(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin)
{
	STEP(p11->C_Login(session, user, pin, PIN_LENGTH), CKR_OK);
}

static void work_as_so(void)
{
	CK_SESSION_HANDLE session;

	STEP(p11->C_InitToken(p11_slot, desk->secrets.so_pin, PIN_LENGTH, p11_text("core dump")),
		CKR_OK);
	stop(SO_INIT_TOKEN);
	STEP(p11->C_InitToken(p11_slot, desk->secrets.so_pin, PIN_LENGTH, p11_text("core dump")),
		CKR_OK);
	session = p11_open();
	log_in(session, CKU_SO, desk->secrets.so_pin);
	stop(SO_LOGIN);
	STEP(p11->C_InitPIN(session, desk->secrets.user_pin, PIN_LENGTH), CKR_OK);
	stop(SO_INIT_PIN);
	STEP(p11->C_SetPIN(session, desk->secrets.so_pin, PIN_LENGTH, desk->secrets.new_so_pin, PIN_LENGTH),
		CKR_OK);
	stop(SO_SET_PIN);
	STEP(p11->C_InitPIN(session, desk->secrets.user_pin, PIN_LENGTH), CKR_OK);
	stop(SO_INIT_PIN_AGAIN);
	STEP(p11->C_Logout(session), CKR_OK);
	stop(SO_LOGOUT);
	STEP(p11->C_CloseSession(session), CKR_OK);
}

static void work_with_data(CK_SESSION_HANDLE session)
{
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_DATA),
		A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, true),
		A_ROOM(CKA_VALUE, desk->secrets.value),
		A_ROOM(CKA_LABEL, desk->secrets.label),
		A_ROOM(CKA_APPLICATION, desk->secrets.application),
	};
	CK_ATTRIBUTE value = A_ROOM(CKA_VALUE, desk->room);
	CK_ATTRIBUTE label = A_ROOM(CKA_LABEL, desk->secrets.new_label);
	CK_ATTRIBUTE new_value = A_ROOM(CKA_VALUE, desk->secrets.new_value);
	CK_OBJECT_HANDLE object, copy, found[8];
	CK_BYTE none[1];

	STEP(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	STEP(p11->C_CopyObject(session, object, NO_TEMPLATE, &copy), CKR_OK);
	STEP(p11->C_SetAttributeValue(session, copy, &label, 1), CKR_OK);
	STEP(p11->C_SetAttributeValue(session, copy, &new_value, 1), CKR_OK);
	ULONG_EQUAL(p11_search(session, t + 3, 1, found, 8), 1);
	STEP(p11->C_GetAttributeValue(session, object, &value, 1), CKR_OK);
	MUST(value.ulValueLen == VALUE_LENGTH && memcmp(desk->room, desk->secrets.value, VALUE_LENGTH) == 0);
	t[3].pValue = desk->secrets.gone;
	STEP(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	STEP(p11->C_DestroyObject(session, object), CKR_OK);
	t[3].pValue = desk->secrets.refused;
	t[4] = (CK_ATTRIBUTE)A_BYTES(CKA_MODULUS, none, 0);
	STEP(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_ATTRIBUTE_TYPE_INVALID);
	t[1].pValue = &(CK_BBOOL){ CK_FALSE };
	t[3].pValue = desk->secrets.of_session;
	t[4] = (CK_ATTRIBUTE)A_ROOM(CKA_LABEL, desk->secrets.label);
	STEP(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	/* One that is larger than a page. */
	for (size_t at = 0; at < sizeof(desk->room); at += VALUE_LENGTH)
		memcpy(desk->room + at, desk->secrets.large, VALUE_LENGTH);
	t[1].pValue = &(CK_BBOOL){ CK_TRUE };
	t[3] = (CK_ATTRIBUTE)A_ROOM(CKA_VALUE, desk->room);
	STEP(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	STEP(p11->C_GetAttributeValue(session, object, t + 3, 1), CKR_OK);
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key)
{
	CK_ULONG length = sizeof(desk->room);

	return p11_sign(session, mechanism, key, control, sizeof(control), desk->room, &length);
}

static CK_OBJECT_HANDLE work_with_secret_key(CK_SESSION_HANDLE session)
{
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
		A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, true),
		A_BOOL(CKA_EXTRACTABLE, true),
		A_BOOL(CKA_SIGN, true),
		A_ROOM(CKA_VALUE, desk->secrets.key),
		A_ROOM(CKA_ID, desk->secrets.id),
	};
	CK_OBJECT_HANDLE key;

	STEP(p11->C_CreateObject(session, TEMPLATE(t), &key), CKR_OK);
	ULONG_EQUAL(p11_search(session, t + 7, 1, &key, 1), 1);
	STEP(sign(session, CKM_SHA256_HMAC, key), CKR_OK);
	return key;
}

/* A secret key that the module makes, and gives out. */
static void work_with_generated_secret(CK_SESSION_HANDLE session)
{
	CK_MECHANISM mechanism = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE t[] = {
		A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, true),
		A_BOOL(CKA_SENSITIVE, false),
		A_BOOL(CKA_EXTRACTABLE, true),
		A_ULONG(CKA_VALUE_LEN, VALUE_LENGTH),
	};
	CK_ATTRIBUTE value = A_BYTES(CKA_VALUE, NULL, VALUE_LENGTH);
	CK_OBJECT_HANDLE key;
	struct told *told;

	STEP(p11->C_GenerateKey(session, &mechanism, TEMPLATE(t), &key), CKR_OK);
	told = told_begin(SEARCH_VALUE, "a generated secret key");
	value.pValue = told->veiled;
	STEP(p11->C_GetAttributeValue(session, key, &value, 1), CKR_OK);
	told_end(told, VALUE_LENGTH);
}

/* As many as go into one command; the last ones are told. */
static void work_with_random(CK_SESSION_HANDLE session)
{
	struct told *told;

	STEP(p11->C_GenerateRandom(session, desk->room, RANDOM_LENGTH), CKR_OK);
	told = told_begin(SEARCH_VALUE, "random bytes");
	memcpy(told->veiled, desk->room + RANDOM_LENGTH - VALUE_LENGTH, VALUE_LENGTH);
	told_end(told, VALUE_LENGTH);
}

static void decrypt(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ULONG length, CK_ULONG room, CK_RV rv)
{
	CK_MECHANISM pkcs1 = { CKM_RSA_PKCS, NULL, 0 };
	unsigned char *text = desk->room + sizeof(desk->room) / 2;

	STEP(p11->C_DecryptInit(session, &pkcs1, key), CKR_OK);
	STEP(p11->C_Decrypt(session, desk->room, length, text, &room), rv);
	MUST(rv != CKR_OK || memcmp(text, desk->secrets.text, VALUE_LENGTH) == 0);
}

static struct p11_pair work_with_chip(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE secret_key)
{
	CK_MECHANISM pkcs1 = { CKM_RSA_PKCS, NULL, 0 };
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
		A_ULONG(CKA_VALUE_LEN, VALUE_LENGTH),
	};
	CK_ULONG length = sizeof(desk->room);
	CK_OBJECT_HANDLE unwrapped;
	struct p11_pair pair;

	STEP(p11_generate(session, KEY_BITS, "generated", true, true, &pair), CKR_OK);
	STEP(sign(session, CKM_RSA_PKCS, pair.private), CKR_OK);
	STEP(p11->C_WrapKey(session, &pkcs1, pair.public, secret_key, desk->room, &length), CKR_OK);
	STEP(p11->C_UnwrapKey(session, &pkcs1, pair.private, desk->room, length, TEMPLATE(t), &unwrapped),
		CKR_OK);
	t[2].pValue = &(CK_ULONG){ VALUE_LENGTH - 1 };
	STEP(p11->C_UnwrapKey(session, &pkcs1, pair.private, desk->room, length, TEMPLATE(t), &unwrapped),
		CKR_TEMPLATE_INCONSISTENT);
	return pair;
}

/* Decrypts, and begins what is not carried to its end. */
static void work_with_text(CK_SESSION_HANDLE session, struct p11_pair pair, CK_OBJECT_HANDLE secret_key)
{
	CK_MECHANISM pkcs1 = { CKM_RSA_PKCS, NULL, 0 }, hmac = { CKM_SHA256_HMAC, NULL, 0 };
	CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 };
	CK_ULONG length = sizeof(desk->room) / 2;

	STEP(p11->C_EncryptInit(session, &pkcs1, pair.public), CKR_OK);
	STEP(p11->C_Encrypt(session, desk->secrets.text, VALUE_LENGTH, desk->room, &length), CKR_OK);
	decrypt(session, pair.private, length, VALUE_LENGTH, CKR_OK);
	decrypt(session, pair.private, length, 1, CKR_BUFFER_TOO_SMALL);
	STEP(p11->C_SignInit(session, &hmac, secret_key), CKR_OK);
	STEP(p11->C_SignUpdate(session, control, sizeof(control)), CKR_OK);
	STEP(p11->C_DigestInit(session, &sha256), CKR_OK);
	STEP(p11->C_DigestUpdate(session, control, sizeof(control)), CKR_OK);
	STEP(p11->C_DigestKey(session, secret_key), CKR_OK);
}

static void work_with_software(CK_SESSION_HANDLE session)
{
	struct p11_pair pair;

	MUST(setenv("PKCS11_TPM_KEYGEN", "software", 1) == 0);
	STEP(p11_generate(session, KEY_BITS, "made in software", true, true, &pair), CKR_OK);
	MUST(unsetenv("PKCS11_TPM_KEYGEN") == 0);
	STEP(sign(session, CKM_RSA_PKCS, pair.private), CKR_OK);
}

static void work_with_imported(CK_SESSION_HANDLE session)
{
	enum { OWN = 6 };
	CK_MECHANISM pkcs1 = { CKM_RSA_PKCS, NULL, 0 };
	CK_ULONG length = sizeof(desk->room);
	CK_ATTRIBUTE t[OWN + P11_RSA_PRIVATE] = {
		A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_RSA),
		A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, true),
		A_TEXT(CKA_LABEL, "imported"),
		A_BOOL(CKA_ALWAYS_AUTHENTICATE, true),
	};
	CK_OBJECT_HANDLE key;

	for (unsigned int i = 0; i < P11_RSA_PRIVATE; i++) {
		t[OWN + i].type = desk->secrets.rsa.attributes[i].type;
		t[OWN + i].pValue = desk->secrets.rsa.bytes[i];
		t[OWN + i].ulValueLen = desk->secrets.rsa_lengths[i];
	}
	STEP(p11->C_CreateObject(session, TEMPLATE(t), &key), CKR_OK);
	STEP(p11->C_SignInit(session, &pkcs1, key), CKR_OK);
	STEP(p11->C_Login(session, CKU_CONTEXT_SPECIFIC, desk->secrets.new_pin, PIN_LENGTH), CKR_OK);
	STEP(p11->C_Sign(session, control, sizeof(control), desk->room, &length), CKR_OK);
	t[OWN + 3].pValue = desk->secrets.rsa.bytes[4];
	t[OWN + 4].pValue = desk->secrets.rsa.bytes[2];
	STEP(p11->C_CreateObject(session, TEMPLATE(t), &key), CKR_ATTRIBUTE_VALUE_INVALID);
}

/* Stopped where the fork brought it, and again after it has begun to use the module itself. */
static void stop_forked(void)
{
	pid_t forked = fork();
	int status;

	if (forked == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		raise(SIGSTOP);
		if (p11->C_Initialize(NULL) != CKR_OK)
			_exit(1);
		raise(SIGSTOP);
		_exit(p11->C_Finalize(NULL) == CKR_OK ? 0 : 2);
	}
	MUST(forked > 0);
	desk->forked = forked;
	for (enum moment moment = FORKED; moment <= FORKED_ANEW; moment++) {
		MUST(waitpid(forked, &status, WUNTRACED) == forked);
		TAP_MUST(WIFSTOPPED(status), "the forked process ended with %d", status);
		stop(moment);
		kill(forked, SIGCONT);
	}
	MUST(waitpid(forked, &status, 0) == forked);
	TAP_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the forked process ended with %d", status);
}

static void end(CK_SESSION_HANDLE session, enum ending ending)
{
	stop(USER_READY);
	if (ending == END_LOGOUT)
		STEP(p11->C_Logout(session), CKR_OK);
	else if (ending == END_CLOSE)
		STEP(p11->C_CloseSession(session), CKR_OK);
	if (ending != END_FINALIZE)
		stop(USER_LOGOUT);
}

static void work_as_user(enum ending ending)
{
	CK_SESSION_HANDLE session = p11_open();
	CK_OBJECT_HANDLE key;
	struct p11_pair pair;

	STEP(p11->C_Login(session, CKU_USER, desk->secrets.wrong_pin, PIN_LENGTH), CKR_PIN_INCORRECT);
	log_in(session, CKU_USER, desk->secrets.user_pin);
	stop(USER_LOGIN);
	STEP(p11->C_SetPIN(session, desk->secrets.user_pin, PIN_LENGTH, desk->secrets.new_pin, PIN_LENGTH),
		CKR_OK);
	stop(USER_SET_PIN);
	work_with_data(session);
	stop(USER_DATA);
	key = work_with_secret_key(session);
	work_with_generated_secret(session);
	stop(USER_SECRET_KEY);
	work_with_random(session);
	stop(USER_RANDOM);
	STEP(p11->C_SeedRandom(session, desk->secrets.seed, VALUE_LENGTH), CKR_OK);
	stop(USER_SEED);
	pair = work_with_chip(session, key);
	stop(USER_CHIP_KEY);
	work_with_software(session);
	stop(USER_SOFTWARE_KEY);
	work_with_imported(session);
	stop(USER_IMPORT);
	stop_forked();
	work_with_text(session, pair, key);
	end(session, ending);
}

/* The same in short, for the sake of its end. */
static void work_in_brief(enum ending ending)
{
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;

	STEP(p11->C_InitToken(p11_slot, desk->secrets.so_pin, PIN_LENGTH, p11_text("in brief")), CKR_OK);
	session = p11_open();
	log_in(session, CKU_SO, desk->secrets.so_pin);
	STEP(p11->C_InitPIN(session, desk->secrets.user_pin, PIN_LENGTH), CKR_OK);
	STEP(p11->C_Logout(session), CKR_OK);
	log_in(session, CKU_USER, desk->secrets.user_pin);
	work_with_data(session);
	key = work_with_secret_key(session);
	work_with_text(session, work_with_chip(session, key), key);
	end(session, ending);
}

int work(void *arg)
{
	const struct work *given = arg;

	desk = given->desk;
	dump = given->dump;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dump != MOMENTS)
		MUST(chdir(p11_directory()) == 0 && setrlimit(RLIMIT_CORE, &(struct rlimit){ RLIM_INFINITY,
			RLIM_INFINITY }) == 0);
	stop(STARTED);
	told_start(&desk->told);
	memcpy(control, desk->control, sizeof(control));
	free(control_put(malloc(sizeof(desk->control)), desk));
	p11_start();
	if (given->brief) {
		work_in_brief(given->ending);
	} else {
		work_as_so();
		work_as_user(given->ending);
	}
	p11_stop();
	stop(FINALIZED);
	return 0;
}
