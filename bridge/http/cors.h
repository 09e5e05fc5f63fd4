/*
 * cors.h - which origins may call from a browser, and what that browser is told (Fetch, section 3.2).
 *
 * An origin is the page's own, or listed, or foreign; the comparison is exact, so "null" is foreign. A listed
 * one may call with a token that it has got itself, never with the cookie. Without an Origin nobody is
 * kept out: that is no browser, or the page itself, reading.
 */
#ifndef PORCUPINE_CORS_H
#define PORCUPINE_CORS_H

#include "text.h"

#include <stdbool.h>

typedef enum CorsOrigin
{
	CORS_ABSENT,
	CORS_OWN,
	CORS_LISTED,
	CORS_FOREIGN
} CorsOrigin;

/* Both NULL-terminated; they must outlive the process. */
extern void cors_open(const char *const *own, const char *const *listed);
/* origin NULL: there is no such header. */
extern CorsOrigin cors_judge(const char *origin);

/* The header lines of every answer to a call, whatever its status. */
extern void cors_add_lines(Text *head, CorsOrigin verdict, const char *origin);
/* Those that answer a preflight beside them; methods: what the path has, "GET, HEAD". */
extern void cors_add_preflight_lines(Text *head, const char *methods);

#endif
