/*
 * gate.h - the first look at each request: its bytes, as they came, before libwebsockets reads them.
 *
 * While a connection waits for a request, libwebsockets does not read from it. What comes in is looked
 * at in the socket's own buffer and left there. A head that is whole and well-formed is let in; any
 * other is refused here, and the connection ends with the answer. So is written here whatever else ends
 * a connection.
 */
#ifndef PORCUPINE_GATE_H
#define PORCUPINE_GATE_H

#include "text.h"

#include <libwebsockets.h>
#include <stdbool.h>

/* Before the first connection. False: the system does not have what it takes. */
extern bool gate_open(void);
extern void gate_close(void);

/* A new connection: its first request comes by here. */
extern void gate_await(struct lws *wsi);
/* And so does the next one; libwebsockets is done with the one before it. */
extern void gate_await_next(struct lws *wsi);
/* The connection has become a WebSocket, or is closed. */
extern void gate_forget(struct lws *wsi);
/* Has more come than the request that was let in? The client does not wait for its answer, or has shut its side. */
extern bool gate_has_more(struct lws *wsi);
/* And has libwebsockets read of that? It has not been looked at, so the connection must not be used any further. */
extern bool gate_has_read_on(struct lws *wsi);
/*
 * This is the last that the client hears; takes the head over, and the content must outlive the connection. It is written
 * here, and what still comes in is read off, so that libwebsockets sees nothing of it and the answer arrives; then the
 * connection is closed.
 */
extern void gate_end(struct lws *wsi, Text *head, const char *content, size_t content_length);

#endif
