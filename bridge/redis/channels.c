/*
 * channels.c - see channels.h. It owns the rooms' subscriptions.
 *
 * The channel of all bridges is on each of independent nodes, without being a Channel; in a cluster it
 * is one, that of room 0.
 */
#include "channels.h"
#include "links.h"
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

static const ChannelEvents *events;
static Table channels;			/* by room */
static bool hears_all[NODES_MAX];	/* the channel of all bridges, by node; in a cluster the first counts */
static Channel **changes;		/* since the last turn of the loop */
static size_t change_count;
static size_t change_size;
static Deferred make_changes;
static int64_t *confirmed;		/* since the last turn */
static size_t confirmed_count;
static size_t confirmed_size;
static Deferred say_confirmed;

static void on_fresh(int node);
static void on_message(int node, const char *name, const char *bytes, size_t length);
static void on_subscribed(int node, const char *name);
static void say_subscribed(void *arg);
static void on_moved(void);
static bool room_of(const char *name, int64_t *room);
static void name_of(int64_t room, char name[NAME_SIZE]);
static void change(Channel *channel);
static void apply_changes(void *arg);
static void subscribe_again(int node);
static void begin_names(NameList *list, bool subscribe, int node);
static void add_name(NameList *list, int64_t room);
static void send_names(NameList *list);
static void publish_on(int node, const char *channel, const char *bytes, size_t length);

static LinkEvents link_events = {.fresh = on_fresh, .message = on_message, .subscribed = on_subscribed, .moved = on_moved};

void
channels_open(const Nodes *nodes, bool clustered, const ChannelEvents *handlers)
{
	events = handlers;
	link_events.came = events->came;
	link_events.went = events->went;
	links_open(nodes, clustered, &link_events);
	if (clustered)
		channels_subscribe(CHANNELS_ALL);
}

void
channels_close(void)
{
	size_t		at = 0;
	TableSlot  *slot;

	links_close();
	/* rooms may still be closed after this */
	loop_undefer(&make_changes);
	loop_undefer(&say_confirmed);
	while ((slot = table_next(&channels, &at)) != NULL)
		free(slot->value);
	table_free(&channels);
	free(changes);
	free(confirmed);
}

/* --- where things are ------------------------------------------------------------------------------ */

int
channels_node_of(int64_t room)
{
	char		name[NAME_SIZE] = "";

	if (links_are_clustered())
		name_of(room, name);
	return links_node_of(room, name);
}

int
channels_node_count(void)
{
	return links_count();
}

int
channels_of_all(void)
{
	return links_are_clustered() ? 1 : links_count();
}

bool
channels_reach(int64_t room)
{
	return links_count() > 0 && links_is_there(channels_node_of(room));
}

bool
channels_are_up(void)
{
	for (int i = 0; i < channels_of_all(); i++)
	{
		if (!hears_all[i])
			return false;
	}
	return links_are_up();
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

/* --- what is heard ---------------------------------------------------------------------------------- */

/* Whatever was subscribed to on this node was so on another connection. */
static void
on_fresh(int node)
{
	const char *words[] = {"SUBSCRIBE", ALL_CHANNEL};
	size_t		at = 0;
	TableSlot  *slot;

	while ((slot = table_next(&channels, &at)) != NULL)
	{
		Channel    *channel = slot->value;

		if (channel->node == node)
			channel->asked = false;
	}
	if (!links_are_clustered())
	{
		hears_all[node] = false;
		links_subscribe(node, 2, words);
	}
	else if (channels_node_of(CHANNELS_ALL) == node)
		hears_all[0] = false;
	subscribe_again(node);
}

/* Slots have gone to other nodes. */
static void
on_moved(void)
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
			hears_all[0] = false;
		channel->node = node;
		channel->asked = false;
		change(channel);
	}
}

static void
on_message(int node, const char *name, const char *bytes, size_t length)
{
	int64_t		room = CHANNELS_ALL;

	metrics_add(METRIC_REDIS_HEARD, 1);
	metrics_add(METRIC_REDIS_HEARD_BYTES, (double) length);
	if (strcmp(name, ALL_CHANNEL) == 0 || room_of(name, &room))
		events->message(room, links_are_clustered() ? 0 : node, bytes, length);
}

static void
on_subscribed(int node, const char *name)
{
	int64_t		room;

	if (strcmp(name, ALL_CHANNEL) == 0)
		hears_all[links_are_clustered() ? 0 : node] = true;
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

/* --- subscriptions -------------------------------------------------------------------------------- */

void
channels_subscribe(int64_t room)
{
	Channel    *channel = table_get(&channels, room);

	if (links_count() == 0)
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
	for (int node = 0; node < links_count(); node++)
	{
		begin_names(&lists[false], false, node);
		begin_names(&lists[true], true, node);
		for (size_t i = 0; links_can_subscribe(node) && i < change_count; i++)
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

	list->verb = verbs[links_are_clustered()][subscribe];
	list->node = node;
	list->count = 0;
}

/* In a cluster, one command names channels of one slot only. */
static void
add_name(NameList *list, int64_t room)
{
	if (list->count == (links_are_clustered() ? 1 : ROOMS_A_COMMAND))
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
		links_subscribe(list->node, list->count + 1, words);
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
	if (links_are_clustered())
		channels_publish(CHANNELS_ALL, bytes, length);
	else
	{
		for (int i = 0; i < links_count(); i++)
			publish_on(i, ALL_CHANNEL, bytes, length);
	}
}

static void
publish_on(int node, const char *channel, const char *bytes, size_t length)
{
	const char *words[] = {links_are_clustered() ? "SPUBLISH" : "PUBLISH", channel, bytes};
	size_t		lengths[] = {strlen(words[0]), strlen(channel), length};

	if (!links_is_there(node))
		return;
	metrics_add(METRIC_REDIS_PUBLISHED, 1);
	metrics_add(METRIC_REDIS_PUBLISHED_BYTES, (double) length);
	links_send(node, 3, words, lengths, NULL, NULL);
}

void
channels_command(int64_t room, int count, const char **words, RedisDone done, void *arg)
{
	int			node = channels_node_of(room);

	if (node >= 0)
		links_send(node, count, words, NULL, done, arg);
	else if (done != NULL)
		done(arg, NULL);
}
