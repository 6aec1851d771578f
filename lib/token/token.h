/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOKEN_TOKEN_H
#define TOKEN_TOKEN_H

#include <stdbool.h>

#include "token/token_file.h"
#include "util/pkcs11.h"

/*
 * The token of the process's user: who is logged in, its PINs, its life (PKCS#11 v2.40 base
 * specification, 5.5 and 5.6). Safe to call from any thread. Sessions are the caller's business.
 */
struct token;

CK_RV token_open(struct token **token);
void token_close(struct token **token);

/* In the child after a fork: wipes the parent's secrets and closes its files, and touches nothing else. */
void token_abandon(struct token *token);

/* For a token that has not been initialised: does tcsd answer? An initialised one is always there. */
bool token_present(struct token *token);

/* All but the session counts. CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_ERROR. No TPM command if the token
   is initialised. */
CK_RV token_info(struct token *token, CK_TOKEN_INFO *info);

enum login { LOGIN_NONE, LOGIN_USER, LOGIN_SO };

enum login token_login_state(struct token *token);

/* Another number after each end of a login: what was found in that login is lost then. */
unsigned long token_login_number(struct token *token);

/* CKR_PIN_EXPIRED if who is logged in still has the default PIN: no object or key is to be touched. */
CK_RV token_check_expired(struct token *token);

/* C_InitToken, with no session open. label: up to LABEL_LEN bytes or a NUL. */
CK_RV token_init(struct token *token, const CK_UTF8CHAR *pin, CK_ULONG pin_len, const CK_UTF8CHAR *label);

/* C_Login but for its rules about sessions. CKR_USER_PIN_NOT_INITIALIZED: the token is not, or the
   user has no PIN of any kind. */
CK_RV token_login(struct token *token, enum role role, const CK_UTF8CHAR *pin, CK_ULONG pin_len);

/* Is it the PIN of the user, who is logged in? CKR_USER_NOT_LOGGED_IN, CKR_PIN_INCORRECT, ... */
CK_RV token_check_pin(struct token *token, const CK_UTF8CHAR *pin, CK_ULONG pin_len);

/* CKR_USER_NOT_LOGGED_IN. Every private object goes. */
CK_RV token_logout(struct token *token);

/* C_SetPIN: of whoever is logged in, else the user's. */
CK_RV token_set_pin(struct token *token, const CK_UTF8CHAR *old_pin, CK_ULONG old_len,
	const CK_UTF8CHAR *new_pin, CK_ULONG new_len);

/* C_InitPIN. CKR_FUNCTION_REJECTED: the user's objects would be lost, as the SO has no copy of the
   master key yet. */
CK_RV token_init_pin(struct token *token, const CK_UTF8CHAR *pin, CK_ULONG pin_len);

#endif
