/*
 * outgoing.c - see outgoing.h.
 */
#include "outgoing.h"
#include "base64.h"
#include "clock.h"
#include "memory.h"
#include "record.h"
#include "websocket.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_BODY 16
#define MAX_BODY 256
#define BUSY_PAUSE (200 * CLOCK_MS)

struct Outgoing
{
	Outgoing   *next;
	Room	   *room;
	char		client_id[37];
	Text		frame;
	bool		in_doubt;		/* to be said again at repeat_at */
	int64_t		repeat_at;
};

uint32_t	outgoing_twice;

static int64_t count;

static void make_client_id(char text[37]);
static Outgoing **find(Member *member, const char *client_id);
static void drop(Member *member, Outgoing **at);
static void doubt(const Member *member, Outgoing *outgoing, const char *code, int64_t repeat_at);
static void write_step(const Member *member, const Outgoing *outgoing, const char *op);

void
outgoing_begin(Member *member, Room *room, int64_t epoch)
{
	Outgoing   *outgoing = memory_alloc(sizeof(Outgoing));
	Outgoing  **last = &member->outgoing;
	unsigned char body[MAX_BODY];
	size_t		length = MIN_BODY + randombytes_uniform(MAX_BODY - MIN_BODY);

	while (*last != NULL)
		last = &(*last)->next;
	*last = outgoing;
	member->n_outgoing++;
	count++;
	outgoing->room = room;
	make_client_id(outgoing->client_id);
	randombytes_buf(body, length);
	text_format(&outgoing->frame, "{\"type\":\"send\",\"room\":\"%lld\",\"client_id\":\"%s\",\"epoch\":%lld,\"body\":\"",
				(long long) room->id, outgoing->client_id, (long long) epoch);
	base64_encode(body, length, text_reserve(&outgoing->frame, BASE64_LENGTH(length)));
	outgoing->frame.length += BASE64_LENGTH(length);
	text_add(&outgoing->frame, "\"}");

	record("invoked", "\"member\":%lld,\"socket\":%lld,\"room\":%lld,\"id\":\"%s\",\"hash\":\"%016llx\"",
		   (long long) member->user, (long long) member->socket, (long long) room->id, outgoing->client_id,
		   (unsigned long long) record_hash(body, length));
	websocket_say(&member->conn, outgoing->frame.bytes, outgoing->frame.length);
	if (outgoing_twice > 0 && count % outgoing_twice == 0)
	{
		write_step(member, outgoing, "again");
		websocket_say(&member->conn, outgoing->frame.bytes, outgoing->frame.length);
	}
}

/* Random, RFC 9562 version 4. */
static void
make_client_id(char text[37])
{
	unsigned char bytes[16];
	char		hex[33];

	randombytes_buf(bytes, sizeof(bytes));
	bytes[6] = (bytes[6] & 0x0f) | 0x40;
	bytes[8] = (bytes[8] & 0x3f) | 0x80;
	sodium_bin2hex(hex, sizeof(hex), bytes, sizeof(bytes));
	snprintf(text, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

/* --- answers ------------------------------------------------------------------------------------ */

/* Answers to what was said twice come twice, and the second finds nothing waiting. */
void
outgoing_stored(Member *member, const char *room, const char *client_id, int64_t seq)
{
	record("ok", "\"member\":%lld,\"socket\":%lld,\"room\":%s,\"id\":\"%s\",\"seq\":%lld", (long long) member->user,
		   (long long) member->socket, room, client_id, (long long) seq);
	drop(member, find(member, client_id));
}

void
outgoing_refused(Member *member, const char *room, const char *client_id, const char *code)
{
	bool		open = strcmp(code, "busy") == 0 || strcmp(code, "rate_limited") == 0 || strcmp(code, "internal") == 0;
	Outgoing  **at = find(member, client_id);

	if (!open)
	{
		record("failed", "\"member\":%lld,\"socket\":%lld,\"room\":%s,\"id\":\"%s\",\"code\":\"%s\"",
			   (long long) member->user, (long long) member->socket, room, client_id, code);
		drop(member, at);
	}
	else if (at != NULL)
		doubt(member, *at, code, clock_now() + BUSY_PAUSE + randombytes_uniform(200) * CLOCK_MS);
}

static Outgoing **
find(Member *member, const char *client_id)
{
	for (Outgoing **at = &member->outgoing; *at != NULL; at = &(*at)->next)
	{
		if (strcmp((*at)->client_id, client_id) == 0)
			return at;
	}
	return NULL;
}

static void
drop(Member *member, Outgoing **at)
{
	Outgoing   *outgoing;

	if (at == NULL)
		return;
	outgoing = *at;
	*at = outgoing->next;
	member->n_outgoing--;
	text_free(&outgoing->frame);
	free(outgoing);
}

/* --- doubt ------------------------------------------------------------------------------------------ */

void
outgoing_doubt_all(Member *member)
{
	for (Outgoing *outgoing = member->outgoing; outgoing != NULL; outgoing = outgoing->next)
	{
		if (!outgoing->in_doubt)
			doubt(member, outgoing, "closed", 0);
	}
}

static void
doubt(const Member *member, Outgoing *outgoing, const char *code, int64_t repeat_at)
{
	record("unknown", "\"member\":%lld,\"socket\":%lld,\"room\":%lld,\"id\":\"%s\",\"code\":\"%s\"",
		   (long long) member->user, (long long) member->socket, (long long) outgoing->room->id, outgoing->client_id, code);
	outgoing->in_doubt = true;
	outgoing->repeat_at = repeat_at;
}

void
outgoing_repeat(Member *member, int64_t now)
{
	for (Outgoing *outgoing = member->outgoing; outgoing != NULL; outgoing = outgoing->next)
	{
		if (!outgoing->in_doubt || now < outgoing->repeat_at)
			continue;
		outgoing->in_doubt = false;
		write_step(member, outgoing, "again");
		websocket_say(&member->conn, outgoing->frame.bytes, outgoing->frame.length);
	}
}

static void
write_step(const Member *member, const Outgoing *outgoing, const char *op)
{
	record(op, "\"member\":%lld,\"socket\":%lld,\"room\":%lld,\"id\":\"%s\"", (long long) member->user,
		   (long long) member->socket, (long long) outgoing->room->id, outgoing->client_id);
}

int64_t
outgoing_count(void)
{
	return count;
}
