/*
 * cookie.h - one cookie in the Cookie header of a request (RFC 6265, section 4.2).
 *
 * A pure function over text; the value points into the header. It knows no cookie by name and
 * judges no value.
 */
#ifndef PORCUPINE_COOKIE_H
#define PORCUPINE_COOKIE_H

#include <stddef.h>

/*
 * The cookie of that name, and its length; or NULL. header may be NULL: there is none. Of two with one
 * name neither counts: we set one, and whoever serves another host of the same domain can set one for
 * all of them, with a longer path than ours, which comes first.
 */
extern const char *cookie_find(const char *header, const char *name, size_t *length);

#endif
