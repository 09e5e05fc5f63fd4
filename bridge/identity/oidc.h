/*
 * oidc.h - signing in at an OpenID provider (OpenID Connect Core 1.0, the code flow with PKCE).
 *
 * The browser keeps one secret, in the cookie porcupine_oidc; state, nonce and PKCE verifier are made of
 * it, and the database has the hash of the state only. So whichever bridge the browser comes back to can
 * go on, and only this browser. What a provider says is believed here; what becomes of it is decided in
 * the database.
 */
#ifndef PORCUPINE_OIDC_H
#define PORCUPINE_OIDC_H

#include "http.h"

/* As Route.run. Which providers there are. */
extern void oidc_list(Request *request);
/* Answers where to send the browser; its statement takes state hash, provider and origin before its parameters. */
extern void oidc_start(Request *request);
/* Where it comes back to: it is sent on to the page, signed in or with ?sign-in= and a word. */
extern void oidc_callback(Request *request);

#endif
