/*
 * httphead.h - the head of a request, before anybody acts on it: what another reader of the same bytes could
 * take for something else is found here.
 */
#ifndef PORCUPINE_HTTPHEAD_H
#define PORCUPINE_HTTPHEAD_H

#include <libwebsockets.h>
#include <stdbool.h>

/* What is wrong with it, in words for the client; *status then says how. NULL: nothing. */
extern const char *httphead_fault(struct lws *wsi, int *status);
/* Whether this header is there, and is that; in any case of letters. */
extern bool httphead_is(struct lws *wsi, enum lws_token_indexes token, const char *expected);

#endif
