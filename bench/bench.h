/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

/* What the measuring programs share: a module that is loaded, a token of its own, the clock. */
#include <stddef.h>

#include <p11-kit/pkcs11.h>

#define BENCH_SO_PIN "bench so pin"
#define BENCH_USER_PIN "bench user pin"
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

extern CK_FUNCTION_LIST *p11;

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
void must(CK_RV rv, const char *call);
#define MUST(call) must((call), #call)

double now(void); /* microseconds */
double processor_time(void); /* of this process alone: what others do to the machine hardly shows in it */
size_t number(const char *word);
long resident_bytes(void);

void module_load(const char *name);
CK_SLOT_ID slot_find(void); /* of the first token that is initialised, else the last */
CK_UTF8CHAR_PTR text(const char *s); /* blank-padded, good until the next call */
CK_SESSION_HANDLE session_open(CK_FLAGS flags);
void login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin);
void token_new(void); /* both PINs are set; the module is not initialised afterwards */
CK_OBJECT_HANDLE private_key_find(CK_SESSION_HANDLE session);
void key_pair_make(CK_SESSION_HANDLE session, CK_ULONG bits);

#endif
