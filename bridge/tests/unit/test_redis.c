/*
 * test_redis.c - what a connection to Redis makes of what a server says, byte by byte.
 *
 * The server is a listener on the same loop that answers with prepared bytes, in pieces of one byte,
 * so that no reply arrives whole. How a real server is used is tested with one, in conformance/.
 */
#include "loop.h"
#include "memory.h"
#include "redis.h"
#include "tap.h"
#include "text.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 10000

typedef struct Server
{
	uv_tcp_t	listener;
	uv_tcp_t   *client;			/* the last that connected */
	Text		heard;			/* from it */
	char		bytes[4096];
} Server;

static Server server;
static Node node = {.host = "127.0.0.1"};
static Text seen;
static int	ups;
static int	downs;
static char why[160];
static Timer patience;
static bool late;

static void
on_up(void *arg)
{
	(void) arg;
	ups++;
}

static void
on_down(void *arg, const char *reason)
{
	(void) arg;
	downs++;
	snprintf(why, sizeof(why), "%s", reason);
}

static void
on_message(void *arg, const char *channel, const char *bytes, size_t length)
{
	(void) arg;
	text_format(&seen, "%s=", channel);
	text_bytes(&seen, bytes, length);
	text_add(&seen, " ");
}

static void
on_subscribed(void *arg, const char *channel)
{
	(void) arg;
	text_format(&seen, "+%s ", channel);
}

static void
on_reply(void *arg, const redisReply *reply)
{
	(void) arg;
	if (reply == NULL)
		text_add(&seen, "lost ");
	else if (reply->type == REDIS_REPLY_INTEGER)
		text_format(&seen, "%lld ", reply->integer);
	else
		text_format(&seen, "%s ", reply->str);
}

static void
on_refused(void *arg, const char *error)
{
	(void) arg;
	text_format(&seen, "!%s ", error);
}

static const RedisEvents events = {on_up, on_down, on_message, on_subscribed, on_refused};

static void
give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	(void) handle;
	(void) suggested;
	*buffer = uv_buf_init(server.bytes, sizeof(server.bytes));
}

static void
on_heard(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	if (n > 0 && stream == (uv_stream_t *) server.client)
		text_bytes(&server.heard, buffer->base, (size_t) n);
}

static void
say(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		uv_buf_t	byte = uv_buf_init((char *) bytes + i, 1);

		uv_try_write((uv_stream_t *) server.client, &byte, 1);
		uv_run(loop_get(), UV_RUN_NOWAIT);
	}
}

static void
free_client(uv_handle_t *handle)
{
	free(handle);
}

static void
hang_up(void)
{
	if (server.client != NULL)
		uv_close((uv_handle_t *) server.client, free_client);
	server.client = NULL;
	server.heard.length = 0;
}

static void
on_client(uv_stream_t *listener, int status)
{
	(void) status;
	hang_up();
	server.client = memory_alloc(sizeof(uv_tcp_t));
	uv_tcp_init(loop_get(), server.client);
	uv_accept(listener, (uv_stream_t *) server.client);
	uv_tcp_nodelay(server.client, 1);
	uv_read_start((uv_stream_t *) server.client, give_room, on_heard);
}

static void
listen_somewhere(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int			size = sizeof(address);

	uv_tcp_init(loop_get(), &server.listener);
	uv_tcp_bind(&server.listener, (const struct sockaddr *) &address, 0);
	uv_listen((uv_stream_t *) &server.listener, 8, on_client);
	uv_tcp_getsockname(&server.listener, (struct sockaddr *) &address, &size);
	node.port = ntohs(address.sin_port);
}

static void
on_late(void *arg)
{
	(void) arg;
	late = true;
}

/* Runs the loop until the condition holds, or for ten seconds. */
#define run_until(condition) \
	do { \
		late = false; \
		timer_start(&patience, on_late, NULL, PATIENCE_MS, 0); \
		while (!(condition) && !late) \
			uv_run(loop_get(), UV_RUN_ONCE); \
		timer_stop(&patience); \
	} while (0)

static bool
has_heard(const char *bytes)
{
	return server.heard.length > 0 && strstr(server.heard.bytes, bytes) != NULL;
}

static RedisConn *
connected(bool subscribes)
{
	RedisConn  *conn;

	ups = downs = 0;
	seen.length = 0;
	conn = redis_open(&node, subscribes, &events, NULL);
	run_until(has_heard("PING"));
	return conn;
}

static void
check(const char *expected, const char *name)
{
	if (!ok(seen.bytes != NULL && strcmp(seen.bytes, expected) == 0, "%s", name))
		printf("# seen: %s, expected: %s\n", seen.length > 0 ? seen.bytes : "", expected);
}

static void
replies_come_in_order(void)
{
	RedisConn  *conn = connected(false);
	const char *get[] = {"GET", "x"};

	ok(ups == 0, "it is not up before the greeting is answered");
	redis_send(conn, 2, get, NULL, on_reply, NULL);
	check("lost ", "a command before that is lost at once");
	say("+PONG\r\n", 7);
	run_until(ups == 1);
	ok(redis_is_up(conn), "then it is");
	for (int i = 0; i < 3; i++)
		redis_send(conn, 2, get, NULL, on_reply, NULL);
	run_until(has_heard("GET"));
	say(":42\r\n$5\r\nhello\r\n-NOPERM no\r\n", 29);
	run_until(strstr(seen.bytes, "NOPERM") != NULL);
	check("lost 42 hello NOPERM no ", "each command gets its reply, errors too");
	redis_send(conn, 2, get, NULL, on_reply, NULL);
	hang_up();
	run_until(downs == 1);
	check("lost 42 hello NOPERM no lost ", "and NULL when the connection is lost");
	redis_close(conn);
}

static void
pushes_are_told_apart(void)
{
	static const char pushes[] =
		"+PONG\r\n"
		"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
		"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$4\r\n1\r\n2\r\n"
		"*2\r\n$4\r\npong\r\n$0\r\n\r\n"
		"*3\r\n$10\r\nssubscribe\r\n$1\r\nb\r\n:1\r\n"
		"*3\r\n$8\r\nsmessage\r\n$1\r\nb\r\n$0\r\n\r\n"
		"*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n"
		"*3\r\n$7\r\nmessage\r\n:1\r\n:2\r\n*0\r\n:7\r\n"
		"-MOVED 1 h:2\r\n"
		"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\nend\r\n";
	RedisConn  *conn = connected(true);

	say(pushes, sizeof(pushes) - 1);
	run_until(seen.length > 0 && strstr(seen.bytes, "end") != NULL);
	check("+a a=1\r\n2 +b b= !MOVED 1 h:2 a=end ", "messages and confirmations, plain and sharded; the rest is nothing");
	ok(downs == 0, "what makes no sense does no harm");
	say("?\r\n", 3);
	run_until(downs == 1);
	ok(downs == 1, "what is not Redis' protocol ends the connection: %s", why);
	redis_close(conn);
	hang_up();
}

static void
greetings_are_checked(void)
{
	RedisConn  *conn;

	node.user = "chat";
	node.password = "secret";
	conn = connected(false);
	ok(has_heard("*3\r\n$4\r\nAUTH\r\n$4\r\nchat\r\n$6\r\nsecret\r\n"), "user and password are said");
	say("-WRONGPASS invalid\r\n", 20);
	run_until(downs > 0);
	ok(ups == 0 && strcmp(why, "WRONGPASS invalid") == 0, "who is refused is not up, and it is said why");
	redis_close(conn);
	hang_up();
	node.user = node.password = NULL;
}

static void
silence_ends(void)
{
	RedisConn  *conn = connected(false);

	run_until(downs > 0);
	ok(ups == 0 && downs == 1, "a server that takes the connection and says nothing: %s", why);
	redis_close(conn);
	hang_up();
	conn = connected(false);
	say("+PONG\r\n", 7);
	run_until(downs > 0);
	ok(ups == 1 && downs == 1, "one that was there and says nothing any more: %s", why);
	redis_close(conn);
	hang_up();
}

static void
refusals_are_noticed(void)
{
	RedisConn  *conn;

	uv_close((uv_handle_t *) &server.listener, NULL);
	uv_run(loop_get(), UV_RUN_NOWAIT);
	ups = downs = 0;
	conn = redis_open(&node, false, &events, NULL);
	run_until(downs >= 3);
	ok(ups == 0 && downs >= 3, "a refused connection is noticed, and tried again: %s", why);
	redis_close(conn);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	listen_somewhere();
	replies_come_in_order();
	pushes_are_told_apart();
	greetings_are_checked();
	silence_ends();
	refusals_are_noticed();
	ok(loop_close() == 0, "nothing is left on the loop");
	return done();
}
