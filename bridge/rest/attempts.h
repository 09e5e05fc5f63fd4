/*
 * attempts.h - who tries to sign in: what that costs whom, and who is known.
 *
 * Only what fails is counted in the end: a try is charged before, and given back when it turns out
 * right. A device that has signed in to an account (by a cookie) and an address that has are each
 * counted by themselves, so strangers cannot use up what the account's owner has.
 */
#ifndef PORCUPINE_ATTEMPTS_H
#define PORCUPINE_ATTEMPTS_H

#include "http.h"
#include "limiter.h"

#define ATTEMPTS_NUMBER 33		/* 16 bytes in hexadecimal digits */

/* What a request keeps of it. */
typedef struct Attempt
{
	bool		hashes;			/* it counts among those that wait for a hash */
	int64_t		name;			/* the place of what was typed */
	int64_t		device;			/* of the cookie; 0: none */
	int64_t		address;
	char		number[ATTEMPTS_NUMBER];	/* a new one for its cookie, or empty */
} Attempt;

/* Who it is that signs in or registers by this name; the name may be NULL. */
extern void attempts_identify(Attempt *attempt, const Request *request, const char *name);
/* Adds what a sign-in costs. */
extern void attempts_charge(const Attempt *attempt, Charge *charge);
/*
 * Takes its place among those who wait for a hash; false: there are too many, try again in a second. Half of the places are
 * anybody's, three quarters are for addresses from which no sign-in has failed lately, all for who is known: so
 * whoever tries passwords from hundreds of addresses keeps nobody else out once these have been wrong.
 */
extern bool attempts_begin(Attempt *attempt, bool known);
/* The database has answered, or the client has gone. */
extern void attempts_end(Attempt *attempt);
/* It is the account's owner, found at that level: from now on its device and address are known to the account. json: the grant. */
extern void attempts_welcome(Attempt *attempt, int level, const char *json);
/* The cookie of a new device goes with the answer. */
extern void attempts_tell(const Attempt *attempt, Request *request);

#endif
