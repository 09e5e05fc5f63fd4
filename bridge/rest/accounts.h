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
/*
 * The answer of a statement that has begun a session (SHAPE_GRANT); by_cookie: the refresh token goes into the cookie.
 * There is none where a token was used twice: its session has ended, which an error in the database would have undone.
 */
extern void accounts_answer_grant(Request *request, const PGresult *result, bool by_cookie);
/* The refresh token goes into the cookie, for so many seconds. */
extern void accounts_keep(Request *request, const char *token, const char *seconds);
/* May this request rely on a cookie? False: it was refused. */
extern bool accounts_may_use_cookie(Request *request);
/* What ends the session that asks, or the one that its path names. */
extern void accounts_end(Request *request);
extern void accounts_end_session(Request *request);
/* All there is about one, which may take long: one at a time in a process, so that who signs in does not wait for it. */
extern void accounts_export(Request *request);
/* Its statement returns rows: a session's id, and what the answer has of it but "live". */
extern void accounts_sessions(Request *request);

#endif
