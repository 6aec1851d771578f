/* SPDX-License-Identifier: BSD-2-Clause */
/* C_Initialize, the function list, what slot and token say of themselves, sessions. */
#define _GNU_SOURCE
#include "p11_link.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* C_Initialize */

static CK_RV no_mutex(void **mutex)
{
	(void)mutex;
	return CKR_OK;
}

static CK_RV no_lock(void *mutex)
{
	(void)mutex;
	return CKR_OK;
}

static unsigned int mutexes;

static CK_RV create_mutex(void **mutex)
{
	static pthread_mutex_t pool[512];

	if (mutexes == sizeof(pool) / sizeof(*pool))
		return CKR_HOST_MEMORY;
	*mutex = &pool[mutexes++];
	return pthread_mutex_init(*mutex, NULL) == 0 ? CKR_OK : CKR_GENERAL_ERROR;
}

static CK_RV lock_mutex(void *mutex)
{
	return pthread_mutex_lock(mutex) == 0 ? CKR_OK : CKR_MUTEX_BAD;
}

static CK_RV unlock_mutex(void *mutex)
{
	return pthread_mutex_unlock(mutex) == 0 ? CKR_OK : CKR_MUTEX_NOT_LOCKED;
}

static void initialize_refused(void)
{
	char word[] = "reserved";
	CK_C_INITIALIZE_ARGS args;
	unsigned int given;

	p11_fresh();
	memset(&args, 0, sizeof(args));
	args.pReserved = word;
	RV_EQUAL(p11->C_Initialize(&args), CKR_ARGUMENTS_BAD);
	args.flags = CKF_OS_LOCKING_OK;
	RV_EQUAL(p11->C_Initialize(&args), CKR_ARGUMENTS_BAD);
	/* All proper parts of the four callbacks. */
	for (given = 1; given < 15; given++) {
		tap_about("callbacks 0x%x", given);
		memset(&args, 0, sizeof(args));
		args.CreateMutex = given & 1 ? no_mutex : NULL;
		args.DestroyMutex = given & 2 ? no_lock : NULL;
		args.LockMutex = given & 4 ? no_lock : NULL;
		args.UnlockMutex = given & 8 ? no_lock : NULL;
		RV_EQUAL(p11->C_Initialize(&args), CKR_ARGUMENTS_BAD);
		args.flags = CKF_OS_LOCKING_OK;
		RV_EQUAL(p11->C_Initialize(&args), CKR_ARGUMENTS_BAD);
	}
	RV_EQUAL(p11->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void initialize_accepted(void)
{
	static const CK_FLAGS flags[] = {
		0,
		CKF_OS_LOCKING_OK,
		CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS,
	};
	char word[] = "reserved";
	CK_C_INITIALIZE_ARGS args;
	CK_INFO info;
	size_t i;

	p11_fresh();
	for (i = 0; i < 3; i++) {
		tap_about("flags 0x%lx", flags[i]);
		memset(&args, 0, sizeof(args));
		args.flags = flags[i];
		RV_EQUAL(p11->C_Initialize(&args), CKR_OK);
		RV_EQUAL(p11->C_Initialize(&args), CKR_CRYPTOKI_ALREADY_INITIALIZED);
		RV_EQUAL(p11->C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
		RV_EQUAL(p11->C_Finalize(word), CKR_ARGUMENTS_BAD);
		RV_EQUAL(p11->C_GetInfo(&info), CKR_OK);
		RV_EQUAL(p11->C_Finalize(NULL), CKR_OK);
		RV_EQUAL(p11->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	}
}

static void initialize_callbacks(void)
{
	CK_C_INITIALIZE_ARGS args = { create_mutex, no_lock,	       lock_mutex,
				      unlock_mutex, CKF_OS_LOCKING_OK, NULL };
	CK_INFO info;

	p11_fresh();
	RV_EQUAL(p11->C_Initialize(&args), CKR_OK);
	RV_EQUAL(p11->C_GetInfo(&info), CKR_OK);
	RV_EQUAL(p11->C_Finalize(NULL), CKR_OK);

	/* Without OS_LOCKING_OK they are used, or the module says that it cannot. */
	args.flags = 0;
	mutexes = 0;
	if (RV_ONE_OF(p11->C_Initialize(&args), CKR_OK, CKR_CANT_LOCK) == CKR_OK) {
		RV_EQUAL(p11->C_GetInfo(&info), CKR_OK);
		CHECK(mutexes > 0);
		RV_EQUAL(p11->C_Finalize(NULL), CKR_OK);
	}
}

#define RACERS 1000

static pthread_barrier_t start_line;

static void *race(void *result)
{
	pthread_barrier_wait(&start_line);
	*(CK_RV *)result = p11->C_Initialize(NULL);
	return NULL;
}

static void initialize_race(void)
{
	static pthread_t threads[RACERS];
	static CK_RV results[RACERS];
	pthread_attr_t attributes;
	unsigned int started, i, won = 0, refused = 0;

	p11_fresh();
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, (size_t)256 * 1024);
	pthread_barrier_init(&start_line, NULL, RACERS);
	for (started = 0; started < RACERS; started++)
		if (pthread_create(&threads[started], &attributes, race, &results[started]) != 0)
			break;
	TAP_MUST(started == RACERS, "only %u threads could be started", started);
	for (i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < RACERS; i++) {
		won += results[i] == CKR_OK;
		refused += results[i] == CKR_CRYPTOKI_ALREADY_INITIALIZED;
	}
	ULONG_EQUAL(won, 1);
	ULONG_EQUAL(refused, RACERS - 1);
	pthread_barrier_destroy(&start_line);
	pthread_attr_destroy(&attributes);
	p11_stop();
}

static unsigned int entries(const char *directory)
{
	DIR *stream = opendir(directory);
	unsigned int count = 0;

	MUST(stream != NULL);
	while (readdir(stream) != NULL)
		count++;
	closedir(stream);
	return count;
}

static void use_a_little(void)
{
	unsigned char random[8];
	CK_SESSION_HANDLE session = p11_open_user();

	p11_count(session, ANY_CLASS, NULL);
	RV_EQUAL(p11->C_GenerateRandom(session, random, sizeof(random)), CKR_OK);
}

static void thousand_rounds(void)
{
	unsigned int files, threads, round;

	p11_new_token();
	p11_stop();
	/* The first round may open what then stays. */
	p11_start();
	use_a_little();
	p11_stop();
	files = entries("/proc/self/fd");
	threads = link_threads(0);
	for (round = 0; round < 1000; round++) {
		tap_about("round %u", round);
		p11_start();
		p11_open();
		if (round % 100 == 0)
			use_a_little();
		p11_stop();
	}
	ULONG_EQUAL(entries("/proc/self/fd"), files);
	ULONG_EQUAL(link_threads(0), threads);
}

/* What module, slot and token say */

/* Blanks from the end of the expected text on; without one, no NUL anywhere. */
static void check_padded(const char *what, const unsigned char *field, size_t size,
			 const char *expected)
{
	size_t length = expected == NULL ? size : strlen(expected), i = length;

	while (i < size && field[i] == ' ')
		i++;
	TAP_CHECK(i == size && memchr(field, 0, size) == NULL &&
			  (expected == NULL || memcmp(field, expected, length) == 0),
		  "%s is \"%.*s\", not \"%s\" and blanks", what, (int)size, (const char *)field,
		  expected == NULL ? "text without NUL" : expected);
}

static bool is_blank(const unsigned char *field, size_t size)
{
	while (size > 0 && field[size - 1] == ' ')
		size--;
	return size == 0;
}

static void module_info(void)
{
	CK_INFO info;

	p11_fresh();
	p11_start();
	memset(&info, 0, sizeof(info));
	RV_EQUAL(p11->C_GetInfo(&info), CKR_OK);
	ULONG_EQUAL(info.cryptokiVersion.major, 2);
	ULONG_EQUAL(info.cryptokiVersion.minor, 40);
	ULONG_EQUAL(info.flags, 0);
	check_padded("manufacturerID", info.manufacturerID, 32, NULL);
	check_padded("libraryDescription", info.libraryDescription, 32, NULL);
	CHECK(!is_blank(info.libraryDescription, 32));
	RV_EQUAL(p11->C_GetInfo(NULL), CKR_ARGUMENTS_BAD);
}

static void slot_list(void)
{
	CK_SLOT_ID slots[4] = { 77, 77, 77, 77 };
	CK_ULONG count = 0;
	CK_BBOOL present;

	p11_fresh();
	p11_start();
	for (present = CK_FALSE; present <= CK_TRUE; present++) {
		tap_about("tokenPresent %u", present);
		count = 99;
		RV_EQUAL(p11->C_GetSlotList(present, NULL, &count), CKR_OK);
		ULONG_EQUAL(count, 1);
		count = 0;
		RV_EQUAL(p11->C_GetSlotList(present, slots, &count), CKR_BUFFER_TOO_SMALL);
		ULONG_EQUAL(count, 1);
		count = 4;
		RV_EQUAL(p11->C_GetSlotList(present, slots, &count), CKR_OK);
		ULONG_EQUAL(count, 1);
		ULONG_EQUAL(slots[0], p11_slot);
		ULONG_EQUAL(slots[1], 77);
		RV_EQUAL(p11->C_GetSlotList(present, slots, NULL), CKR_ARGUMENTS_BAD);
	}
}

static void slot_info(void)
{
	CK_SLOT_INFO info;

	p11_fresh();
	p11_start();
	memset(&info, 0, sizeof(info));
	RV_EQUAL(p11->C_GetSlotInfo(p11_slot, &info), CKR_OK);
	check_padded("slotDescription", info.slotDescription, 64, "PKCS#11 Interface for TPM");
	check_padded("manufacturerID", info.manufacturerID, 32, NULL);
	CHECK(info.flags & CKF_TOKEN_PRESENT);
	CHECK(!(info.flags & CKF_REMOVABLE_DEVICE));
	RV_EQUAL(p11->C_GetSlotInfo(p11_slot, NULL), CKR_ARGUMENTS_BAD);
}

static void no_such_slot(void)
{
	const CK_SLOT_ID slot = p11_slot + 1000;
	CK_UTF8CHAR pin[] = SO_DEFAULT, label[] = "no such slot";
	CK_SESSION_HANDLE session;
	CK_SLOT_INFO slot_data;
	CK_TOKEN_INFO token;
	CK_MECHANISM_INFO mechanism;
	CK_ULONG count = 0;

	p11_fresh();
	p11_start();
	RV_EQUAL(p11->C_GetSlotInfo(slot, &slot_data), CKR_SLOT_ID_INVALID);
	RV_EQUAL(p11->C_GetTokenInfo(slot, &token), CKR_SLOT_ID_INVALID);
	RV_EQUAL(p11->C_GetMechanismList(slot, NULL, &count), CKR_SLOT_ID_INVALID);
	RV_EQUAL(p11->C_GetMechanismInfo(slot, CKM_RSA_PKCS, &mechanism), CKR_SLOT_ID_INVALID);
	RV_EQUAL(p11->C_InitToken(slot, pin, 8, label), CKR_SLOT_ID_INVALID);
	RV_EQUAL(p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session),
		 CKR_SLOT_ID_INVALID);
	RV_EQUAL(p11->C_CloseAllSessions(slot), CKR_SLOT_ID_INVALID);
}

static void get_token_info(CK_TOKEN_INFO *info)
{
	memset(info, 0, sizeof(*info));
	RV_MUST(p11->C_GetTokenInfo(p11_slot, info), CKR_OK);
}

static void check_utc_time(const unsigned char *utc)
{
	char text[17];
	struct tm tm;
	time_t now = time(NULL), then;

	snprintf(text, sizeof(text), "%.16s", (const char *)utc);
	memset(&tm, 0, sizeof(tm));
	TAP_CHECK(strlen(text) == 16 && strspn(text, "0123456789") == 16 &&
			  strcmp(text + 14, "00") == 0 &&
			  strptime(text, "%Y%m%d%H%M%S", &tm) != NULL,
		  "utcTime is \"%s\"", text);
	then = timegm(&tm);
	TAP_CHECK(then >= now - 60 && then <= now + 60, "utcTime is \"%s\", and now is %ld", text,
		  (long)now);
}

static void check_common(const CK_TOKEN_INFO *info)
{
	const CK_ULONG numbers[] = {
		info->ulMaxSessionCount,    info->ulSessionCount,      info->ulMaxRwSessionCount,
		info->ulRwSessionCount,	    info->ulTotalPublicMemory, info->ulFreePublicMemory,
		info->ulTotalPrivateMemory, info->ulFreePrivateMemory,
	};
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		TAP_CHECK(sizeof(CK_ULONG) == 4 || numbers[i] != 0xffffffff,
			  "number %zu is -1 of 32 bits, not CK_UNAVAILABLE_INFORMATION", i);
	ULONG_EQUAL(info->ulMinPinLen, 1);
	ULONG_EQUAL(info->ulMaxPinLen, 256);
	CHECK(info->flags & CKF_CLOCK_ON_TOKEN);
	check_utc_time(info->utcTime);
	check_padded("manufacturerID", info->manufacturerID, 32, NULL);
	check_padded("model", info->model, 16, NULL);
	check_padded("serialNumber", info->serialNumber, 16, NULL);
	CHECK(!is_blank(info->serialNumber, 16));
}

static void token_info(void)
{
	CK_TOKEN_INFO fresh, used, later;

	p11_fresh();
	p11_start();
	get_token_info(&fresh);
	check_padded("label", fresh.label, 32, "TPM");
	check_common(&fresh);
	ULONG_EQUAL(fresh.flags, 0x880045);
	RV_EQUAL(p11->C_GetTokenInfo(p11_slot, NULL), CKR_ARGUMENTS_BAD);

	RV_MUST(p11_init_token(SO_DEFAULT, "info"), CKR_OK);
	get_token_info(&used);
	check_padded("label", used.label, 32, "info");
	check_common(&used);
	ULONG_EQUAL(used.hardwareVersion.major, 1);
	ULONG_EQUAL(used.hardwareVersion.minor, 2);
	CHECK(!is_blank(used.manufacturerID, 32));
	CHECK(memcmp(fresh.serialNumber, used.serialNumber, 16) == 0);

	RV_MUST(p11_init_token(SO_DEFAULT, "info 2"), CKR_OK);
	p11_stop();
	p11_start();
	get_token_info(&later);
	check_padded("label", later.label, 32, "info 2");
	CHECK(memcmp(fresh.serialNumber, later.serialNumber, 16) == 0);
	CHECK(memcmp(used.manufacturerID, later.manufacturerID, 32) == 0);
}

/* A second C_InitToken makes no second token. */
static void one_token(void)
{
	CK_ULONG count = 0;
	int i;

	p11_fresh();
	p11_start();
	for (i = 0; i < 3; i++) {
		RV_EQUAL(p11_init_token(SO_DEFAULT, "one"), CKR_OK);
		RV_EQUAL(p11->C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
		ULONG_EQUAL(count, 1);
	}
}

/* Mechanisms */

#define PAIRED (CKF_SIGN | CKF_VERIFY)
#define CIPHER (CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP)
#define OF_RSA(name) { CKM_##name##_RSA_PKCS, PAIRED | CKF_HW }
#define OF_DIGEST(name) \
	{ CKM_##name, CKF_DIGEST }, { CKM_##name##_HMAC, PAIRED }, { CKM_##name##_HMAC_GENERAL, PAIRED }

/* What is listed, with a part of the flags that the standard's tables have for it. */
static const struct {
	CK_MECHANISM_TYPE type;
	CK_FLAGS flags;
} mechanisms[] = {
	{ CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR | CKF_HW },
	{ CKM_RSA_PKCS, PAIRED | CIPHER | CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER | CKF_HW },
	{ CKM_GENERIC_SECRET_KEY_GEN, CKF_GENERATE },
	OF_RSA(MD5),	OF_RSA(SHA1),	 OF_RSA(SHA224),    OF_RSA(SHA256),
	OF_RSA(SHA384), OF_RSA(SHA512),	 OF_DIGEST(MD5),    OF_DIGEST(SHA_1),
	OF_DIGEST(SHA224), OF_DIGEST(SHA256), OF_DIGEST(SHA384), OF_DIGEST(SHA512),
};

#define MECHANISMS (sizeof(mechanisms) / sizeof(*mechanisms))

static void mechanism_list(void)
{
	CK_MECHANISM_TYPE list[64];
	CK_ULONG count = 0, i, j;

	p11_fresh();
	p11_start();
	RV_EQUAL(p11->C_GetMechanismList(p11_slot, NULL, &count), CKR_OK);
	ULONG_EQUAL(count, MECHANISMS);
	count = 1;
	RV_EQUAL(p11->C_GetMechanismList(p11_slot, list, &count), CKR_BUFFER_TOO_SMALL);
	ULONG_EQUAL(count, MECHANISMS);
	count = 64;
	RV_EQUAL(p11->C_GetMechanismList(p11_slot, list, &count), CKR_OK);
	ULONG_EQUAL(count, MECHANISMS);
	for (i = 0; i < MECHANISMS; i++) {
		unsigned int listed = 0;

		for (j = 0; j < count; j++)
			listed += list[j] == mechanisms[i].type;
		TAP_CHECK(listed == 1, "mechanism 0x%lx is listed %u times", mechanisms[i].type,
			  listed);
	}
	RV_EQUAL(p11->C_GetMechanismList(p11_slot, list, NULL), CKR_ARGUMENTS_BAD);
}

static void mechanism_info(void)
{
	static const CK_MECHANISM_TYPE absent[] = {
		CKM_RSA_PKCS_OAEP,   CKM_RSA_PKCS_PSS, CKM_RSA_X_509,
		CKM_EC_KEY_PAIR_GEN, CKM_AES_CBC,      0x7fffffff,
	};
	CK_MECHANISM_INFO info;
	size_t i;

	p11_fresh();
	p11_start();
	for (i = 0; i < MECHANISMS; i++) {
		tap_about("mechanism 0x%lx", mechanisms[i].type);
		memset(&info, 0, sizeof(info));
		RV_EQUAL(p11->C_GetMechanismInfo(p11_slot, mechanisms[i].type, &info), CKR_OK);
		ULONG_EQUAL(info.flags, mechanisms[i].flags);
		CHECK(info.ulMinKeySize <= info.ulMaxKeySize);
		if (mechanisms[i].flags & CKF_HW)
			CHECK(info.ulMinKeySize >= 512 && info.ulMaxKeySize == 2048);
		if (mechanisms[i].flags & CKF_GENERATE_KEY_PAIR)
			ULONG_EQUAL(info.ulMinKeySize, 512);
	}
	for (i = 0; i < sizeof(absent) / sizeof(*absent); i++) {
		tap_about("mechanism 0x%lx", absent[i]);
		RV_EQUAL(p11->C_GetMechanismInfo(p11_slot, absent[i], &info),
			 CKR_MECHANISM_INVALID);
	}
	RV_EQUAL(p11->C_GetMechanismInfo(p11_slot, CKM_RSA_PKCS, NULL), CKR_ARGUMENTS_BAD);
}

static const struct tap_case cases[] = {
	{ "arguments that C_Initialize refuses", initialize_refused },
	{ "arguments that C_Initialize takes", initialize_accepted },
	{ "mutex callbacks", initialize_callbacks },
	{ "of a thousand threads in C_Initialize one wins", initialize_race },
	{ "a thousand rounds leave no file and no thread open", thousand_rounds },
	{ "C_GetInfo", module_info },
	{ "C_GetSlotList", slot_list },
	{ "C_GetSlotInfo", slot_info },
	{ "a slot that is not there", no_such_slot },
	{ "C_GetTokenInfo", token_info },
	{ "C_InitToken again makes no second token", one_token },
	{ "C_GetMechanismList", mechanism_list },
	{ "C_GetMechanismInfo", mechanism_info },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return p11_main(argc, argv, "general", cases);
}
