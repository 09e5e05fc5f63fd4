/*
 * quotas.h - what is limited, and by how much: the table of rate limits (docs/settings.md), and what a
 * token bucket of such a limit has left.
 *
 * A bucket is one number, the moment at which it is full again; one that is full is no number at all.
 * Pure functions; times are microseconds of whatever clock.
 */
#ifndef PORCUPINE_QUOTAS_H
#define PORCUPINE_QUOTAS_H

#include <stdbool.h>
#include <stdint.h>

/* The metrics name them in this order, too. */
typedef enum Limit
{
	/* decided here */
	LIMIT_REQUESTS,				/* calls and sockets, of an address */
	LIMIT_FRAMES,				/* of a socket */
	LIMIT_SENDS,				/* over sockets, of a user */
	LIMIT_SENDS_ROOM,			/* the same, into a room */
	LIMIT_KNOWN,				/* devices and addresses that become known to an account */
	/* decided by all bridges together, where there is Redis */
	LIMIT_REGISTER,				/* of an address */
	LIMIT_LOGIN,				/* what fails, of an address */
	LIMIT_LOGIN_ACCOUNT,		/* what fails, at an account, by strangers */
	LIMIT_LOGIN_KNOWN,			/* what fails, at an account, by one device or address that has signed in to it */
	LIMIT_PASSWORD,				/* further calls that hash a password, of a user */
	LIMIT_PROFILE,				/* changes of a user's name or address, which all their rooms hear of */
	LIMIT_REFRESH,				/* of an address */
	LIMIT_JOIN,					/* by code, of a user */
	LIMIT_JOIN_ADDRESS,			/* by code, of an address */
	LIMIT_PREVIEW,				/* of invites, of a user */
	LIMIT_READS,				/* of a user */
	LIMIT_WRITES,				/* of a user */
	/* how many at once, in a process */
	LIMIT_HASHES,				/* passwords that wait to be hashed */
	LIMIT_SOCKETS_USER,
	LIMIT_SOCKETS_ADDRESS,
	LIMIT_SUBSCRIPTIONS,		/* of a socket */
	N_LIMITS
} Limit;

typedef struct Quota
{
	double		count;			/* so many at once; 0: not limited */
	double		period;			/* microseconds in which as many come back; 0: how many there may be */
} Quota;

typedef struct Quotas
{
	Quota		list[N_LIMITS];
} Quotas;

extern const char *quotas_name(Limit limit);

/*
 * Reads "on", "off" or a list like "login=20/10m,sockets_user=off,scale=10": so many at once, and as
 * many again in that time (s, m, h, d); how many there may be, without a time; scale multiplies all.
 * False: it is not that.
 */
extern bool quotas_read(const char *text, Quotas *quotas);

/* Takes so much (negative: gives back). 0, or the microseconds until there is enough; then nothing was taken. */
extern int64_t quota_take(const Quota *quota, int64_t *full_at, int cost, int64_t now);
extern double quota_left(const Quota *quota, int64_t full_at, int64_t now);
/* The moment at which a bucket is full that has so much left. */
extern int64_t quota_full_at(const Quota *quota, double left, int64_t now);

#endif
