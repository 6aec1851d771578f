/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "core_worker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>

static struct desk *desk;
static enum moment dump;
static unsigned char control[32];

static void clear_desk(void)
{
	OPENSSL_cleanse(&desk->secrets, sizeof(desk->secrets));
	OPENSSL_cleanse(desk->room, sizeof(desk->room));
}

static void stop(enum moment moment)
{
	clear_desk();
	raise(SIGSTOP);
	if (moment != dump)
		return;
	clear_desk();
	abort();
}

static void log_in(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin)
{
	RV_MUST(p11->C_Login(session, user, pin, PIN_LENGTH), CKR_OK);
}

static void work_as_so(void)
{
	CK_SESSION_HANDLE session;

	RV_MUST(p11->C_InitToken(p11_slot, desk->secrets.so_pin, PIN_LENGTH, p11_text("core dump")),
		CKR_OK);
	session = p11_open();
	log_in(session, CKU_SO, desk->secrets.so_pin);
	stop(SO_LOGIN);
	RV_MUST(p11->C_InitPIN(session, desk->secrets.user_pin, PIN_LENGTH), CKR_OK);
	stop(SO_INIT_PIN);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	stop(SO_LOGOUT);
	RV_MUST(p11->C_CloseSession(session), CKR_OK);
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
	CK_OBJECT_HANDLE object, copy, found[8];

	RV_MUST(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	RV_MUST(p11->C_CopyObject(session, object, NO_TEMPLATE, &copy), CKR_OK);
	RV_MUST(p11->C_SetAttributeValue(session, copy, &label, 1), CKR_OK);
	ULONG_EQUAL(p11_search(session, t + 3, 1, found, 8), 2);
	RV_MUST(p11->C_GetAttributeValue(session, object, &value, 1), CKR_OK);
	MUST(value.ulValueLen == VALUE_LENGTH && memcmp(desk->room, desk->secrets.value, VALUE_LENGTH) == 0);
	t[3].pValue = desk->secrets.gone;
	RV_MUST(p11->C_CreateObject(session, TEMPLATE(t), &object), CKR_OK);
	RV_MUST(p11->C_DestroyObject(session, object), CKR_OK);
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
	};
	CK_OBJECT_HANDLE key;

	RV_MUST(p11->C_CreateObject(session, TEMPLATE(t), &key), CKR_OK);
	RV_MUST(sign(session, CKM_SHA256_HMAC, key), CKR_OK);
	return key;
}

static void work_with_chip(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE secret_key)
{
	CK_MECHANISM pkcs1 = { CKM_RSA_PKCS, NULL, 0 };
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET) };
	CK_ULONG length = sizeof(desk->room);
	CK_OBJECT_HANDLE unwrapped;
	struct p11_pair pair;

	RV_MUST(p11_generate(session, KEY_BITS, "generated", true, true, &pair), CKR_OK);
	RV_MUST(sign(session, CKM_RSA_PKCS, pair.private), CKR_OK);
	RV_MUST(p11->C_WrapKey(session, &pkcs1, pair.public, secret_key, desk->room, &length), CKR_OK);
	RV_MUST(p11->C_UnwrapKey(session, &pkcs1, pair.private, desk->room, length, TEMPLATE(t), &unwrapped),
		CKR_OK);
}

static void work_with_imported(CK_SESSION_HANDLE session)
{
	CK_ATTRIBUTE t[5 + P11_RSA_PRIVATE] = {
		A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
		A_ULONG(CKA_KEY_TYPE, CKK_RSA),
		A_BOOL(CKA_TOKEN, true),
		A_BOOL(CKA_PRIVATE, true),
		A_TEXT(CKA_LABEL, "imported"),
	};
	CK_OBJECT_HANDLE key;

	for (unsigned int i = 0; i < P11_RSA_PRIVATE; i++) {
		t[5 + i].type = desk->secrets.rsa.attributes[i].type;
		t[5 + i].pValue = desk->secrets.rsa.bytes[i];
		t[5 + i].ulValueLen = desk->secrets.rsa_lengths[i];
	}
	RV_MUST(p11->C_CreateObject(session, TEMPLATE(t), &key), CKR_OK);
	RV_MUST(sign(session, CKM_RSA_PKCS, key), CKR_OK);
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

static void work_as_user(void)
{
	CK_SESSION_HANDLE session = p11_open();
	CK_OBJECT_HANDLE key;

	log_in(session, CKU_USER, desk->secrets.user_pin);
	stop(USER_LOGIN);
	RV_MUST(p11->C_SetPIN(session, desk->secrets.user_pin, PIN_LENGTH, desk->secrets.new_pin, PIN_LENGTH),
		CKR_OK);
	stop(USER_SET_PIN);
	work_with_data(session);
	stop(USER_DATA);
	key = work_with_secret_key(session);
	stop(USER_SECRET_KEY);
	work_with_chip(session, key);
	stop(USER_CHIP_KEY);
	work_with_imported(session);
	stop(USER_IMPORT);
	stop_forked();
	RV_MUST(p11->C_Logout(session), CKR_OK);
	stop(USER_LOGOUT);
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
	memcpy(control, desk->control, sizeof(control));
	p11_start();
	work_as_so();
	work_as_user();
	p11_stop();
	stop(FINALIZED);
	return 0;
}
