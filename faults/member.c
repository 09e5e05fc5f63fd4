/*
 * member.c - see member.h. What is said and done; what is heard is in hearing.c.
 */
#include "member.h"
#include "clock.h"
#include "hearing.h"
#include "outgoing.h"
#include "pages.h"
#include "record.h"
#include "websocket.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_PATIENCE (3 * CLOCK_SECOND)
#define SILENCE (4 * CLOCK_SECOND)	/* after which a socket is given up */
#define PING_EVERY (1500 * CLOCK_MS)
#define OUTSIDE_RETRY (3 * CLOCK_SECOND)
#define PAGE_SIZE 500
#define BROWSED 20
#define PAGE_RETRY (300 * CLOCK_MS)
#define STALE_EVERY 101
#define NO_SUCH_EPOCH 9

int			member_ports[MEMBER_MAX_PORTS];
int			member_port_count;

static int64_t last_socket;

static void connect_somewhere(Member *member, int64_t now);
static void subscribe(Room *room, int64_t now);
static void read_hole(Room *room, int64_t now);
static void on_page(void *arg, const PageRequest *request, int status, const cJSON *answer);
static void on_browsed(void *arg, const PageRequest *request, int status, const cJSON *answer);
static void on_probe(void *arg, const PageRequest *request, int status, const cJSON *answer);
static void on_opened(Conn *conn);
static void on_came(Conn *conn);
static void on_ended(Conn *conn);
static bool hear_next(Member *member);

static const ConnHandlers handlers = {on_opened, on_came, on_ended};

void
member_tick(Member *member, int64_t now)
{
	if (member->state == MEMBER_AWAY)
	{
		if (now >= member->retry_at)
			connect_somewhere(member, now);
		return;
	}
	if (now - member->heard_at > (member->state == MEMBER_READY ? SILENCE : CONNECT_PATIENCE))
	{
		member_cut(member);
		return;
	}
	if (member->state != MEMBER_READY)
		return;
	if (now - member->pinged_at > PING_EVERY)
	{
		member->pinged_at = now;
		websocket_say(&member->conn, "{\"type\":\"ping\"}", 15);
	}
	outgoing_repeat(member, now);
	for (int i = 0; i < member->n_rooms; i++)
	{
		Room	   *room = &member->rooms[i];

		if (room->state == ROOM_OUTSIDE && now >= room->retry_at)
			subscribe(room, now);
		if (room->fill_to > 0 && !room->paging && now >= room->page_at)
			read_hole(room, now);
	}
}

static void
connect_somewhere(Member *member, int64_t now)
{
	member->port = member_ports[randombytes_uniform((uint32_t) member_port_count)];
	member->retry_at = now + 50 * CLOCK_MS + randombytes_uniform(400) * CLOCK_MS;
	member->heard_at = now;
	if (!conn_open(&member->conn, member->port, &handlers))
		return;
	member->socket = ++last_socket;
	member->state = MEMBER_CONNECTING;
}

void
member_cut(Member *member)
{
	if (member->state == MEMBER_AWAY)
		return;
	conn_close(&member->conn);
	on_ended(&member->conn);
}

/* --- the rooms --------------------------------------------------------------------------------- */

static void
subscribe(Room *room, int64_t now)
{
	Member	   *member = room->member;
	Text		frame = {0};

	record("subscribe", "\"member\":%lld,\"socket\":%lld,\"room\":%lld,\"after\":%lld,\"stream\":%lld",
		   (long long) member->user, (long long) member->socket, (long long) room->id,
		   (long long) room->cursor, (long long) room->stream);
	text_format(&frame, "{\"type\":\"subscribe\",\"room\":\"%lld\",\"after\":%lld,\"stream\":%lld}",
				(long long) room->id, (long long) room->cursor, (long long) room->stream);
	websocket_say(&member->conn, frame.bytes, frame.length);
	text_free(&frame);
	room->state = ROOM_ASKED;
	room->live = room->cursor;
	room->fill_to = 0;
	room->retry_at = now + OUTSIDE_RETRY;
}

static void
read_hole(Room *room, int64_t now)
{
	const Member *member = room->member;
	PageRequest request = {.port = member->port, .token = member->token, .room = room->id, .after = room->cursor,
	.stream = room->stream, .limit = PAGE_SIZE, .done = on_page, .arg = room};

	room->page_at = now + PAGE_RETRY;
	room->paging = pages_read(&request);
}

/* The room may have been subscribed anew meanwhile; then the page is of no use any more. */
static void
on_page(void *arg, const PageRequest *request, int status, const cJSON *answer)
{
	Room	   *room = arg;

	room->paging = false;
	if (room->fill_to > 0 && status == 200 && request->stream == room->stream && request->after == room->cursor)
		hearing_page(room, request, answer);
}

/* Some are of an epoch that is not there: they must be refused, and nothing of them stored. */
bool
member_send(Member *member, Room *room)
{
	if (member->state != MEMBER_READY || room->state != ROOM_INSIDE || member->n_outgoing >= MEMBER_WINDOW)
		return false;
	outgoing_begin(member, room, outgoing_count() % STALE_EVERY == STALE_EVERY / 2 ? NO_SUCH_EPOCH : 0);
	return true;
}

void
member_browse(Member *member, Room *room)
{
	PageRequest request = {.port = member->port, .token = member->token, .room = room->id, .stream = room->stream,
	.limit = BROWSED, .done = on_browsed, .arg = room};

	if (member->state != MEMBER_READY || room->cursor == 0)
		return;
	request.after = randombytes_uniform((uint32_t) room->cursor);
	pages_read(&request);
}

static void
on_browsed(void *arg, const PageRequest *request, int status, const cJSON *answer)
{
	if (status == 200)
		hearing_browsed(arg, request, answer);
}

void
member_probe(Member *member, Room *room)
{
	PageRequest request = {.port = member->port, .token = member->token, .room = room->id, .after = -1,
	.limit = 1, .done = on_probe, .arg = room};

	if (member->port == 0)
		return;
	pages_read(&request);
	if (member->state == MEMBER_READY)
		outgoing_begin(member, room, 0);
}

static void
on_probe(void *arg, const PageRequest *request, int status, const cJSON *answer)
{
	const Room *room = arg;

	(void) answer;
	record("read", "\"member\":%lld,\"room\":%lld,\"began\":%lld,\"status\":%d", (long long) room->member->user,
		   (long long) room->id, (long long) request->began, status);
}

bool
member_is_settled(const Member *member)
{
	if (member->state != MEMBER_READY || member->n_outgoing > 0)
		return false;
	for (int i = 0; i < member->n_rooms; i++)
	{
		if (member->rooms[i].state == ROOM_ASKED || member->rooms[i].fill_to > 0)
			return false;
	}
	return true;
}

void
member_record_end(const Member *member)
{
	for (int i = 0; i < member->n_rooms; i++)
	{
		const Room *room = &member->rooms[i];

		record("end", "\"member\":%lld,\"room\":%lld,\"seq\":%lld,\"stream\":%lld", (long long) member->user,
			   (long long) room->id, (long long) room->cursor, (long long) room->stream);
	}
}

/* --- the socket ------------------------------------------------------------------------------- */

static void
on_opened(Conn *conn)
{
	Member	   *member = (Member *) conn;

	member->state = MEMBER_UPGRADING;
	websocket_ask(conn, member->port);
}

static void
on_came(Conn *conn)
{
	Member	   *member = (Member *) conn;

	member->heard_at = clock_now();
	if (member->state == MEMBER_UPGRADING)
	{
		Text		frame = {0};

		switch (websocket_opened(conn))
		{
			case WS_NOTHING:
				return;
			case WS_TEXT:
				break;
			default:
				member_cut(member);
				return;
		}
		member->state = MEMBER_GREETING;
		text_format(&frame, "{\"type\":\"auth\",\"token\":\"%s\"}", member->token);
		websocket_say(conn, frame.bytes, frame.length);
		text_free(&frame);
	}
	while (member->state >= MEMBER_GREETING && hear_next(member))
		;
}

/* False: that was all, or the end. */
static bool
hear_next(Member *member)
{
	WsMessage	message;

	switch (websocket_next(&member->conn, &message))
	{
		case WS_TEXT:
			hearing_message(member, message.bytes, message.length);
			return true;
		case WS_NOTHING:
			return false;
		case WS_CLOSE:
			record("close", "\"member\":%lld,\"socket\":%lld,\"code\":\"%d\"", (long long) member->user,
				   (long long) member->socket, message.code);
			break;
		case WS_BROKEN:
			record("broken", "\"member\":%lld,\"socket\":%lld", (long long) member->user, (long long) member->socket);
			break;
	}
	member_cut(member);
	return false;
}

/* However it ended. */
static void
on_ended(Conn *conn)
{
	Member	   *member = (Member *) conn;

	record("closed", "\"member\":%lld,\"socket\":%lld", (long long) member->user, (long long) member->socket);
	member->state = MEMBER_AWAY;
	member->retry_at = clock_now() + 20 * CLOCK_MS + randombytes_uniform(300) * CLOCK_MS;
	for (int i = 0; i < member->n_rooms; i++)
	{
		member->rooms[i].state = ROOM_OUTSIDE;
		member->rooms[i].retry_at = 0;
		member->rooms[i].fill_to = 0;
	}
	outgoing_doubt_all(member);
}
