/*
 * load.c - the load generator: everybody connects and subscribes, some send for a while, everything
 * that was acknowledged has to arrive, once and in order, everywhere, and then one line of JSON says
 * how much that was, how long it took and what it has cost whom. One thread, one epoll.
 *
 *   load --people FILE --port P[,P...] [--senders N] [--in-flight N | --rate N] ...
 *
 * options[] below has them all. It knows nothing of who serves: bridge and broadcaster look alike.
 */
#include "clock.h"
#include "cpu.h"
#include "descriptors.h"
#include "fail.h"
#include "member.h"
#include "people.h"
#include "sender.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CONNECTING_AT_ONCE 64
#define EVENTS_A_TURN 512
#define CONNECT_PATIENCE_US 120000000
#define MOST_PORTS 16
#define MOST_GROUPS 8
#define MOST_PIDS 16

/* Processes whose CPU counts as one. */
typedef struct Group
{
	char	   *name;
	pid_t		pids[MOST_PIDS];
	int			n_pids;
	double		seconds;
} Group;

static struct
{
	const char *people;
	const char *label;			/* members of the JSON object that begin the line */
	int			ports[MOST_PORTS];
	int			n_ports;
	int			senders;		/* a room */
	int			in_flight;		/* of each sender */
	int			rate;			/* a second, of all together; 0: as fast as they are acknowledged */
	double		seconds;
	double		warm_up;
	double		patience;		/* seconds, until everything has arrived */
	int			body;
	int			run;
	pid_t		memory_of;
	Group		groups[MOST_GROUPS];
	int			n_groups;
} asked = {.label = "", .in_flight = 1, .seconds = 5, .warm_up = 1, .patience = 30, .body = 300};

static const struct option options[] = {
	{"people", required_argument, NULL, 'p'},	/* file, see people.h */
	{"label", required_argument, NULL, 'l'},
	{"port", required_argument, NULL, 'P'},	/* several: members are spread over them */
	{"senders", required_argument, NULL, 's'},	/* a room; 0: nobody sends */
	{"in-flight", required_argument, NULL, 'f'},
	{"rate", required_argument, NULL, 'r'},
	{"seconds", required_argument, NULL, 't'},
	{"warm-up", required_argument, NULL, 'w'},
	{"patience", required_argument, NULL, 'q'},
	{"body", required_argument, NULL, 'b'},	/* bytes, before base64 */
	{"run", required_argument, NULL, 'n'},	/* a number that no other run before the same server has */
	{"cpu", required_argument, NULL, 'c'},	/* NAME=PID[,PID...], several times */
	{"memory", required_argument, NULL, 'm'},	/* PID, before and after everybody connected */
	{NULL, 0, NULL, 0}
};

static People people;
static Member **senders;
static int	n_senders;
static int	poll_fd;
static int	pacer = -1;
static int	n_live;
static bool stopped;			/* no more sends */

static struct
{
	double		connect_seconds;
	double		seconds;
	long		memory_before;
	long		memory_after;
	uint64_t	acks;
	uint64_t	deliveries;
	double		own_cpu;
	double		machine_busy;
	double		machine_stolen;
} result;

static void read_options(int argc, char **argv);
static void read_ports(char *list);
static void read_group(char *pair);
static void connect_all(void);
static void connect_next(int *next);
static void choose_senders(void);
static void start_pacer(void);
static void measure(void);
static void mark(double sign);
static double own_cpu(void);
static void drain(void);
static bool all_have_all(void);
static void run_for(double seconds);
static void turn(void);
static void pace(void);
static void report(void);

int
main(int argc, char **argv)
{
	read_options(argc, argv);
	descriptors_raise();
	clock_us();
	people_read(&people, asked.people);
	senders_begin((uint32_t) asked.run, (size_t) asked.body);
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (asked.memory_of != 0)
		result.memory_before = cpu_memory(asked.memory_of);
	connect_all();
	if (asked.memory_of != 0)
		result.memory_after = cpu_memory(asked.memory_of);
	choose_senders();
	if (n_senders > 0)
	{
		measure();
		drain();
	}
	report();
	return 0;
}

/* --- what is asked ---------------------------------------------------------------------------------- */

static void
read_options(int argc, char **argv)
{
	int			option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
	{
		switch (option)
		{
			case 'p': asked.people = optarg; break;
			case 'l': asked.label = optarg; break;
			case 'P': read_ports(optarg); break;
			case 's': asked.senders = atoi(optarg); break;
			case 'f': asked.in_flight = atoi(optarg); break;
			case 'r': asked.rate = atoi(optarg); break;
			case 't': asked.seconds = atof(optarg); break;
			case 'w': asked.warm_up = atof(optarg); break;
			case 'q': asked.patience = atof(optarg); break;
			case 'b': asked.body = atoi(optarg); break;
			case 'n': asked.run = atoi(optarg); break;
			case 'c': read_group(optarg); break;
			case 'm': asked.memory_of = (pid_t) atoi(optarg); break;
			default: fail("see options[] in bench/load.c");
		}
	}
	if (asked.people == NULL || asked.n_ports == 0)
		fail("--people and --port are needed");
	if (asked.in_flight < 1 || asked.in_flight > SENDER_MOST_IN_FLIGHT)
		fail("--in-flight is from 1 to %d", SENDER_MOST_IN_FLIGHT);
}

static void
read_ports(char *list)
{
	char	   *port;

	while ((port = strsep(&list, ",")) != NULL && asked.n_ports < MOST_PORTS)
		asked.ports[asked.n_ports++] = atoi(port);
}

static void
read_group(char *pair)
{
	Group	   *group = &asked.groups[asked.n_groups];
	char	   *pid;

	if (asked.n_groups++ == MOST_GROUPS)
		fail("--cpu was given more than %d times", MOST_GROUPS);
	group->name = strsep(&pair, "=");
	while ((pid = strsep(&pair, ",")) != NULL && group->n_pids < MOST_PIDS)
		group->pids[group->n_pids++] = (pid_t) atoi(pid);
}

/* --- connecting --------------------------------------------------------------------------------------- */

static void
connect_all(void)
{
	uint32_t	began = clock_us();
	int			next = 0;

	while (n_live < people.n_members)
	{
		connect_next(&next);
		turn();
		if (clock_us() - began > CONNECT_PATIENCE_US)
			fail("only %d of %d members are connected after two minutes", n_live, people.n_members);
	}
	result.connect_seconds = (clock_us() - began) / 1e6;
}

static void
connect_next(int *next)
{
	assert(asked.n_ports > 0);
	for (; *next < people.n_members && *next - n_live < CONNECTING_AT_ONCE; ++*next)
	{
		Member	   *member = &people.members[*next];
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = member};

		member_connect(member, asked.ports[*next % asked.n_ports]);
		if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, member->fd, &event) != 0)
			fail("epoll: %s", strerror(errno));
	}
}

/* --- sending -------------------------------------------------------------------------------------------- */

/* The first of each room. */
static void
choose_senders(void)
{
	const Room *room = NULL;
	int			of_room = 0;

	senders = need_memory((unsigned long) people.n_members * sizeof(Member *));
	for (int i = 0; i < people.n_members; i++)
	{
		Member	   *member = &people.members[i];

		of_room = member->room == room ? of_room + 1 : 0;
		room = member->room;
		if (of_room >= asked.senders)
			continue;
		member->sender = sender_new(room->id);
		senders[n_senders++] = member;
	}
}

static void
measure(void)
{
	uint32_t	began;

	if (asked.rate > 0)
		start_pacer();
	for (int i = 0; i < n_senders && asked.rate == 0; i++)
		sender_fill(senders[i]->sender, senders[i]->fd, (uint32_t) asked.in_flight);
	run_for(asked.warm_up);
	mark(-1);
	tally.timing = true;
	began = clock_us();
	run_for(asked.seconds);
	result.seconds = (clock_us() - began) / 1e6;
	tally.timing = false;
	mark(1);
	stopped = true;
}

static void
start_pacer(void)
{
	long		nanoseconds = 1000000000L / asked.rate;
	struct itimerspec each = {.it_interval.tv_nsec = nanoseconds, .it_value.tv_nsec = nanoseconds};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	pacer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	timerfd_settime(pacer, 0, &each, NULL);
	epoll_ctl(poll_fd, EPOLL_CTL_ADD, pacer, &event);
}

/* Counts what there is now: once to be taken away, once to be added. */
static void
mark(double sign)
{
	double		busy;
	double		stolen;

	for (int i = 0; i < asked.n_groups; i++)
	{
		for (int j = 0; j < asked.groups[i].n_pids; j++)
			asked.groups[i].seconds += sign * cpu_seconds(asked.groups[i].pids[j]);
	}
	cpu_machine(&busy, &stolen);
	result.own_cpu += sign * own_cpu();
	result.machine_busy += sign * busy;
	result.machine_stolen += sign * stolen;
	result.acks = sign < 0 ? tally.acks : tally.acks - result.acks;
	result.deliveries = sign < 0 ? tally.deliveries : tally.deliveries - result.deliveries;
}

static double
own_cpu(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
		+ (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* What is under way arrives; then the accounts of all rooms have to agree. */
static void
drain(void)
{
	uint32_t	began = clock_us();

	for (int i = 0; i < n_senders; i++)
	{
		const Sender *sender = senders[i]->sender;

		while (sender->acked < sender->sent)
		{
			turn();
			if (clock_us() - began > asked.patience * 1e6)
				fail("room %s: no answer to %u sends", senders[i]->room->id, sender->sent - sender->acked);
		}
	}
	while (!all_have_all())
	{
		turn();
		if (clock_us() - began > asked.patience * 1e6)
			fail("not everything that was acknowledged has been delivered");
	}
}

static bool
all_have_all(void)
{
	for (int i = 0; i < people.n_members; i++)
	{
		if (!member_has_all(&people.members[i]))
			return false;
	}
	return true;
}

/* --- the loop --------------------------------------------------------------------------------------------- */

static void
run_for(double seconds)
{
	uint32_t	began = clock_us();

	while (clock_us() - began < (uint32_t) (seconds * 1e6))
		turn();
}

static void
turn(void)
{
	struct epoll_event events[EVENTS_A_TURN];
	int			n = epoll_wait(poll_fd, events, EVENTS_A_TURN, 10);

	for (int i = 0; i < n; i++)
	{
		Member	   *member = events[i].data.ptr;
		MemberState before;

		if (member == NULL)
		{
			pace();
			continue;
		}
		before = member->state;
		if (member_on_readable(member) && !stopped && asked.rate == 0)
			sender_fill(member->sender, member->fd, (uint32_t) asked.in_flight);
		if (before != MEMBER_LIVE && member->state == MEMBER_LIVE)
			n_live++;
	}
}

/* One send for each beat since the last look, by one after the other. */
static void
pace(void)
{
	static int	next;
	uint64_t	beats;

	if (read(pacer, &beats, sizeof(beats)) != sizeof(beats))
		return;
	for (; beats > 0 && !stopped; beats--)
	{
		Sender	   *sender = senders[next]->sender;

		sender_fill(sender, senders[next]->fd, sender->sent - sender->acked + 1);
		next = (next + 1) % n_senders;
	}
}

/* --- the result ---------------------------------------------------------------------------------------------- */

static void
report(void)
{
	double		server = 0;

	printf("{%s\"rooms\":%d,\"members\":%d,\"senders\":%d,\"in_flight\":%d,\"rate\":%d,\"connect_s\":%.3f,\"connections_per_s\":%.0f",
		   asked.label, people.n_rooms, people.n_members, n_senders, asked.in_flight, asked.rate, result.connect_seconds,
		   people.n_members / result.connect_seconds);
	if (asked.memory_of != 0)
		printf(",\"memory_before\":%ld,\"memory_after\":%ld,\"bytes_per_socket\":%ld", result.memory_before, result.memory_after,
			   (result.memory_after - result.memory_before) / people.n_members);
	if (n_senders > 0)
	{
		printf(",\"seconds\":%.3f,\"acks_per_s\":%.0f,\"deliveries_per_s\":%.0f,\"ack_us\":", result.seconds,
			   (double) result.acks / result.seconds, (double) result.deliveries / result.seconds);
		histogram_print(&tally.to_ack, stdout);
		printf(",\"delivery_us\":");
		histogram_print(&tally.to_member, stdout);
		printf(",\"cpu\":{\"load\":%.3f", result.own_cpu / result.seconds);
		for (int i = 0; i < asked.n_groups; i++)
		{
			printf(",\"%s\":%.3f", asked.groups[i].name, asked.groups[i].seconds / result.seconds);
			server += asked.groups[i].seconds;
		}
		printf(",\"others\":%.3f,\"stolen\":%.3f", (result.machine_busy - result.own_cpu - server) / result.seconds,
			   result.machine_stolen / result.seconds);
		printf("},\"cpu_us_per_send\":%.2f,\"cpu_us_per_delivery\":%.2f", server * 1e6 / (double) result.acks,
			   server * 1e6 / (double) result.deliveries);
	}
	printf("}\n");
}
