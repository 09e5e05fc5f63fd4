/*
 * websocket.h - the client's half of RFC 6455 over a Conn, and no more of it than a test needs:
 * text out, masked; text, ping and close in.
 */
#ifndef FAULTS_WEBSOCKET_H
#define FAULTS_WEBSOCKET_H

#include "conn.h"

typedef enum WsKind
{
	WS_NOTHING,					/* no whole message yet */
	WS_TEXT,
	WS_CLOSE,					/* code is the close code, 0 if there was none */
	WS_BROKEN					/* no WebSocket, or none any more */
} WsKind;

typedef struct WsMessage
{
	const char *bytes;			/* in the Conn, until it is read again */
	size_t		length;
	int			code;
} WsMessage;

/* Asks for /ws/; the answer is taken by websocket_opened(). */
extern void websocket_ask(Conn *conn, int port);
/* WS_TEXT once the server has agreed, WS_NOTHING as long as it has not answered. */
extern WsKind websocket_opened(Conn *conn);

/* Takes the next message; a ping is answered on the way. */
extern WsKind websocket_next(Conn *conn, WsMessage *message);
extern void websocket_say(Conn *conn, const char *bytes, size_t length);

#endif
