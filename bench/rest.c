/*
 * rest.c - callers of the REST interface: each keeps one HTTP connection, asks, waits for the whole
 * answer, looks at what is in it, and asks again. For so many seconds; then one line of JSON.
 *
 *   rest KIND PORT FILE CALLERS SECONDS DEPTH LABEL
 *
 * KIND is one of kinds[]. FILE is as people.h has it; for logins a line is a name and a password.
 * DEPTH, for deep pages: a seq that every room has.
 */
#include "answer.h"
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
#define MOST_CALLERS 256
#define REQUEST_SIZE 2048
#define ANSWER_SIZE (512 * 1024)

typedef struct Caller
{
	int			fd;
	uint32_t	asked_at;
	int64_t		before;			/* of a deep page */
	char	   *answer;
	size_t		length;
} Caller;

typedef struct Kind
{
	const char *name;
	bool		once;			/* ends when it has asked for everybody, not by the clock */
	int			(*write) (Caller *caller, const Member *who, char *request);
	void		(*check) (const Caller *caller, const char *body);
} Kind;

static int	write_latest(Caller *caller, const Member *who, char *request);
static int	write_deep(Caller *caller, const Member *who, char *request);
static int	write_login(Caller *caller, const Member *who, char *request);
static void check_latest(const Caller *caller, const char *body);
static void check_deep(const Caller *caller, const char *body);
static void check_login(const Caller *caller, const char *body);

static const Kind kinds[] = {
	{"latest", false, write_latest, check_latest},	/* page of a random room */
	{"deep", false, write_deep, check_deep},	/* a page that ends anywhere below DEPTH */
	{"each", true, write_latest, check_latest},	/* the latest page of each room in turn */
	{"login", false, write_login, check_login},
};

static const Kind *kind;
static People people;
static int	n_asked;
static int64_t depth;
static Histogram times;

static void find_kind(const char *name);
static void connect_caller(Caller *caller, int port);
static void ask(Caller *caller);
static bool on_readable(Caller *caller);
static int64_t last_seq_of_page(const char *body);

int
main(int argc, char **argv)
{
	Caller		callers[MOST_CALLERS] = {0};
	struct epoll_event events[MOST_CALLERS];
	int			poll_fd = epoll_create1(EPOLL_CLOEXEC);
	int			n_callers = argc == 8 ? atoi(argv[4]) : 0;
	double		seconds = 0;
	uint32_t	began;

	if (n_callers < 1 || n_callers > MOST_CALLERS)
		fail("rest KIND PORT FILE CALLERS SECONDS DEPTH LABEL");
	find_kind(argv[1]);
	people_read(&people, argv[3]);
	depth = atoll(argv[6]);
	for (int i = 0; i < n_callers; i++)
	{
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &callers[i]};

		connect_caller(&callers[i], atoi(argv[2]));
		epoll_ctl(poll_fd, EPOLL_CTL_ADD, callers[i].fd, &event);
	}
	began = clock_us();
	for (int i = 0; i < n_callers; i++)
		ask(&callers[i]);
	while (kind->once ? n_asked < people.n_members : seconds < atof(argv[5]))
	{
		int			n = epoll_wait(poll_fd, events, MOST_CALLERS, 10);

		for (int i = 0; i < n; i++)
		{
			if (on_readable(events[i].data.ptr))
				ask(events[i].data.ptr);
		}
		seconds = (clock_us() - began) / 1e6;
	}
	printf("{%s\"callers\":%d,\"seconds\":%.3f,\"answers_per_s\":%.0f,\"answer_us\":", argv[7], n_callers, seconds,
		   (double) times.count / seconds);
	histogram_print(&times, stdout);
	printf("}\n");
	return 0;
}

static void
find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		if (strcmp(kinds[i].name, name) == 0)
			kind = &kinds[i];
	}
	if (kind == NULL)
		fail("there is no kind %s", name);
}

/* --- asking ------------------------------------------------------------------------------------------- */

static void
connect_caller(Caller *caller, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
	int			on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	caller->answer = need_memory(ANSWER_SIZE + 1);
	caller->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (caller->fd < 0 || connect(caller->fd, (struct sockaddr *) &address, sizeof(address)) != 0)
		fail("cannot connect to port %d: %s", port, strerror(errno));
	setsockopt(caller->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void
ask(Caller *caller)
{
	int			which = kind->once ? n_asked % people.n_members : (int) (random() % people.n_members);
	char		request[REQUEST_SIZE];
	int			length = kind->write(caller, &people.members[which], request);

	if (length >= REQUEST_SIZE || send(caller->fd, request, (size_t) length, MSG_NOSIGNAL) != length)
		fail("the socket did not take a request: %s", strerror(errno));
	n_asked++;
	caller->length = 0;
	caller->asked_at = clock_us();
}

static int
write_latest(Caller *caller, const Member *who, char *request)
{
	(void) caller;
	return snprintf(request, REQUEST_SIZE, "GET /api/chat/rooms/%s/messages/ HTTP/1.1\r\nHost: localhost\r\n"
					"Authorization: Bearer %s\r\n\r\n", who->room->id, who->token);
}

static int
write_deep(Caller *caller, const Member *who, char *request)
{
	caller->before = PAGE + 1 + random() % (depth - PAGE);
	return snprintf(request, REQUEST_SIZE, "GET /api/chat/rooms/%s/messages/?before=%lld HTTP/1.1\r\nHost: localhost\r\n"
					"Authorization: Bearer %s\r\n\r\n", who->room->id, (long long) caller->before, who->token);
}

static int
write_login(Caller *caller, const Member *who, char *request)
{
	char		body[512];
	int			length = snprintf(body, sizeof(body), "{\"username\":\"%s\",\"password\":\"%s\"}", who->room->id, who->token);

	(void) caller;
	return snprintf(request, REQUEST_SIZE, "POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\n"
					"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", length, body);
}

/* --- the answers ---------------------------------------------------------------------------------------- */

/* True when one is there. */
static bool
on_readable(Caller *caller)
{
	ssize_t		n = recv(caller->fd, caller->answer + caller->length, ANSWER_SIZE - caller->length, MSG_DONTWAIT);
	Answer		answer;

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		fail("the server hung up after %zu bytes of an answer", caller->length);
	caller->length += (size_t) n;
	caller->answer[caller->length] = '\0';
	if (answer_read(caller->answer, caller->length, &answer) == 0)
		return false;
	if (answer.status != 200)
		fail("the server answers: %s", caller->answer);
	histogram_add(&times, clock_us() - caller->asked_at);
	kind->check(caller, answer.body);
	return true;
}

static void
check_latest(const Caller *caller, const char *body)
{
	(void) caller;
	last_seq_of_page(body);
}

static void
check_deep(const Caller *caller, const char *body)
{
	int64_t		last = last_seq_of_page(body);

	if (last != caller->before - 1)
		fail("a page before %lld ends at %lld", (long long) caller->before, (long long) last);
}

static void
check_login(const Caller *caller, const char *body)
{
	(void) caller;
	if (strstr(body, "\"access\"") == NULL)
		fail("a login without a token: %s", body);
}

/* And it must be full. */
static int64_t
last_seq_of_page(const char *body)
{
	static const char name[] = "\"seq\":";
	const char *last = "";
	int			n = 0;

	for (const char *at = strstr(body, name); at != NULL; at = strstr(at + 1, name), n++)
		last = at + strlen(name);
	if (n != PAGE)
		fail("a page of %d events", n);
	return atoll(last);
}
