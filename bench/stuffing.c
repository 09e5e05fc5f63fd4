/*
 * stuffing.c - passwords that leaked elsewhere are tried here, from many addresses at once, while owners of
 * accounts sign in. Then one line of JSON: what became of the tries, what they have cost, and how long the owners took.
 *
 *   stuffing PORT FILE TRIES ADDRESSES BRIDGE-PID POSTGRES-PID LABEL
 *
 * FILE has a name and a password on a line. The first half of the accounts are also those that half of the tries are
 * aimed at; the others are at names that do not exist. Their owners come from an address from which they have signed in
 * before. The owners of the second half, whom nobody tries, come from an address that is new each time. Owners
 * come back when they are told to; so does who tries, where that is in a second, for then it was no limit of theirs.
 */
#include "answer.h"
#include "clock.h"
#include "cpu.h"
#include "fail.h"
#include "histogram.h"
#include "people.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_A_TURN 256
#define ANSWER_SIZE 8192
#define MOST_ADDRESSES 1000
#define MOST_OWNERS 1024
#define OWNER_EVERY_US 500000
#define CROWDED_S 1
#define ATTACKERS 0x7f020001u	/* 127.2.0.1 and on */
#define HOMES 0x7f030001u
#define ELSEWHERE 0x7f040001u

/* Who signs in, or tries to: one connection from one address. */
typedef struct Caller
{
	const Member *owner;		/* NULL: attacks */
	size_t		length;			/* of the answer so far */
	int			fd;				/* -1: not connected */
	int			tries;
	uint32_t	address;
	uint32_t	began_at;
	uint32_t	back_at;
	bool		waits;			/* until it may come back */
	bool		new_here;
	char		name[64];
	char		password[64];
	char		answer[ANSWER_SIZE + 1];
} Caller;

static People people;
static int	port;
static int	poll_fd;
static int	n_tries;
static int	n_begun;
static int	n_answered;
static Caller *attackers;
static Caller owners[MOST_OWNERS];
static int	n_owners;			/* that have come */
static int	n_inside;			/* that have signed in */

static struct
{
	int			wrong;			/* the password was looked at */
	int			limited;		/* it was not */
	int			crowded;		/* too many were being looked at; not one of the tries */
	int			come_back;		/* owners who had to */
	Histogram	known;
	Histogram	new_here;
} seen;

static int	n_attackers;

static void sign_in_all(void);
static void attack(Caller *caller);
static void owner_comes(void);
static void ask(Caller *caller);
static void hear(Caller *caller);
static void on_answer(Caller *caller, const Answer *answer);
static void on_owner(Caller *caller, const Answer *answer);
static void come_back(Caller *caller, int seconds);
static void hang_up(Caller *caller);
static void turn(void);
static void ask_those_who_waited(Caller *callers, int count);

int
main(int argc, char **argv)
{
	int			n_addresses = argc == 8 ? atoi(argv[4]) : 0;
	pid_t		bridge;
	pid_t		postgres;
	double		cpu[2];
	long		memory;
	double		seconds;
	uint32_t	began;

	if (n_addresses < 1 || n_addresses > MOST_ADDRESSES)
		fail("stuffing PORT FILE TRIES ADDRESSES BRIDGE-PID POSTGRES-PID LABEL");
	port = atoi(argv[1]);
	people_read(&people, argv[2]);
	n_tries = atoi(argv[3]);
	bridge = (pid_t) atoi(argv[5]);
	postgres = (pid_t) atoi(argv[6]);
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	clock_us();
	sign_in_all();
	memory = cpu_memory(bridge);
	cpu[0] = cpu_seconds(bridge);
	cpu[1] = cpu_seconds(postgres);
	attackers = need_memory((unsigned long) n_addresses * sizeof(Caller));
	began = clock_us();
	n_attackers = n_addresses;
	for (int i = 0; i < n_attackers; i++)
	{
		attackers[i] = (Caller) {.fd = -1, .address = ATTACKERS + (uint32_t) i};
		attack(&attackers[i]);
	}
	while (n_answered < n_tries / n_attackers * n_attackers)
	{
		if (n_owners < MOST_OWNERS && clock_us() - began > (uint32_t) n_owners * OWNER_EVERY_US)
			owner_comes();
		turn();
	}
	seconds = (clock_us() - began) / 1e6;
	cpu[0] = cpu_seconds(bridge) - cpu[0];
	cpu[1] = cpu_seconds(postgres) - cpu[1];
	while (n_inside < n_owners)
		turn();
	printf("{%s\"tries\":%d,\"addresses\":%d,\"seconds\":%.3f,\"wrong\":%d,\"limited\":%d,\"crowded\":%d,\"owners\":%d,\"came_back\":%d,\"known_us\":", argv[7],
		   n_tries, n_addresses, seconds, seen.wrong, seen.limited, seen.crowded, n_owners, seen.come_back);
	histogram_print(&seen.known, stdout);
	printf(",\"new_us\":");
	histogram_print(&seen.new_here, stdout);
	printf(",\"cpu_s\":{\"bridge\":%.2f,\"postgres\":%.2f},\"memory_before\":%ld,\"memory_after\":%ld}\n", cpu[0], cpu[1], memory,
		   cpu_memory(bridge));
	return 0;
}

/* Everybody from home, one after the other: from now on these addresses are known to their accounts. */
static void
sign_in_all(void)
{
	for (int i = 0; i < people.n_members; i++)
	{
		owner_comes();
		owners[n_owners - 1].address = HOMES + (uint32_t) i;
		while (n_inside < n_owners)
			turn();
	}
	n_owners = n_inside = seen.come_back = 0;
	seen.known = seen.new_here = (Histogram) {0};
}

/* --- asking --------------------------------------------------------------------------------------------------- */

static void
attack(Caller *caller)
{
	int			half = people.n_members / 2;

	if (caller->tries == n_tries / n_attackers)
	{
		hang_up(caller);
		return;
	}
	caller->tries++;
	if (n_begun % 2 == 0)
		snprintf(caller->name, sizeof(caller->name), "leaked-%d", n_begun);
	else
		snprintf(caller->name, sizeof(caller->name), "%s", people.members[n_begun / 2 % half].room->id);
	snprintf(caller->password, sizeof(caller->password), "leaked elsewhere %d", n_begun);
	n_begun++;
	ask(caller);
}

static void
owner_comes(void)
{
	int			which = n_owners % people.n_members;
	Caller	   *caller = &owners[n_owners];

	*caller = (Caller) {.fd = -1, .owner = &people.members[which], .new_here = which >= people.n_members / 2};
	caller->address = caller->new_here ? ELSEWHERE + (uint32_t) n_owners : HOMES + (uint32_t) which;
	n_owners++;
	snprintf(caller->name, sizeof(caller->name), "%s", caller->owner->room->id);
	snprintf(caller->password, sizeof(caller->password), "%s", caller->owner->token);
	caller->began_at = clock_us();
	come_back(caller, 0);
}

static void
ask(Caller *caller)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(caller->address)};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};
	char		body[192];
	char		request[512];
	int			length = snprintf(body, sizeof(body), "{\"username\":\"%s\",\"password\":\"%s\"}", caller->name, caller->password);

	length = snprintf(request, sizeof(request), "POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\n"
					  "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", length, body);
	if (caller->fd < 0)
	{
		caller->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (caller->fd < 0 || bind(caller->fd, (struct sockaddr *) &from, sizeof(from)) != 0
			|| connect(caller->fd, (struct sockaddr *) &to, sizeof(to)) != 0)
			fail("cannot connect to port %d: %s", port, strerror(errno));
		epoll_ctl(poll_fd, EPOLL_CTL_ADD, caller->fd, &event);
	}
	caller->length = 0;
	caller->waits = false;
	if (send(caller->fd, request, (size_t) length, MSG_NOSIGNAL) != length)
		fail("a socket did not take a request: %s", strerror(errno));
}

/* --- the answers ------------------------------------------------------------------------------------------------- */

static void
turn(void)
{
	struct epoll_event events[EVENTS_A_TURN];
	int			n = epoll_wait(poll_fd, events, EVENTS_A_TURN, 10);

	for (int i = 0; i < n; i++)
		hear(events[i].data.ptr);
	ask_those_who_waited(attackers, n_attackers);
	ask_those_who_waited(owners, n_owners);
}

static void
ask_those_who_waited(Caller *callers, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (callers[i].waits && clock_us() >= callers[i].back_at)
			ask(&callers[i]);
	}
}

static void
hear(Caller *caller)
{
	ssize_t		n = recv(caller->fd, caller->answer + caller->length, ANSWER_SIZE - caller->length, MSG_DONTWAIT);
	Answer		answer;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		fail("%s: the server hung up after %zu bytes of an answer", caller->name, caller->length);
	caller->length += (size_t) n;
	caller->answer[caller->length] = '\0';
	if (answer_read(caller->answer, caller->length, &answer) != 0)
		on_answer(caller, &answer);
}

static void
on_answer(Caller *caller, const Answer *answer)
{
	const char *after = answer_header(answer, "retry-after:");

	if (caller->owner != NULL)
		on_owner(caller, answer);
	else if (answer->status == 429 && after != NULL && atoi(after) <= CROWDED_S)
	{
		seen.crowded++;
		come_back(caller, CROWDED_S);
	}
	else if (answer->status == 401 || answer->status == 429)
	{
		*(answer->status == 401 ? &seen.wrong : &seen.limited) += 1;
		n_answered++;
		attack(caller);
	}
	else
		fail("a try at %s is answered: %s", caller->name, answer->head);
}

static void
on_owner(Caller *caller, const Answer *answer)
{
	const char *after = answer_header(answer, "retry-after:");

	hang_up(caller);
	if (answer->status == 429 && after != NULL)
	{
		seen.come_back++;
		come_back(caller, atoi(after));
		return;
	}
	if (answer->status != 200 || strstr(answer->body, "\"access\"") == NULL)
		fail("%s does not get in: %s", caller->name, answer->head);
	histogram_add(caller->new_here ? &seen.new_here : &seen.known, clock_us() - caller->began_at);
	n_inside++;
}

static void
come_back(Caller *caller, int seconds)
{
	caller->back_at = clock_us() + (uint32_t) seconds * 1000000;
	caller->waits = true;
}

static void
hang_up(Caller *caller)
{
	close(caller->fd);
	caller->fd = -1;
}
