/*
 * pages.c - readers of history: each keeps one HTTP connection and asks for a page of fifty events
 * of a random room, waits for the whole answer, counts what is in it, and asks again. For so many
 * seconds; then one line of JSON.
 *
 *   pages PORT PEOPLE-FILE READERS SECONDS|each DEPTH LABEL
 *
 * DEPTH 0 asks for the latest page, a larger one for a page that ends anywhere below this seq, which
 * every room has. "each" instead of seconds asks once for each room.
 */
#include "clock.h"
#include "fail.h"
#include "histogram.h"
#include "people.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE 50
#define MOST_READERS 256
#define ANSWER_SIZE (512 * 1024)

typedef struct Reader
{
	int			fd;
	uint32_t	asked_at;
	int64_t		before;			/* 0: the latest page */
	char	   *answer;
	size_t		length;
} Reader;

static People people;
static int64_t depth;
static double seconds_asked;
static int	next_member;		/* where each is asked for once; -1: at random */
static Histogram times;

static bool goes_on(double seconds);
static void connect_reader(Reader *reader, int port);
static void ask(Reader *reader);
static bool on_readable(Reader *reader);
static size_t whole_length(const Reader *reader, const char **body);
static void check_page(const Reader *reader, const char *body);

int
main(int argc, char **argv)
{
	Reader		readers[MOST_READERS] = {0};
	struct epoll_event events[MOST_READERS];
	int			poll_fd = epoll_create1(EPOLL_CLOEXEC);
	int			n_readers = argc == 7 ? atoi(argv[3]) : 0;
	double		seconds;
	uint32_t	began;

	if (n_readers < 1 || n_readers > MOST_READERS)
		fail("pages PORT PEOPLE-FILE READERS SECONDS|each DEPTH LABEL");
	people_read(&people, argv[2]);
	next_member = strcmp(argv[4], "each") == 0 ? 0 : -1;
	seconds_asked = next_member < 0 ? atof(argv[4]) : 0;
	depth = atoll(argv[5]);
	for (int i = 0; i < n_readers; i++)
	{
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &readers[i]};

		connect_reader(&readers[i], atoi(argv[1]));
		epoll_ctl(poll_fd, EPOLL_CTL_ADD, readers[i].fd, &event);
	}
	began = clock_us();
	for (int i = 0; i < n_readers; i++)
		ask(&readers[i]);
	while (goes_on(seconds = (clock_us() - began) / 1e6))
	{
		int			n = epoll_wait(poll_fd, events, MOST_READERS, 10);

		for (int i = 0; i < n; i++)
		{
			if (on_readable(events[i].data.ptr))
				ask(events[i].data.ptr);
		}
	}
	printf("{%s\"readers\":%d,\"seconds\":%.3f,\"pages_per_s\":%.0f,\"page_us\":", argv[6], n_readers, seconds,
		   (double) times.count / seconds);
	histogram_print(&times, stdout);
	printf("}\n");
	return 0;
}

static bool
goes_on(double seconds)
{
	return next_member < 0 ? seconds < seconds_asked : next_member < people.n_members;
}

static void
connect_reader(Reader *reader, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
	int			on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	reader->answer = need_memory(ANSWER_SIZE + 1);
	reader->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (reader->fd < 0 || connect(reader->fd, (struct sockaddr *) &address, sizeof(address)) != 0)
		fail("cannot connect to port %d: %s", port, strerror(errno));
	setsockopt(reader->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void
ask(Reader *reader)
{
	int			which = next_member < 0 ? (int) (random() % people.n_members) : next_member++ % people.n_members;
	const Member *who = &people.members[which];
	char		query[64] = "";
	char		request[2048];
	int			length;

	reader->before = 0;
	if (depth > 0)
	{
		reader->before = PAGE + 1 + random() % (depth - PAGE);
		snprintf(query, sizeof(query), "?before=%lld", (long long) reader->before);
	}
	length = snprintf(request, sizeof(request), "GET /api/chat/rooms/%s/messages/%s HTTP/1.1\r\nHost: localhost\r\n"
					  "Authorization: Bearer %s\r\n\r\n", who->room->id, query, who->token);
	if (send(reader->fd, request, (size_t) length, MSG_NOSIGNAL) != length)
		fail("the socket did not take a request: %s", strerror(errno));
	reader->length = 0;
	reader->asked_at = clock_us();
}

/* True when the answer is there. */
static bool
on_readable(Reader *reader)
{
	ssize_t		n = recv(reader->fd, reader->answer + reader->length, ANSWER_SIZE - reader->length, MSG_DONTWAIT);
	const char *body;
	size_t		whole;

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		fail("the server hung up after %zu bytes of an answer", reader->length);
	reader->length += (size_t) n;
	reader->answer[reader->length] = '\0';
	whole = whole_length(reader, &body);
	if (whole == 0 || reader->length < whole)
		return false;
	histogram_add(&times, clock_us() - reader->asked_at);
	check_page(reader, body);
	return true;
}

/* 0 while the head is not whole. */
static size_t
whole_length(const Reader *reader, const char **body)
{
	const char *end = strstr(reader->answer, "\r\n\r\n");
	const char *length;

	if (end == NULL)
		return 0;
	length = strcasestr(reader->answer, "\r\ncontent-length:");
	if (strncmp(reader->answer, "HTTP/1.1 200 ", 13) != 0 || length == NULL || length > end)
		fail("no page: %s", reader->answer);
	*body = end + 4;
	return (size_t) (*body - reader->answer) + strtoull(length + strlen("\r\ncontent-length:"), NULL, 10);
}

/* Full, and up to where it was asked for. */
static void
check_page(const Reader *reader, const char *body)
{
	static const char name[] = "\"seq\":";
	const char *last = NULL;
	int			n = 0;

	for (const char *at = strstr(body, name); at != NULL; at = strstr(at + 1, name), n++)
		last = at;
	if (n != PAGE || (reader->before > 0 && atoll(last + strlen(name)) != reader->before - 1))
		fail("a page before %lld has %d events, the last of them %.20s", (long long) reader->before, n, last != NULL ? last : "");
}
