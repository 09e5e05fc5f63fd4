/*
 * redis.c - see redis.h.
 *
 * States: WAITING (the timer runs until the next attempt) -> CONNECTING (the name is looked up, the
 * socket connects, the greeting is answered: AUTH, SELECT, PING) -> UP -> WAITING. change_state() is
 * the only place that changes it, lose() the only way down.
 *
 * hiredis connects, parses and keeps the output; its own event adapters are not used: that of 0.14
 * never reports a refused connection, and SSUBSCRIBE ends the process in both versions.
 */
#include "redis.h"
#include "loop.h"
#include "memory.h"

#include <hiredis/sds.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 2000
#define CONNECT_PATIENCE_MS 3000
#define PROBE_EVERY_MS 1000
#define PROBE_PATIENCE_MS 2000
#define MAX_OUTPUT (16 * 1024 * 1024)	/* bytes that a server has not taken; then it counts as away */

typedef enum RedisState
{
	REDIS_WAITING,
	REDIS_CONNECTING,
	REDIS_UP,
	REDIS_CLOSED
} RedisState;

/* A reply that is to come. */
typedef struct Expected
{
	RedisDone	done;
	void	   *arg;
} Expected;

struct RedisConn
{
	const Node *node;
	bool		subscribes;
	const RedisEvents *events;
	void	   *arg;
	RedisState	state;
	Lookup	   *lookup;
	redisContext *redis;
	SocketWatch *watch;
	Timer	   *timer;			/* the next attempt, its end, or the next probe */
	uint64_t	pause;
	uint64_t	probed_at;		/* 0: no probe is out */
	uint64_t	ticked_at;
	Deferred	write;
	Expected   *expected;		/* a ring, oldest first */
	size_t		size;
	size_t		begin;
	size_t		count;
};

static void change_state(RedisConn *conn, RedisState state);
static void on_timer(void *arg);
static void resolve(RedisConn *conn);
static void on_address(void *arg, const char *address);
static bool is_connected(RedisConn *conn, char *why, size_t size);
static void greet(RedisConn *conn);
static void on_greeted(void *arg, const redisReply *reply);
static void on_pong(void *arg, const redisReply *reply);
static void probe(RedisConn *conn);
static void on_probed(void *arg, const redisReply *reply);
static void lose(RedisConn *conn, const char *why);
static void watch(RedisConn *conn, int events);
static void on_socket(void *arg, int status, int events);
static void read_replies(RedisConn *conn);
static bool take_push(RedisConn *conn, const redisReply *reply);
static bool is_text(const redisReply *reply);
static void say_refused(RedisConn *conn, const redisReply *reply);
static void write_output(void *arg);
static void append(RedisConn *conn, int count, const char **words, const size_t *lengths);
static void expect(RedisConn *conn, RedisDone done, void *arg);
static Expected take_expected(RedisConn *conn);

/* --- its life --------------------------------------------------------------------------------- */

RedisConn *
redis_open(const Node *node, bool subscribes, const RedisEvents *events, void *arg)
{
	RedisConn  *conn = memory_alloc(sizeof(RedisConn));

	conn->node = node;
	conn->subscribes = subscribes;
	conn->events = events;
	conn->arg = arg;
	conn->timer = timer_make();
	change_state(conn, REDIS_WAITING);
	timer_start(conn->timer, on_timer, conn, 0, 0);
	return conn;
}

void
redis_close(RedisConn *conn)
{
	int			done;

	/* last words, as far as they are taken at once */
	if (conn->state == REDIS_UP && redisBufferWrite(conn->redis, &done) != REDIS_OK)
		done = 0;
	change_state(conn, REDIS_CLOSED);
	lose(conn, "closing");
	timer_free(conn->timer);
	free(conn->expected);
	free(conn);
}

bool
redis_is_up(const RedisConn *conn)
{
	return conn->state == REDIS_UP;
}

static void
change_state(RedisConn *conn, RedisState state)
{
	conn->state = state;
}

static void
on_timer(void *arg)
{
	RedisConn  *conn = arg;

	if (conn->state == REDIS_WAITING)
		resolve(conn);
	else if (conn->state == REDIS_CONNECTING)
		lose(conn, "no answer to the greeting within 3 seconds");
	else if (conn->state == REDIS_UP)
		probe(conn);
}

/* hiredis would resolve a name by a call that blocks the loop. */
static void
resolve(RedisConn *conn)
{
	change_state(conn, REDIS_CONNECTING);
	timer_start(conn->timer, on_timer, conn, CONNECT_PATIENCE_MS, 0);
	conn->lookup = loop_resolve(conn->node->host, on_address, conn);
	if (conn->lookup == NULL)
		lose(conn, "its host name cannot be looked up");
}

static void
on_address(void *arg, const char *address)
{
	RedisConn  *conn = arg;

	conn->lookup = NULL;
	if (address == NULL)
	{
		lose(conn, "its host has no address");
		return;
	}
	conn->redis = redisConnectNonBlock(address, conn->node->port);
	if (conn->redis == NULL || conn->redis->err != 0)
		lose(conn, conn->redis != NULL ? conn->redis->errstr : "out of memory");
	else
		watch(conn, UV_WRITABLE);
}

/* What became of connect(): why and false, when it failed. */
static bool
is_connected(RedisConn *conn, char *why, size_t size)
{
	int			error = 0;
	socklen_t	length = sizeof(error);

	if (getsockopt(conn->redis->fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0)
		return true;
	snprintf(why, size, "%s", strerror(error));
	return false;
}

/* It is up when the last of these is answered; a server that is stopped takes a connection, too. */
static void
greet(RedisConn *conn)
{
	const Node *node = conn->node;
	const char *auth[] = {"AUTH", node->user != NULL ? node->user : node->password, node->password};
	const char *ping[] = {"PING"};
	char		number[12];
	const char *select[] = {"SELECT", number};

	if (node->password != NULL)
	{
		append(conn, node->user != NULL ? 3 : 2, auth, NULL);
		expect(conn, on_greeted, conn);
	}
	if (node->database != 0 && !conn->subscribes)
	{
		snprintf(number, sizeof(number), "%d", node->database);
		append(conn, 2, select, NULL);
		expect(conn, on_greeted, conn);
	}
	append(conn, 1, ping, NULL);
	expect(conn, on_pong, conn);
}

static void
on_greeted(void *arg, const redisReply *reply)
{
	if (reply != NULL && reply->type == REDIS_REPLY_ERROR)
		lose(arg, reply->str);
}

static void
on_pong(void *arg, const redisReply *reply)
{
	RedisConn  *conn = arg;

	if (reply == NULL)
		return;
	if (reply->type == REDIS_REPLY_ERROR)
	{
		lose(conn, reply->str);
		return;
	}
	conn->pause = 0;
	conn->probed_at = 0;
	conn->ticked_at = loop_now();
	change_state(conn, REDIS_UP);
	timer_start(conn->timer, on_timer, conn, PROBE_EVERY_MS, PROBE_EVERY_MS);
	conn->events->up(conn->arg);
}

/* A half-open connection and a stopped server say nothing: they must be asked. */
static void
probe(RedisConn *conn)
{
	static const char *ping[] = {"PING"};
	uint64_t	now = loop_now();
	/* when this process itself stood still, the answer may lie unread */
	bool		stood_still = now - conn->ticked_at > PROBE_EVERY_MS * 3 / 2;

	conn->ticked_at = now;
	if (conn->probed_at == 0)
	{
		conn->probed_at = now;
		append(conn, 1, ping, NULL);
		if (!conn->subscribes)
			expect(conn, on_probed, conn);
	}
	else if (now - conn->probed_at >= PROBE_PATIENCE_MS && !stood_still)
		lose(conn, "it does not answer");
}

static void
on_probed(void *arg, const redisReply *reply)
{
	if (reply != NULL)
		((RedisConn *) arg)->probed_at = 0;
}

/* The one way down. */
static void
lose(RedisConn *conn, const char *why)
{
	char		reason[160];

	/* the text may belong to the connection that ends here */
	snprintf(reason, sizeof(reason), "%s", why);
	if (conn->lookup != NULL)
		loop_forget(conn->lookup);
	conn->lookup = NULL;
	loop_undefer(&conn->write);
	loop_unwatch(&conn->watch);
	if (conn->redis != NULL)
		redisFree(conn->redis);
	conn->redis = NULL;
	if (conn->state != REDIS_CLOSED)
	{
		conn->pause = conn->pause == 0 ? FIRST_PAUSE_MS : conn->pause * 2;
		if (conn->pause > LONGEST_PAUSE_MS)
			conn->pause = LONGEST_PAUSE_MS;
		change_state(conn, REDIS_WAITING);
		timer_start(conn->timer, on_timer, conn, conn->pause, 0);
	}
	while (conn->count > 0)
	{
		Expected	lost = take_expected(conn);

		if (lost.done != NULL)
			lost.done(lost.arg, NULL);
	}
	if (conn->state != REDIS_CLOSED)
		conn->events->down(conn->arg, reason);
}

/* --- the socket --------------------------------------------------------------------------------- */

static void
watch(RedisConn *conn, int events)
{
	loop_watch(&conn->watch, conn->redis->fd, events, on_socket, conn);
}

static void
on_socket(void *arg, int status, int events)
{
	RedisConn  *conn = arg;
	char		why[100];

	if (conn->state == REDIS_CONNECTING && conn->count == 0)
	{
		if (is_connected(conn, why, sizeof(why)))
			greet(conn);
		else
			lose(conn, why);
		return;
	}
	if (status < 0)
	{
		lose(conn, uv_strerror(status));
		return;
	}
	if (events & UV_WRITABLE)
		write_output(conn);
	if ((events & UV_READABLE) && conn->redis != NULL)
		read_replies(conn);
}

static void
read_replies(RedisConn *conn)
{
	redisContext *redis = conn->redis;
	void	   *got;

	if (redisBufferRead(redis) != REDIS_OK)
	{
		lose(conn, redis->errstr);
		return;
	}
	/* whatever is called from here may lose the connection */
	while (conn->redis == redis)
	{
		if (redisReaderGetReply(redis->reader, &got) != REDIS_OK)
		{
			lose(conn, redis->reader->errstr);
			return;
		}
		if (got == NULL)
			return;
		if (!conn->subscribes || conn->state != REDIS_UP || !take_push(conn, got))
		{
			Expected	expected = take_expected(conn);

			if (expected.done != NULL)
				expected.done(expected.arg, got);
			else
				say_refused(conn, got);
		}
		freeReplyObject(got);
	}
}

/* On a connection that subscribes everything comes as an array, but for errors and a first PONG. */
static bool
take_push(RedisConn *conn, const redisReply *reply)
{
	const char *kind;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 || !is_text(reply->element[0])
		|| !is_text(reply->element[1]))
	{
		if (reply->type == REDIS_REPLY_STATUS)
			conn->probed_at = 0;
		else
			say_refused(conn, reply);
		return true;
	}
	kind = reply->element[0]->str;
	/* the sharded ones begin with an s */
	if (strcmp(kind, "pong") == 0)
		conn->probed_at = 0;
	else if ((strcmp(kind, "message") == 0 || strcmp(kind, "smessage") == 0)
			 && reply->elements == 3 && is_text(reply->element[2]))
		conn->events->message(conn->arg, reply->element[1]->str, reply->element[2]->str, reply->element[2]->len);
	else if (strcmp(kind, "subscribe") == 0 || strcmp(kind, "ssubscribe") == 0)
		conn->events->subscribed(conn->arg, reply->element[1]->str);
	return true;
}

static bool
is_text(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING;
}

static void
say_refused(RedisConn *conn, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ERROR)
		conn->events->refused(conn->arg, reply->str);
}

/* --- sending ------------------------------------------------------------------------------------ */

void
redis_send(RedisConn *conn, int count, const char **words, const size_t *lengths, RedisDone done, void *arg)
{
	if (conn->state != REDIS_UP)
	{
		if (done != NULL)
			done(arg, NULL);
		return;
	}
	append(conn, count, words, lengths);
	if (!conn->subscribes)
		expect(conn, done, arg);
}

static void
append(RedisConn *conn, int count, const char **words, const size_t *lengths)
{
	/* out of memory, which the next write would not survive either */
	if (redisAppendCommandArgv(conn->redis, count, words, lengths) != REDIS_OK)
		abort();
	loop_defer(LOOP_WRITE, &conn->write, write_output, conn);
}

static void
write_output(void *arg)
{
	RedisConn  *conn = arg;
	int			done = 0;

	if (redisBufferWrite(conn->redis, &done) != REDIS_OK)
		lose(conn, conn->redis->errstr);
	else if (!done && sdslen(conn->redis->obuf) > MAX_OUTPUT)
		lose(conn, "it does not take what is written to it");
	else
		watch(conn, done ? UV_READABLE : UV_READABLE | UV_WRITABLE);
}

static void
expect(RedisConn *conn, RedisDone done, void *arg)
{
	if (conn->count == conn->size)
	{
		size_t		size = conn->size == 0 ? 64 : conn->size * 2;
		Expected   *bigger = memory_alloc(size * sizeof(Expected));

		for (size_t i = 0; i < conn->count; i++)
			bigger[i] = conn->expected[(conn->begin + i) % conn->size];
		free(conn->expected);
		conn->expected = bigger;
		conn->size = size;
		conn->begin = 0;
	}
	conn->expected[(conn->begin + conn->count++) % conn->size] = (Expected) {done, arg};
}

/* An empty one, should a server say more than it was asked. */
static Expected
take_expected(RedisConn *conn)
{
	Expected	oldest = {0};

	if (conn->count > 0)
	{
		oldest = conn->expected[conn->begin];
		conn->begin = (conn->begin + 1) % conn->size;
		conn->count--;
	}
	return oldest;
}
