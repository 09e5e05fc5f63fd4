/*
 * accounts.h - the REST calls of accounts that are more than their statement: those that give or end
 * a session, whose refresh token may be a cookie.
 */
#ifndef PORCUPINE_ACCOUNTS_H
#define PORCUPINE_ACCOUNTS_H

#include "http.h"

/* As Route.run. The statement of what signs in or refreshes returns the answer, and the refresh token beside it. */
extern void accounts_sign_in(Request *request);
extern void accounts_refresh(Request *request);
extern void accounts_logout(Request *request);

#endif
