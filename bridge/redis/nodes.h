/*
 * nodes.h - the Redis nodes that events go through, and which of them a room's go through.
 *
 * A list is read from URLs, as configured. Rooms are spread by rendezvous hashing: each bridge that
 * has the same nodes in its list, in whatever order, chooses the same one for a room, and taking a
 * node away moves only the rooms that were on it.
 */
#ifndef PORCUPINE_NODES_H
#define PORCUPINE_NODES_H

#include <stdbool.h>
#include <stdint.h>

#define NODES_MAX 16

typedef struct Node
{
	const char *host;
	int			port;
	const char *user;			/* NULL: Redis' own default user */
	const char *password;		/* NULL: none is asked for */
	int			database;
	uint64_t	weight;			/* what rooms are spread by: a hash of host and port */
} Node;

typedef struct Nodes
{
	Node		list[NODES_MAX];
	int			count;
	char	   *text;			/* what the names point into */
} Nodes;

/*
 * Reads redis://[[user][:password]@]host[:port][/database], with commas between several; user and
 * password may have %XX in them, a host with colons stands in brackets. False: it is not that, or
 * names a node twice. Either way what is read is freed by nodes_free().
 */
extern bool nodes_read(const char *urls, Nodes *nodes);
extern void nodes_free(Nodes *nodes);
/* The node of a room, as an index; there must be one. */
extern int	nodes_choose(const Nodes *nodes, int64_t room);

#endif
