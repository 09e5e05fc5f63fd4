/*
 * links.c - see links.h. It owns the connections to all nodes, and the map of a cluster's slots.
 *
 * In a cluster any node that answers is asked every two seconds, and when one says that something
 * has moved, who has which slot. The answer is adopted at the end of the turn, for it may end the
 * very connection that it came by.
 */
#include "links.h"
#include "cluster.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

#define ASK_EVERY_MS 2000
#define ASK_SOON_MS 100

typedef struct NodeState
{
	Node		node;
	RedisConn  *commands;		/* NULL: this place is free */
	RedisConn  *subscriber;
	bool		is_there;		/* as was last said by came() and went() */
	bool		said_down;		/* a failing node is logged once, not at each attempt */
} NodeState;

static const Nodes *configured;
static bool clustered;
static const LinkEvents *events;
static NodeState states[NODES_MAX];
static int	state_count;		/* places that were ever used */

/* of a cluster */
static int8_t owner[CLUSTER_SLOTS];	/* an index of states; -1: nobody */
static ClusterMap found;
static Deferred adopt_found;
static Timer ask_timer;
static int	last_asked;
static bool asking_soon;

static void open_node(NodeState *state, const Node *node);
static void close_node(NodeState *state);
static void on_up(void *arg);
static void on_subscriber_up(void *arg);
static void on_down(void *arg, const char *why);
static void on_message(void *arg, const char *channel, const char *bytes, size_t length);
static void on_subscribed(void *arg, const char *channel);
static void on_refused(void *arg, const char *error);
static void check_node(NodeState *state);
static void ask_for_slots(void *arg);
static void ask_again(void);
static void on_slots(void *arg, const redisReply *reply);
static void adopt(void *arg);
static NodeState *state_of(const Node *node);

static const RedisEvents command_events = {on_up, on_down, on_message, on_subscribed, on_refused};
static const RedisEvents subscriber_events = {on_subscriber_up, on_down, on_message, on_subscribed, on_refused};

void
links_open(const Nodes *nodes, bool is_cluster, const LinkEvents *handlers)
{
	configured = nodes;
	clustered = is_cluster;
	events = handlers;
	memset(owner, -1, sizeof(owner));
	for (int i = 0; i < nodes->count; i++)
		open_node(&states[i], &nodes->list[i]);
	if (clustered)
		timer_start(&ask_timer, ask_for_slots, NULL, ASK_EVERY_MS, ASK_EVERY_MS);
}

void
links_close(void)
{
	timer_stop(&ask_timer);
	loop_undefer(&adopt_found);
	cluster_free(&found);
	for (int i = 0; i < state_count; i++)
	{
		if (states[i].commands == NULL)
			continue;
		redis_close(states[i].commands);
		redis_close(states[i].subscriber);
		free((char *) states[i].node.host);
	}
	state_count = 0;
}

/* --- nodes come and go ------------------------------------------------------------------------- */

static void
open_node(NodeState *state, const Node *node)
{
	*state = (NodeState) {.node = *node};
	state->node.host = memory_text(node->host);
	state->commands = redis_open(&state->node, false, &command_events, state);
	state->subscriber = redis_open(&state->node, true, &subscriber_events, state);
	if (state - states >= state_count)
		state_count = (int) (state - states) + 1;
}

static void
close_node(NodeState *state)
{
	redis_close(state->commands);
	redis_close(state->subscriber);
	state->commands = state->subscriber = NULL;
	check_node(state);
	free((char *) state->node.host);
}

static void
on_up(void *arg)
{
	check_node(arg);
	if (clustered)
		ask_again();
}

static void
on_subscriber_up(void *arg)
{
	events->fresh((int) ((NodeState *) arg - states));
	check_node(arg);
}

static void
on_down(void *arg, const char *why)
{
	NodeState  *state = arg;

	if (!state->said_down)
		log_write(LOG_WARNING, "no connection to Redis", LOG_TEXT("host", state->node.host),
				  LOG_NUMBER("port", state->node.port), LOG_TEXT("why", why));
	state->said_down = true;
	check_node(state);
	if (clustered)
		ask_again();
}

static void
on_message(void *arg, const char *channel, const char *bytes, size_t length)
{
	events->message((int) ((NodeState *) arg - states), channel, bytes, length);
}

static void
on_subscribed(void *arg, const char *channel)
{
	events->subscribed((int) ((NodeState *) arg - states), channel);
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

/* Says it once when the node as a whole has come or gone. */
static void
check_node(NodeState *state)
{
	int			node = (int) (state - states);
	bool		is_there = state->commands != NULL && redis_is_up(state->commands) && redis_is_up(state->subscriber);

	if (is_there == state->is_there)
		return;
	state->is_there = is_there;
	metrics_add(METRIC_REDIS_NODES, is_there ? 1 : -1);
	if (is_there)
	{
		state->said_down = false;
		log_write(LOG_INFO, "connected to Redis", LOG_TEXT("host", state->node.host),
				  LOG_NUMBER("port", state->node.port));
		events->came(node);
	}
	else
	{
		metrics_add(METRIC_REDIS_LOSSES, 1);
		events->went(node);
	}
}

/* --- what is where ------------------------------------------------------------------------------- */

bool
links_are_clustered(void)
{
	return clustered;
}

int
links_count(void)
{
	return state_count;
}

int
links_node_of(int64_t room, const char *name)
{
	if (state_count == 0)
		return -1;
	return clustered ? owner[cluster_slot(name)] : nodes_choose(configured, room);
}

bool
links_is_there(int node)
{
	return node >= 0 && states[node].is_there;
}

bool
links_are_up(void)
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
	return count > 0;
}

bool
links_can_subscribe(int node)
{
	return states[node].commands != NULL && redis_is_up(states[node].subscriber);
}

void
links_subscribe(int node, int count, const char **words)
{
	redis_send(states[node].subscriber, count, words, NULL, NULL, NULL);
}

void
links_send(int node, int count, const char **words, const size_t *lengths, RedisDone done, void *arg)
{
	redis_send(states[node].commands, count, words, lengths, done, arg);
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
	events->moved();
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
