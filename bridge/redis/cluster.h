/*
 * cluster.h - which node of a Redis Cluster has which slot.
 *
 * A cluster spreads keys and sharded channels over 16384 slots, and slots over its masters; what is
 * between braces in a name decides (Redis Cluster specification, "Hash tags").
 */
#ifndef PORCUPINE_CLUSTER_H
#define PORCUPINE_CLUSTER_H

#include "nodes.h"

#include <hiredis/hiredis.h>
#include <stdint.h>

#define CLUSTER_SLOTS 16384

typedef struct ClusterMap
{
	Nodes		masters;
	int8_t		owner[CLUSTER_SLOTS];	/* an index of masters; -1: nobody has it */
} ClusterMap;

extern int	cluster_slot(const char *name);
/*
 * Reads the reply to CLUSTER SLOTS of the node that was asked, whose credentials count for all of
 * them. False: it is no such reply, or has more masters than there may be. Free it with cluster_free().
 */
extern bool cluster_read(const redisReply *reply, const Node *asked, ClusterMap *map);
extern void cluster_free(ClusterMap *map);

#endif
