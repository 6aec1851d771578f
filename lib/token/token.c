/* SPDX-License-Identifier: BSD-2-Clause */
#include "token/token.h"

#include <stdlib.h>
#include <string.h>

#include "token/clock.h"
#include "token/state.h"
#include "util/padded.h"
#include "util/secmem.h"
#include "util/wipe.h"

#define DEFAULT_LABEL "TPM"
#define MODEL "TPM 1.2"

CK_RV token_open(struct token **out)
{
	struct token *token = calloc(1, sizeof *token);
	CK_RV rv;

	*out = NULL;
	if (token == NULL)
		return CKR_HOST_MEMORY;
	token->secrets = secmem_alloc(sizeof *token->secrets);
	rv = token->secrets != NULL ? objstore_open(&token->store) : CKR_HOST_MEMORY;
	if (rv != CKR_OK) {
		secmem_free(token->secrets, sizeof *token->secrets);
		free(token);
		return rv;
	}
	pthread_mutex_init(&token->life_mutex, NULL);
	pthread_mutex_init(&token->mutex, NULL);
	*out = token;
	return CKR_OK;
}

void token_close(struct token **at)
{
	struct token *token = *at;

	if (token == NULL)
		return;
	state_logout_locked(token);
	state_forget_all(token);
	tspi_key_free(&token->import_parent);
	token_file_free(&token->file);
	objstore_close(&token->store);
	secmem_free(token->secrets, sizeof *token->secrets);
	pthread_mutex_destroy(&token->mutex);
	pthread_mutex_destroy(&token->life_mutex);
	free(token);
	*at = NULL;
}

void token_abandon(struct token *token)
{
	objstore_abandon(token->store);
	wipe(token->secrets, sizeof *token->secrets);
}

bool token_present(struct token *token)
{
	bool exists;

	pthread_mutex_lock(&token->mutex);
	/* A store that is refused is there all the same: the caller is to see why it cannot be used. */
	exists = state_refresh_locked(token) != CKR_OK || token->on_disk.exists;
	pthread_mutex_unlock(&token->mutex);
	return exists || tspi_present();
}

static CK_FLAGS role_flags(const struct token *token, const uint8_t note[OBJSTORE_NOTE_LEN])
{
	static const CK_FLAGS low[ROLES] = { CKF_SO_PIN_COUNT_LOW, CKF_USER_PIN_COUNT_LOW };
	static const CK_FLAGS locked[ROLES] = { CKF_SO_PIN_LOCKED, CKF_USER_PIN_LOCKED };
	static const CK_FLAGS expired[ROLES] = { CKF_SO_PIN_TO_BE_CHANGED, CKF_USER_PIN_TO_BE_CHANGED };
	CK_FLAGS flags = 0;

	for (int role = 0; role < ROLES; role++) {
		flags |= note[role] == TRY_FAILED ? low[role] : 0;
		flags |= note[role] == TRY_LOCKED ? locked[role] : 0;
		flags |= !token->file.roles[role].has_key ? expired[role] : 0;
	}
	return flags;
}

static CK_FLAGS flags_locked(struct token *token)
{
	uint8_t note[OBJSTORE_NOTE_LEN];
	CK_FLAGS flags = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_CLOCK_ON_TOKEN;

	objstore_note_read(token->store, note);
	flags |= role_flags(token, note);
	if (token->on_disk.exists)
		flags |= CKF_TOKEN_INITIALIZED;
	if (token->file.roles[ROLE_USER].has_key)
		flags |= CKF_USER_PIN_INITIALIZED;
	return flags;
}

static void info_write_locked(struct token *token, const struct tspi_version *version, const char *serial,
	CK_TOKEN_INFO *info)
{
	bool exists = token->on_disk.exists;

	memset(info, 0, sizeof *info);
	if (exists)
		PADDED(info->label, token->file.label);
	else
		PADDED(info->label, DEFAULT_LABEL);
	PADDED(info->manufacturerID, version->vendor);
	PADDED(info->model, MODEL);
	padded_fill(info->serialNumber, sizeof info->serialNumber, exists ? token->file.serial : serial,
		SERIAL_LEN);
	info->flags = flags_locked(token);
	info->ulMaxPinLen = PIN_MAX;
	info->ulMinPinLen = PIN_MIN;
	info->ulTotalPublicMemory = info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
	info->ulTotalPrivateMemory = info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
	info->hardwareVersion.major = version->major;
	info->hardwareVersion.minor = version->minor;
	info->firmwareVersion.major = version->revision_major;
	info->firmwareVersion.minor = version->revision_minor;
	clock_write(info->utcTime);
}

/* What is said of the chip as long as there is no token: whoever lists modules asks, also one who has
   nothing to do with the TPM, and a chip that makes a key would keep him waiting for minutes. */
static const struct tspi_version version_unasked = { "TPM", 1, 2, 0, 0 };

static CK_RV version_find(struct token *token, struct tspi_version *version)
{
	bool exists;
	CK_RV rv;

	pthread_mutex_lock(&token->mutex);
	rv = state_refresh_locked(token);
	exists = token->on_disk.exists;
	*version = exists ? token->file.version : version_unasked;
	pthread_mutex_unlock(&token->mutex);
	if (rv == CKR_OK && !exists && !tspi_present())
		return CKR_TOKEN_NOT_PRESENT;
	return rv;
}

CK_RV token_info(struct token *token, CK_TOKEN_INFO *info)
{
	struct tspi_version version;
	char serial[SERIAL_LEN];
	CK_RV rv;

	if ((rv = version_find(token, &version)) != CKR_OK || (rv = token_serial(token, serial)) != CKR_OK)
		return rv;
	pthread_mutex_lock(&token->mutex);
	info_write_locked(token, &version, serial, info);
	pthread_mutex_unlock(&token->mutex);
	return CKR_OK;
}
