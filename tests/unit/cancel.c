/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that the host cancels: each ends behind the call that it is in, and the others go on. */
#include "token.h"

#include <pthread.h>
#include <time.h>

static bool ended; /* all calls of the thread, before it was cancelled */

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
void __asan_handle_no_return(void);
#endif

/* AddressSanitizer does not see that a cancelled thread leaves its frames without returning from them. */
static void frames_left(void *ignored)
{
	(void)ignored;
#ifdef __SANITIZE_ADDRESS__
	__asan_handle_no_return();
#endif
}

static void check_cancelled(pthread_t thread)
{
	void *result = NULL;

	MUST(pthread_join(thread, &result) == 0);
	CHECK(result == PTHREAD_CANCELED);
}

static CK_SESSION_HANDLE open_session(void)
{
	CK_SESSION_HANDLE session = 0;

	RV_EQUAL(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
	return session;
}

static CK_RV generate(CK_SESSION_HANDLE session)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE publics[] = { A_ULONG(CKA_MODULUS_BITS, 512), A_BOOL(CKA_TOKEN, true) };
	CK_ATTRIBUTE privates[] = { A_BOOL(CKA_TOKEN, true), A_BOOL(CKA_PRIVATE, false) };
	CK_OBJECT_HANDLE public, private;

	return C_GenerateKeyPair(session, &mechanism, TEMPLATE(publics), TEMPLATE(privates), &public,
		&private);
}

static CK_ULONG count_objects(CK_SESSION_HANDLE session)
{
	CK_OBJECT_HANDLE handles[16];
	CK_ULONG count = 0;

	RV_EQUAL(C_FindObjectsInit(session, NULL, 0), CKR_OK);
	RV_EQUAL(C_FindObjects(session, handles, COUNT(handles), &count), CKR_OK);
	RV_EQUAL(C_FindObjectsFinal(session), CKR_OK);
	return count;
}

static void digest_abc(CK_SESSION_HANDLE session)
{
	CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
	CK_BYTE text[] = "abc", out[32];
	CK_ULONG len = sizeof out;

	RV_EQUAL(C_DigestInit(session, &mechanism), CKR_OK);
	RV_EQUAL(C_DigestUpdate(session, text, 1), CKR_OK);
	RV_EQUAL(C_DigestUpdate(session, text + 1, 2), CKR_OK);
	RV_EQUAL(C_DigestFinal(session, out, &len), CKR_OK);
	RV_EQUAL(C_DigestInit(session, &mechanism), CKR_OK);
	RV_EQUAL(C_Digest(session, text, 3, out, &len), CKR_OK);
}

/* The module's functions are left by return alone, whatever waits for the thread. */
static void *work_cancelled(void *ignored)
{
	CK_UTF8CHAR pin[] = USER_PIN;
	CK_SESSION_HANDLE session;

	pthread_cancel(pthread_self());
	RV_EQUAL(C_Initialize(NULL), CKR_OK);
	session = open_session();
	digest_abc(session);
	RV_EQUAL(C_Login(session, CKU_USER, pin, sizeof pin - 1), CKR_OK);
	NUMBER_EQUAL(count_objects(session), 2);
	RV_EQUAL(generate(session), CKR_OK);
	NUMBER_EQUAL(count_objects(session), 4);
	RV_EQUAL(C_Logout(session), CKR_OK);
	RV_EQUAL(C_CloseSession(session), CKR_OK);
	RV_EQUAL(C_Finalize(NULL), CKR_OK);
	ended = true;
	pthread_cleanup_push(frames_left, NULL);
	pthread_testcancel();
	pthread_cleanup_pop(0);
	return ignored;
}

static void pending(void)
{
	struct token *token = token_new();
	pthread_t thread;

	make_used(token);
	token_close(&token);
	ended = false;
	MUST(pthread_create(&thread, NULL, work_cancelled, NULL) == 0);
	check_cancelled(thread);
	MUST(ended);
	RV_EQUAL(C_Initialize(NULL), CKR_OK);
	NUMBER_EQUAL(count_objects(open_session()), 3);
	RV_EQUAL(C_Finalize(NULL), CKR_OK);
}

static void *generate_once(void *session)
{
	RV_EQUAL(generate(*(CK_SESSION_HANDLE *)session), CKR_OK);
	ended = true;
	pthread_cleanup_push(frames_left, NULL);
	pthread_testcancel();
	pthread_cleanup_pop(0);
	return NULL;
}

static void midst(void)
{
	struct token *token = token_new();
	CK_SESSION_HANDLE session, other;
	pthread_t thread;

	make_used(token);
	token_close(&token);
	RV_EQUAL(C_Initialize(NULL), CKR_OK);
	session = open_session();
	other = open_session();
	ended = false;
	fake_hold_create(true);
	MUST(pthread_create(&thread, NULL, generate_once, &session) == 0);
	fake_held();
	MUST(pthread_cancel(thread) == 0);
	NUMBER_EQUAL(count_objects(other), 1);
	fake_hold_create(false);
	check_cancelled(thread);
	MUST(ended);
	NUMBER_EQUAL(count_objects(session), 3);
	RV_EQUAL(generate(other), CKR_OK);
	RV_EQUAL(C_Finalize(NULL), CKR_OK);
}

static void *wait_for_event(void *ignored)
{
	CK_SLOT_ID slot;

	pthread_cleanup_push(frames_left, NULL);
	C_WaitForSlotEvent(0, &slot, NULL);
	pthread_cleanup_pop(0);
	ended = true;
	return ignored;
}

/* The one call that may take for ever ends at once, and leaves nothing locked. */
static void waiting(void)
{
	static const struct timespec moment = { 0, 50000000 }; /* it most likely waits by then */
	pthread_t thread;

	unit_fresh();
	fake_reset();
	RV_EQUAL(C_Initialize(NULL), CKR_OK);
	ended = false;
	MUST(pthread_create(&thread, NULL, wait_for_event, NULL) == 0);
	nanosleep(&moment, NULL);
	MUST(pthread_cancel(thread) == 0);
	check_cancelled(thread);
	CHECK(!ended);
	open_session();
	RV_EQUAL(C_Finalize(NULL), CKR_OK);
}

/* Locks that a cancelled thread keeps would hold the next call for ever, so each case has a process. */
static int run_one(void *run)
{
	(*(void (**)(void))run)();
	return 0;
}

static void in_child(void (*run)(void))
{
	NUMBER_EQUAL(tap_child_wait(tap_child_start(run_one, &run)), 0);
}

static void cancelled_before(void)
{
	in_child(pending);
}

static void cancelled_in_midst(void)
{
	in_child(midst);
}

static void cancelled_waiting(void)
{
	in_child(waiting);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "before the calls", cancelled_before },
		{ "while the chip makes a key", cancelled_in_midst },
		{ "in C_WaitForSlotEvent", cancelled_waiting },
		{ NULL, NULL },
	};

	return unit_end(tap_main(argc, argv, "cancel", cases));
}
