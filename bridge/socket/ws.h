/*
 * ws.h - the WebSocket's wire: the handshake, whole messages in, frames out, the close.
 */
#ifndef PORCUPINE_WS_H
#define PORCUPINE_WS_H

#include "peer.h"

#include <libwebsockets.h>

#define WS_MAX_FRAME 98304
#define WS_MAX_FIRST 4096		/* before it has authenticated */

/* One connection's end of it, in libwebsockets' per-session memory. */
typedef struct Socket
{
	struct lws *wsi;
	Peer	   *peer;
	Text		partial;		/* a message of which more is to come */
	bool		said_close;		/* a close frame has gone, ours or the client's */
	bool		waiting;		/* for WRITEABLE; until then nothing is written */
	Deferred	flush;
	int64_t		place;			/* of its address, for the limits */
	int64_t		only_room;
	int64_t		after;
	int64_t		stream;
} Socket;

extern void ws_open(void);
extern void ws_drain(void);

/* HTTP_CONFIRM_UPGRADE: non-zero hangs up; a refusal has been written. */
extern int	ws_on_upgrade(struct lws *wsi);
/* FILTER_PROTOCOL_CONNECTION: the last moment at which the request can be read. */
extern int	ws_on_filter(struct lws *wsi, Socket *socket);
extern int	ws_on_established(struct lws *wsi, Socket *socket);
extern int	ws_on_receive(Socket *socket, const char *bytes, size_t length);
extern int	ws_on_writeable(Socket *socket);
/* The client's close frame; non-zero: it is the answer to ours, or none that may be echoed: hang up. */
extern int	ws_on_peer_close(Socket *socket, const char *payload, size_t length);
extern void ws_on_closed(Socket *socket);

#endif
