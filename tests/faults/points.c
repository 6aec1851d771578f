/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each function of others that the module calls and that may fail, with how it does: linked in by --wrap,
 * which takes the names from here (tests/faults/wrapped). It is not called then; but what hands something
 * back is done all the same (T_LOST), and of what the chip does now and then only the answer is lost.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <tss/platform.h>
#include <tss/tss_defines.h>
#include <tss/tss_typedef.h>
#include <tss/tss_structs.h>
#include <tss/tpm_error.h>
#include <tss/tspi.h>
#include <tss/tss_error.h>
#include <tss/tss_error_basics.h>

#include "plan.h"

#define POINT(kind, failure, type, name, parameters, arguments)                                              \
	type __real_##name parameters;                                                                       \
	type __wrap_##name parameters;                                                                       \
	type __wrap_##name parameters                                                                        \
	{                                                                                                    \
		return plan_hit(FAULT_##kind, #name) ? failure : __real_##name arguments;                    \
	}

#define M(failure, type, name, parameters, arguments)                                                        \
	POINT(MEMORY, failure, type, name, parameters, arguments)
#define R(failure, type, name, parameters, arguments) POINT(READ, failure, type, name, parameters, arguments)
#define W(failure, type, name, parameters, arguments) POINT(WRITE, failure, type, name, parameters, arguments)
#define C(failure, type, name, parameters, arguments)                                                        \
	POINT(CRYPTO, failure, type, name, parameters, arguments)

/* --- memory, threads --- */

M(NULL, void *, malloc, (size_t n), (n))
M(NULL, void *, calloc, (size_t count, size_t n), (count, n))
M(NULL, void *, realloc, (void *p, size_t n), (p, n))
M(NULL, char *, strdup, (const char *s), (s))
M(MAP_FAILED, void *, mmap, (void *at, size_t n, int protection, int flags, int fd, off_t offset),
	(at, n, protection, flags, fd, offset))
M(-1, int, mlock, (const void *p, size_t n), (p, n))
M(-1, int, madvise, (void *p, size_t n, int advice), (p, n, advice))
M(NULL, void *, CRYPTO_memdup, (const void *p, size_t n, const char *file, int line), (p, n, file, line))
M(EAGAIN, int, pthread_create,
	(pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument),
	(thread, attributes, run, argument))
M(ENOMEM, int, pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes),
	(mutex, attributes))
M(ENOMEM, int, pthread_cond_init, (pthread_cond_t * cond, const pthread_condattr_t *attributes),
	(cond, attributes))

/* --- files --- */

R(NULL, FILE *, fopen, (const char *path, const char *mode), (path, mode))
W(-1, int, fchmod, (int fd, mode_t mode), (fd, mode))
W(-1, int, fchmodat, (int dir, const char *name, mode_t mode, int flags), (dir, name, mode, flags))
R(-1, int, fstat, (int fd, struct stat *st), (fd, st))
R(-1, int, fstatat, (int dir, const char *name, struct stat *st, int flags), (dir, name, st, flags))
W(-1, int, fsync, (int fd), (fd))
W(-1, int, mkdir, (const char *path, mode_t mode), (path, mode))
W(-1, int, mkdirat, (int dir, const char *name, mode_t mode), (dir, name, mode))
R(NULL, DIR *, fdopendir, (int fd), (fd))
R(NULL, DIR *, opendir, (const char *path), (path))
R(NULL, struct dirent *, readdir, (DIR * stream), (stream))
R(-1, ssize_t, read, (int fd, void *p, size_t n), (fd, p, n))
R(-1, ssize_t, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
W(-1, ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
W(-1, ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
W(-1, int, renameat, (int from_dir, const char *from, int to_dir, const char *to),
	(from_dir, from, to_dir, to))
W(-1, int, unlinkat, (int dir, const char *name, int flags), (dir, name, flags))
R(ENOMEM, int, getpwuid_r, (uid_t uid, struct passwd *entry, char *room, size_t n, struct passwd **found),
	(uid, entry, room, n, found))

#define OPEN(name, parameters, arguments)                                                                    \
	int __real_##name parameters;                                                                        \
	int __wrap_##name parameters;                                                                        \
	int __wrap_##name parameters                                                                         \
	{                                                                                                    \
		mode_t mode = 0;                                                                             \
		va_list ap;                                                                                  \
		va_start(ap, flags);                                                                         \
		if ((flags & O_CREAT) != 0)                                                                  \
			mode = va_arg(ap, mode_t);                                                           \
		va_end(ap);                                                                                  \
		return plan_hit((flags & O_CREAT) != 0 ? FAULT_WRITE : FAULT_READ, #name)                    \
			? -1                                                                                 \
			: __real_##name arguments;                                                           \
	}
OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))

/* A lock that is let go of is let go, whatever the answer. */
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
	bool locks = command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_SETLK
		|| command == F_SETLKW;
	va_list ap;
	int result;

	va_start(ap, command);
	if (locks) {
		struct flock *lock = va_arg(ap, struct flock *);

		result = lock->l_type != F_UNLCK && plan_hit(FAULT_READ, "fcntl")
			? -1
			: __real_fcntl(fd, command, lock);
	} else {
		int argument = va_arg(ap, int);

		result = plan_hit(FAULT_READ, "fcntl") ? -1 : __real_fcntl(fd, command, argument);
	}
	va_end(ap);
	return result;
}

/* --- libcrypto --- */

C(NULL, BN_CTX *, BN_CTX_secure_new, (void), ())
C(NULL, BIGNUM *, BN_secure_new, (void), ())
C(NULL, BIGNUM *, BN_bin2bn, (const unsigned char *p, int n, BIGNUM *to), (p, n, to))
C(0, int, BN_div, (BIGNUM * quotient, BIGNUM *rest, const BIGNUM *a, const BIGNUM *b, BN_CTX *ctx),
	(quotient, rest, a, b, ctx))
C(0, int, EVP_CIPHER_CTX_ctrl, (EVP_CIPHER_CTX * ctx, int type, int n, void *p), (ctx, type, n, p))
C(NULL, EVP_CIPHER_CTX *, EVP_CIPHER_CTX_new, (void), ())
C(NULL, EVP_CIPHER *, EVP_CIPHER_fetch, (OSSL_LIB_CTX * library, const char *name, const char *properties),
	(library, name, properties))
C(0, int, EVP_DecryptInit_ex2,
	(EVP_CIPHER_CTX * ctx, const EVP_CIPHER *cipher, const unsigned char *key, const unsigned char *iv,
		const OSSL_PARAM *params),
	(ctx, cipher, key, iv, params))
C(0, int, EVP_DecryptUpdate,
	(EVP_CIPHER_CTX * ctx, unsigned char *out, int *out_len, const unsigned char *p, int n),
	(ctx, out, out_len, p, n))
C(0, int, EVP_EncryptInit_ex2,
	(EVP_CIPHER_CTX * ctx, const EVP_CIPHER *cipher, const unsigned char *key, const unsigned char *iv,
		const OSSL_PARAM *params),
	(ctx, cipher, key, iv, params))
C(0, int, EVP_EncryptUpdate,
	(EVP_CIPHER_CTX * ctx, unsigned char *out, int *out_len, const unsigned char *p, int n),
	(ctx, out, out_len, p, n))
C(0, int, EVP_EncryptFinal_ex, (EVP_CIPHER_CTX * ctx, unsigned char *out, int *out_len), (ctx, out, out_len))
C(0, int, EVP_Digest,
	(const void *p, size_t n, unsigned char *out, unsigned int *out_len, const EVP_MD *md,
		ENGINE *engine),
	(p, n, out, out_len, md, engine))
C(NULL, EVP_MD *, EVP_MD_fetch, (OSSL_LIB_CTX * library, const char *name, const char *properties),
	(library, name, properties))
C(NULL, EVP_MD_CTX *, EVP_MD_CTX_new, (void), ())
C(0, int, EVP_MD_CTX_copy_ex, (EVP_MD_CTX * to, const EVP_MD_CTX *from), (to, from))
C(0, int, EVP_DigestInit_ex, (EVP_MD_CTX * ctx, const EVP_MD *md, ENGINE *engine), (ctx, md, engine))
C(0, int, EVP_DigestUpdate, (EVP_MD_CTX * ctx, const void *p, size_t n), (ctx, p, n))
C(0, int, EVP_DigestFinal_ex, (EVP_MD_CTX * ctx, unsigned char *out, unsigned int *out_len),
	(ctx, out, out_len))
C(NULL, EVP_MAC *, EVP_MAC_fetch, (OSSL_LIB_CTX * library, const char *name, const char *properties),
	(library, name, properties))
C(NULL, EVP_MAC_CTX *, EVP_MAC_CTX_new, (EVP_MAC * mac), (mac))
C(0, int, EVP_MAC_init, (EVP_MAC_CTX * ctx, const unsigned char *key, size_t n, const OSSL_PARAM *params),
	(ctx, key, n, params))
C(0, int, EVP_MAC_update, (EVP_MAC_CTX * ctx, const unsigned char *p, size_t n), (ctx, p, n))
C(0, int, EVP_MAC_final, (EVP_MAC_CTX * ctx, unsigned char *out, size_t *out_len, size_t room),
	(ctx, out, out_len, room))
C(NULL, unsigned char *, EVP_Q_mac,
	(OSSL_LIB_CTX * library, const char *name, const char *properties, const char *digest,
		const OSSL_PARAM *params, const void *key, size_t key_len, const unsigned char *p, size_t n,
		unsigned char *out, size_t room, size_t *out_len),
	(library, name, properties, digest, params, key, key_len, p, n, out, room, out_len))
C(0, int, EVP_PKEY_CTX_add1_hkdf_info, (EVP_PKEY_CTX * ctx, const unsigned char *info, int n), (ctx, info, n))
C(0, int, EVP_PKEY_CTX_set1_hkdf_key, (EVP_PKEY_CTX * ctx, const unsigned char *key, int n), (ctx, key, n))
C(0, int, EVP_PKEY_CTX_set1_hkdf_salt, (EVP_PKEY_CTX * ctx, const unsigned char *salt, int n), (ctx, salt, n))
C(0, int, EVP_PKEY_CTX_set_hkdf_md, (EVP_PKEY_CTX * ctx, const EVP_MD *md), (ctx, md))
C(NULL, EVP_PKEY_CTX *, EVP_PKEY_CTX_new, (EVP_PKEY * key, ENGINE *engine), (key, engine))
C(NULL, EVP_PKEY_CTX *, EVP_PKEY_CTX_new_id, (int id, ENGINE *engine), (id, engine))
C(NULL, EVP_PKEY_CTX *, EVP_PKEY_CTX_new_from_name,
	(OSSL_LIB_CTX * library, const char *name, const char *properties), (library, name, properties))
C(0, int, EVP_PKEY_CTX_set0_rsa_oaep_label, (EVP_PKEY_CTX * ctx, void *label, int n), (ctx, label, n))
C(0, int, EVP_PKEY_CTX_set_rsa_mgf1_md, (EVP_PKEY_CTX * ctx, const EVP_MD *md), (ctx, md))
C(0, int, EVP_PKEY_CTX_set_rsa_oaep_md, (EVP_PKEY_CTX * ctx, const EVP_MD *md), (ctx, md))
C(0, int, EVP_PKEY_CTX_set_rsa_padding, (EVP_PKEY_CTX * ctx, int padding), (ctx, padding))
C(NULL, EVP_PKEY *, EVP_PKEY_Q_keygen,
	(OSSL_LIB_CTX * library, const char *properties, const char *type, size_t bits),
	(library, properties, type, bits))
C(0, int, EVP_PKEY_derive, (EVP_PKEY_CTX * ctx, unsigned char *out, size_t *out_len), (ctx, out, out_len))
C(0, int, EVP_PKEY_derive_init, (EVP_PKEY_CTX * ctx), (ctx))
C(0, int, EVP_PKEY_encrypt_init, (EVP_PKEY_CTX * ctx), (ctx))
C(0, int, EVP_PKEY_fromdata, (EVP_PKEY_CTX * ctx, EVP_PKEY **key, int selection, OSSL_PARAM *params),
	(ctx, key, selection, params))
C(0, int, EVP_PKEY_fromdata_init, (EVP_PKEY_CTX * ctx), (ctx))
C(0, int, EVP_PKEY_get_bn_param, (const EVP_PKEY *key, const char *name, BIGNUM **number),
	(key, name, number))
C(0, int, EVP_PKEY_up_ref, (EVP_PKEY * key), (key))
C(0, int, EVP_PKEY_verify_init, (EVP_PKEY_CTX * ctx), (ctx))
C(0, int, EVP_PKEY_verify_recover_init, (EVP_PKEY_CTX * ctx), (ctx))
C(NULL, OSSL_PARAM_BLD *, OSSL_PARAM_BLD_new, (void), ())
C(0, int, OSSL_PARAM_BLD_push_BN, (OSSL_PARAM_BLD * builder, const char *name, const BIGNUM *number),
	(builder, name, number))
C(NULL, OSSL_PARAM *, OSSL_PARAM_BLD_to_param, (OSSL_PARAM_BLD * builder), (builder))
C(0, int, PKCS5_PBKDF2_HMAC,
	(const char *password, int password_len, const unsigned char *salt, int salt_len, int iterations,
		const EVP_MD *md, int n, unsigned char *out),
	(password, password_len, salt, salt_len, iterations, md, n, out))
C(0, int, RAND_bytes, (unsigned char *p, int n), (p, n))
C(-1, int, i2d_PUBKEY, (const EVP_PKEY *key, unsigned char **out), (key, out))

/* --- libtspi --- */

/* Neither a wrong auth nor a lockout, which are answers. */
static TSS_RESULT chip_error(void)
{
	static const TSS_RESULT errors[] = { TPM_E_FAIL, TPM_E_RESOURCES, TSP_ERROR(TSS_E_COMM_FAILURE),
		TSP_ERROR(TSS_E_INTERNAL_ERROR), TSP_ERROR(TSS_E_OUTOFMEMORY) };

	return errors[plan_draw(sizeof errors / sizeof *errors)];
}

#define T(name, parameters, arguments)                                                                       \
	TSS_RESULT __real_##name parameters;                                                                 \
	TSS_RESULT __wrap_##name parameters;                                                                 \
	TSS_RESULT __wrap_##name parameters                                                                  \
	{                                                                                                    \
		TSS_RESULT result;                                                                           \
		if (!plan_hit(FAULT_CHIP, #name))                                                            \
			return __real_##name arguments;                                                      \
		if (plan_draw(2) == 0)                                                                       \
			return chip_error();                                                                 \
		result = __real_##name arguments;                                                            \
		return result == TSS_SUCCESS ? TSP_ERROR(TSS_E_COMM_FAILURE) : result;                       \
	}

#define T_LOST(name, parameters, arguments)                                                                  \
	TSS_RESULT __real_##name parameters;                                                                 \
	TSS_RESULT __wrap_##name parameters;                                                                 \
	TSS_RESULT __wrap_##name parameters                                                                  \
	{                                                                                                    \
		TSS_RESULT result = __real_##name arguments;                                                 \
		return plan_hit(FAULT_CHIP, #name) ? chip_error() : result;                                  \
	}

T(Tspi_ChangeAuth, (TSS_HOBJECT object, TSS_HOBJECT parent, TSS_HPOLICY policy), (object, parent, policy))
T_LOST(Tspi_Context_Close, (TSS_HCONTEXT context), (context))
T_LOST(Tspi_Context_CloseObject, (TSS_HCONTEXT context, TSS_HOBJECT object), (context, object))
T(Tspi_Context_Connect, (TSS_HCONTEXT context, TSS_UNICODE *destination), (context, destination))
T(Tspi_Context_Create, (TSS_HCONTEXT * context), (context))
T(Tspi_Context_CreateObject, (TSS_HCONTEXT context, TSS_FLAG type, TSS_FLAG flags, TSS_HOBJECT *object),
	(context, type, flags, object))
T_LOST(Tspi_Context_FreeMemory, (TSS_HCONTEXT context, BYTE *memory), (context, memory))
T(Tspi_Context_GetKeyByPublicInfo,
	(TSS_HCONTEXT context, TSS_FLAG store, TSS_ALGORITHM_ID algorithm, UINT32 n, BYTE *info,
		TSS_HKEY *key),
	(context, store, algorithm, n, info, key))
T(Tspi_Context_GetTpmObject, (TSS_HCONTEXT context, TSS_HTPM *tpm), (context, tpm))
T(Tspi_Context_LoadKeyByBlob, (TSS_HCONTEXT context, TSS_HKEY parent, UINT32 n, BYTE *blob, TSS_HKEY *key),
	(context, parent, n, blob, key))
T(Tspi_Context_LoadKeyByUUID, (TSS_HCONTEXT context, TSS_FLAG store, TSS_UUID uuid, TSS_HKEY *key),
	(context, store, uuid, key))
T(Tspi_Context_RegisterKey,
	(TSS_HCONTEXT context, TSS_HKEY key, TSS_FLAG store, TSS_UUID uuid, TSS_FLAG parent_store,
		TSS_UUID parent),
	(context, key, store, uuid, parent_store, parent))
T(Tspi_Context_UnregisterKey, (TSS_HCONTEXT context, TSS_FLAG store, TSS_UUID uuid, TSS_HKEY *key),
	(context, store, uuid, key))
T(Tspi_Data_Unbind, (TSS_HENCDATA data, TSS_HKEY key, UINT32 *n, BYTE **text), (data, key, n, text))
T(Tspi_GetAttribData, (TSS_HOBJECT object, TSS_FLAG attribute, TSS_FLAG part, UINT32 *n, BYTE **data),
	(object, attribute, part, n, data))
T(Tspi_GetPolicyObject, (TSS_HOBJECT object, TSS_FLAG type, TSS_HPOLICY *policy), (object, type, policy))
T(Tspi_Hash_SetHashValue, (TSS_HHASH hash, UINT32 n, BYTE *value), (hash, n, value))
T(Tspi_Hash_Sign, (TSS_HHASH hash, TSS_HKEY key, UINT32 *n, BYTE **signature), (hash, key, n, signature))
T(Tspi_Key_CreateKey, (TSS_HKEY key, TSS_HKEY parent, TSS_HPCRS pcrs), (key, parent, pcrs))
T_LOST(Tspi_Key_UnloadKey, (TSS_HKEY key), (key))
T(Tspi_Policy_AssignToObject, (TSS_HPOLICY policy, TSS_HOBJECT object), (policy, object))
T_LOST(Tspi_Policy_FlushSecret, (TSS_HPOLICY policy), (policy))
T(Tspi_Policy_SetSecret, (TSS_HPOLICY policy, TSS_FLAG mode, UINT32 n, BYTE *secret),
	(policy, mode, n, secret))
T(Tspi_SetAttribData, (TSS_HOBJECT object, TSS_FLAG attribute, TSS_FLAG part, UINT32 n, BYTE *data),
	(object, attribute, part, n, data))
T(Tspi_SetAttribUint32, (TSS_HOBJECT object, TSS_FLAG attribute, TSS_FLAG part, UINT32 value),
	(object, attribute, part, value))
T(Tspi_TPM_GetCapability, (TSS_HTPM tpm, TSS_FLAG area, UINT32 n, BYTE *part, UINT32 *out_len, BYTE **out),
	(tpm, area, n, part, out_len, out))
T(Tspi_TPM_GetRandom, (TSS_HTPM tpm, UINT32 n, BYTE **out), (tpm, n, out))
T(Tspi_TPM_StirRandom, (TSS_HTPM tpm, UINT32 n, BYTE *p), (tpm, n, p))
