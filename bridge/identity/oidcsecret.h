/*
 * oidcsecret.h - what is made of the browser's secret of a sign-in: state, nonce, PKCE verifier.
 *
 * Pure functions. Each is a keyed BLAKE2b, so that who knows one knows nothing of the others.
 */
#ifndef PORCUPINE_OIDCSECRET_H
#define PORCUPINE_OIDCSECRET_H

#include "text.h"

#define OIDCSECRET_HEX 64		/* characters of the secret */
#define OIDCSECRET_TEXT 44		/* 32 bytes as base64url, and the end */

typedef struct OidcSecret
{
	char		state[OIDCSECRET_TEXT];
	char		nonce[OIDCSECRET_TEXT];
	char		verifier[OIDCSECRET_TEXT];
	char		challenge[OIDCSECRET_TEXT];	/* of the verifier */
	unsigned char state_hash[32];
} OidcSecret;

/* A new one. */
extern void oidcsecret_draw(char hex[OIDCSECRET_HEX + 1]);
/* False: this is none. */
extern bool oidcsecret_read(const char *hex, size_t length, OidcSecret *secret);

/* Adds name=value to a query or form, with & before it unless it begins there. */
extern void oidcsecret_add_field(Text *form, const char *name, const char *value);
/* Everything but letters, digits and -._~ as %XX. */
extern void oidcsecret_escape(Text *text, const char *value);

#endif
