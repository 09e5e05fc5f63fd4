/*
 * fanout.c - see fanout.h. It owns what is to be said at the end of this turn of the loop.
 *
 *   message = "1 " stream " " origin LF *line
 *   line    = "e " seq " " ends " " event LF		an event as clients get it; whose membership it ends, or 0
 *           | "h " seq LF							the room has at least this seq; 0: it is gone
 *           | "t " user LF							types
 *           | "+ " user LF | "- " user LF			has come, has gone
 *   and in the channel of all bridges
 *           | "b " duty " " bells LF				see others.h
 *           | "d " doorbell LF						as the extension rings it, without rooms
 *
 * Numbers are decimal. An event is one line, for JSON can say line breaks otherwise; it must begin as
 * an event of this room with this seq does, so that no bridge can be made to show nonsense.
 */
#include "fanout.h"
#include "channels.h"
#include "database.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define MAX_MESSAGE (1024 * 1024)	/* what is longer goes at once */

/* What is left of a message. */
typedef struct Cursor
{
	const char *at;
	const char *end;
} Cursor;

static const FanoutEvents *events;
static ChannelEvents channel_events;
static OthersEvents others_events;
static int64_t own_origin;
static int64_t bells;			/* passed on so far */
static Table said;				/* room -> Text, of this turn */
static Deferred flush;

static Text *say_in(int64_t room);
static void begin_message(Text *text);
static void publish_all(void *arg);
static void publish_one(int64_t room, Text *text);
static void on_message(int64_t room, int node, const char *bytes, size_t length);
static void take_line(int64_t room, int node, int64_t origin, Cursor line);
static void take_room_line(int64_t room, int64_t origin, char kind, Cursor line);
static void take_event(int64_t room, Cursor line);
static void take_hint(int64_t room, int64_t seq);
static void take_typing(int64_t room, int64_t user);
static void take_beat(int64_t origin, int node, Cursor line);
static void take_doorbell(int64_t origin, Cursor line);
static bool is_event(Cursor line, int64_t room, int64_t seq);
static bool take_char(Cursor *cursor, char c);
static bool take_number(Cursor *cursor, int64_t *number);

void
fanout_open(const Nodes *nodes, bool clustered, int64_t origin, const FanoutEvents *handlers)
{
	events = handlers;
	own_origin = origin;
	if (nodes->count == 0)
		return;
	channel_events = (ChannelEvents) {on_message, events->subscribed, events->came, events->went};
	others_events = (OthersEvents) {events->gone, events->missed};
	channels_open(nodes, clustered, &channel_events);
	others_open(channels_of_all(), clustered ? 0 : channels_node_of(CHANNELS_ALL), &others_events);
}

void
fanout_close(void)
{
	if (flush.queued)
		publish_all(NULL);
	channels_close();
}

void
fanout_watch(int64_t room)
{
	channels_subscribe(room);
}

void
fanout_unwatch(int64_t room)
{
	channels_unsubscribe(room);
}

/* --- what is said -------------------------------------------------------------------------------- */

bool
fanout_reaches(int64_t room)
{
	return channels_reach(room);
}

void
fanout_publish(int64_t room, const HubEvent *event)
{
	Text	   *text = say_in(room);

	if (text == NULL)
		return;
	text_format(text, "e %lld %lld ", (long long) event->seq, (long long) event->ends);
	text_bytes(text, event->frame->payload, event->frame->length);
	text_add(text, "\n");
	if (text->length > MAX_MESSAGE)
		publish_one(room, text);
}

void
fanout_typing(int64_t room, int64_t user)
{
	Text	   *text = say_in(room);

	if (text != NULL)
		text_format(text, "t %lld\n", (long long) user);
}

void
fanout_presence(int64_t room, int64_t user, bool online)
{
	Text	   *text = say_in(room);

	if (text != NULL)
		text_format(text, "%c %lld\n", online ? '+' : '-', (long long) user);
}

void
fanout_hint(int64_t room, int64_t seq)
{
	Text	   *text = say_in(room);

	if (text != NULL)
		text_format(text, "h %lld\n", (long long) seq);
}

void
fanout_doorbell(const char *payload)
{
	Text	   *text = say_in(CHANNELS_ALL);

	/* counted even when it is lost, for that is what the count is for */
	bells++;
	if (text != NULL)
		text_format(text, "d %s\n", payload);
}

void
fanout_beat(Duty duty)
{
	Text		text = {0};

	/* the doorbells that it counts go first */
	if (flush.queued)
		publish_all(NULL);
	begin_message(&text);
	text_format(&text, "b %d %lld\n", duty, (long long) bells);
	channels_publish_everywhere(text.bytes, text.length);
	text_free(&text);
	others_check();
}

/* The message of this turn for this room; NULL: it would reach nobody. */
static Text *
say_in(int64_t room)
{
	Text	   *text = table_get(&said, room);

	if (text == NULL)
	{
		if (!channels_reach(room))
			return NULL;
		text = memory_alloc(sizeof(Text));
		table_put(&said, room, text);
		loop_defer(LOOP_WRITE, &flush, publish_all, NULL);
	}
	if (text->length == 0)
		begin_message(text);
	return text;
}

static void
begin_message(Text *text)
{
	text_format(text, "%d %lld %lld\n", VERSION, (long long) database_stream(), (long long) own_origin);
}

static void
publish_all(void *arg)
{
	size_t		at = 0;
	TableSlot  *slot;

	(void) arg;
	while ((slot = table_next(&said, &at)) != NULL)
	{
		Text	   *text = slot->value;

		publish_one(slot->key, text);
		text_free(text);
		free(text);
	}
	table_free(&said);
	loop_undefer(&flush);
}

static void
publish_one(int64_t room, Text *text)
{
	if (text->length > 0)
		channels_publish(room, text->bytes, text->length);
	text->length = 0;
}

/* --- what is heard --------------------------------------------------------------------------------- */

static void
on_message(int64_t room, int node, const char *bytes, size_t length)
{
	Cursor		message = {bytes, bytes + length};
	int64_t		version;
	int64_t		stream;
	int64_t		origin;

	if (!take_number(&message, &version) || version != VERSION || !take_char(&message, ' ')
		|| !take_number(&message, &stream) || !take_char(&message, ' ')
		|| !take_number(&message, &origin) || !take_char(&message, '\n'))
		return;
	if (stream != database_stream() || origin == own_origin)
		return;
	others_heard(origin);
	while (message.at < message.end)
	{
		const char *end = memchr(message.at, '\n', (size_t) (message.end - message.at));

		if (end == NULL)
			return;
		take_line(room, node, origin, (Cursor) {message.at, end});
		message.at = end + 1;
	}
}

static void
take_line(int64_t room, int node, int64_t origin, Cursor line)
{
	char		kind = line.at < line.end ? *line.at++ : '\0';

	if (!take_char(&line, ' '))
		return;
	if (room != CHANNELS_ALL)
		take_room_line(room, origin, kind, line);
	else if (kind == 'b')
		take_beat(origin, node, line);
	else if (kind == 'd')
		take_doorbell(origin, line);
}

static void
take_room_line(int64_t room, int64_t origin, char kind, Cursor line)
{
	Cursor		rest = line;
	int64_t		number;

	if (kind == 'e')
	{
		take_event(room, line);
		return;
	}
	if (!take_number(&rest, &number) || rest.at != rest.end)
		return;
	if (kind == 'h')
		take_hint(room, number);
	else if (kind == 't')
		take_typing(room, number);
	else if (kind == '+' || kind == '-')
		events->presence(room, origin, number, kind == '+');
}

static void
take_event(int64_t room, Cursor line)
{
	HubEvent	event = {0};
	Text		text;

	if (!take_number(&line, &event.seq) || event.seq == 0 || !take_char(&line, ' ')
		|| !take_number(&line, &event.ends) || !take_char(&line, ' ')
		|| !is_event(line, room, event.seq) || hub_head(room) >= event.seq)
		return;
	frame_begin(&text);
	text_bytes(&text, line.at, (size_t) (line.end - line.at));
	event.frame = frame_end(&text);
	hub_publish(room, event);
}

/* Its beginning and its end are looked at; what is between is for the clients to verify. */
static bool
is_event(Cursor line, int64_t room, int64_t seq)
{
	static Text beginning;
	size_t		length = (size_t) (line.end - line.at);

	beginning.length = 0;
	text_format(&beginning, "{\"type\":\"event\",\"room\":\"%lld\",\"seq\":%lld,", (long long) room, (long long) seq);
	return length > beginning.length && memcmp(line.at, beginning.bytes, beginning.length) == 0
		&& line.end[-1] == '}' && text_is_utf8(line.at, length);
}

static void
take_hint(int64_t room, int64_t seq)
{
	if (seq > 0)
		hub_set_head(room, seq);
	else
		events->room_gone();
}

static void
take_typing(int64_t room, int64_t user)
{
	hub_say(room, frame_from_typing(room, user), user);
}

static void
take_beat(int64_t origin, int node, Cursor line)
{
	int64_t		duty;
	int64_t		count;

	if (take_number(&line, &duty) && duty < N_DUTIES && take_char(&line, ' ')
		&& take_number(&line, &count) && line.at == line.end)
		others_beat(origin, node, (Duty) duty, count);
}

static void
take_doorbell(int64_t origin, Cursor line)
{
	Text		payload = {0};

	others_bell(origin);
	text_bytes(&payload, line.at, (size_t) (line.end - line.at));
	text_add(&payload, "");
	events->doorbell(payload.bytes);
	text_free(&payload);
}

static bool
take_char(Cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

/* From 0 to INT64_MAX. */
static bool
take_number(Cursor *cursor, int64_t *number)
{
	const char *begin = cursor->at;

	for (*number = 0; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++)
	{
		int			digit = *cursor->at - '0';

		if (*number > (INT64_MAX - digit) / 10)
			return false;
		*number = *number * 10 + digit;
	}
	return cursor->at > begin;
}
