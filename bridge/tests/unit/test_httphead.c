/*
 * test_httphead.c - a head is read in one way or refused with the right status; and what is said of it does not
 * depend on the pieces in which it comes.
 */
#include "httphead.h"
#include "memory.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

#define HEAD(line, headers) line "\r\nHost: a\r\n" headers "\r\n"

static void
check_bytes(const char *bytes, size_t length, int status, const char *what)
{
	HttpHead	head;
	HeadState	state = httphead_read(bytes, length, &head);

	ok(status == 0 ? state == HEAD_WHOLE && head.fault == NULL : state == HEAD_FAULTY && head.status == status && head.fault != NULL,
	   "%s: %d", what, state == HEAD_WHOLE ? 0 : head.status);
}

/* Named by itself, on one line. */
static void
check(const char *bytes, int status)
{
	char		name[200];

	snprintf(name, sizeof(name), "%s", bytes);
	for (char *at = name; *at != '\0'; at++)
	{
		if (*at < ' ' || *at > '~')
			*at = '~';
	}
	check_bytes(bytes, strlen(bytes), status, name);
}

static void
check_target(const char *target, int status)
{
	char		bytes[200];

	snprintf(bytes, sizeof(bytes), HEAD("GET %s HTTP/1.1", ""), target);
	check(bytes, status);
}

static void
check_targets(void)
{
	static const char *const good[] = {
		"/", "/a", "/a/", "/a.b/..c/.d/...", "/a%20b", "/?", "/?a=/../b//c%2fd\\", "/a?b=%2e%2e", "/%41", "/;x", "/a..", "/%c3%bc",
	};
	static const char *const bad[] = {
		"a", "*", "http://a/", "//", "/a//b", "/a//", "/.", "/..", "/./", "/../", "/a/.", "/a/..", "/a/./b", "/a/../b", "/%2e", "/%2E%2e/",
		"/.%2e/a", "/%2f", "/a%2Fb", "/a%5cb", "/a\\b", "/%", "/%4", "/%zz", "/%00", "/a?b=%00", "/a?b=%", "/a#b", "/a\tb", "/\xc3\xbc", "/a%",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_target(good[i], 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_target(bad[i], 400);
}

static void
check_lines(void)
{
	check(HEAD("GET / HTTP/1.0", ""), 0);
	check(HEAD("GET / HTTP/2.0", ""), 505);
	check("PRI * HTTP/2.0\r\n", 505);
	check("GET /\r\n", 400);
	check(HEAD("GET / HTTP/1.1 ", ""), 400);
	check(HEAD("GET / http/1.1", ""), 400);
	check(HEAD("GET / HTTP/11", ""), 400);
	check(HEAD("GET  / HTTP/1.1", ""), 400);
	check(HEAD(" GET / HTTP/1.1", ""), 400);
	check(HEAD("GET\t/\tHTTP/1.1", ""), 400);
	check(HEAD("get / HTTP/1.1", ""), 501);
	check(HEAD("TRACE / HTTP/1.1", ""), 501);
	check(HEAD("CONNECT a:1 HTTP/1.1", ""), 501);
	check(HEAD("G@T / HTTP/1.1", ""), 400);
	check("\r\n" HEAD("GET / HTTP/1.1", ""), 400);
	check("GET / HTTP/1.1\nHost: a\n\n", 400);
	check("GET / HTTP/1.1\rHost: a\r\r", 400);
	check("\x16\x03\x01", 400);
	check_bytes("GET /\0", 6, 400, "a NUL in the target");
}

static void
check_headers(void)
{
	check("GET / HTTP/1.1\r\n\r\n", 400);
	check("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400);
	check("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400);
	check("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0);
	check(HEAD("GET / HTTP/1.1", "Host: a\r\n"), 400);
	check(HEAD("GET / HTTP/1.1", "X : a\r\n"), 400);
	check(HEAD("GET / HTTP/1.1", ": a\r\n"), 400);
	check(HEAD("GET / HTTP/1.1", "X\r\n"), 400);
	check(HEAD("GET / HTTP/1.1", "X: a\r\n b\r\n"), 400);
	check(HEAD("GET / HTTP/1.1", "X: a\rb\r\n"), 400);
	check(HEAD("GET / HTTP/1.1", "X: a\nb\r\n"), 400);
	check(HEAD("GET / HTTP/1.1", "X: a\x01\r\n"), 400);
	check(HEAD("GET / HTTP/1.1", "X: \xff\t\r\nX:\r\n"), 0);
	check(HEAD("POST / HTTP/1.1", "Content-Length: 12\r\n"), 0);
	check(HEAD("POST / HTTP/1.1", "Content-Length: 12\r\nContent-Length: 12\r\n"), 400);
	check(HEAD("POST / HTTP/1.1", "Content-Length: 1, 1\r\n"), 400);
	check(HEAD("POST / HTTP/1.1", "Content-Length: +1\r\n"), 400);
	check(HEAD("POST / HTTP/1.1", "Content-Length:\r\n"), 400);
	check(HEAD("POST / HTTP/1.1", "Content-Length: 1000000000000000000\r\n"), 400);
	check(HEAD("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n"), 411);
	check(HEAD("POST / HTTP/1.1", "Content-Length: 1\r\nTransfer-Encoding: x\r\n"), 400);
	check(HEAD("POST / HTTP/1.1", "Transfer-Encoding: x\r\nTransfer-Encoding: x\r\n"), 400);
	check(HEAD("POST / HTTP/1.1", "Expect: 100-Continue\r\n"), 0);
	check(HEAD("POST / HTTP/1.1", "Expect: it\r\n"), 417);
	check(HEAD("GET / HTTP/1.1", "Upgrade: WebSocket\r\n"), 0);
	check(HEAD("GET / HTTP/1.1", "Upgrade: h2c\r\n"), 400);
	check(HEAD("GET / HTTP/1.1", "Upgrade: websocket, h2c\r\n"), 400);
	check(HEAD("GET / HTTP/1.1", "Origin: a\r\norigin: a\r\n"), 400);
	check(HEAD("GET / HTTP/1.1", "Origin:\r\n"), 400);
}

static void
check_sizes(void)
{
	char	   *bytes = memory_alloc(HTTPHEAD_MOST + 1);
	HttpHead	head;
	int			at;

	memset(bytes, 'a', HTTPHEAD_MOST);
	ok(httphead_read(bytes, HTTPHEAD_MOST - 1, &head) == HEAD_UNFINISHED, "a target that goes on");
	check_bytes(bytes, HTTPHEAD_MOST, 414, "a target that goes on for too long");
	memcpy(bytes, "GET / HTTP/1.1\r\nX:", 18);
	ok(httphead_read(bytes, HTTPHEAD_MOST - 1, &head) == HEAD_UNFINISHED, "a header that goes on");
	check_bytes(bytes, HTTPHEAD_MOST, 431, "a header that goes on for too long");
	memcpy(bytes + HTTPHEAD_MOST - 13, "\r\nHost: a\r\n\r\n", 13);
	check_bytes(bytes, HTTPHEAD_MOST, 0, "as large as it may be");
	for (int i = 99; i <= 100; i++)
	{
		at = sprintf(bytes, "GET / HTTP/1.1\r\nHost: a\r\n");
		for (int header = 0; header < i; header++)
			at += sprintf(bytes + at, "X: a\r\n");
		sprintf(bytes + at, "\r\n");
		check_bytes(bytes, (size_t) at + 2, i == 99 ? 0 : 431, "a hundred headers and one more");
	}
	free(bytes);
}

/* However it is cut, it is unfinished up to its last byte; and what follows is no part of it. */
static void
check_pieces(void)
{
	static const char bytes[] = "POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 123\r\nX: y\r\n\r\nGET /.. ";
	size_t		whole = strlen(bytes) - strlen("GET /.. ");
	size_t		unfinished = 0;
	HttpHead	head;

	while (httphead_read(bytes, unfinished, &head) == HEAD_UNFINISHED)
		unfinished++;
	ok(unfinished == whole, "unfinished until it is whole");
	ok(httphead_read(bytes, strlen(bytes), &head) == HEAD_WHOLE && head.length == whole && head.body == 123, "its length, and its body's");
}

int
main(void)
{
	check_targets();
	check_lines();
	check_headers();
	check_sizes();
	check_pieces();
	return done();
}
