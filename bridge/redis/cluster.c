/*
 * cluster.c - see cluster.h. It owns nothing.
 */
#include "cluster.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

static uint16_t crc16(const char *bytes, size_t length);
static bool read_range(const redisReply *range, const Node *asked, ClusterMap *map);
static bool is_number(const redisReply *reply, long long most);
static int	master_of(ClusterMap *map, const Node *asked, const char *host, int port);

int
cluster_slot(const char *name)
{
	const char *open = strchr(name, '{');
	const char *close = open != NULL ? strchr(open, '}') : NULL;

	if (close != NULL && close > open + 1)
		return crc16(open + 1, (size_t) (close - open - 1)) % CLUSTER_SLOTS;
	return crc16(name, strlen(name)) % CLUSTER_SLOTS;
}

/* CRC-16/XMODEM. */
static uint16_t
crc16(const char *bytes, size_t length)
{
	uint16_t	crc = 0;

	for (size_t i = 0; i < length; i++)
	{
		crc ^= (uint16_t) ((unsigned char) bytes[i] << 8);
		for (int bit = 0; bit < 8; bit++)
			crc = (uint16_t) (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1);
	}
	return crc;
}

bool
cluster_read(const redisReply *reply, const Node *asked, ClusterMap *map)
{
	map->masters = (Nodes) {0};
	memset(map->owner, -1, sizeof(map->owner));
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
		return false;
	for (size_t i = 0; i < reply->elements; i++)
	{
		if (read_range(reply->element[i], asked, map))
			continue;
		cluster_free(map);
		return false;
	}
	return map->masters.count > 0;
}

void
cluster_free(ClusterMap *map)
{
	for (int i = 0; i < map->masters.count; i++)
		free((char *) map->masters.list[i].host);
	map->masters.count = 0;
}

/* [first, last, [host, port, ...], replicas...] */
static bool
read_range(const redisReply *range, const Node *asked, ClusterMap *map)
{
	const redisReply *master;
	const char *host;
	int			index;

	if (range->type != REDIS_REPLY_ARRAY || range->elements < 3 || !is_number(range->element[0], CLUSTER_SLOTS - 1)
		|| !is_number(range->element[1], CLUSTER_SLOTS - 1))
		return false;
	master = range->element[2];
	if (master->type != REDIS_REPLY_ARRAY || master->elements < 2 || !is_number(master->element[1], 65535))
		return false;
	/* a node that does not know by which name it is reached leaves it out */
	host = master->element[0]->type == REDIS_REPLY_STRING && master->element[0]->len > 0 ? master->element[0]->str : asked->host;
	index = master_of(map, asked, host, (int) master->element[1]->integer);
	for (long long slot = range->element[0]->integer; index >= 0 && slot <= range->element[1]->integer; slot++)
		map->owner[slot] = (int8_t) index;
	return index >= 0;
}

static bool
is_number(const redisReply *reply, long long most)
{
	return reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 && reply->integer <= most;
}

static int
master_of(ClusterMap *map, const Node *asked, const char *host, int port)
{
	Nodes	   *masters = &map->masters;

	for (int i = 0; i < masters->count; i++)
	{
		if (masters->list[i].port == port && strcmp(masters->list[i].host, host) == 0)
			return i;
	}
	if (masters->count == NODES_MAX)
		return -1;
	masters->list[masters->count] = (Node) {
		.host = memory_text(host), .port = port, .user = asked->user, .password = asked->password
	};
	return masters->count++;
}
