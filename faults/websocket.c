/*
 * websocket.c - see websocket.h.
 */
#include "websocket.h"

#include <sodium.h>
#include <string.h>

#define OP_TEXT 1
#define OP_CLOSE 8
#define OP_PING 9
#define OP_PONG 10
#define MAX_MESSAGE (1024 * 1024)

static bool take_frame(Conn *conn, int *op, WsMessage *message);
static void say(Conn *conn, int op, const char *bytes, size_t length);

void
websocket_ask(Conn *conn, int port)
{
	unsigned char key[16];
	char		text[32];

	randombytes_buf(key, sizeof(key));
	sodium_bin2base64(text, sizeof(text), key, sizeof(key), sodium_base64_VARIANT_ORIGINAL);
	text_format(&conn->out, "GET /ws/ HTTP/1.1\r\nHost: localhost:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
				"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", port, text);
	conn_write(conn);
}

WsKind
websocket_opened(Conn *conn)
{
	const char *begin = conn->in.bytes + conn->taken;
	size_t		length = conn->in.length - conn->taken;
	const char *end = memmem(begin, length, "\r\n\r\n", 4);

	if (end == NULL)
		return WS_NOTHING;
	conn->taken += (size_t) (end - begin) + 4;
	return length > 12 && memcmp(begin, "HTTP/1.1 101", 12) == 0 ? WS_TEXT : WS_BROKEN;
}

WsKind
websocket_next(Conn *conn, WsMessage *message)
{
	int			op;

	while (take_frame(conn, &op, message))
	{
		switch (op)
		{
			case OP_TEXT:
				return WS_TEXT;
			case OP_PING:
				say(conn, OP_PONG, message->bytes, message->length);
				break;
			case OP_PONG:
				break;
			case OP_CLOSE:
				message->code = message->length < 2 ? 0
					: (unsigned char) message->bytes[0] << 8 | (unsigned char) message->bytes[1];
				return WS_CLOSE;
			default:
				return WS_BROKEN;
		}
	}
	return WS_NOTHING;
}

/* RFC 6455, section 5.2. The bridge sends every message as one frame. */
static bool
take_frame(Conn *conn, int *op, WsMessage *message)
{
	const unsigned char *at = (const unsigned char *) conn->in.bytes + conn->taken;
	size_t		have = conn->in.length - conn->taken;
	size_t		header = 2;
	size_t		length;

	if (have < 2)
		return false;
	length = at[1] & 0x7f;
	if (length > 125)
	{
		size_t		bytes = length == 126 ? 2 : 8;

		header += bytes;
		if (have < header)
			return false;
		length = 0;
		for (size_t i = 0; i < bytes; i++)
			length = length << 8 | at[2 + i];
	}
	*op = (at[0] & 0x80) && !(at[1] & 0x80) && length <= MAX_MESSAGE ? at[0] & 0x0f : -1;
	if (*op < 0)
	{
		*message = (WsMessage) {0};
		return true;
	}
	if (have < header + length)
		return false;
	*message = (WsMessage) {.bytes = (const char *) at + header, .length = length};
	conn->taken += header + length;
	return true;
}

void
websocket_say(Conn *conn, const char *bytes, size_t length)
{
	say(conn, OP_TEXT, bytes, length);
}

static void
say(Conn *conn, int op, const char *bytes, size_t length)
{
	unsigned char header[14] = {0x80 | (unsigned char) op};
	uint32_t	mask = randombytes_random();
	size_t		size = 2;
	char	   *to;

	if (length <= 125)
		header[1] = 0x80 | (unsigned char) length;
	else
	{
		size_t		bytes_of_length = length <= 65535 ? 2 : 8;

		header[1] = 0x80 | (bytes_of_length == 2 ? 126 : 127);
		for (size_t i = 0; i < bytes_of_length; i++)
			header[size++] = (unsigned char) (length >> 8 * (bytes_of_length - 1 - i));
	}
	memcpy(header + size, &mask, 4);
	text_bytes(&conn->out, header, size + 4);
	to = text_reserve(&conn->out, length);
	for (size_t i = 0; i < length; i++)
		to[i] = bytes[i] ^ ((const char *) &mask)[i & 3];
	conn->out.length += length;
	conn_write(conn);
}
