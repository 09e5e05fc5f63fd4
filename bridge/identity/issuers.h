/*
 * issuers.h - the OpenID providers of this bridge: where their endpoints are, and by which keys they
 * sign.
 *
 * It owns what they have said of themselves, which it reads when it is needed first, then when it is an
 * hour old, and when a token names a key that is not known.
 */
#ifndef PORCUPINE_ISSUERS_H
#define PORCUPINE_ISSUERS_H

#include "oidcconfig.h"
#include "oidctoken.h"

typedef struct Issuer Issuer;

/* known: there is something to go by, of now or of before. */
typedef void (*IssuerDone) (void *arg, bool known);

/* Embedded in whoever asks, zeroed. */
typedef struct IssuerWait
{
	struct IssuerWait *next;
	Issuer	   *issuer;			/* set while it waits */
	IssuerDone	done;
	void	   *arg;
} IssuerWait;

/* settings must outlive the process. */
extern void issuers_open(const OidcSettings *settings);
extern void issuers_close(void);

extern const OidcSettings *issuers_settings(void);
/* NULL: there is none of that name. */
extern Issuer *issuer_find(const char *name);
extern const OidcProvider *issuer_provider(const Issuer *issuer);
/* While it is known. */
extern const OidcMetadata *issuer_metadata(const Issuer *issuer);
extern const JwsKeys *issuer_keys(const Issuer *issuer);

/* done() is called once, maybe before this returns, unless issuer_forget() comes first. */
extern void issuer_ask(Issuer *issuer, IssuerWait *wait, IssuerDone done, void *arg);
/* Reads anew, for a key is missing; every ten seconds at most, for anybody can name one. */
extern void issuer_ask_again(Issuer *issuer, IssuerWait *wait, IssuerDone done, void *arg);
extern void issuer_forget(IssuerWait *wait);

#endif
