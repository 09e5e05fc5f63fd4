/*
 * channels.h - the channels of all Redis nodes as one: each room's, and one of all bridges.
 *
 * A room's channel is on the node that the room is on (nodes.h); the channel of all bridges is on
 * each. A node has two connections, for one that subscribes can do nothing else. Subscriptions that
 * are wanted are made, and made again when a node comes back, those of one turn of the loop at once.
 */
#ifndef PORCUPINE_CHANNELS_H
#define PORCUPINE_CHANNELS_H

#include "nodes.h"
#include "redis.h"

#define CHANNELS_ALL 0			/* in place of a room: the channel of all bridges, on the node of this number */

typedef struct ChannelEvents
{
	/* Something was published; node: the index of the one it came by. */
	void		(*message) (int64_t room, int node, const char *bytes, size_t length);
	/* From now on everything that is published for these rooms is heard. */
	void		(*subscribed) (const int64_t *rooms, int count);
	/* A node is there: channels_reach() its rooms; or it no longer is. */
	void		(*came) (int node);
	void		(*went) (int node);
} ChannelEvents;

/* nodes and events must outlive the process. */
extern void channels_open(const Nodes *nodes, const ChannelEvents *events);
extern void channels_close(void);

extern void channels_subscribe(int64_t room);
extern void channels_unsubscribe(int64_t room);
/* Lost when the node is away. */
extern void channels_publish(int64_t room, const char *bytes, size_t length);
/* The same on the channel of all bridges, on every node. */
extern void channels_publish_everywhere(const char *bytes, size_t length);
/* Any command, on the node of this room; see redis_send(). */
extern void channels_command(int64_t room, int count, const char **words, RedisDone done, void *arg);

extern int	channels_node_of(int64_t room);
extern int	channels_node_count(void);
/* Is the node of this room there, for commands and for messages? */
extern bool channels_reach(int64_t room);
/* Is each of them, and is there one at all? */
extern bool channels_are_up(void);

#endif
