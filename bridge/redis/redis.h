/*
 * redis.h - one connection to one Redis (or Valkey) that never blocks.
 *
 * It pipelines the commands it is given, writes those of one turn of the loop together, and hands
 * back the replies in order. What subscribes needs a connection of its own, for with RESP2 nothing
 * else may be asked on that one. It probes a silent server, gives up on one that does not answer or
 * does not take what is written, and comes back by itself with growing pauses; subscriptions are
 * gone then, and whoever made them makes them anew when it is up again.
 */
#ifndef PORCUPINE_REDIS_H
#define PORCUPINE_REDIS_H

#include "nodes.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct RedisConn RedisConn;

/* reply: borrowed; NULL: the connection was lost before one came. */
typedef void (*RedisDone) (void *arg, const redisReply *reply);

typedef struct RedisEvents
{
	void		(*up) (void *arg);		/* authenticated, and it answers */
	void		(*down) (void *arg, const char *why);	/* lost, or could not connect */
	/* On a connection that subscribes: a message, the confirmation of a subscription. */
	void		(*message) (void *arg, const char *channel, const char *bytes, size_t length);
	void		(*subscribed) (void *arg, const char *channel);
	/* A command whose maker does not want to know was answered by an error. */
	void		(*refused) (void *arg, const char *error);
} RedisEvents;

/* node and events must outlive the connection, which begins to connect at once. */
extern RedisConn *redis_open(const Node *node, bool subscribes, const RedisEvents *events, void *arg);
/* Ends it for good; replies that have not come are NULL. */
extern void redis_close(RedisConn *conn);

extern bool redis_is_up(const RedisConn *conn);

/*
 * Sends a command when it is up, else it is lost at once. lengths NULL: the words are strings. done
 * may be NULL, then refused() hears of an error. On a connection that subscribes: only (un)subscribing
 * commands, without done.
 */
extern void redis_send(RedisConn *conn, int count, const char **words, const size_t *lengths, RedisDone done, void *arg);

#endif
