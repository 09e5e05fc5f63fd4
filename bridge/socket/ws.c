/*
 * ws.c - see ws.h. It knows frames and close codes, not what the messages mean.
 *
 * What is queued for a socket in one turn of the loop goes out in one write before the loop sleeps,
 * without asking whether the socket can take it: asking costs two system calls and a turn, and it
 * nearly always can. What it does not take is kept by libwebsockets, and the rest waits until the
 * socket is writeable. The frames come with their headers, so they are written raw.
 */
#include "ws.h"
#include "assembly.h"
#include "base64.h"
#include "cors.h"
#include "http.h"
#include "limiter.h"
#include "log.h"
#include "metrics.h"
#include "refusal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL_ROOMS "/ws"
#define ONE_ROOM "/ws/chat/"
#define HANG_UP_S 5
#define FULL_RETRY_S 30
#define BYTES_A_WRITE 65536

static Table by_address;		/* how many sockets there are, by the place of their address */
static bool draining;

static bool read_path(struct lws *wsi, int64_t *only_room);
static bool comes_from_elsewhere(struct lws *wsi);
static bool key_is_well_formed(struct lws *wsi);
static void refuse(struct lws *wsi, ErrorCode code, int status, const char *detail, const char *lines);
static int64_t seconds_to_wait(struct lws *wsi);
static int64_t place_of(struct lws *wsi);
static void count_socket(int64_t place, int change);
static int64_t query_number(struct lws *wsi, const char *name);
static int	write_queue(Socket *socket);
static int	write_some(Socket *socket);
static void wait_for_writeable(Socket *socket);
static int	write_raw(Socket *socket, unsigned char *bytes, size_t length);
static int	say_close(Socket *socket);
static int	write_close(Socket *socket, CloseCode code, const char *reason);
static bool is_proper_close(const unsigned char *payload, size_t length);
static void want_write(void *socket);
static void write_now(void *socket);
static void flush(void *socket);
static void hang_up(Socket *socket);
static void pause_reading(void *socket, bool paused);
static void expire(void *socket);

static const PeerTransport transport = {want_write, write_now, pause_reading, expire};

void
ws_open(void)
{
	peer_set_transport(&transport);
}

void
ws_drain(void)
{
	draining = true;
}

/* --- the handshake ---------------------------------------------------------------------------------- */

/*
 * Only websocket: libwebsockets would also speak h2c, whose header decompression is not to be
 * reached by anybody. The callback's own argument dangles for unknown names and is not read.
 */
int
ws_on_upgrade(struct lws *wsi)
{
	int64_t		room;
	char	   *uri;
	int			length;
	int64_t		wait = 0;
	char		lines[48];

	if (!http_header_is(wsi, WSI_TOKEN_UPGRADE, "websocket"))
		return -1;
	if (lws_http_get_uri_and_method(wsi, &uri, &length) != LWSHUMETH_GET)
		refuse(wsi, ERROR_INVALID, 405, "a WebSocket begins with GET", "Allow: GET\r\n");
	else if (!read_path(wsi, &room))
		refuse(wsi, ERROR_NOT_FOUND, 404, "no WebSocket here", "");
	else if (comes_from_elsewhere(wsi))
		refuse(wsi, ERROR_ROLE, 403, "this origin may not connect", "");
	else if (!http_header_is(wsi, WSI_TOKEN_HTTP, "HTTP/1.1"))
		refuse(wsi, ERROR_INVALID, 426, "a WebSocket begins with HTTP/1.1", "Upgrade: websocket\r\n");
	else if (!http_header_is(wsi, WSI_TOKEN_VERSION, "13"))
		refuse(wsi, ERROR_INVALID, 426, "WebSocket version 13 is needed", "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n");
	else if (!key_is_well_formed(wsi))
		refuse(wsi, ERROR_INVALID, 400, "Sec-WebSocket-Key is not 16 bytes in base64", "");
	else if (draining)
		refuse(wsi, ERROR_BUSY, 503, "going down", "Retry-After: 1\r\n");
	else if ((wait = seconds_to_wait(wsi)) > 0)
	{
		snprintf(lines, sizeof(lines), "Retry-After: %lld\r\n", (long long) wait);
		refuse(wsi, ERROR_RATE_LIMITED, 0, "too many sockets or calls from this address", lines);
	}
	else
		return 0;
	return -1;
}

int
ws_on_filter(struct lws *wsi, Socket *socket)
{
	if (!read_path(wsi, &socket->only_room))
		return -1;
	socket->place = place_of(wsi);
	socket->after = query_number(wsi, "after=");
	socket->stream = query_number(wsi, "stream=");
	return 0;
}

int
ws_on_established(struct lws *wsi, Socket *socket)
{
	socket->wsi = wsi;
	count_socket(socket->place, 1);
	socket->peer = peer_open(socket, socket->only_room, socket->after, socket->stream);
	return 0;
}

/* 0: it may connect. */
static int64_t
seconds_to_wait(struct lws *wsi)
{
	int64_t		place = place_of(wsi);
	double		most = limiter_quota(LIMIT_SOCKETS_ADDRESS)->count;

	if (most > 0 && (double) (intptr_t) table_get(&by_address, place) >= most)
	{
		limiter_count_refusal(LIMIT_SOCKETS_ADDRESS);
		return FULL_RETRY_S;
	}
	return limiter_take(LIMIT_REQUESTS, place);
}

static int64_t
place_of(struct lws *wsi)
{
	Address		client = {{0}};

	(void) http_client(wsi, &client);
	return places_of_address(&client);
}

static void
count_socket(int64_t place, int change)
{
	intptr_t	now = (intptr_t) table_get(&by_address, place) + change;

	if (now > 0)
		table_put(&by_address, place, (void *) now);
	else
		table_remove(&by_address, place);
}

/* /ws/ is all rooms (0), /ws/chat/{room}/ is one; an id that is none of ours names nothing (-1). */
static bool
read_path(struct lws *wsi, int64_t *only_room)
{
	char		path[64];
	int			length = lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI);
	char	   *id;

	if (length <= 0)
		return false;
	if (path[length - 1] == '/')
		path[length - 1] = '\0';
	*only_room = 0;
	if (strcmp(path, ALL_ROOMS) == 0)
		return true;
	if (strncmp(path, ONE_ROOM, strlen(ONE_ROOM)) != 0)
		return false;
	id = path + strlen(ONE_ROOM);
	if (!text_to_number(id, INT64_MAX, only_room) || *only_room == 0)
		*only_room = -1;
	return *id != '\0' && strchr(id, '/') == NULL;
}

/* A browser connects from anywhere without asking (there is no preflight), so who may call may connect, and nobody else. */
static bool
comes_from_elsewhere(struct lws *wsi)
{
	char		origin[256];

	if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) <= 0)
		return false;
	return lws_hdr_copy(wsi, origin, sizeof(origin), WSI_TOKEN_ORIGIN) < 0 || cors_judge(origin) == CORS_FOREIGN;
}

static bool
key_is_well_formed(struct lws *wsi)
{
	char		key[32];
	unsigned char bytes[32];
	size_t		size;

	return lws_hdr_copy(wsi, key, sizeof(key), WSI_TOKEN_KEY) == 24
		&& base64_decode(key, 24, bytes, &size) && size == 16;
}

static void
refuse(struct lws *wsi, ErrorCode code, int status, const char *detail, const char *lines)
{
	Problem		problem = PROBLEM(code, detail);

	problem.status = status;
	refusal_write(wsi, &problem, lines);
}

/* -1: absent or no number */
static int64_t
query_number(struct lws *wsi, const char *name)
{
	char		piece[64];
	int64_t		number;

	for (int i = 0; lws_hdr_copy_fragment(wsi, piece, sizeof(piece), WSI_TOKEN_HTTP_URI_ARGS, i) >= 0; i++)
	{
		if (strncmp(piece, name, strlen(name)) == 0
			&& text_to_number(piece + strlen(name), INT64_MAX, &number))
			return number;
	}
	return -1;
}

/* --- messages --------------------------------------------------------------------------------------- */

int
ws_on_receive(Socket *socket, const char *bytes, size_t length)
{
	Peer	   *peer = socket->peer;
	Piece		piece = {
		.bytes = bytes, .length = length, .remaining = lws_remaining_packet_payload(socket->wsi),
		.of_last = lws_is_final_fragment(socket->wsi)
	};
	Message		message;

	if (peer == NULL || peer->state == PEER_ENDING)
		return 0;
	if (lws_frame_is_binary(socket->wsi))
	{
		peer_end(peer, CLOSE_BINARY, "text frames only", false);
		return 0;
	}
	switch (assembly_add(&socket->partial, &piece, peer->state == PEER_READY ? WS_MAX_FRAME : WS_MAX_FIRST, &message))
	{
		case ASSEMBLY_TOO_LARGE:
			peer_end(peer, CLOSE_TOO_LARGE, "too large", false);
			break;
		case ASSEMBLY_WHOLE:
			peer_text(peer, message.bytes, message.length);
			text_free(&message.own);
			break;
		case ASSEMBLY_UNFINISHED:
			break;
	}
	return 0;
}

int
ws_on_writeable(Socket *socket)
{
	socket->waiting = false;
	/* without a peer libwebsockets closes for a reason of its own, and has still to say so */
	return socket->peer != NULL ? write_queue(socket) : 0;
}

/* One write; more than fits into it waits for WRITEABLE, so that others get their turn. */
static int
write_queue(Socket *socket)
{
	Peer	   *peer = socket->peer;
	int			result;

	if (peer_next_frame(peer) == NULL)
		return peer->state == PEER_ENDING ? say_close(socket) : 0;
	result = write_some(socket);
	if (result == 0 && !socket->waiting && (peer_next_frame(peer) != NULL || peer->state == PEER_ENDING))
		wait_for_writeable(socket);
	return result;
}

/* What is queued first, as much as goes into one write. */
static int
write_some(Socket *socket)
{
	static unsigned char burst[LWS_PRE + BYTES_A_WRITE];
	Peer	   *peer = socket->peer;
	Frame	   *frame = peer_next_frame(peer);
	Frame	   *next = peer_frame_after_next(peer);
	size_t		length = 0;
	int			result;

	if (next == NULL || frame->wire_length + next->wire_length > BYTES_A_WRITE)
	{
		result = write_raw(socket, frame->wire, frame->wire_length);
		peer_written(peer);
	}
	else
	{
		while ((frame = peer_next_frame(peer)) != NULL && length + frame->wire_length <= BYTES_A_WRITE)
		{
			memcpy(burst + LWS_PRE + length, frame->wire, frame->wire_length);
			length += frame->wire_length;
			peer_written(peer);
		}
		result = write_raw(socket, burst + LWS_PRE, length);
	}
	return result;
}

static int
write_raw(Socket *socket, unsigned char *bytes, size_t length)
{
	if (lws_write(socket->wsi, bytes, length, LWS_WRITE_RAW) < 0)
		return -1;
	metrics_add(METRIC_SOCKET_WRITES, 1);
	metrics_add(METRIC_SOCKET_BYTES, (double) length);
	/* it keeps what the socket did not take, and calls back when that is gone */
	socket->waiting = lws_partial_buffered(socket->wsi) != 0;
	return 0;
}

static void
wait_for_writeable(Socket *socket)
{
	socket->waiting = true;
	lws_callback_on_writable(socket->wsi);
}

/*
 * The close frame is written here, and the connection left to the client's answer or the timeout:
 * libwebsockets as Debian 12 builds it hangs up without a word when a callback for writing says
 * that it is to close.
 */
static int
say_close(Socket *socket)
{
	Peer	   *peer = socket->peer;

	if (socket->said_close)
		return 0;
	if (peer->close_code == CLOSE_NONE)
		return -1;
	socket->said_close = true;
	return write_close(socket, peer->close_code, peer->close_reason);
}

static int
write_close(Socket *socket, CloseCode code, const char *reason)
{
	unsigned char frame[LWS_PRE + 4 + sizeof(socket->peer->close_reason)];
	size_t		length = strnlen(reason, sizeof(socket->peer->close_reason));

	frame[LWS_PRE] = 0x88;		/* final, close: RFC 6455, sections 5.2 and 5.5.1 */
	frame[LWS_PRE + 1] = (unsigned char) (length + 2);
	frame[LWS_PRE + 2] = (unsigned char) (code >> 8);
	frame[LWS_PRE + 3] = (unsigned char) (code & 0xff);
	memcpy(frame + LWS_PRE + 4, reason, length);
	return write_raw(socket, frame + LWS_PRE, length + 4);
}

/* What follows a close frame is not read (RFC 6455, section 1.4); libwebsockets answers it. */
int
ws_on_peer_close(Socket *socket, const char *payload, size_t length)
{
	bool		is_proper = is_proper_close((const unsigned char *) payload, length);

	if (socket->said_close)
		return -1;
	socket->said_close = true;
	if (socket->peer != NULL)
		peer_end(socket->peer, CLOSE_NONE, "closed by the other side", false);
	/* one that came in the handshake's own packet comes before the socket is known */
	if (!is_proper && socket->wsi != NULL)
		(void) write_close(socket, CLOSE_PROTOCOL, "");
	return is_proper ? 0 : -1;
}

/* Nothing, or a code that may be on the wire and a reason in UTF-8 (RFC 6455, sections 5.5.1 and 7.4); else 1002 is the answer. */
static bool
is_proper_close(const unsigned char *payload, size_t length)
{
	int			code = length >= 2 ? payload[0] << 8 | payload[1] : 0;

	if (length == 0)
		return true;
	return ((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999))
		&& text_is_utf8((const char *) payload + 2, length - 2);
}

void
ws_on_closed(Socket *socket)
{
	if (socket->peer != NULL)
		peer_closed(socket->peer);
	socket->peer = NULL;
	if (socket->flush.queued)
		loop_undefer(&socket->flush);
	text_free(&socket->partial);
	if (socket->wsi != NULL)
		count_socket(socket->place, -1);
	socket->wsi = NULL;
}

static void
want_write(void *socket)
{
	Socket	   *wanted = socket;

	if (!wanted->waiting)
		loop_defer(LOOP_WRITE, &wanted->flush, flush, wanted);
}

static void
write_now(void *socket)
{
	Socket	   *written = socket;
	int			result = 0;

	while (result == 0 && peer_next_frame(written->peer) != NULL && lws_partial_buffered(written->wsi) == 0)
		result = write_some(written);
	if (result != 0)
		hang_up(written);
}

static void
flush(void *socket)
{
	if (!((Socket *) socket)->waiting && write_queue(socket) != 0)
		hang_up(socket);
}

/* Outside its callbacks libwebsockets closes only what has timed out. */
static void
hang_up(Socket *socket)
{
	lws_set_timeout(socket->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	lws_cancel_service_pt(socket->wsi);
}

static void
pause_reading(void *socket, bool paused)
{
	lws_rx_flow_control(((Socket *) socket)->wsi, !paused);
}

/* A reader that is stuck does not take the close frame either. */
static void
expire(void *socket)
{
	struct lws *wsi = ((Socket *) socket)->wsi;

	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, HANG_UP_S);
	/* outside its own callbacks libwebsockets does not look at its timers again until something comes in */
	lws_cancel_service_pt(wsi);
}
