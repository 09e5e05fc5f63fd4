/*
 * fuzz_redis.c - what Redis says, whoever may publish there: an event is taken only when it is one
 * line of UTF-8 that begins as the event of that room and seq does; what one bridge says another
 * hears as it was said; and a reply to CLUSTER SLOTS is read or refused without a slot or a master
 * too many.
 *
 * fanout.c is included, so that its reader and its writer can be held to each other without a hub
 * and a Redis.
 *
 * Input: C and a reply in Redis' protocol; or M and a message's lines; or W, and what is said: a byte
 * for the kind, eight for a number, then for an event its text up to a line feed.
 */
#include "channels.h"
#include "database.h"
#include "hub.h"
#include "loop.h"
#include "others.h"

static void heard_publish(int64_t room, HubEvent event);
static void heard_head(int64_t room, int64_t head);
static void heard_say(int64_t room, Frame *frame, int64_t except_user);
static void heard_beat(int64_t origin, int node, Duty duty, int64_t count);
static void heard_from(int64_t origin);
static void carry(int64_t room, const char *bytes, size_t length);

static int64_t
none(int64_t room)
{
	(void) room;
	return 0;
}

static int64_t
the_stream(void)
{
	return 5;
}

static bool
reached(int64_t room)
{
	(void) room;
	return true;
}

static void
carry_to_all(const char *bytes, size_t length)
{
	carry(CHANNELS_ALL, bytes, length);
}

/* It is published by hand. */
static void
defer(LoopStage stage, Deferred *deferred, void (*run) (void *arg), void *arg)
{
	(void) stage;
	(void) deferred;
	(void) run;
	(void) arg;
}

static void
undefer(Deferred *deferred)
{
	(void) deferred;
}

#define hub_publish heard_publish
#define hub_set_head heard_head
#define hub_say heard_say
#define hub_head none
#define others_beat heard_beat
#define others_heard heard_from
#define others_bell heard_from
#define database_stream the_stream
#define channels_reach reached
#define channels_publish carry
#define channels_publish_everywhere carry_to_all
#define loop_defer defer
#define loop_undefer undefer
#include "fanout.c"

#include "cluster.h"
#include "json.h"
#include "reply.h"

#define ROOM 12
#define OTHER 99
#define OWN 7
#define MOST_SAID 64

/* What has been heard, or is to be: one line each. */
static Text heard;
static Text spoken;

/* --- what is heard ------------------------------------------------------------------------------------- */

static void
note(Text *text, char kind, int64_t room, int64_t number)
{
	text_format(text, "%c %lld %lld\n", kind, (long long) room, (long long) number);
}

static void
heard_publish(int64_t room, HubEvent event)
{
	const char *payload = (const char *) event.frame->payload;
	Text		beginning = {0};

	HOLDS(event.seq > 0 && event.ends >= 0);
	text_format(&beginning, "{\"type\":\"event\",\"room\":\"%lld\",\"seq\":%lld,", (long long) room, (long long) event.seq);
	HOLDS(event.frame->length > beginning.length && memcmp(payload, beginning.bytes, beginning.length) == 0);
	HOLDS(memchr(payload, '\n', event.frame->length) == NULL && text_is_utf8(payload, event.frame->length));
	text_free(&beginning);
	note(&heard, 'e', room, event.seq);
	text_bytes(&heard, payload, event.frame->length);
	frame_release(event.frame);
}

static void
heard_head(int64_t room, int64_t head)
{
	HOLDS(head > 0);
	note(&heard, 'h', room, head);
}

static void
heard_say(int64_t room, Frame *frame, int64_t except_user)
{
	cJSON	   *root = json_parse((char *) frame->payload, frame->length);

	HOLDS(root != NULL && except_user >= 0);
	cJSON_Delete(root);
	note(&heard, 't', room, except_user);
	frame_release(frame);
}

static void
heard_beat(int64_t origin, int node, Duty duty, int64_t count)
{
	(void) node;
	HOLDS(origin >= 0 && duty >= DUTY_NONE && duty < N_DUTIES && count >= 0);
	note(&heard, 'b', (int64_t) duty, count);
}

static void
heard_from(int64_t origin)
{
	HOLDS(origin >= 0 && origin != own_origin);
}

static void
heard_presence(int64_t room, int64_t origin, int64_t user, bool online)
{
	HOLDS(origin >= 0 && user >= 0);
	note(&heard, online ? '+' : '-', room, user);
}

static void
heard_room_gone(void)
{
	note(&heard, 'g', 0, 0);
}

static void
heard_doorbell(const char *payload)
{
	HOLDS(strchr(payload, '\n') == NULL);
	note(&heard, 'd', 0, 0);
	text_add(&heard, payload);
}

static const FanoutEvents fanout_events = {
	.presence = heard_presence, .room_gone = heard_room_gone, .doorbell = heard_doorbell
};

/* --- what is said, and carried to another bridge -------------------------------------------------------- */

static void
carry(int64_t room, const char *bytes, size_t length)
{
	char	   *exact = fuzz_memory(bytes, length);

	own_origin = OTHER;
	on_message(room, 0, exact, length);
	own_origin = OWN;
	free(exact);
}

static int64_t
read_number(Input *input)
{
	uint64_t	number = 0;

	for (int i = 0; i < 8; i++)
		number = number << 8 | fuzz_byte(input);
	return (int64_t) (number >> 1);
}

static void
say_event(Input *input, int64_t seq)
{
	char	   *rest = fuzz_line(input);
	Text		text = {0};
	HubEvent	event = {.seq = seq, .ends = 3};

	if (seq > 0 && text_is_utf8(rest, strlen(rest)))
	{
		frame_begin(&text);
		text_format(&text, "{\"type\":\"event\",\"room\":\"%d\",\"seq\":%lld,", ROOM, (long long) seq);
		text_add(&text, rest);
		text_add(&text, "}");
		event.frame = frame_end(&text);
		fanout_publish(ROOM, &event);
		note(&spoken, 'e', ROOM, seq);
		text_bytes(&spoken, event.frame->payload, event.frame->length);
		frame_release(event.frame);
	}
	free(rest);
}

static void
say(Input *input)
{
	unsigned	kind = fuzz_byte(input);
	int64_t		number = read_number(input);

	switch (kind % 4)
	{
		case 0:
			say_event(input, number);
			break;
		case 1:
			fanout_hint(ROOM, number);
			note(&spoken, number > 0 ? 'h' : 'g', number > 0 ? ROOM : 0, number);
			break;
		case 2:
			fanout_typing(ROOM, number);
			note(&spoken, 't', ROOM, number);
			break;
		default:
			fanout_presence(ROOM, number, kind & 4);
			note(&spoken, kind & 4 ? '+' : '-', ROOM, number);
			break;
	}
}

static void
check_round_trip(Input input)
{
	for (int i = 0; i < MOST_SAID && input.at < input.end; i++)
		say(&input);
	publish_all(NULL);
	HOLDS(spoken.length == heard.length);
	HOLDS(spoken.length == 0 || memcmp(spoken.bytes, heard.bytes, heard.length) == 0);
}

/* Its header is ours, or the input would hardly ever have the right one. */
static void
check_message(Input input)
{
	Text		message = {0};
	char	   *exact;

	begin_message(&message);
	text_bytes(&message, input.at, fuzz_left(&input));
	exact = fuzz_memory(message.bytes, message.length);
	own_origin = OTHER;
	on_message(ROOM, 0, exact, message.length);
	on_message(CHANNELS_ALL, 0, exact, message.length);
	own_origin = OWN;
	free(exact);
	exact = fuzz_memory(input.at, fuzz_left(&input));
	on_message(ROOM, 0, exact, fuzz_left(&input));
	free(exact);
	text_free(&message);
}

/* --- CLUSTER SLOTS ------------------------------------------------------------------------------------- */

static void
check_slots(Input input)
{
	static const Node asked = {.host = "seed", .port = 1};
	static ClusterMap map;
	redisReader *reader = reply_reader(input);
	redisReply *reply = reply_next(reader);

	if (reply != NULL && cluster_read(reply, &asked, &map))
	{
		HOLDS(map.masters.count > 0 && map.masters.count <= NODES_MAX);
		for (int slot = 0; slot < CLUSTER_SLOTS; slot++)
			HOLDS(map.owner[slot] >= -1 && map.owner[slot] < map.masters.count);
		for (int i = 0; i < map.masters.count; i++)
			HOLDS(map.masters.list[i].port >= 0 && map.masters.list[i].port <= 65535 && map.masters.list[i].host != NULL);
		cluster_free(&map);
	}
	if (reply != NULL)
		freeReplyObject(reply);
	redisReaderFree(reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *bytes = fuzz_memory(data, size);
	Input		input = {bytes, bytes + size};

	events = &fanout_events;
	own_origin = OWN;
	heard.length = spoken.length = 0;
	switch (fuzz_byte(&input))
	{
		case 'C':
			check_slots(input);
			break;
		case 'M':
			check_message(input);
			break;
		default:
			check_round_trip(input);
			break;
	}
	free(bytes);
	return 0;
}
