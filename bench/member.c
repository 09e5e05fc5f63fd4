/*
 * member.c - see member.h. Events are recognised by their first bytes and searched for two members,
 * not parsed: the loader shares the processors with the server it measures.
 */
#include "member.h"
#include "clock.h"
#include "fail.h"
#include "sender.h"
#include "ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (256 * 1024)

Tally		tally;

typedef struct Heard
{
	const char *type;			/* how the text goes on after {"type":" */
	bool		(*on) (Member *member, const char *text, size_t length);
} Heard;

static void say(Member *member, const char *format,...) __attribute__((format(printf, 2, 3)));
static void send_all(const Member *member, const char *bytes, size_t length);
static size_t on_upgraded(Member *member, const char *bytes, size_t length);
static bool on_frame(Member *member, const WsFrame *frame);
static bool on_event(Member *member, const char *text, size_t length);
static bool on_ack(Member *member, const char *text, size_t length);
static bool on_ready(Member *member, const char *text, size_t length);
static bool on_subscribed(Member *member, const char *text, size_t length);
static bool on_aside(Member *member, const char *text, size_t length);
static const char *find(const char *text, size_t length, const char *name);
static int64_t find_number(const char *text, size_t length, const char *name);

static const Heard heard[] = {
	{"event\"", on_event},
	{"ack\"", on_ack},
	{"ready\"", on_ready},
	{"subscribed\"", on_subscribed},
	{"presence\"", on_aside},
	{"heads\"", on_aside},
	{"membership\"", on_aside},
};

void
member_connect(Member *member, int port)
{
	static const char request[] = "GET /ws/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
	struct linger hang_up = {.l_onoff = 1};
	int			on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	member->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (member->fd < 0 || connect(member->fd, (struct sockaddr *) &address, sizeof(address)) != 0)
		fail("cannot connect to port %d: %s", port, strerror(errno));
	setsockopt(member->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* many runs follow each other: none leaves its ports waiting */
	setsockopt(member->fd, SOL_SOCKET, SO_LINGER, &hang_up, sizeof(hang_up));
	send_all(member, request, sizeof(request) - 1);
	member->state = MEMBER_UPGRADING;
}

bool
member_on_readable(Member *member)
{
	static char buffer[BUFFER + 1];
	size_t		have = member->rest_length;
	size_t		used = 0;
	size_t		taken;
	ssize_t		n;
	bool		acked = false;
	WsFrame		frame;

	if (have > 0)
		memcpy(buffer, member->rest, have);
	n = recv(member->fd, buffer + have, BUFFER - have, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		fail("room %s: the server hung up: %s", member->room->id, n == 0 ? "without a word" : strerror(errno));
	have += (size_t) n;
	if (member->state == MEMBER_UPGRADING)
		used = on_upgraded(member, buffer, have);
	while (member->state != MEMBER_UPGRADING && (taken = ws_read(buffer + used, have - used, &frame)) > 0)
	{
		acked |= on_frame(member, &frame);
		used += taken;
	}
	if (have - used > member->rest_length)
	{
		free(member->rest);
		member->rest = need_memory(have - used);
	}
	member->rest_length = (uint32_t) (have - used);
	if (have > used)
		memcpy(member->rest, buffer + used, have - used);
	return acked;
}

bool
member_has_all(const Member *member)
{
	const Room *room = member->room;
	int64_t		end = room->began + room->acked;

	if (member->seq > end)
		fail("room %s: seq %lld was delivered, and the acks end at %lld", room->id, (long long) member->seq, (long long) end);
	if (room->acked_sum != (room->began + 1 + end) * room->acked / 2)
		fail("room %s: the acks are not for seq %lld to %lld", room->id, (long long) room->began + 1, (long long) end);
	return member->seq == end;
}

/* --- speaking ------------------------------------------------------------------------------------- */

static void
say(Member *member, const char *format,...)
{
	char		text[2048];
	char		frame[sizeof(text) + WS_HEADER];
	va_list		args;
	int			length;
	size_t		frame_length;

	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (length >= (int) sizeof(text))
		fail("a frame of %d bytes", length);
	frame_length = ws_write_masked(frame, WS_TEXT, text, (size_t) length);
	send_all(member, frame, frame_length);
}

/* What one member has under way is far less than a socket's buffer. */
static void
send_all(const Member *member, const char *bytes, size_t length)
{
	if (send(member->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t) length)
		fail("room %s: the socket did not take %zu bytes: %s", member->room->id, length, strerror(errno));
}

/* --- hearing --------------------------------------------------------------------------------------- */

/* The length of the answer, 0 while it is not whole. */
static size_t
on_upgraded(Member *member, const char *bytes, size_t length)
{
	const char *end = memmem(bytes, length, "\r\n\r\n", 4);

	if (end == NULL)
		return 0;
	if (strncmp(bytes, "HTTP/1.1 101 ", 13) != 0)
		fail("no WebSocket: %.40s", bytes);
	member->state = MEMBER_SIGNING_IN;
	say(member, "{\"type\":\"auth\",\"token\":\"%s\"}", member->token);
	return (size_t) (end + 4 - bytes);
}

/* True when a send was acknowledged. */
static bool
on_frame(Member *member, const WsFrame *frame)
{
	static const char begin[] = "{\"type\":\"";
	const size_t begin_length = sizeof(begin) - 1;
	char		pong[128 + WS_HEADER];

	if (frame->opcode == WS_PING && frame->length < 126)
	{
		size_t		length = ws_write_masked(pong, WS_PONG, frame->payload, frame->length);

		send_all(member, pong, length);
		return false;
	}
	if (frame->opcode == WS_CLOSE && frame->length >= 2)
		fail("room %s: closed by the server with code %d: %.*s", member->room->id,
			 (unsigned char) frame->payload[0] << 8 | (unsigned char) frame->payload[1], (int) frame->length - 2,
			 frame->payload + 2);
	if (frame->opcode == WS_TEXT && frame->length > begin_length && memcmp(frame->payload, begin, begin_length) == 0)
	{
		for (size_t i = 0; i < sizeof(heard) / sizeof(heard[0]); i++)
		{
			size_t		length = strlen(heard[i].type);

			if (frame->length >= begin_length + length && memcmp(frame->payload + begin_length, heard[i].type, length) == 0)
				return heard[i].on(member, frame->payload + begin_length, frame->length - begin_length);
		}
	}
	fail("room %s: the server says %.*s", member->room->id, (int) frame->length, frame->payload);
}

static bool
on_event(Member *member, const char *text, size_t length)
{
	int64_t		seq = find_number(text, length, "\"seq\":");
	const char *client_id = find(text, length, "\"client_id\":\"");
	SenderId	id;

	if (seq != member->seq + 1 || member->state != MEMBER_LIVE)
		fail("room %s: seq %lld came after %lld", member->room->id, (long long) seq, (long long) member->seq);
	member->seq = seq;
	sender_read_id(client_id, &id);
	if (member->sender != NULL && member->sender->index == id.sender)
		sender_on_own_event(member->sender, &id);
	tally.deliveries++;
	if (tally.timing)
		histogram_add(&tally.to_member, clock_us() - id.sent_at);
	return false;
}

static bool
on_ack(Member *member, const char *text, size_t length)
{
	SenderId	id;

	if (member->sender == NULL)
		fail("room %s: an ack for one who sends nothing", member->room->id);
	sender_read_id(find(text, length, "\"client_id\":\""), &id);
	sender_on_ack(member->sender, &id);
	member->room->acked++;
	member->room->acked_sum += find_number(text, length, "\"seq\":");
	tally.acks++;
	if (tally.timing)
		histogram_add(&tally.to_ack, clock_us() - id.sent_at);
	return true;
}

static bool
on_ready(Member *member, const char *text, size_t length)
{
	(void) text;
	(void) length;
	member->state = MEMBER_SUBSCRIBING;
	say(member, "{\"type\":\"subscribe\",\"room\":\"%s\"}", member->room->id);
	return false;
}

static bool
on_subscribed(Member *member, const char *text, size_t length)
{
	member->seq = find_number(text, length, "\"head\":");
	if (member->room->began < 0)
		member->room->began = member->seq;
	if (member->seq != member->room->began)
		fail("room %s: its head went from %lld to %lld while nobody sent", member->room->id, (long long) member->room->began,
			 (long long) member->seq);
	member->state = MEMBER_LIVE;
	return false;
}

static bool
on_aside(Member *member, const char *text, size_t length)
{
	(void) member;
	(void) text;
	(void) length;
	return false;
}

/* What follows this name, which has to be there. */
static const char *
find(const char *text, size_t length, const char *name)
{
	const char *at = memmem(text, length, name, strlen(name));

	if (at == NULL)
		fail("no %s in %.*s", name, (int) length, text);
	return at + strlen(name);
}

static int64_t
find_number(const char *text, size_t length, const char *name)
{
	return strtoll(find(text, length, name), NULL, 10);
}
