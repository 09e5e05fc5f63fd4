/*
 * slow.c - connections that keep a server waiting, in every state that it may wait in: they say
 * nothing, stop in the midst of something, write a byte a second, or are gone without a word. What the
 * server closes is opened again. How many it holds is counted at its own end, by census.h.
 *
 *   slow PORT FILE CONNECTIONS LABEL
 *
 * FILE is as people.h has it: some sign in as its members before they fall silent. It says "ready" when
 * all are open and the server has begun to close them; on SIGTERM, one line of JSON. Each comes from an
 * address of its own, 127.1.x.y, by which the census knows them.
 */
#include "census.h"
#include "clock.h"
#include "descriptors.h"
#include "fail.h"
#include "people.h"
#include "ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 60000
#define EVENTS_A_TURN 256
#define BEATS 100				/* a second; at each of them a hundredth of all write their byte */
#define OPENED_A_BEAT 2			/* so that what they wait for does not end at one moment for all */
#define CENSUS_EVERY_US 1000000
#define CENSUS_AFTER_US 2000000	/* a connection younger than this need not have been accepted */
#define FIRST_ADDRESS 0x7f010000u
#define DEAF_BUFFER 4096

#define HALF_A_HANDSHAKE "GET /ws/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
#define HANDSHAKE HALF_A_HANDSHAKE "\r\n"
#define POST "POST /api/auth/refresh/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"

/* How one that has subscribed to its room falls silent. */
typedef enum Silence
{
	NEVER_SIGNS_IN,
	DEAF,						/* what comes fills its buffer */
	VANISHED					/* nothing that is sent to it is acknowledged, as when the cable is cut */
} Silence;

typedef struct Kind
{
	const char *name;
	int			share;			/* of SHARES */
	const char *begins;
	char		goes_on;		/* by this byte, one a second; 0: it does not */
	Silence		silence;
} Kind;

static const Kind kinds[] = {
	{.name = "silent", .share = 4, .begins = ""},
	{.name = "half a request line", .share = 2, .begins = "GET /api/ro"},
	{.name = "a head byte by byte", .share = 2, .begins = "GET /api/rooms/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", .goes_on = 'x'},
	{.name = "half a body", .share = 2, .begins = POST},
	{.name = "a body byte by byte", .share = 2, .begins = POST, .goes_on = ' '},
	{.name = "half a handshake", .share = 2, .begins = HALF_A_HANDSHAKE},
	{.name = "not signed in", .share = 2, .begins = HANDSHAKE},
	{.name = "a frame byte by byte", .share = 2, .begins = HANDSHAKE "\x81\xfe\x04\x01" "aaaa", .goes_on = 'x'},
	{.name = "deaf", .share = 1, .begins = HANDSHAKE, .silence = DEAF},
	{.name = "vanished", .share = 1, .begins = HANDSHAKE, .silence = VANISHED},
};

#define SHARES 20
#define N_KINDS ((int) (sizeof(kinds) / sizeof(kinds[0])))

typedef enum Stage
{
	ABSENT,
	UPGRADING,					/* those who sign in go through these ... */
	SIGNING_IN,
	SUBSCRIBING,
	SLOW						/* ... and all of them end here */
} Stage;

typedef struct Slow
{
	const Kind *kind;
	const Member *who;			/* NULL: nobody */
	Stage		stage;
	int			fd;
	uint32_t	opened_at;
	bool		held;			/* by the server, at the last census */
} Slow;

static People people;
static Slow *all;
static int	n_all;
static int	n_open;
static int	port;
static int	poll_fd;
static volatile sig_atomic_t ended;

static struct
{
	uint64_t	opened;
	uint64_t	closed[N_KINDS];
	int			least_held;		/* since all were open */
	bool		ready;
} seen;

static void prepare(void);
static const Kind *kind_of(int share);
static void on_signal(int number);
static void beat(int number);
static void open_some(void);
static void open_one(Slow *slow);
static void hear(Slow *slow);
static void go_on(Slow *slow, const char *text, size_t length);
static void say(const Slow *slow, const char *text, int length);
static void fall_silent(Slow *slow);
static void close_one(Slow *slow);
static void take_census(void);
static void mark_held(uint32_t address);
static void report(const char *label);

int
main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_A_TURN];
	uint32_t	beats = 0;
	uint32_t	census_at = 0;
	sigset_t	none;

	if (argc != 5 || atoi(argv[3]) < SHARES || atoi(argv[3]) > MOST)
		fail("slow PORT FILE CONNECTIONS LABEL, and from %d to %d of them", SHARES, MOST);
	port = atoi(argv[1]);
	people_read(&people, argv[2]);
	n_all = seen.least_held = atoi(argv[3]);
	prepare();
	sigemptyset(&none);
	while (!ended)
	{
		/* the end comes here and nowhere else */
		int			n = epoll_pwait(poll_fd, events, EVENTS_A_TURN, 1000 / BEATS, &none);

		for (int i = 0; i < n; i++)
			hear(events[i].data.ptr);
		for (; beats < clock_us() / (1000000 / BEATS); beats++)
			beat((int) (beats % BEATS));
		if (clock_us() - census_at < CENSUS_EVERY_US)
			continue;
		take_census();
		census_at = clock_us();
	}
	take_census();
	if (!seen.ready)
		fail("%d of %d connections were open, and the server had closed %d", n_open, n_all, (int) seen.opened - n_open);
	if (seen.least_held < n_all * 0.95)
		fail("the server held %d of %d connections", seen.least_held, n_all);
	report(argv[4]);
	return 0;
}

static void
prepare(void)
{
	struct sigaction end = {.sa_handler = on_signal};
	sigset_t	term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	sigaction(SIGTERM, &end, NULL);
	descriptors_raise();
	clock_us();
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	all = need_memory((unsigned long) n_all * sizeof(Slow));
	for (int i = 0; i < n_all; i++)
	{
		all[i] = (Slow) {.kind = kind_of(i % SHARES), .fd = -1};
		if (all[i].kind->silence != NEVER_SIGNS_IN)
			all[i].who = &people.members[i / SHARES % people.n_members];
	}
}

static const Kind *
kind_of(int share)
{
	const Kind *kind = kinds;

	for (; share >= kind->share; kind++)
		share -= kind->share;
	return kind;
}

static void
on_signal(int number)
{
	(void) number;
	ended = 1;
}

/* --- a hundredth of a second ------------------------------------------------------------------------------ */

static void
beat(int number)
{
	for (int i = number; i < n_all; i += BEATS)
	{
		const Slow *slow = &all[i];

		if (slow->stage == SLOW && slow->kind->goes_on != '\0')
			say(slow, &slow->kind->goes_on, 1);
	}
	if (n_open < n_all)
		open_some();
}

/* One after the other, round and round. */
static void
open_some(void)
{
	static int	next;
	int			opened = 0;

	for (int looked = 0; looked < n_all && opened < OPENED_A_BEAT; looked++)
	{
		Slow	   *slow = &all[next];

		next = (next + 1) % n_all;
		if (slow->stage != ABSENT)
			continue;
		open_one(slow);
		opened++;
	}
}

static void
open_one(Slow *slow)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(FIRST_ADDRESS + (uint32_t) (slow - all))};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = slow};
	struct linger hang_up = {.l_onoff = 1};
	int			small = DEAF_BUFFER;

	slow->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (slow->fd >= 0 && slow->kind->silence == DEAF)
		setsockopt(slow->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (slow->fd < 0 || bind(slow->fd, (struct sockaddr *) &from, sizeof(from)) != 0
		|| connect(slow->fd, (struct sockaddr *) &to, sizeof(to)) != 0)
		fail("%s: cannot connect to port %d: %s", slow->kind->name, port, strerror(errno));
	/* whatever is left to be said is dropped, and no port waits */
	setsockopt(slow->fd, SOL_SOCKET, SO_LINGER, &hang_up, sizeof(hang_up));
	if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, slow->fd, &event) != 0)
		fail("epoll: %s", strerror(errno));
	slow->stage = slow->who != NULL ? UPGRADING : SLOW;
	slow->opened_at = clock_us();
	seen.opened++;
	n_open++;
	say(slow, slow->kind->begins, (int) strlen(slow->kind->begins));
}

/* --- what the server says ------------------------------------------------------------------------------------ */

static void
hear(Slow *slow)
{
	char		heard[65536];
	ssize_t		n = slow->fd >= 0 ? recv(slow->fd, heard, sizeof(heard), MSG_DONTWAIT) : -1;

	if (slow->fd < 0 || (n < 0 && errno == EAGAIN))
		return;
	if (n > 0 && slow->stage != SLOW)
		go_on(slow, heard, (size_t) n);
	else if (n <= 0 && slow->stage != SLOW)
		fail("%s: the server hung up before it had subscribed", slow->kind->name);
	else if (n <= 0)
		close_one(slow);
}

/* Each of these answers is short and comes in one piece. */
static void
go_on(Slow *slow, const char *text, size_t length)
{
	char		saying[1024];
	int			said;

	if (slow->stage == UPGRADING && memmem(text, length, "HTTP/1.1 101 ", 13) != NULL)
	{
		said = snprintf(saying, sizeof(saying), "{\"type\":\"auth\",\"token\":\"%s\"}", slow->who->token);
		slow->stage = SIGNING_IN;
	}
	else if (slow->stage == SIGNING_IN && memmem(text, length, "\"ready\"", 7) != NULL)
	{
		said = snprintf(saying, sizeof(saying), "{\"type\":\"subscribe\",\"room\":\"%s\"}", slow->who->room->id);
		slow->stage = SUBSCRIBING;
	}
	else if (slow->stage == SUBSCRIBING && memmem(text, length, "\"subscribed\"", 12) != NULL)
	{
		fall_silent(slow);
		return;
	}
	else
		return;					/* who is online, say; who never gets on keeps the census from being ready */
	if (said < (int) sizeof(saying))
	{
		char		frame[sizeof(saying) + WS_HEADER];
		size_t		frame_length = ws_write_masked(frame, WS_TEXT, saying, (size_t) said);

		say(slow, frame, (int) frame_length);
	}
}

static void
say(const Slow *slow, const char *text, int length)
{
	ssize_t		sent = length > 0 ? send(slow->fd, text, (size_t) length, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

	/* one that the server has just closed is noticed by reading */
	if (sent < 0 && errno != EPIPE && errno != ECONNRESET)
		fail("%s: the socket did not take %d bytes: %s", slow->kind->name, length, strerror(errno));
	if (sent >= 0 && sent != length)
		fail("%s: the socket took %d bytes of %d", slow->kind->name, (int) sent, length);
}

static void
fall_silent(Slow *slow)
{
	/* drops every packet before TCP has seen it */
	struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog filter = {.len = 1, .filter = nothing};

	epoll_ctl(poll_fd, EPOLL_CTL_DEL, slow->fd, NULL);
	if (slow->kind->silence == VANISHED
		&& setsockopt(slow->fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) != 0)
		fail("a socket takes no filter: %s", strerror(errno));
	slow->stage = SLOW;
}

static void
close_one(Slow *slow)
{
	seen.closed[slow->kind - kinds]++;
	close(slow->fd);
	slow->fd = -1;
	slow->stage = ABSENT;
	n_open--;
}

/* --- what the server holds ------------------------------------------------------------------------------------- */

/* Who does not listen does not hear that the server has closed it either. */
static void
take_census(void)
{
	uint64_t	closed = 0;
	int			held = 0;
	int			slow = 0;

	for (int i = 0; i < n_all; i++)
		all[i].held = false;
	census_take(port, mark_held);
	for (int i = 0; i < n_all; i++)
	{
		held += all[i].held;
		slow += all[i].stage == SLOW;
		if (!all[i].held && all[i].stage == SLOW && clock_us() - all[i].opened_at > CENSUS_AFTER_US)
			close_one(&all[i]);
	}
	for (int i = 0; i < N_KINDS; i++)
		closed += seen.closed[i];
	if (seen.ready && held < seen.least_held)
		seen.least_held = held;
	if (seen.ready || slow < n_all * 0.97 || closed == 0)
		return;
	seen.ready = true;
	puts("ready");
	fflush(stdout);
}

static void
mark_held(uint32_t address)
{
	if (address - FIRST_ADDRESS < (uint32_t) n_all)
		all[address - FIRST_ADDRESS].held = true;
}

static void
report(const char *label)
{
	const char *separator = "";

	printf("{%s\"slow\":%d,\"least_held\":%d,\"opened\":%llu,\"closed\":{", label, n_all, seen.least_held, (unsigned long long) seen.opened);
	for (int i = 0; i < N_KINDS; i++, separator = ",")
		printf("%s\"%s\":%llu", separator, kinds[i].name, (unsigned long long) seen.closed[i]);
	printf("}}\n");
}
