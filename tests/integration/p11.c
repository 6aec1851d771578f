/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "p11.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_SECONDS 8
#define MAX_SECONDS 86400

CK_FUNCTION_LIST *p11;
void *p11_module;
CK_SLOT_ID p11_slot;

static char case_directory[512];
static char shared_directory[512];

#define NAME(rv) { rv, #rv }
static const struct {
	CK_RV rv;
	const char *name;
} rv_names[] = {
	NAME(CKR_OK),
	NAME(CKR_HOST_MEMORY),
	NAME(CKR_SLOT_ID_INVALID),
	NAME(CKR_GENERAL_ERROR),
	NAME(CKR_FUNCTION_FAILED),
	NAME(CKR_ARGUMENTS_BAD),
	NAME(CKR_NO_EVENT),
	NAME(CKR_NEED_TO_CREATE_THREADS),
	NAME(CKR_CANT_LOCK),
	NAME(CKR_ATTRIBUTE_READ_ONLY),
	NAME(CKR_ATTRIBUTE_SENSITIVE),
	NAME(CKR_ATTRIBUTE_TYPE_INVALID),
	NAME(CKR_ATTRIBUTE_VALUE_INVALID),
	NAME(CKR_ACTION_PROHIBITED),
	NAME(CKR_DATA_INVALID),
	NAME(CKR_DATA_LEN_RANGE),
	NAME(CKR_DEVICE_ERROR),
	NAME(CKR_DEVICE_MEMORY),
	NAME(CKR_DEVICE_REMOVED),
	NAME(CKR_ENCRYPTED_DATA_INVALID),
	NAME(CKR_ENCRYPTED_DATA_LEN_RANGE),
	NAME(CKR_FUNCTION_CANCELED),
	NAME(CKR_FUNCTION_NOT_PARALLEL),
	NAME(CKR_FUNCTION_NOT_SUPPORTED),
	NAME(CKR_KEY_HANDLE_INVALID),
	NAME(CKR_KEY_SIZE_RANGE),
	NAME(CKR_KEY_TYPE_INCONSISTENT),
	NAME(CKR_KEY_FUNCTION_NOT_PERMITTED),
	NAME(CKR_KEY_INDIGESTIBLE),
	NAME(CKR_KEY_NOT_NEEDED),
	NAME(CKR_KEY_NOT_WRAPPABLE),
	NAME(CKR_KEY_UNEXTRACTABLE),
	NAME(CKR_MECHANISM_INVALID),
	NAME(CKR_MECHANISM_PARAM_INVALID),
	NAME(CKR_OBJECT_HANDLE_INVALID),
	NAME(CKR_OPERATION_ACTIVE),
	NAME(CKR_OPERATION_NOT_INITIALIZED),
	NAME(CKR_PIN_INCORRECT),
	NAME(CKR_PIN_INVALID),
	NAME(CKR_PIN_LEN_RANGE),
	NAME(CKR_PIN_EXPIRED),
	NAME(CKR_PIN_LOCKED),
	NAME(CKR_SAVED_STATE_INVALID),
	NAME(CKR_SESSION_CLOSED),
	NAME(CKR_SESSION_COUNT),
	NAME(CKR_SESSION_HANDLE_INVALID),
	NAME(CKR_SESSION_PARALLEL_NOT_SUPPORTED),
	NAME(CKR_SESSION_READ_ONLY),
	NAME(CKR_SESSION_EXISTS),
	NAME(CKR_SESSION_READ_ONLY_EXISTS),
	NAME(CKR_SESSION_READ_WRITE_SO_EXISTS),
	NAME(CKR_SIGNATURE_INVALID),
	NAME(CKR_SIGNATURE_LEN_RANGE),
	NAME(CKR_STATE_UNSAVEABLE),
	NAME(CKR_TEMPLATE_INCOMPLETE),
	NAME(CKR_TEMPLATE_INCONSISTENT),
	NAME(CKR_TOKEN_NOT_PRESENT),
	NAME(CKR_TOKEN_NOT_RECOGNIZED),
	NAME(CKR_TOKEN_WRITE_PROTECTED),
	NAME(CKR_UNWRAPPING_KEY_HANDLE_INVALID),
	NAME(CKR_UNWRAPPING_KEY_SIZE_RANGE),
	NAME(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT),
	NAME(CKR_USER_ALREADY_LOGGED_IN),
	NAME(CKR_USER_NOT_LOGGED_IN),
	NAME(CKR_USER_PIN_NOT_INITIALIZED),
	NAME(CKR_USER_TYPE_INVALID),
	NAME(CKR_USER_ANOTHER_ALREADY_LOGGED_IN),
	NAME(CKR_USER_TOO_MANY_TYPES),
	NAME(CKR_WRAPPED_KEY_INVALID),
	NAME(CKR_WRAPPED_KEY_LEN_RANGE),
	NAME(CKR_WRAPPING_KEY_HANDLE_INVALID),
	NAME(CKR_WRAPPING_KEY_SIZE_RANGE),
	NAME(CKR_WRAPPING_KEY_TYPE_INCONSISTENT),
	NAME(CKR_RANDOM_SEED_NOT_SUPPORTED),
	NAME(CKR_RANDOM_NO_RNG),
	NAME(CKR_BUFFER_TOO_SMALL),
	NAME(CKR_CRYPTOKI_NOT_INITIALIZED),
	NAME(CKR_CRYPTOKI_ALREADY_INITIALIZED),
	NAME(CKR_FUNCTION_REJECTED),
};

const char *p11_rv_name(CK_RV rv)
{
	static char numbers[4][32];
	static unsigned int next;
	size_t i;

	for (i = 0; i < sizeof(rv_names) / sizeof(*rv_names); i++)
		if (rv_names[i].rv == rv)
			return rv_names[i].name;
	next = (next + 1) % 4;
	snprintf(numbers[next], sizeof(numbers[next]), "0x%lx", rv);
	return numbers[next];
}

CK_RV p11_check_rv(CK_RV rv, CK_RV one, CK_RV other, bool fatal, const char *call, const char *file,
		   int line)
{
	bool holds = rv == one || rv == other;

	if (one == other)
		tap_check(holds, fatal, file, line, "%s gives %s, not %s", call, p11_rv_name(rv),
			  p11_rv_name(one));
	else
		tap_check(holds, fatal, file, line, "%s gives %s, not %s or %s", call,
			  p11_rv_name(rv), p11_rv_name(one), p11_rv_name(other));
	return rv;
}

void p11_check_ulong(unsigned long actual, unsigned long expected, const char *what,
		     const char *file, int line)
{
	tap_check(actual == expected, false, file, line, "%s is %lu (0x%lx), not %lu (0x%lx)", what,
		  actual, actual, expected, expected);
}

static int load_module(void)
{
	const char *name = getenv("PKCS11_TPM_MODULE");
	CK_C_GetFunctionList get_list;
	CK_FUNCTION_LIST *(*with_faults)(CK_FUNCTION_LIST *); /* tests/faults/again.h */

	if (name == NULL || getenv("WITH_SWTPM_DIR") == NULL) {
		printf("Bail out! run me under tools/with-swtpm, with a built module\n");
		return -1;
	}
	p11_module = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (p11_module == NULL) {
		printf("Bail out! %s\n", dlerror());
		return -1;
	}
	*(void **)&get_list = dlsym(p11_module, "C_GetFunctionList");
	if (get_list == NULL || get_list(&p11) != CKR_OK || p11 == NULL) {
		printf("Bail out! %s has no usable C_GetFunctionList\n", name);
		return -1;
	}
	*(void **)&with_faults = dlsym(p11_module, "faults_list");
	if (with_faults != NULL)
		p11 = with_faults(p11);
	return 0;
}

int p11_main(int argc, char **argv, const char *suite, const struct tap_case *cases)
{
	return load_module() == 0 ? tap_main(argc, argv, suite, cases) : EXIT_FAILURE;
}

/* Places */

void p11_use_store(const char *directory)
{
	char path[600];

	if (directory != case_directory)
		snprintf(case_directory, sizeof(case_directory), "%s", directory);
	snprintf(path, sizeof(path), "%s/token", directory);
	setenv("PKCS11_TPM_DIR", path, 1);
	snprintf(path, sizeof(path), "%s/user.data", directory);
	setenv("TSS_USER_PS_FILE", path, 1);
}

void p11_new_place(void)
{
	static unsigned int number;

	p11->C_Finalize(NULL);
	snprintf(case_directory, sizeof(case_directory), "%s/case.%u.%ld", getenv("WITH_SWTPM_DIR"),
		 ++number, (long)getpid());
	TAP_MUST(mkdir(case_directory, 0700) == 0, "mkdir %s: %s", case_directory, strerror(errno));
	p11_use_store(case_directory);
}

void p11_fresh(void)
{
	p11_reset_lockout();
	p11_new_place();
}

const char *p11_directory(void)
{
	return case_directory;
}

const char *p11_store(void)
{
	return getenv("PKCS11_TPM_DIR");
}

const char *p11_user_data(void)
{
	return getenv("TSS_USER_PS_FILE");
}

const char *p11_tool(void)
{
	static char path[512];
	const char *tool = getenv("WITH_SWTPM"), *source = getenv("srcdir");

	if (tool != NULL)
		return tool;
	snprintf(path, sizeof(path), "%s/tools/with-swtpm", source == NULL ? "." : source);
	return path;
}

/* What the program prints goes into the TAP as comments. */
int p11_run_program(char *const argv[])
{
	char line[600];
	int ends[2], status = -1;
	FILE *output;
	pid_t child;

	fflush(NULL);
	if (pipe(ends) != 0)
		return -1;
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(ends[1]);
	output = fdopen(ends[0], "r");
	while (output != NULL && fgets(line, sizeof(line), output) != NULL)
		printf("# %s", line);
	if (output != NULL)
		fclose(output);
	if (child > 0)
		status = tap_child_wait(child);
	return status;
}

unsigned int p11_seconds(void)
{
	const char *value = getenv("TESTS_SECONDS");
	unsigned long seconds = value != NULL ? strtoul(value, NULL, 10) : 0;

	return seconds >= 1 && seconds <= MAX_SECONDS ? (unsigned int)seconds : DEFAULT_SECONDS;
}

void p11_reset_lockout(void)
{
	char *control = getenv("WITH_SWTPM_CTL");
	char word[] = "resetdalock", program[] = "tpm_resetdalock", option[] = "-z";
	char *with_control[] = { control, word, NULL }, *by_itself[] = { program, option, NULL };
	int status = p11_run_program(control != NULL ? with_control : by_itself);

	TAP_MUST(status == 0, "the lockout of the chip could not be reset: status %d", status);
}

/* PINs, sessions */

void p11_start(void)
{
	CK_ULONG count = 1;

	RV_MUST(p11->C_Initialize(NULL), CKR_OK);
	RV_MUST(p11->C_GetSlotList(CK_FALSE, &p11_slot, &count), CKR_OK);
	ULONG_EQUAL(count, 1);
}

void p11_stop(void)
{
	RV_MUST(p11->C_Finalize(NULL), CKR_OK);
}

CK_UTF8CHAR_PTR p11_text(const char *s)
{
	static unsigned char copies[4][512];
	static unsigned int next;

	next = (next + 1) % 4;
	memcpy(copies[next], s, strlen(s) + 1);
	return copies[next];
}

CK_RV p11_init_token(const char *pin, const char *label)
{
	return p11->C_InitToken(p11_slot, p11_text(pin), strlen(pin), p11_text(label));
}

CK_RV p11_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin)
{
	return p11->C_Login(session, user, p11_text(pin), strlen(pin));
}

CK_RV p11_set_pin(CK_SESSION_HANDLE session, const char *old, const char *new)
{
	return p11->C_SetPIN(session, p11_text(old), strlen(old), p11_text(new), strlen(new));
}

CK_RV p11_init_pin(CK_SESSION_HANDLE session, const char *pin)
{
	return p11->C_InitPIN(session, p11_text(pin), strlen(pin));
}

static CK_SESSION_HANDLE open_session(CK_FLAGS flags)
{
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

	RV_MUST(p11->C_OpenSession(p11_slot, CKF_SERIAL_SESSION | flags, NULL, NULL, &session),
		CKR_OK);
	CHECK(session != CK_INVALID_HANDLE);
	return session;
}

CK_SESSION_HANDLE p11_open(void)
{
	return open_session(CKF_RW_SESSION);
}

CK_SESSION_HANDLE p11_open_ro(void)
{
	return open_session(0);
}

CK_SESSION_HANDLE p11_open_user(void)
{
	CK_SESSION_HANDLE session = p11_open();

	RV_MUST(p11_login(session, CKU_USER, USER_PIN), CKR_OK);
	return session;
}

CK_STATE p11_state(CK_SESSION_HANDLE session)
{
	CK_SESSION_INFO info = { .state = 99 };

	RV_EQUAL(p11->C_GetSessionInfo(session, &info), CKR_OK);
	return info.state;
}

CK_FLAGS p11_flags(void)
{
	CK_TOKEN_INFO info = { .flags = 0 };

	RV_EQUAL(p11->C_GetTokenInfo(p11_slot, &info), CKR_OK);
	return info.flags;
}

CK_SESSION_HANDLE p11_new_token(void)
{
	CK_SESSION_HANDLE session;

	p11_fresh();
	p11_start();
	RV_MUST(p11_init_token(SO_DEFAULT, "test token"), CKR_OK);
	session = p11_open();
	RV_MUST(p11_login(session, CKU_SO, SO_DEFAULT), CKR_OK);
	RV_MUST(p11_set_pin(session, SO_DEFAULT, SO_PIN), CKR_OK);
	RV_MUST(p11->C_Logout(session), CKR_OK);
	RV_MUST(p11_login(session, CKU_USER, USER_DEFAULT), CKR_OK);
	RV_MUST(p11_set_pin(session, USER_DEFAULT, USER_PIN), CKR_OK);
	RV_MUST(p11->C_CloseSession(session), CKR_OK);
	return p11_open_user();
}

CK_SESSION_HANDLE p11_shared_token(void)
{
	CK_SESSION_HANDLE session;

	if (shared_directory[0] == '\0') {
		session = p11_new_token();
		memcpy(shared_directory, case_directory, sizeof(shared_directory));
		return session;
	}
	p11->C_Finalize(NULL);
	p11_reset_lockout();
	p11_use_store(shared_directory);
	p11_start();
	return p11_open_user();
}

int p11_in_child(int (*run)(void *), void *argument)
{
	return tap_child_wait(tap_child_start(run, argument));
}

static int ready[2], go[2];

void p11_line_up(void)
{
	char byte = 0;

	MUST(write(ready[1], &byte, 1) == 1);
	MUST(read(go[0], &byte, 1) == 1);
}

void p11_two_at_once(int (*run)(void *), void *first, void *second, int status[2])
{
	char bytes[2] = { 0, 0 };
	pid_t children[2];
	int i;

	MUST(pipe(ready) == 0 && pipe(go) == 0);
	children[0] = tap_child_start(run, first);
	children[1] = tap_child_start(run, second);
	close(ready[1]);
	close(go[0]);
	for (i = 0; i < 2; i++)
		TAP_CHECK(read(ready[0], bytes, 1) == 1, "a process did not come to the start");
	CHECK(write(go[1], bytes, 2) == 2);
	for (i = 0; i < 2; i++)
		status[i] = tap_child_wait(children[i]);
	close(ready[0]);
	close(go[1]);
}
