/*
 * oidclink.h - an identity of a provider that waits for the owner of an account to say that it is theirs.
 *
 * The browser has the ticket of that offer in the cookie porcupine_link; it counts only with X-Porcupine: 1 and
 * from the page's own origin.
 */
#ifndef PORCUPINE_OIDCLINK_H
#define PORCUPINE_OIDCLINK_H

#include "http.h"

extern void oidclink_keep(Request *request, const char *ticket);

/* As Route.run; the first parameter of each statement is the ticket. What there is to confirm: */
extern void oidclink_read(Request *request);
/* By the password, or not at all: either signs in. */
extern void oidclink_settle(Request *request);
/* In the session that has asked for it. */
extern void oidclink_link(Request *request);

#endif
