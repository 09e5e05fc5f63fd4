/*
 * channels.h - the channels of all Redis nodes as one: each room's, and one of all bridges.
 *
 * A room's channel is on the node of the room (links.h), the channel of all bridges on each node, or
 * in a cluster on one. Subscriptions that are wanted are made, and made again when a node comes back
 * or a slot has moved, those of one turn of the loop at once.
 */
#ifndef PORCUPINE_CHANNELS_H
#define PORCUPINE_CHANNELS_H

#include "nodes.h"
#include "redis.h"

#define CHANNELS_ALL 0			/* in place of a room: the channel of all bridges */

typedef struct ChannelEvents
{
	/* Something was published; node: the index of the one it came by, 0 in a cluster. */
	void		(*message) (int64_t room, int node, const char *bytes, size_t length);
	/* From now on everything that is published for these rooms is heard. */
	void		(*subscribed) (const int64_t *rooms, int count);
	/* A node is there: channels_reach() its rooms; or it no longer is. */
	void		(*came) (int node);
	void		(*went) (int node);
} ChannelEvents;

/* clustered: the nodes are some of one cluster. nodes and events must outlive the process. */
extern void channels_open(const Nodes *nodes, bool clustered, const ChannelEvents *events);
extern void channels_close(void);

extern void channels_subscribe(int64_t room);
extern void channels_unsubscribe(int64_t room);
/* Lost when the node is away. */
extern void channels_publish(int64_t room, const char *bytes, size_t length);
/* On the channel of all bridges, on every node that has one. */
extern void channels_publish_everywhere(const char *bytes, size_t length);
/* Any command, on the node of this room; see redis_send(). In a cluster its key must have the room in braces. */
extern void channels_command(int64_t room, int count, const char **words, RedisDone done, void *arg);

/* The index of the node of this room; -1: it is not known yet, or there is none. */
extern int	channels_node_of(int64_t room);
/* Indices are below this. */
extern int	channels_node_count(void);
/* On how many nodes is there a channel of all bridges? */
extern int	channels_of_all(void);
/* Is the node of this room there, for commands and for messages? */
extern bool channels_reach(int64_t room);
/* Is each of them, and is there one at all? */
extern bool channels_are_up(void);

#endif
