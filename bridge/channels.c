/*
 * channels.c - see channels.h. It owns the connections to all nodes and the rooms' subscriptions.
 */
#include "channels.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "metrics.h"
#include "table.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "porcupine:"
#define ROOM_PREFIX PREFIX "room:"
#define ALL_CHANNEL PREFIX "all"
#define NAME_SIZE 40
#define ROOMS_A_COMMAND 256

typedef struct NodeState
{
	RedisConn  *commands;
	RedisConn  *subscriber;
	bool		hears;			/* the channel of all bridges is subscribed to */
	bool		is_there;		/* as was last said by came() and went() */
	bool		said_down;		/* a failing node is logged once, not at each attempt */
} NodeState;

/* A room that is subscribed to, or was until now. */
typedef struct Channel
{
	int64_t		room;
	int			node;
	bool		wanted;
	bool		asked;			/* SUBSCRIBE was sent on the connection that is there */
	bool		changed;		/* stands in the list of changes */
} Channel;

/* Names for one SUBSCRIBE or UNSUBSCRIBE. */
typedef struct NameList
{
	const char *verb;
	int			node;
	int			count;
	char		names[ROOMS_A_COMMAND][NAME_SIZE];
} NameList;

static const Nodes *nodes;
static const ChannelEvents *events;
static NodeState states[NODES_MAX];
static Table channels;			/* by room */
static Channel **changes;		/* since the last turn of the loop */
static size_t change_count;
static size_t change_size;
static Deferred make_changes;
static int64_t *confirmed;		/* since the last turn */
static size_t confirmed_count;
static size_t confirmed_size;
static Deferred say_confirmed;

static void on_up(void *arg);
static void on_down(void *arg, const char *why);
static void check_node(NodeState *state);
static void on_message(void *arg, const char *name, const char *bytes, size_t length);
static void on_subscribed(void *arg, const char *name);
static void say_subscribed(void *arg);
static bool room_of(const char *name, int64_t *room);
static void change(Channel *channel);
static void apply_changes(void *arg);
static void subscribe_again(int node);
static void add_name(NameList *list, int64_t room);
static void send_names(NameList *list);
static void publish_on(int node, const char *channel, const char *bytes, size_t length);

static const RedisEvents redis_events = {on_up, on_down, on_message, on_subscribed};

void
channels_open(const Nodes *given, const ChannelEvents *handlers)
{
	nodes = given;
	events = handlers;
	for (int i = 0; i < nodes->count; i++)
	{
		states[i].commands = redis_open(&nodes->list[i], false, &redis_events, &states[i]);
		states[i].subscriber = redis_open(&nodes->list[i], true, &redis_events, &states[i]);
	}
}

void
channels_close(void)
{
	size_t		at = 0;
	TableSlot  *slot;

	for (int i = 0; i < channels_node_count(); i++)
	{
		redis_close(states[i].commands);
		redis_close(states[i].subscriber);
	}
	nodes = NULL;
	/* rooms may still be closed after this */
	loop_undefer(&make_changes);
	loop_undefer(&say_confirmed);
	while ((slot = table_next(&channels, &at)) != NULL)
		free(slot->value);
	table_free(&channels);
	free(changes);
	free(confirmed);
}

/* --- nodes come and go ------------------------------------------------------------------------- */

static void
on_up(void *arg)
{
	NodeState  *state = arg;

	if (redis_is_up(state->subscriber) && !state->hears)
	{
		const char *words[] = {"SUBSCRIBE", ALL_CHANNEL};

		redis_send(state->subscriber, 2, words, NULL, NULL, NULL);
	}
	check_node(state);
}

static void
on_down(void *arg, const char *why)
{
	NodeState  *state = arg;
	const Node *node = &nodes->list[state - states];
	size_t		at = 0;
	TableSlot  *slot;

	if (!state->said_down)
		log_write(LOG_WARNING, "no connection to Redis", LOG_TEXT("host", node->host),
				  LOG_NUMBER("port", node->port), LOG_TEXT("why", why));
	state->said_down = true;
	if (!redis_is_up(state->subscriber) && state->hears)
	{
		state->hears = false;
		while ((slot = table_next(&channels, &at)) != NULL)
		{
			Channel    *channel = slot->value;

			if (channel->node == state - states)
				channel->asked = false;
		}
	}
	check_node(state);
}

/* Says it once when the node as a whole has come or gone. */
static void
check_node(NodeState *state)
{
	const Node *node = &nodes->list[state - states];
	bool		is_there = redis_is_up(state->commands) && state->hears;

	if (is_there == state->is_there)
		return;
	state->is_there = is_there;
	metrics_add(METRIC_REDIS_NODES, is_there ? 1 : -1);
	if (is_there)
	{
		state->said_down = false;
		log_write(LOG_INFO, "connected to Redis", LOG_TEXT("host", node->host), LOG_NUMBER("port", node->port));
		events->came((int) (state - states));
	}
	else
	{
		metrics_add(METRIC_REDIS_LOSSES, 1);
		events->went((int) (state - states));
	}
}

int
channels_node_of(int64_t room)
{
	return nodes_choose(nodes, room);
}

int
channels_node_count(void)
{
	return nodes != NULL ? nodes->count : 0;
}

bool
channels_reach(int64_t room)
{
	return channels_node_count() > 0 && states[channels_node_of(room)].is_there;
}

bool
channels_are_up(void)
{
	for (int i = 0; i < channels_node_count(); i++)
	{
		if (!states[i].is_there)
			return false;
	}
	return channels_node_count() > 0;
}

/* --- what is heard ------------------------------------------------------------------------------- */

static void
on_message(void *arg, const char *name, const char *bytes, size_t length)
{
	NodeState  *state = arg;
	int64_t		room = CHANNELS_ALL;

	metrics_add(METRIC_REDIS_HEARD, 1);
	metrics_add(METRIC_REDIS_HEARD_BYTES, (double) length);
	if (strcmp(name, ALL_CHANNEL) == 0 || room_of(name, &room))
		events->message(room, (int) (state - states), bytes, length);
}

static void
on_subscribed(void *arg, const char *name)
{
	NodeState  *state = arg;
	int64_t		room;

	if (strcmp(name, ALL_CHANNEL) == 0)
	{
		state->hears = true;
		subscribe_again((int) (state - states));
		check_node(state);
		return;
	}
	if (!room_of(name, &room))
		return;
	if (confirmed_count == confirmed_size)
	{
		confirmed_size = confirmed_size == 0 ? 64 : confirmed_size * 2;
		confirmed = memory_grow(confirmed, confirmed_size * sizeof(int64_t));
	}
	confirmed[confirmed_count++] = room;
	loop_defer(LOOP_SUBMIT, &say_confirmed, say_subscribed, NULL);
}

static void
say_subscribed(void *arg)
{
	(void) arg;
	events->subscribed(confirmed, (int) confirmed_count);
	confirmed_count = 0;
}

static bool
room_of(const char *name, int64_t *room)
{
	size_t		length = strlen(ROOM_PREFIX);

	return strncmp(name, ROOM_PREFIX, length) == 0 && text_to_number(name + length, INT64_MAX, room) && *room > 0;
}

/* --- subscriptions -------------------------------------------------------------------------------- */

void
channels_subscribe(int64_t room)
{
	Channel    *channel = table_get(&channels, room);

	if (channels_node_count() == 0)
		return;
	if (channel == NULL)
	{
		channel = memory_alloc(sizeof(Channel));
		channel->room = room;
		channel->node = channels_node_of(room);
		table_put(&channels, room, channel);
	}
	channel->wanted = true;
	change(channel);
}

void
channels_unsubscribe(int64_t room)
{
	Channel    *channel = table_get(&channels, room);

	if (channel == NULL)
		return;
	channel->wanted = false;
	change(channel);
}

/* Later in this turn, so that many go together, and one that is wanted again at once is not touched. */
static void
change(Channel *channel)
{
	if (channel->changed)
		return;
	channel->changed = true;
	if (change_count == change_size)
	{
		change_size = change_size == 0 ? 64 : change_size * 2;
		changes = memory_grow(changes, change_size * sizeof(Channel *));
	}
	changes[change_count++] = channel;
	loop_defer(LOOP_WRITE, &make_changes, apply_changes, NULL);
}

static void
apply_changes(void *arg)
{
	static NameList lists[2];

	(void) arg;
	for (int node = 0; node < nodes->count; node++)
	{
		lists[false] = (NameList) {.verb = "UNSUBSCRIBE", .node = node};
		lists[true] = (NameList) {.verb = "SUBSCRIBE", .node = node};
		for (size_t i = 0; states[node].hears && i < change_count; i++)
		{
			Channel    *channel = changes[i];

			if (channel->node != node || channel->wanted == channel->asked)
				continue;
			channel->asked = channel->wanted;
			add_name(&lists[channel->wanted], channel->room);
		}
		send_names(&lists[false]);
		send_names(&lists[true]);
	}
	for (size_t i = 0; i < change_count; i++)
	{
		changes[i]->changed = false;
		if (!changes[i]->wanted)
		{
			table_remove(&channels, changes[i]->room);
			free(changes[i]);
		}
	}
	change_count = 0;
}

static void
subscribe_again(int node)
{
	static NameList list;
	size_t		at = 0;
	TableSlot  *slot;

	list = (NameList) {.verb = "SUBSCRIBE", .node = node};
	while ((slot = table_next(&channels, &at)) != NULL)
	{
		Channel    *channel = slot->value;

		if (channel->node != node || !channel->wanted || channel->asked)
			continue;
		channel->asked = true;
		add_name(&list, channel->room);
	}
	send_names(&list);
}

static void
add_name(NameList *list, int64_t room)
{
	if (list->count == ROOMS_A_COMMAND)
		send_names(list);
	snprintf(list->names[list->count++], NAME_SIZE, ROOM_PREFIX "%lld", (long long) room);
}

static void
send_names(NameList *list)
{
	const char *words[ROOMS_A_COMMAND + 1] = {list->verb};

	for (int i = 0; i < list->count; i++)
		words[i + 1] = list->names[i];
	if (list->count > 0)
		redis_send(states[list->node].subscriber, list->count + 1, words, NULL, NULL, NULL);
	list->count = 0;
}

/* --- what is said ------------------------------------------------------------------------------------ */

void
channels_publish(int64_t room, const char *bytes, size_t length)
{
	char		name[NAME_SIZE];

	snprintf(name, sizeof(name), ROOM_PREFIX "%lld", (long long) room);
	publish_on(channels_node_of(room), room == CHANNELS_ALL ? ALL_CHANNEL : name, bytes, length);
}

void
channels_publish_everywhere(const char *bytes, size_t length)
{
	for (int i = 0; i < channels_node_count(); i++)
		publish_on(i, ALL_CHANNEL, bytes, length);
}

static void
publish_on(int node, const char *channel, const char *bytes, size_t length)
{
	const char *words[] = {"PUBLISH", channel, bytes};
	size_t		lengths[] = {7, strlen(channel), length};

	if (!redis_is_up(states[node].commands))
		return;
	metrics_add(METRIC_REDIS_PUBLISHED, 1);
	metrics_add(METRIC_REDIS_PUBLISHED_BYTES, (double) length);
	redis_send(states[node].commands, 3, words, lengths, NULL, NULL);
}

void
channels_command(int64_t room, int count, const char **words, RedisDone done, void *arg)
{
	redis_send(states[channels_node_of(room)].commands, count, words, NULL, done, arg);
}
