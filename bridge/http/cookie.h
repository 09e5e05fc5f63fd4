/*
 * cookie.h - one cookie in the Cookie header of a request (RFC 6265, section 4.2).
 *
 * A pure function over text; the value points into the header. It knows no cookie by name and
 * judges no value.
 */
#ifndef PORCUPINE_COOKIE_H
#define PORCUPINE_COOKIE_H

#include <stddef.h>

/* The first cookie of that name, and its length; or NULL. header may be NULL: there is none. */
extern const char *cookie_find(const char *header, const char *name, size_t *length);

#endif
