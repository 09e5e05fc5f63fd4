/*
 * links.h - the connections to all Redis nodes, and which of the nodes a room is on.
 *
 * Nodes are independent of each other, and rooms are spread over them by nodes.h; or those that are
 * named are some of a Redis Cluster's, whose masters are found by asking, and a name is wherever
 * its slot is (cluster.h). Each has two connections, for one that subscribes can do nothing else.
 */
#ifndef PORCUPINE_LINKS_H
#define PORCUPINE_LINKS_H

#include "nodes.h"
#include "redis.h"

typedef struct LinkEvents
{
	/* A node can be subscribed on, and nothing is yet. */
	void		(*fresh) (int node);
	/* It is there, for commands and for messages; or it no longer is. */
	void		(*came) (int node);
	void		(*went) (int node);
	void		(*message) (int node, const char *channel, const char *bytes, size_t length);
	void		(*subscribed) (int node, const char *channel);
	/* In a cluster: names may be on other nodes than before. */
	void		(*moved) (void);
} LinkEvents;

/* clustered: the nodes are some of one cluster. nodes and events must outlive the process. */
extern void links_open(const Nodes *nodes, bool clustered, const LinkEvents *events);
extern void links_close(void);
extern bool links_are_clustered(void);

/* Indices of nodes are below this. */
extern int	links_count(void);
/* The index of a room's node; -1: not known yet, or none. In a cluster the name of its channel decides. */
extern int	links_node_of(int64_t room, const char *name);
extern bool links_is_there(int node);
/* Is each of them, and is there one at all? */
extern bool links_are_up(void);

extern bool links_can_subscribe(int node);
/* On the connection that subscribes. */
extern void links_subscribe(int node, int count, const char **words);
/* On the other one; see redis_send(). */
extern void links_send(int node, int count, const char **words, const size_t *lengths, RedisDone done, void *arg);

#endif
