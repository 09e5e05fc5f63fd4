/*
 * auth.h - whose access token is this?
 *
 * It owns the database's public keys, which it reads when it meets a key id that it does not know
 * (at most once a second), and a cache of what has been verified.
 */
#ifndef PORCUPINE_AUTH_H
#define PORCUPINE_AUTH_H

#include "jwt.h"

typedef enum AuthVerdict
{
	AUTH_VALID,
	AUTH_INVALID,
	AUTH_BUSY					/* the key could not be read: the database is away */
} AuthVerdict;

typedef void (*AuthDone) (void *arg, AuthVerdict verdict, const JwtClaims *claims);

/* Embedded in whoever asks; zeroed before its first use. */
typedef struct AuthWait
{
	struct AuthWait *next;
	AuthDone	done;
	void	   *arg;
	char	   *token;			/* set while it waits for keys */
} AuthWait;

/* done() is called once, maybe before this returns, unless auth_forget() comes first. */
extern void auth_check(AuthWait *wait, const char *token, AuthDone done, void *arg);
extern void auth_forget(AuthWait *wait);

/* Reads the keys, and again every few seconds; to be called whenever the database has become ready. */
extern void auth_read_keys(void);

#endif
