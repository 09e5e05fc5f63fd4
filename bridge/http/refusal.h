/*
 * refusal.h - a whole answer that says no, for a connection that has no Request.
 */
#ifndef PORCUPINE_REFUSAL_H
#define PORCUPINE_REFUSAL_H

#include "errors.h"

#include <libwebsockets.h>

/* The words after the status (RFC 9110, section 15). */
extern const char *refusal_phrase(int status);
/* Adds the answer, which says that the connection is closed; extra_lines are headers of its own. */
extern void refusal_add(Text *text, const Problem *problem, const char *extra_lines);
/* Writes it by libwebsockets, from within a callback; the caller hangs up. */
extern void refusal_write(struct lws *wsi, const Problem *problem, const char *extra_lines);

#endif
