/*
 * arrivals.h - connections of which the next request is not whole yet.
 *
 * Anybody can open a connection and say nothing, or a byte now and then. libwebsockets has room for
 * a number of headers and lets further connections wait for it until others time out. So the
 * bridge keeps those that it waits for below that number: when there are too many, the one that has
 * been waited for longest is closed, and a newcomer has as long as all who come after it leave it.
 */
#ifndef PORCUPINE_ARRIVALS_H
#define PORCUPINE_ARRIVALS_H

#include <libwebsockets.h>

#define MOST_ARRIVALS 2000

/* From now on a request is awaited; it is the youngest, unless it was awaited already. */
extern void arrivals_await(struct lws *wsi);
/* None is awaited any more: it has come whole, or is a WebSocket, or the connection is gone. */
extern void arrivals_forget(struct lws *wsi);
/* Closes the oldest, until there is room for one more. Not from within a callback of a connection. */
extern void arrivals_make_room(void);

#endif
