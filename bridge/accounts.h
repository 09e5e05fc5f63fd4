/*
 * accounts.h - the REST calls of accounts that are more than their statement: those that give or end
 * a session, whose refresh token may be a cookie, and the list of one's sessions, which says of each
 * whether it has a socket at some bridge.
 */
#ifndef PORCUPINE_ACCOUNTS_H
#define PORCUPINE_ACCOUNTS_H

#include "http.h"

/* As Route.run. The statement of what signs in or refreshes returns the answer, and the refresh token beside it. */
extern void accounts_sign_in(Request *request);
extern void accounts_refresh(Request *request);
/* What ends the session that asks, or the one that its path names. */
extern void accounts_end(Request *request);
extern void accounts_end_session(Request *request);
/* Its statement returns rows: a session's id, and what the answer has of it but "live". */
extern void accounts_sessions(Request *request);

#endif
