/*
 * hearing.c - see hearing.h. One table says which message is taken by what.
 */
#include "hearing.h"
#include "base64.h"
#include "clock.h"
#include "json.h"
#include "memory.h"
#include "outgoing.h"
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTSIDE_RETRY (3 * CLOCK_SECOND)
#define BUSY_RETRY (200 * CLOCK_MS)
/* So far back does a member read again what another stream may have changed. */
#define REWIND 300

typedef struct Hearing
{
	const char *type;
	void		(*take) (Member *member, Room *room, const cJSON *message);
} Hearing;

static void on_ready(Member *member, Room *room, const cJSON *message);
static void on_event(Member *member, Room *room, const cJSON *message);
static void on_ack(Member *member, Room *room, const cJSON *message);
static void on_error(Member *member, Room *room, const cJSON *message);
static void on_subscribed(Member *member, Room *room, const cJSON *message);
static void on_reset(Member *member, Room *room, const cJSON *message);
static void on_unsubscribed(Member *member, Room *room, const cJSON *message);
static void on_membership(Member *member, Room *room, const cJSON *message);
static void write_event(const char *op, const Member *member, const Room *room, const cJSON *event);
static uint64_t body_hash(const char *body);
static int64_t number(const cJSON *message, const char *name);
static void go_outside(Room *room, int64_t retry_in);

/* Nobody judges the others: pong, heads, typing, presence. */
static const Hearing hearings[] = {
	{"event", on_event},
	{"ack", on_ack},
	{"error", on_error},
	{"ready", on_ready},
	{"subscribed", on_subscribed},
	{"reset", on_reset},
	{"unsubscribed", on_unsubscribed},
	{"membership", on_membership},
};

void
hearing_message(Member *member, const char *bytes, size_t length)
{
	cJSON	   *message = json_parse(bytes, length);
	const char *type = json_string(message, "type");
	const char *id = json_string(message, "room");

	for (size_t i = 0; type != NULL && i < sizeof(hearings) / sizeof(hearings[0]); i++)
	{
		if (strcmp(hearings[i].type, type) == 0)
			hearings[i].take(member, id != NULL ? rooms_find(member, strtoll(id, NULL, 10)) : NULL, message);
	}
	if (type == NULL)
		record("broken", "\"member\":%lld,\"socket\":%lld", (long long) member->user, (long long) member->socket);
	cJSON_Delete(message);
}

static void
on_ready(Member *member, Room *room, const cJSON *message)
{
	(void) room;
	member->state = MEMBER_READY;
	member->pinged_at = member->heard_at;
	for (int i = 0; i < member->n_rooms; i++)
	{
		if (member->rooms[i].stream == 0)
			member->rooms[i].stream = number(message, "stream");
	}
}

/* --- events ----------------------------------------------------------------------------------- */

static void
on_event(Member *member, Room *room, const cJSON *message)
{
	int64_t		seq = number(message, "seq");

	if (room == NULL)
		return;
	write_event("event", member, room, message);
	/* a hole that no reset has announced is the checker's to find; the member goes on */
	if (room->fill_to == 0)
		room->cursor = seq;
	room->live = seq;
}

void
hearing_page(Room *room, const PageRequest *request, const cJSON *answer)
{
	const cJSON *results = json_get(answer, "results");
	const cJSON *event;

	/* the cursor is of a stream that is over: the socket will say so too */
	if (cJSON_IsTrue(json_get(answer, "reset")))
		return;
	cJSON_ArrayForEach(event, results)
	{
		write_event("page", room->member, room, event);
		if (number(event, "seq") == room->cursor + 1)
			room->cursor++;
	}
	if (room->cursor > request->after)
		room->page_at = 0;		/* the next page at once */
	if (room->cursor >= room->fill_to)
	{
		room->fill_to = 0;
		if (room->live > room->cursor)
			room->cursor = room->live;
	}
}

void
hearing_browsed(const Room *room, const PageRequest *request, const cJSON *answer)
{
	const cJSON *event;

	/* of another stream than was asked for, or than the cursor is of by now: nobody could say which */
	if (cJSON_IsTrue(json_get(answer, "reset")) || request->stream != room->stream)
		return;
	cJSON_ArrayForEach(event, json_get(answer, "results"))
		write_event("browsed", room->member, room, event);
}

static void
write_event(const char *op, const Member *member, const Room *room, const cJSON *event)
{
	const char *kind = json_string(event, "kind");
	const char *id = json_string(event, "client_id");
	const char *body = json_string(event, "body");

	if (id == NULL)
		record(op, "\"member\":%lld,\"socket\":%lld,\"room\":%lld,\"seq\":%lld,\"stream\":%lld,\"kind\":\"%s\"",
			   (long long) member->user, (long long) member->socket, (long long) room->id,
			   (long long) number(event, "seq"), (long long) room->stream, kind != NULL ? kind : "");
	else
		record(op, "\"member\":%lld,\"socket\":%lld,\"room\":%lld,\"seq\":%lld,\"stream\":%lld,\"id\":\"%s\",\"hash\":\"%016llx\"",
			   (long long) member->user, (long long) member->socket, (long long) room->id,
			   (long long) number(event, "seq"), (long long) room->stream, id, (unsigned long long) body_hash(body));
}

static uint64_t
body_hash(const char *body)
{
	size_t		length = body != NULL ? strlen(body) : 0;
	unsigned char *bytes = memory_alloc(length / 4 * 3 + 3);
	uint64_t	hash = 0;

	if (base64_decode(body != NULL ? body : "", length, bytes, &length))
		hash = record_hash(bytes, length);
	free(bytes);
	return hash;
}

static int64_t
number(const cJSON *message, const char *name)
{
	int64_t		value;

	return json_to_number(json_get(message, name), JSON_MAX_NUMBER, &value) ? value : -1;
}

/* --- answers to a send --------------------------------------------------------------------------- */

static void
on_ack(Member *member, Room *room, const cJSON *message)
{
	const char *client_id = json_string(message, "client_id");

	(void) room;
	if (client_id != NULL)
		outgoing_stored(member, json_string(message, "room"), client_id, number(message, "seq"));
}

static void
on_error(Member *member, Room *room, const cJSON *message)
{
	const char *client_id = json_string(message, "client_id");
	const char *code = json_string(message, "code");
	const char *request = json_string(message, "request");

	if (code == NULL)
		return;
	if (client_id != NULL)
		outgoing_refused(member, json_string(message, "room"), client_id, code);
	else if (room != NULL && request != NULL && strcmp(request, "subscribe") == 0)
		go_outside(room, strcmp(code, "not_member") == 0 ? OUTSIDE_RETRY : BUSY_RETRY);
}

/* --- subscriptions ---------------------------------------------------------------------------------- */

static void
on_subscribed(Member *member, Room *room, const cJSON *message)
{
	if (room == NULL)
		return;
	record("subscribed", "\"member\":%lld,\"socket\":%lld,\"room\":%lld,\"head\":%lld,\"stream\":%lld",
		   (long long) member->user, (long long) member->socket, (long long) room->id,
		   (long long) number(message, "head"), (long long) number(message, "stream"));
	room->state = ROOM_INSIDE;
}

/* The subscription lives from head on; what lies between is read over REST. */
static void
on_reset(Member *member, Room *room, const cJSON *message)
{
	int64_t		head = number(message, "head");
	int64_t		stream = number(message, "stream");

	if (room == NULL)
		return;
	if (stream != room->stream)
		room->cursor = (room->cursor < head ? room->cursor : head) - REWIND;
	if (room->cursor < 0)
		room->cursor = 0;
	record("reset", "\"member\":%lld,\"socket\":%lld,\"room\":%lld,\"head\":%lld,\"stream\":%lld,\"after\":%lld",
		   (long long) member->user, (long long) member->socket, (long long) room->id, (long long) head,
		   (long long) stream, (long long) room->cursor);
	room->state = ROOM_INSIDE;
	room->stream = stream;
	room->live = head;
	room->fill_to = head > room->cursor ? head : 0;
	room->page_at = 0;
}

static void
on_unsubscribed(Member *member, Room *room, const cJSON *message)
{
	const char *code = json_string(message, "code");

	if (room == NULL)
		return;
	record("unsubscribed", "\"member\":%lld,\"socket\":%lld,\"room\":%lld,\"code\":\"%s\"", (long long) member->user,
		   (long long) member->socket, (long long) room->id, code != NULL ? code : "");
	go_outside(room, code != NULL && strcmp(code, "not_member") == 0 ? OUTSIDE_RETRY : BUSY_RETRY);
}

/* Let in again, it does not wait for its time to ask. */
static void
on_membership(Member *member, Room *room, const cJSON *message)
{
	(void) member;
	if (room != NULL && room->state == ROOM_OUTSIDE && json_string(message, "role") != NULL)
		room->retry_at = 0;
}

static void
go_outside(Room *room, int64_t retry_in)
{
	room->state = ROOM_OUTSIDE;
	room->retry_at = clock_now() + retry_in;
	room->fill_to = 0;
}
