/*
 * oidcconfig.h - which OpenID providers people may sign in with: PORCUPINE_OIDC_<NAME>_… of the
 * environment, for each name in PORCUPINE_OIDC_PROVIDERS.
 */
#ifndef PORCUPINE_OIDCCONFIG_H
#define PORCUPINE_OIDCCONFIG_H

#include <stdbool.h>
#include <stddef.h>

#define OIDC_MAX_PROVIDERS 8

typedef struct OidcProvider
{
	const char *name;			/* in paths, and in the names of its settings */
	const char *label;			/* for people */
	const char *issuer;
	const char *client;
	const char *secret;
	const char *scopes;
} OidcProvider;

typedef struct OidcSettings
{
	OidcProvider list[OIDC_MAX_PROVIDERS];
	int			count;
	const char *ca_file;		/* certificates that vouch for providers beside the system's, or NULL */
	bool		insecure_loopback;	/* providers on this machine need no TLS: for tests */
} OidcSettings;

/* Reads a list of names. False: it is none. */
extern bool oidcconfig_names(const char *value, OidcSettings *settings);
/* Takes the name of a file with certificates; empty: none. False: it cannot be read, or has none. */
extern bool oidcconfig_ca_file(const char *name, OidcSettings *settings);
/* Is this a setting of one of those providers? */
extern bool oidcconfig_has(const OidcSettings *settings, const char *variable, size_t length);
/* Reads their settings. False: one is missing or wrong, which has been said on stderr in one sentence. */
extern bool oidcconfig_read(OidcSettings *settings);

#endif
