/*
 * plant.c - see plant.h. It reads frames as RFC 6455 has them, and JSON no further than the names
 * of a few members, as the bridge writes them.
 */
#include "plant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT 0
#define SERVER 1
#define EVENTS_BEFORE 3			/* a socket has seen so many before a lie is told to it */

/* One whole frame: as it came, and its payload in the clear. */
typedef struct Frame
{
	const char *raw;
	size_t		raw_length;
	Text		text;
} Frame;

typedef struct Way
{
	Plant	   *plant;
	PlantOut	out;
	void	   *arg;
} Way;

typedef struct Lie
{
	const char *name;
	int			side;
	const char *type;			/* of the message that it is about */
	/* Says what is to be said instead; false: it does not fit here. */
	bool		(*tell) (const Way *way, const Frame *frame);
} Lie;

static bool drop(const Way *way, const Frame *frame);
static bool tell_twice(const Way *way, const Frame *frame);
static bool hold(const Way *way, const Frame *frame);
static bool alter(const Way *way, const Frame *frame);
static bool mute(const Way *way, const Frame *frame);
static bool invent(const Way *way, const Frame *frame);
static bool forge_ack(const Way *way, const Frame *frame);
static bool forge_refusal(const Way *way, const Frame *frame);
static void pass_frame(const Way *way, int side, const Frame *frame);
static void release_held(const Way *way, const char *room);
static size_t take_frame(const Text *in, size_t at, Frame *frame);
static void say_as_server(const Way *way, const char *text, size_t length);
static bool is_type(const Frame *frame, const char *type);
static void member_of(const Frame *frame, const char *name, Text *value);
static int64_t seq_of(const Frame *frame);

static const Lie lies[] = {
	{"drop", SERVER, "event", drop},
	{"double", SERVER, "event", tell_twice},
	{"swap", SERVER, "event", hold},
	{"alter", SERVER, "event", alter},
	{"mute", SERVER, "event", mute},
	{"phantom", SERVER, "event", invent},
	{"forge-ack", CLIENT, "send", forge_ack},
	{"forge-refusal", SERVER, "ack", forge_refusal},
};

static const Lie *armed;
static bool told;

bool
plant_arm(const char *name)
{
	armed = NULL;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
	{
		if (strcmp(lies[i].name, name) == 0)
			armed = &lies[i];
	}
	return armed != NULL;
}

bool
plant_was_told(void)
{
	bool		answer = told;

	told = false;
	return answer;
}

void
plant_free(Plant *plant)
{
	text_free(&plant->partial[CLIENT]);
	text_free(&plant->partial[SERVER]);
	text_free(&plant->held);
	text_free(&plant->held_room);
}

/* --- what passes ------------------------------------------------------------------------------- */

void
plant_pass(Plant *plant, int side, const char *bytes, size_t length, PlantOut out, void *arg)
{
	Way			way = {plant, out, arg};
	Text	   *in = &plant->partial[side];
	size_t		at = 0;
	size_t		taken;
	Frame		frame = {0};

	if (plant->stages[CLIENT] == PLANT_BEGIN && side == CLIENT)
		plant->stages[CLIENT] = plant->stages[SERVER] =
			length > 8 && memcmp(bytes, "GET /ws/", 8) == 0 ? PLANT_HANDSHAKE : PLANT_UNREAD;
	if (plant->stages[side] != PLANT_HANDSHAKE && plant->stages[side] != PLANT_FRAMES)
	{
		out(arg, side, bytes, length);
		return;
	}
	text_bytes(in, bytes, length);
	if (plant->stages[side] == PLANT_HANDSHAKE)
	{
		const char *end = memmem(in->bytes, in->length, "\r\n\r\n", 4);

		if (end == NULL)
			return;
		at = (size_t) (end - in->bytes) + 4;
		out(arg, side, in->bytes, at);
		plant->stages[side] = PLANT_FRAMES;
	}
	while ((taken = take_frame(in, at, &frame)) > 0)
	{
		at += taken;
		pass_frame(&way, side, &frame);
	}
	text_free(&frame.text);
	memmove(in->bytes, in->bytes + at, in->length - at);
	in->length -= at;
}

static void
pass_frame(const Way *way, int side, const Frame *frame)
{
	Plant	   *plant = way->plant;
	bool		event = side == SERVER && is_type(frame, "event");
	Text		room = {0};

	if (event && plant->muted)
		return;
	if (armed != NULL && armed->side == side && is_type(frame, armed->type) && plant->events >= EVENTS_BEFORE
		&& armed->tell(way, frame))
	{
		armed = NULL;
		told = true;
		return;
	}
	way->out(way->arg, side, frame->raw, frame->raw_length);
	if (!event)
		return;
	plant->events++;
	plant->last_seq = seq_of(frame);
	member_of(frame, "room", &room);
	release_held(way, room.bytes);
	text_free(&room);
}

/* What was held back follows the next event of its room. */
static void
release_held(const Way *way, const char *room)
{
	Plant	   *plant = way->plant;

	if (plant->held.length == 0 || strcmp(plant->held_room.bytes, room) != 0)
		return;
	say_as_server(way, plant->held.bytes, plant->held.length);
	plant->held.length = 0;
}

/* --- the lies --------------------------------------------------------------------------------------- */

static bool
drop(const Way *way, const Frame *frame)
{
	(void) way;
	(void) frame;
	return true;
}

static bool
tell_twice(const Way *way, const Frame *frame)
{
	way->out(way->arg, SERVER, frame->raw, frame->raw_length);
	way->out(way->arg, SERVER, frame->raw, frame->raw_length);
	return true;
}

static bool
hold(const Way *way, const Frame *frame)
{
	text_bytes(&way->plant->held, frame->text.bytes, frame->text.length);
	member_of(frame, "room", &way->plant->held_room);
	return true;
}

/* The first character of the base64 becomes another one. */
static bool
alter(const Way *way, const Frame *frame)
{
	char	   *body = strstr(frame->text.bytes, "\"body\":\"");

	if (body == NULL)
		return false;
	body[8] = body[8] == 'A' ? 'B' : 'A';
	say_as_server(way, frame->text.bytes, frame->text.length);
	return true;
}

static bool
mute(const Way *way, const Frame *frame)
{
	(void) frame;
	way->plant->muted = true;
	return true;
}

/* The event passes, and one more that nobody has sent. */
static bool
invent(const Way *way, const Frame *frame)
{
	Text		room = {0};
	Text		made = {0};

	member_of(frame, "room", &room);
	way->out(way->arg, SERVER, frame->raw, frame->raw_length);
	text_format(&made, "{\"type\":\"event\",\"room\":\"%s\",\"seq\":%lld,\"kind\":\"message\",\"client_id\":"
				"\"00000000-0000-4000-8000-000000000001\",\"epoch\":0,\"body\":\"QUFBQQ==\"}", room.bytes,
				(long long) seq_of(frame) + 1);
	say_as_server(way, made.bytes, made.length);
	text_free(&room);
	text_free(&made);
	return true;
}

static bool
forge_ack(const Way *way, const Frame *frame)
{
	Text		room = {0};
	Text		client_id = {0};
	Text		made = {0};

	member_of(frame, "room", &room);
	member_of(frame, "client_id", &client_id);
	text_format(&made, "{\"type\":\"ack\",\"room\":\"%s\",\"client_id\":\"%s\",\"seq\":%lld}", room.bytes,
				client_id.bytes, (long long) way->plant->last_seq + 1);
	say_as_server(way, made.bytes, made.length);
	text_free(&room);
	text_free(&client_id);
	text_free(&made);
	return true;
}

static bool
forge_refusal(const Way *way, const Frame *frame)
{
	Text		room = {0};
	Text		client_id = {0};
	Text		made = {0};

	member_of(frame, "room", &room);
	member_of(frame, "client_id", &client_id);
	text_format(&made, "{\"type\":\"error\",\"code\":\"role\",\"room\":\"%s\",\"client_id\":\"%s\",\"request\":\"send\"}",
				room.bytes, client_id.bytes);
	say_as_server(way, made.bytes, made.length);
	text_free(&room);
	text_free(&client_id);
	text_free(&made);
	return true;
}

/* --- frames (RFC 6455, section 5.2) ---------------------------------------------------------------------- */

/* The bytes of the frame at this place, 0 when not all of it is there. */
static size_t
take_frame(const Text *in, size_t at, Frame *frame)
{
	const unsigned char *bytes = (const unsigned char *) in->bytes + at;
	size_t		have = in->length - at;
	size_t		header = 2;
	size_t		length;
	const unsigned char *mask = NULL;

	if (have < 2)
		return 0;
	length = bytes[1] & 0x7f;
	if (length > 125)
	{
		size_t		more = length == 126 ? 2 : 8;

		if (have < header + more)
			return 0;
		length = 0;
		for (size_t i = 0; i < more; i++)
			length = length << 8 | bytes[header + i];
		header += more;
	}
	if (bytes[1] & 0x80)
	{
		mask = bytes + header;
		header += 4;
	}
	if (have < header + length)
		return 0;
	frame->raw = in->bytes + at;
	frame->raw_length = header + length;
	frame->text.length = 0;
	text_bytes(&frame->text, bytes + header, length);
	for (size_t i = 0; mask != NULL && i < length; i++)
		frame->text.bytes[i] ^= (char) mask[i & 3];
	return frame->raw_length;
}

static void
say_as_server(const Way *way, const char *text, size_t length)
{
	unsigned char header[10] = {0x81};
	size_t		size = 2;

	if (length <= 125)
		header[1] = (unsigned char) length;
	else
	{
		size_t		more = length <= 65535 ? 2 : 8;

		header[1] = more == 2 ? 126 : 127;
		for (size_t i = 0; i < more; i++)
			header[size++] = (unsigned char) (length >> 8 * (more - 1 - i));
	}
	way->out(way->arg, SERVER, (const char *) header, size);
	way->out(way->arg, SERVER, text, length);
}

static bool
is_type(const Frame *frame, const char *type)
{
	char		member[32];

	snprintf(member, sizeof(member), "\"type\":\"%s\"", type);
	return memmem(frame->text.bytes, frame->text.length, member, strlen(member)) != NULL;
}

/* The value of a string member, "" where there is none. */
static void
member_of(const Frame *frame, const char *name, Text *value)
{
	char		member[32];
	const char *begin;

	snprintf(member, sizeof(member), "\"%s\":\"", name);
	begin = strstr(frame->text.bytes, member);
	text_add(value, "");
	if (begin == NULL)
		return;
	begin += strlen(member);
	text_bytes(value, begin, strcspn(begin, "\""));
}

static int64_t
seq_of(const Frame *frame)
{
	const char *begin = strstr(frame->text.bytes, "\"seq\":");

	return begin != NULL ? strtoll(begin + 6, NULL, 10) : 0;
}
