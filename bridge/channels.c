/*
 * channels.c - see channels.h. It owns the connections to all nodes and the rooms' subscriptions.
 *
 * In a cluster any node that answers is asked every two seconds, and when one says that something
 * has moved, who has which slot. The answer is adopted at the end of the turn, for it may end the
 * very connection that it came by.
 */
#include "channels.h"
#include "cluster.h"
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
#define ROOM_PREFIX PREFIX "room:{"
#define ALL_CHANNEL PREFIX "all"
#define NAME_SIZE 40
#define ROOMS_A_COMMAND 256
#define ASK_EVERY_MS 2000
#define ASK_SOON_MS 100

typedef struct NodeState
{
	Node		node;
	RedisConn  *commands;		/* NULL: this place is free */
	RedisConn  *subscriber;
	bool		hears;			/* it subscribes to what is wanted */
	bool		is_there;		/* as was last said by came() and went() */
	bool		said_down;		/* a failing node is logged once, not at each attempt */
} NodeState;

/* A room that is subscribed to, or was until now. */
typedef struct Channel
{
	int64_t		room;
	int			node;			/* -1: not known */
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

static const Nodes *configured;
static bool clustered;
static const ChannelEvents *events;
static NodeState states[NODES_MAX];
static int	state_count;		/* places that were ever used */
static Table channels;			/* by room */
static Channel **changes;		/* since the last turn of the loop */
static size_t change_count;
static size_t change_size;
static Deferred make_changes;
static int64_t *confirmed;		/* since the last turn */
static size_t confirmed_count;
static size_t confirmed_size;
static Deferred say_confirmed;

/* of a cluster */
static int8_t owner[CLUSTER_SLOTS];	/* an index of states; -1: nobody */
static bool hears_all;			/* the one channel of all bridges is subscribed to */
static ClusterMap found;
static Deferred adopt_found;
static Timer ask_timer;
static int	last_asked;
static bool asking_soon;

static void open_node(NodeState *state, const Node *node);
static void close_node(NodeState *state);
static void on_up(void *arg);
static void on_down(void *arg, const char *why);
static void on_refused(void *arg, const char *error);
static void begin_to_hear(NodeState *state);
static void stop_hearing(NodeState *state);
static void check_node(NodeState *state);
static void ask_for_slots(void *arg);
static void ask_again(void);
static void on_slots(void *arg, const redisReply *reply);
static void adopt(void *arg);
static NodeState *state_of(const Node *node);
static void move_channels(void);
static void on_message(void *arg, const char *name, const char *bytes, size_t length);
static void on_subscribed(void *arg, const char *name);
static void say_subscribed(void *arg);
static bool room_of(const char *name, int64_t *room);
static void name_of(int64_t room, char name[NAME_SIZE]);
static void change(Channel *channel);
static void apply_changes(void *arg);
static void subscribe_again(int node);
static void begin_names(NameList *list, bool subscribe, int node);
static void add_name(NameList *list, int64_t room);
static void send_names(NameList *list);
static void publish_on(int node, const char *channel, const char *bytes, size_t length);

static const RedisEvents redis_events = {on_up, on_down, on_message, on_subscribed, on_refused};

void
channels_open(const Nodes *nodes, bool is_cluster, const ChannelEvents *handlers)
{
	configured = nodes;
	clustered = is_cluster;
	events = handlers;
	for (int i = 0; i < nodes->count; i++)
		open_node(&states[i], &nodes->list[i]);
	if (!clustered)
		return;
	memset(owner, -1, sizeof(owner));
	channels_subscribe(CHANNELS_ALL);
	timer_start(&ask_timer, ask_for_slots, NULL, ASK_EVERY_MS, ASK_EVERY_MS);
}

void
channels_close(void)
{
	size_t		at = 0;
	TableSlot  *slot;

	timer_stop(&ask_timer);
	for (int i = 0; i < state_count; i++)
	{
		if (states[i].commands == NULL)
			continue;
		redis_close(states[i].commands);
		redis_close(states[i].subscriber);
		free((char *) states[i].node.host);
	}
	state_count = 0;
	configured = NULL;
	/* rooms may still be closed after this */
	loop_undefer(&make_changes);
	loop_undefer(&say_confirmed);
	loop_undefer(&adopt_found);
	cluster_free(&found);
	while ((slot = table_next(&channels, &at)) != NULL)
		free(slot->value);
	table_free(&channels);
	free(changes);
	free(confirmed);
}

/* --- nodes come and go ------------------------------------------------------------------------- */

static void
open_node(NodeState *state, const Node *node)
{
	*state = (NodeState) {.node = *node};
	state->node.host = memory_text(node->host);
	state->commands = redis_open(&state->node, false, &redis_events, state);
	state->subscriber = redis_open(&state->node, true, &redis_events, state);
	if (state - states >= state_count)
		state_count = (int) (state - states) + 1;
}

static void
close_node(NodeState *state)
{
	redis_close(state->commands);
	redis_close(state->subscriber);
	state->commands = state->subscriber = NULL;
	stop_hearing(state);
	check_node(state);
	free((char *) state->node.host);
}

static void
on_up(void *arg)
{
	NodeState  *state = arg;
	const char *words[] = {"SUBSCRIBE", ALL_CHANNEL};

	if (redis_is_up(state->subscriber) && !state->hears)
	{
		if (clustered)
			begin_to_hear(state);
		else
			redis_send(state->subscriber, 2, words, NULL, NULL, NULL);
	}
	check_node(state);
	if (clustered)
		ask_again();
}

static void
on_down(void *arg, const char *why)
{
	NodeState  *state = arg;

	if (!state->said_down)
		log_write(LOG_WARNING, "no connection to Redis", LOG_TEXT("host", state->node.host),
				  LOG_NUMBER("port", state->node.port), LOG_TEXT("why", why));
	state->said_down = true;
	if (!redis_is_up(state->subscriber))
		stop_hearing(state);
	check_node(state);
	if (clustered)
		ask_again();
}

/* Nobody waits for the answer of this command. */
static void
on_refused(void *arg, const char *error)
{
	(void) arg;
	if (clustered && (strncmp(error, "MOVED ", 6) == 0 || strncmp(error, "ASK ", 4) == 0
					  || strncmp(error, "CLUSTERDOWN ", 12) == 0))
		ask_again();
	else
		log_write(LOG_ERROR, "Redis refuses a command", LOG_TEXT("error", error));
}

static void
begin_to_hear(NodeState *state)
{
	state->hears = true;
	subscribe_again((int) (state - states));
}

static void
stop_hearing(NodeState *state)
{
	int			node = (int) (state - states);
	size_t		at = 0;
	TableSlot  *slot;

	if (!state->hears)
		return;
	state->hears = false;
	if (clustered && channels_node_of(CHANNELS_ALL) == node)
		hears_all = false;
	while ((slot = table_next(&channels, &at)) != NULL)
	{
		Channel    *channel = slot->value;

		if (channel->node == node)
			channel->asked = false;
	}
}

/* Says it once when the node as a whole has come or gone. */
static void
check_node(NodeState *state)
{
	bool		is_there = state->commands != NULL && redis_is_up(state->commands) && state->hears;

	if (is_there == state->is_there)
		return;
	state->is_there = is_there;
	metrics_add(METRIC_REDIS_NODES, is_there ? 1 : -1);
	if (is_there)
	{
		state->said_down = false;
		log_write(LOG_INFO, "connected to Redis", LOG_TEXT("host", state->node.host),
				  LOG_NUMBER("port", state->node.port));
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
	char		name[NAME_SIZE];

	if (!clustered)
		return nodes_choose(configured, room);
	name_of(room, name);
	return owner[cluster_slot(name)];
}

int
channels_node_count(void)
{
	return state_count;
}

int
channels_of_all(void)
{
	return clustered ? 1 : state_count;
}

bool
channels_reach(int64_t room)
{
	int			node = state_count > 0 ? channels_node_of(room) : -1;

	return node >= 0 && states[node].is_there;
}

bool
channels_are_up(void)
{
	int			count = 0;

	for (int i = 0; i < state_count; i++)
	{
		if (states[i].commands == NULL)
			continue;
		if (!states[i].is_there)
			return false;
		count++;
	}
	return count > 0 && (!clustered || hears_all);
}

/* --- a cluster's slots ---------------------------------------------------------------------------- */

/* Another node each time; when none answers, those that were configured are tried again. */
static void
ask_for_slots(void *arg)
{
	const char *words[] = {"CLUSTER", "SLOTS"};

	(void) arg;
	asking_soon = false;
	for (int i = 1; i <= state_count; i++)
	{
		NodeState  *state = &states[(last_asked + i) % state_count];

		if (state->commands == NULL || !redis_is_up(state->commands))
			continue;
		last_asked = (int) (state - states);
		redis_send(state->commands, 2, words, NULL, on_slots, state);
		return;
	}
	for (int i = 0; i < configured->count; i++)
	{
		NodeState  *state = state_of(&configured->list[i]);

		if (state != NULL && state->commands == NULL)
			open_node(state, &configured->list[i]);
	}
}

/* Soon, and then at the usual pace. */
static void
ask_again(void)
{
	if (!asking_soon)
		timer_start(&ask_timer, ask_for_slots, NULL, ASK_SOON_MS, ASK_EVERY_MS);
	asking_soon = true;
}

static void
on_slots(void *arg, const redisReply *reply)
{
	NodeState  *state = arg;
	static bool said;

	if (reply == NULL)
		return;
	cluster_free(&found);
	if (cluster_read(reply, &state->node, &found))
		loop_defer(LOOP_SUBMIT, &adopt_found, adopt, NULL);
	else if (!said)
	{
		said = true;
		log_write(LOG_ERROR, "Redis tells no slots of a cluster: is PORCUPINE_REDIS_CLUSTER right?",
				  LOG_TEXT("answer", reply->type == REDIS_REPLY_ERROR ? reply->str : ""));
	}
}

/* Connects to new masters, lets go of the others, and moves what has moved. */
static void
adopt(void *arg)
{
	int			places[NODES_MAX] = {0};
	bool		stays[NODES_MAX] = {false};

	(void) arg;
	for (int i = 0; i < found.masters.count; i++)
	{
		NodeState  *state = state_of(&found.masters.list[i]);

		places[i] = state != NULL ? (int) (state - states) : -1;
		if (state == NULL)
			continue;
		stays[places[i]] = true;
		if (state->commands == NULL)
			open_node(state, &found.masters.list[i]);
	}
	for (int i = 0; i < state_count; i++)
	{
		if (states[i].commands != NULL && !stays[i])
			close_node(&states[i]);
	}
	for (int slot = 0; slot < CLUSTER_SLOTS; slot++)
		owner[slot] = (int8_t) (found.owner[slot] >= 0 ? places[found.owner[slot]] : -1);
	cluster_free(&found);
	move_channels();
}

/* The state of this node, or a free place for it, or NULL. */
static NodeState *
state_of(const Node *node)
{
	NodeState  *free_place = NULL;

	for (int i = 0; i < NODES_MAX; i++)
	{
		if (states[i].commands == NULL)
			free_place = free_place != NULL ? free_place : &states[i];
		else if (states[i].node.port == node->port && strcmp(states[i].node.host, node->host) == 0)
			return &states[i];
	}
	return free_place;
}

static void
move_channels(void)
{
	size_t		at = 0;
	TableSlot  *slot;

	while ((slot = table_next(&channels, &at)) != NULL)
	{
		Channel    *channel = slot->value;
		int			node = channels_node_of(channel->room);

		if (node == channel->node)
			continue;
		if (channel->room == CHANNELS_ALL)
			hears_all = false;
		channel->node = node;
		channel->asked = false;
		change(channel);
	}
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
		events->message(room, clustered ? 0 : (int) (state - states), bytes, length);
}

static void
on_subscribed(void *arg, const char *name)
{
	NodeState  *state = arg;
	int64_t		room;

	if (strcmp(name, ALL_CHANNEL) == 0)
	{
		hears_all = true;
		if (!state->hears)
			begin_to_hear(state);
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
	size_t		prefix = strlen(ROOM_PREFIX);
	size_t		length = strlen(name);
	char		digits[NAME_SIZE];

	if (strncmp(name, ROOM_PREFIX, prefix) != 0 || length >= NAME_SIZE || name[length - 1] != '}')
		return false;
	memcpy(digits, name + prefix, length - prefix - 1);
	digits[length - prefix - 1] = '\0';
	return text_to_number(digits, INT64_MAX, room) && *room > 0;
}

/* What is between the braces decides in a cluster where it is. */
static void
name_of(int64_t room, char name[NAME_SIZE])
{
	if (room == CHANNELS_ALL)
		snprintf(name, NAME_SIZE, ALL_CHANNEL);
	else
		snprintf(name, NAME_SIZE, ROOM_PREFIX "%lld}", (long long) room);
}

/* --- subscriptions -------------------------------------------------------------------------------- */

void
channels_subscribe(int64_t room)
{
	Channel    *channel = table_get(&channels, room);

	if (state_count == 0)
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
	for (int node = 0; node < state_count; node++)
	{
		begin_names(&lists[false], false, node);
		begin_names(&lists[true], true, node);
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

	begin_names(&list, true, node);
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
begin_names(NameList *list, bool subscribe, int node)
{
	static const char *const verbs[2][2] = {{"UNSUBSCRIBE", "SUBSCRIBE"}, {"SUNSUBSCRIBE", "SSUBSCRIBE"}};

	list->verb = verbs[clustered][subscribe];
	list->node = node;
	list->count = 0;
}

/* In a cluster, one command names channels of one slot only. */
static void
add_name(NameList *list, int64_t room)
{
	if (list->count == (clustered ? 1 : ROOMS_A_COMMAND))
		send_names(list);
	name_of(room, list->names[list->count++]);
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
	int			node = channels_node_of(room);

	name_of(room, name);
	if (node >= 0)
		publish_on(node, name, bytes, length);
}

void
channels_publish_everywhere(const char *bytes, size_t length)
{
	for (int i = 0; i < state_count && !clustered; i++)
		publish_on(i, ALL_CHANNEL, bytes, length);
	if (clustered)
		channels_publish(CHANNELS_ALL, bytes, length);
}

static void
publish_on(int node, const char *channel, const char *bytes, size_t length)
{
	const char *words[] = {clustered ? "SPUBLISH" : "PUBLISH", channel, bytes};
	size_t		lengths[] = {strlen(words[0]), strlen(channel), length};

	if (!redis_is_up(states[node].commands))
		return;
	metrics_add(METRIC_REDIS_PUBLISHED, 1);
	metrics_add(METRIC_REDIS_PUBLISHED_BYTES, (double) length);
	redis_send(states[node].commands, 3, words, lengths, NULL, NULL);
}

void
channels_command(int64_t room, int count, const char **words, RedisDone done, void *arg)
{
	int			node = channels_node_of(room);

	if (node >= 0)
		redis_send(states[node].commands, count, words, NULL, done, arg);
	else if (done != NULL)
		done(arg, NULL);
}
