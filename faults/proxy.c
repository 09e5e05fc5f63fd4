/*
 * proxy.c - stands between two who speak and spoils it: faults/proxy LISTEN TARGET
 *
 * Both are ADDRESS:PORT, a port of 127.0.0.1, or the path of a socket. Lines on standard input change what it does,
 * each answered with "ok":
 *
 *   open            passes everything on: how it begins
 *   delay MS        each piece waits so long, in both directions
 *   throttle BYTES  passes at most so many bytes a second in each direction
 *   half            passes nothing on and closes nothing, and takes new connections all the same
 *   refuse          hangs up on whoever connects
 *   cut             hangs up on everybody now; what it does otherwise stays
 *   plant NAME      does one lie of plant.h to the next socket it fits; "planted" when it is done
 *
 * It owns its connections; a pair ends when either side does.
 */
#include "clock.h"
#include "commands.h"
#include "memory.h"
#include "plant.h"

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
#include <sys/un.h>
#include <unistd.h>

#define MAX_PAIRS 4096
#define READ_AT_ONCE 32768
#define MAX_QUEUED (1024 * 1024)	/* then the sender waits */
#define TICK_MS 5

/* Bytes that may go on from a moment on. */
typedef struct Piece
{
	struct Piece *next;
	int64_t		due;
	size_t		length;
	size_t		written;
	char		bytes[];
} Piece;

/* One direction: what was read at one side and is to be written at the other. */
typedef struct Way
{
	Piece	   *first;
	Piece	  **last;
	size_t		queued;
	bool		ended;			/* nothing more will come */
} Way;

typedef struct Pair
{
	int			fds[2];			/* the client's, the server's */
	bool		readable[2];	/* as far as is known: the epoll says only when it begins */
	bool		over;
	Way			ways[2];		/* from the one of this index to the other */
	Plant		plant;
} Pair;

typedef struct Address
{
	union
	{
		struct sockaddr any;
		struct sockaddr_in inet;
		struct sockaddr_un local;
	};
	socklen_t	size;
} Address;

typedef enum Mode
{
	MODE_OPEN,
	MODE_HALF,
	MODE_REFUSE
} Mode;

static Mode mode;
static int64_t delay;
static int64_t bytes_a_second;	/* 0: as many as come */
static double allowance[2];
static Pair *pairs[MAX_PAIRS];
static int	n_pairs;
static int	epoll_fd;
static int	listen_fd;
static const char *target;
static const char commands;		/* its address stands for standard input */

static bool start(const char *where);
static void accept_clients(void);
static int	connect_target(void);
static int	make_socket(const char *where, Address *address);
static void add_pair(int client, int server);
static void free_pair(Pair *pair);
static void read_side(Pair *pair, int side);
static void queue(void *arg, int side, const char *bytes, size_t length);
static void write_way(Pair *pair, int side, int64_t now);
static void pass_on(int64_t now, double seconds);
static void obey(char *line);

int
main(int argc, char **argv)
{
	int64_t		before = clock_now();

	if (argc != 3)
	{
		fprintf(stderr, "usage: proxy LISTEN TARGET\n");
		return 2;
	}
	target = argv[2];
	if (!start(argv[1]))
	{
		perror("faults/proxy: cannot listen");
		return 2;
	}
	for (;;)
	{
		struct epoll_event events[256];
		int			count = epoll_wait(epoll_fd, events, 256, TICK_MS);
		int64_t		now = clock_now();

		for (int i = 0; i < count; i++)
		{
			/* the lowest bit says which side of the pair */
			uintptr_t	tagged = (uintptr_t) events[i].data.ptr;

			if (tagged == 0)
				accept_clients();
			else if (events[i].data.ptr == &commands)
			{
				/* whoever leads it has gone */
				if (!commands_read(obey))
					return 0;
			}
			else
				((Pair *) (tagged & ~(uintptr_t) 1))->readable[tagged & 1] = true;
		}
		pass_on(now, (double) (now - before) / CLOCK_SECOND);
		before = now;
		if (plant_was_told())
			printf("planted\n");
	}
}

static bool
start(const char *where)
{
	struct epoll_event listening = {.events = EPOLLIN};
	struct epoll_event commanding = {.events = EPOLLIN, .data.ptr = (void *) &commands};
	Address		address;
	int			on = 1;

	commands_open();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	listen_fd = make_socket(where, &address);
	if (where[0] == '/')
		unlink(where);
	return epoll_fd >= 0 && listen_fd >= 0
		&& setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0
		&& bind(listen_fd, &address.any, address.size) == 0
		&& listen(listen_fd, 512) == 0
		&& epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &listening) == 0
		&& epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &commanding) == 0;
}

static int
make_socket(const char *where, Address *address)
{
	bool		path = where[0] == '/';

	*address = (Address) {.size = path ? sizeof(address->local) : sizeof(address->inet)};
	if (path)
	{
		address->local.sun_family = AF_UNIX;
		snprintf(address->local.sun_path, sizeof(address->local.sun_path), "%s", where);
	}
	else
	{
		const char *colon = strchr(where, ':');
		char		host[INET_ADDRSTRLEN];

		snprintf(host, sizeof(host), "%.*s", colon != NULL ? (int) (colon - where) : 9, colon != NULL ? where : "127.0.0.1");
		address->inet.sin_family = AF_INET;
		address->inet.sin_port = htons((uint16_t) strtol(colon != NULL ? colon + 1 : where, NULL, 10));
		inet_pton(AF_INET, host, &address->inet.sin_addr);
	}
	return socket(path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* --- connections ---------------------------------------------------------------------------------- */

static void
accept_clients(void)
{
	int			client;

	while ((client = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
	{
		int			server = mode != MODE_REFUSE && n_pairs < MAX_PAIRS ? connect_target() : -1;

		if (server < 0)
			close(client);
		else
			add_pair(client, server);
	}
}

/* Who does not take it at once may be stopped, and must not stop the proxy. */
static int
connect_target(void)
{
	Address		address;
	int			fd = make_socket(target, &address);

	if (fd >= 0 && connect(fd, &address.any, address.size) != 0 && errno != EINPROGRESS)
	{
		close(fd);
		return -1;
	}
	return fd;
}

static void
add_pair(int client, int server)
{
	Pair	   *pair = memory_alloc(sizeof(Pair));
	int			on = 1;

	pair->fds[0] = client;
	pair->fds[1] = server;
	for (int side = 0; side < 2; side++)
	{
		struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = (void *) ((uintptr_t) pair | (uintptr_t) side)};

		pair->ways[side].last = &pair->ways[side].first;
		setsockopt(pair->fds[side], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pair->fds[side], &event);
	}
	pairs[n_pairs++] = pair;
}

static void
free_pair(Pair *pair)
{
	for (int side = 0; side < 2; side++)
	{
		Piece	   *piece;

		close(pair->fds[side]);
		while ((piece = pair->ways[side].first) != NULL)
		{
			pair->ways[side].first = piece->next;
			free(piece);
		}
	}
	plant_free(&pair->plant);
	free(pair);
}

/* --- bytes ------------------------------------------------------------------------------------------- */

/* Once a turn, for all pairs: a machine of tests has few. */
static void
pass_on(int64_t now, double seconds)
{
	int			kept = 0;

	for (int side = 0; side < 2; side++)
	{
		allowance[side] += (double) bytes_a_second * seconds;
		if (allowance[side] > (double) bytes_a_second)
			allowance[side] = (double) bytes_a_second;
	}
	for (int i = 0; i < n_pairs; i++)
	{
		Pair	   *pair = pairs[i];

		for (int side = 0; mode != MODE_HALF && side < 2; side++)
		{
			if (pair->readable[side] && !pair->over && pair->ways[side].queued < MAX_QUEUED)
				read_side(pair, side);
			write_way(pair, side, now);
		}
		if (pair->over)
			free_pair(pair);
		else
			pairs[kept++] = pair;
	}
	n_pairs = kept;
}

static void
read_side(Pair *pair, int side)
{
	char		bytes[READ_AT_ONCE];
	ssize_t		n = read(pair->fds[side], bytes, sizeof(bytes));

	if (n > 0)
		plant_pass(&pair->plant, side, bytes, (size_t) n, queue, pair);
	else if (n < 0 && errno == EAGAIN)
		pair->readable[side] = false;
	else if (n == 0 || errno != EINTR)
	{
		pair->ways[side].ended = true;
		pair->readable[side] = false;
	}
}

static void
queue(void *arg, int side, const char *bytes, size_t length)
{
	Way		   *way = &((Pair *) arg)->ways[side];
	Piece	   *piece = memory_alloc(sizeof(Piece) + length);

	piece->due = clock_now() + delay;
	piece->length = length;
	memcpy(piece->bytes, bytes, length);
	*way->last = piece;
	way->last = &piece->next;
	way->queued += length;
}

/* A pair is over once what a side said before it hung up has been passed on. */
static void
write_way(Pair *pair, int side, int64_t now)
{
	Way		   *way = &pair->ways[side];
	Piece	   *piece;

	while ((piece = way->first) != NULL && piece->due <= now)
	{
		size_t		length = piece->length - piece->written;
		ssize_t		n;

		if (bytes_a_second > 0 && (double) length > allowance[side])
			length = (size_t) allowance[side];
		n = length > 0 ? send(pair->fds[1 - side], piece->bytes + piece->written, length, MSG_NOSIGNAL) : -1;
		if (n < 0)
		{
			pair->over = pair->over || (length > 0 && errno != EAGAIN && errno != EINTR);
			return;
		}
		if (bytes_a_second > 0)
			allowance[side] -= (double) n;
		way->queued -= (size_t) n;
		piece->written += (size_t) n;
		if (piece->written < piece->length)
			continue;
		way->first = piece->next;
		if (way->first == NULL)
			way->last = &way->first;
		free(piece);
	}
	pair->over = pair->over || (way->ended && way->first == NULL);
}

/* --- commands ------------------------------------------------------------------------------------------ */

static void
obey(char *line)
{
	bool		understood = true;

	if (strcmp(line, "open") == 0)
	{
		mode = MODE_OPEN;
		delay = 0;
		bytes_a_second = 0;
	}
	else if (strcmp(line, "half") == 0)
		mode = MODE_HALF;
	else if (strcmp(line, "refuse") == 0)
		mode = MODE_REFUSE;
	else if (strcmp(line, "cut") == 0)
	{
		for (int i = 0; i < n_pairs; i++)
			pairs[i]->over = true;
	}
	else if (strncmp(line, "delay ", 6) == 0)
		delay = strtoll(line + 6, NULL, 10) * CLOCK_MS;
	else if (strncmp(line, "throttle ", 9) == 0)
		bytes_a_second = strtoll(line + 9, NULL, 10);
	else
		understood = strncmp(line, "plant ", 6) == 0 && plant_arm(line + 6);
	printf("%s\n", understood ? "ok" : "not understood");
}
